//! What a module does beside the resources that a plan shows: commands, reads from elsewhere, and
//! values that never settle.
//!
//! None of it is refused, for it may be meant. People see it with the plan that they approve.

use std::collections::BTreeSet;

use hcl_edit::{
    Span,
    expr::{Expression, FuncCall, TraversalOperator},
    structure::{Attribute, Block, Body, Structure},
    template::{Element, ForTemplateExpr, StringTemplate},
    visit::{Visit, visit_attr, visit_block, visit_for_template_expr, visit_func_call},
};

use planwright_core::finding::{Finding, Severity};

use super::modules::{ModuleFile, template};

/// Functions that read files; the path is the first argument.
const FILE_FUNCTIONS: [&str; 11] = [
    "file",
    "filebase64",
    "filebase64sha256",
    "filebase64sha512",
    "fileexists",
    "filemd5",
    "fileset",
    "filesha1",
    "filesha256",
    "filesha512",
    "templatefile",
];

/// Data sources and ephemeral resources that do more than to look something up, and what they do.
const KINDS: [(&str, &str, &str); 6] = [
    ("external", "runs_command", "runs a program for each plan, with its credentials"),
    ("local_command", "runs_command", "runs a program for each plan, with its credentials"),
    ("http", "reads_elsewhere", "asks another host at each plan, and sends it what it likes"),
    (
        "terraform_remote_state",
        "reads_elsewhere",
        "reads the state of something else, with all secrets in it",
    ),
    ("local_file", "reads_file", "reads a file of the machine"),
    ("local_sensitive_file", "reads_file", "reads a file of the machine"),
];

/// Functions whose value is another one in each run, and unknown in a plan.
const MOVING_FUNCTIONS: [&str; 3] = ["bcrypt", "timestamp", "uuid"];

/// Returns a warning for each such thing in a module file.
pub(super) fn findings(file: &ModuleFile<'_>, bodies: &[Body]) -> Vec<Finding> {
    let mut risks = Risks { file, is_ignored: false, findings: Vec::new() };
    bodies.iter().for_each(|body| risks.visit_body(body));
    risks.findings
}

/// Returns the same for a file that the module may read as a template.
pub(super) fn findings_in_template(file: &ModuleFile<'_>) -> Vec<Finding> {
    let mut risks = Risks { file, is_ignored: false, findings: Vec::new() };
    if let Some(template) = template(file) {
        risks.visit_template(&template);
    }
    risks.findings
}

struct Risks<'a> {
    file: &'a ModuleFile<'a>,
    /// Whether the engine ignores changes of the value that is visited.
    is_ignored: bool,
    findings: Vec<Finding>,
}

impl Risks<'_> {
    fn warn(&mut self, code: &'static str, element: &dyn Span, message: String) {
        let finding = Finding::error(code, self.file.place(element), message);
        self.findings.push(Finding { severity: Severity::Warning, ..finding });
    }

    /// Visits a resource, of which the engine ignores changes of some values.
    fn resource(&mut self, block: &Block) {
        let ignored = Ignored::of_resource(&block.body);
        for structure in block.body.iter() {
            match structure {
                Structure::Attribute(attribute) => {
                    self.is_ignored = ignored.contains(attribute.key.as_str());
                    self.visit_attr(attribute);
                }
                Structure::Block(block) => {
                    self.is_ignored = ignored.contains(block.ident.as_str());
                    self.visit_block(block);
                }
            }
        }
        self.is_ignored = false;
    }

    /// Warns of what runs during an apply; `kind` is not known in a JSON file.
    fn provisioner(&mut self, element: &dyn Span, kind: Option<&str>) {
        let name =
            kind.map_or_else(|| "a provisioner".into(), |kind| format!("the provisioner `{kind}`"));
        let message = format!(
            "{name} acts during an apply, with its credentials, and no plan shows what it does"
        );
        self.warn("runs_command", element, message);
    }

    fn data(&mut self, block: &Block) {
        let name = block.labels.first().map_or("", |label| label.as_str());
        if let Some((kind, code, does)) = KINDS.iter().find(|(kind, ..)| *kind == name) {
            self.warn(code, &block.ident, format!("the data source `{kind}` {does}"));
        }
    }

    /// Warns of a provider that gets its credentials from a program.
    fn provider(&mut self, block: &Block) {
        let mut names = block.body.iter().map(|structure| match structure {
            Structure::Attribute(attribute) => attribute.key.as_str(),
            Structure::Block(block) => block.ident.as_str(),
        });
        if names.any(|name| name == "exec") {
            let message = "the provider runs a program for its credentials, in each plan and apply";
            self.warn("runs_command", &block.ident, message.into());
        }
    }

    fn reads_file(&mut self, call: &FuncCall) {
        let name = call.name.name.as_str();
        let mut arguments = call.args.iter();
        let is_within = arguments.next().is_some_and(is_within_module);
        let pattern = arguments.next().filter(|_| name == "fileset");
        if !is_within || pattern.is_some_and(|pattern| !is_plain_pattern(pattern)) {
            let message = format!("`{name}()` may read a file that is not in the module");
            self.warn("reads_file", &call.name.name, message);
        }
    }
}

impl Visit for Risks<'_> {
    fn visit_block(&mut self, block: &Block) {
        match block.ident.as_str() {
            "resource" => return self.resource(block),
            "data" | "ephemeral" => self.data(block),
            "provider" => self.provider(block),
            "provisioner" => {
                let kind = block.labels.first().map(|label| label.as_str());
                self.provisioner(&block.ident, kind);
            }
            _ => {}
        }
        visit_block(self, block);
    }

    fn visit_attr(&mut self, attribute: &Attribute) {
        // So it is in a JSON file.
        if attribute.key.as_str() == "provisioner" {
            self.provisioner(&attribute.key, None);
        }
        visit_attr(self, attribute);
    }

    fn visit_func_call(&mut self, call: &FuncCall) {
        let namespace: Vec<&str> = call.name.namespace.iter().map(|it| it.as_str()).collect();
        let is_of_engine = matches!(namespace.as_slice(), [] | ["core"]);
        let name = call.name.name.as_str();
        match name {
            _ if !is_of_engine => {}
            "templatestring" => {
                let message = "`templatestring()` evaluates a text that is not read here";
                self.warn("reads_file", &call.name.name, message.into());
            }
            name if FILE_FUNCTIONS.contains(&name) => self.reads_file(call),
            name if MOVING_FUNCTIONS.contains(&name) && !self.is_ignored => {
                let message = format!(
                    "`{name}()` is another value in each run, so what uses it changes with every \
                     apply, unless `ignore_changes` covers it"
                );
                self.warn("moving_value", &call.name.name, message);
            }
            _ => {}
        }
        visit_func_call(self, call);
    }

    fn visit_for_template_expr(&mut self, template: &ForTemplateExpr) {
        // The visitor of the library leaves this out.
        self.visit_expr(&template.collection_expr);
        visit_for_template_expr(self, template);
    }
}

/// The values of a resource of which the engine ignores changes.
enum Ignored {
    All,
    Named(BTreeSet<String>),
}

impl Ignored {
    fn of_resource(body: &Body) -> Self {
        let lifecycle = body.get_blocks("lifecycle").next();
        let list = lifecycle.and_then(|block| block.body.get_attribute("ignore_changes"));
        match list.map(|attribute: &Attribute| &attribute.value) {
            Some(Expression::Array(names)) => Self::Named(names.iter().filter_map(name).collect()),
            Some(Expression::Variable(all)) if all.as_str() == "all" => Self::All,
            _ => Self::Named(BTreeSet::new()),
        }
    }

    fn contains(&self, attribute: &str) -> bool {
        match self {
            Self::All => true,
            Self::Named(names) => names.contains(attribute),
        }
    }
}

/// Returns the name of an attribute in `ignore_changes`; `None` if only a part of it is ignored.
fn name(expr: &Expression) -> Option<String> {
    match expr {
        Expression::Variable(name) => Some(name.as_str().to_owned()),
        Expression::String(name) => Some(name.as_str().to_owned()),
        _ => None,
    }
}

/// Returns whether a path is `${path.module}`, or a plain one below it.
fn is_within_module(path: &Expression) -> bool {
    match path {
        Expression::StringTemplate(template) => is_below_module(template),
        Expression::Parenthesis(inner) => is_within_module(inner.inner()),
        path => is_path_module(path),
    }
}

/// Returns whether a pattern of files stays below its folder.
fn is_plain_pattern(pattern: &Expression) -> bool {
    pattern
        .as_str()
        .is_some_and(|it| !it.starts_with('/') && !it.split('/').any(|step| step == ".."))
}

fn is_below_module(template: &StringTemplate) -> bool {
    let mut elements = template.iter();
    let (first, second) = (elements.next(), elements.next());
    let (Some(Element::Interpolation(module)), Some(Element::Literal(path)), None) =
        (first, second, elements.next())
    else {
        return false;
    };
    let is_plain = |step: &str| !step.is_empty() && step != "..";
    let path = path.as_str().strip_prefix('/');
    is_path_module(&module.expr) && path.is_some_and(|path| path.split('/').all(is_plain))
}

fn is_path_module(expr: &Expression) -> bool {
    let Expression::Traversal(traversal) = expr else { return false };
    let is_path = matches!(&traversal.expr, Expression::Variable(name) if name.as_str() == "path");
    let steps: Vec<_> = traversal.operators.iter().map(|it| it.value()).collect();
    is_path
        && matches!(steps.as_slice(), [TraversalOperator::GetAttr(name)] if name.as_str() == "module")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::bodies;

    /// Returns one line per warning: place and code.
    fn found(path: &str, text: &str) -> Vec<String> {
        let bodies = bodies(path, text.as_bytes()).unwrap().unwrap();
        let file = ModuleFile { origin: "packages/mine", path, bytes: text.as_bytes() };
        let line = |it: &Finding| format!("{}:{} {}", it.place.line, it.place.column, it.code);
        findings(&file, &bodies).iter().map(line).collect()
    }

    fn in_hcl(text: &str) -> Vec<String> {
        found("modules/site/s3/main.tf", text)
    }

    #[test]
    fn what_runs_a_command_is_found() {
        let provisioner = "resource \"terraform_data\" \"x\" {\n  provisioner \"local-exec\" {\n    \
                           command = \"true\"\n  }\n}\n";
        assert_eq!(in_hcl(provisioner), ["2:3 runs_command"]);
        for text in [
            "data \"external\" \"x\" {\n  program = [\"true\"]\n}\n",
            "data \"local_command\" \"x\" {\n  command = \"true\"\n}\n",
            "provider \"kubernetes\" {\n  exec {\n    command = \"true\"\n  }\n}\n",
        ] {
            assert_eq!(in_hcl(text), ["1:1 runs_command"], "{text}");
        }
        let removed = "removed {\n  from = terraform_data.x\n  provisioner \"local-exec\" {\n    \
                       command = \"true\"\n  }\n}\n";
        assert_eq!(in_hcl(removed), ["3:3 runs_command"]);
        let path = "modules/site/s3/main.tf.json";
        for json in [
            r#"{"resource": {"null_resource": {"x": {"provisioner": {"local-exec": {"command": "true"}}}}}}"#,
            r#"{"resource": {"null_resource": {"x": {"provisioner": [{"remote-exec": {}}]}}}}"#,
            r#"{"data": {"external": {"x": {"program": ["true"]}}}}"#,
            r#"{"data": [{"external": [{"x": {"program": ["true"]}}]}]}"#,
            r#"{"removed": {"from": "terraform_data.x", "provisioner": {"local-exec": {"when": "destroy"}}}}"#,
            r#"{"ephemeral": {"external": {"x": {}}}}"#,
        ] {
            assert_eq!(found(path, json), ["1:1 runs_command"], "{json}");
        }
    }

    #[test]
    fn what_reads_from_elsewhere_is_found() {
        for (text, code) in [
            ("data \"http\" \"x\" {\n  url = \"https://host.example\"\n}\n", "reads_elsewhere"),
            (
                "data \"terraform_remote_state\" \"x\" {\n  backend = \"local\"\n}\n",
                "reads_elsewhere",
            ),
            ("data \"local_file\" \"x\" {\n  filename = \"/x\"\n}\n", "reads_file"),
        ] {
            assert_eq!(in_hcl(text), [format!("1:1 {code}")], "{text}");
        }
        for value in [
            "file(\"/etc/passwd\")",
            "core::file(\"/etc/passwd\")",
            "file(\"${path.module}/../x\")",
            "file(\"${path.module}x\")",
            "file(\"${path.module}/${var.x}\")",
            "file(\"${path.root}/x\")",
            "file(var.x)",
            "templatefile(\"x\", {})",
            "fileset(\"${path.module}/x\", \"../*\")",
            "fileset(path.module, \"/*\")",
            "fileset(path.module, var.x)",
            "templatestring(var.x, {})",
            "\"%{ if fileexists(\"x\") }y%{ endif }\"",
            "\"%{ for x in [file(\"x\")] }y%{ endfor }\"",
        ] {
            let codes = in_hcl(&format!("locals {{\n  x = {value}\n}}\n"));
            assert!(codes.len() == 1 && codes[0].ends_with("reads_file"), "{value}: {codes:?}");
        }
        for value in [
            "file(\"${path.module}/x/y.txt\")",
            "templatefile(\"${path.module}/x.tftpl\", { y = 1 })",
            "fileset(path.module, \"**/*.json\")",
            "provider::other::file(\"/x\")",
        ] {
            let text = format!("locals {{\n  x = {value}\n}}\n");
            assert_eq!(in_hcl(&text), Vec::<String>::new(), "{value}");
        }
        assert_eq!(in_hcl("data \"aws_ami\" \"x\" {}\n"), Vec::<String>::new());
    }

    #[test]
    fn a_template_in_another_file_is_read_too() {
        let found = |text: &str| {
            let path = "modules/site/s3/x.tftpl";
            findings_in_template(&ModuleFile {
                origin: "packages/mine",
                path,
                bytes: text.as_bytes(),
            })
        };
        let risks = found("one\ntwo ${file(\"/etc/passwd\")}\n");
        assert_eq!(risks.len(), 1);
        assert_eq!((&*risks[0].code, risks[0].place.line), ("reads_file", 2));
        assert_eq!(found("$HOME ${name} %{ if x }y%{ endif }"), []);
        assert_eq!(found("\u{0} no ${ template"), []);
    }

    #[test]
    fn a_value_that_moves_is_found_unless_its_changes_are_ignored() {
        let resource = |ignored: &str| {
            format!(
                "resource \"terraform_data\" \"x\" {{\n  input = timestamp()\n  lifecycle {{\n    {ignored}\n  \
                 }}\n}}\n"
            )
        };
        for ignored in ["ignore_changes = [input]", "ignore_changes = all"] {
            assert_eq!(in_hcl(&resource(ignored)), Vec::<String>::new(), "{ignored}");
        }
        for ignored in ["", "ignore_changes = [output]", "ignore_changes = []"] {
            assert_eq!(in_hcl(&resource(ignored)), ["2:11 moving_value"], "{ignored}");
        }
        for call in ["uuid()", "bcrypt(\"x\")", "timestamp()"] {
            let codes = in_hcl(&format!("output \"x\" {{\n  value = {call}\n}}\n"));
            assert_eq!(codes, ["2:11 moving_value"]);
        }
    }
}
