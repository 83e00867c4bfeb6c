//! What a module does beside the resources that a plan shows: commands, reads from elsewhere, and
//! values that never settle.
//!
//! None of it is refused, for it may be meant. People see it with the plan that they approve.

use std::collections::BTreeSet;

use hcl_edit::{
    Span,
    expr::{Expression, FuncCall, TraversalOperator},
    structure::{Attribute, Block, Body, Structure},
    template::{Element, StringTemplate},
    visit::{Visit, visit_attr, visit_block, visit_expr, visit_func_call},
};

use planwright_core::finding::{Finding, Severity};

use super::modules::ModuleFile;

/// Functions that read a file; its path is the first argument.
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

/// Functions whose value is another one in each run, and unknown in a plan.
const MOVING_FUNCTIONS: [&str; 3] = ["bcrypt", "timestamp", "uuid"];

/// Returns a warning for each such thing in a module file.
pub(super) fn findings(file: &ModuleFile<'_>, bodies: &[Body]) -> Vec<Finding> {
    let mut risks = Risks { file, is_ignored: false, findings: Vec::new() };
    bodies.iter().for_each(|body| risks.visit_body(body));
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
                    // So it is in a JSON file.
                    if attribute.key.as_str() == "provisioner" {
                        self.provisioner(&attribute.key, None);
                    }
                    visit_attr(self, attribute);
                }
                Structure::Block(block) => {
                    self.is_ignored = ignored.contains(block.ident.as_str());
                    if block.ident.as_str() == "provisioner" {
                        let kind = block.labels.first().map(|label| label.as_str());
                        self.provisioner(&block.ident, kind);
                    }
                    visit_block(self, block);
                }
            }
        }
        self.is_ignored = false;
    }

    fn provisioner(&mut self, element: &dyn Span, kind: Option<&str>) {
        let name =
            kind.map_or_else(|| "a provisioner".into(), |kind| format!("the provisioner `{kind}`"));
        let message = format!(
            "{name} acts during an apply, with its credentials, and no plan shows what it does"
        );
        self.warn("runs_command", element, message);
    }

    fn data(&mut self, block: &Block) {
        let kind = block.labels.first().map_or("", |label| label.as_str());
        let (code, does) = match kind {
            "external" => ("runs_command", "runs a program for each plan, with its credentials"),
            "http" => {
                ("reads_elsewhere", "asks another host at each plan, and sends it what it likes")
            }
            "terraform_remote_state" => {
                ("reads_elsewhere", "reads the state of something else, with all secrets in it")
            }
            _ => return,
        };
        self.warn(code, &block.ident, format!("the data source `{kind}` {does}"));
    }
}

impl Visit for Risks<'_> {
    fn visit_block(&mut self, block: &Block) {
        match block.ident.as_str() {
            "resource" => return self.resource(block),
            "data" => self.data(block),
            _ => {}
        }
        visit_block(self, block);
    }

    fn visit_func_call(&mut self, call: &FuncCall) {
        let namespace: Vec<&str> = call.name.namespace.iter().map(|it| it.as_str()).collect();
        let is_of_engine = matches!(namespace.as_slice(), [] | ["core"]);
        let name = call.name.name.as_str();
        if is_of_engine && FILE_FUNCTIONS.contains(&name) {
            let path = call.args.iter().next();
            if !path.is_some_and(is_within_module) {
                let message = format!("`{name}()` may read a file that is not in the module");
                self.warn("reads_elsewhere", &call.name.name, message);
            }
        }
        if is_of_engine && MOVING_FUNCTIONS.contains(&name) && !self.is_ignored {
            let message = format!(
                "`{name}()` is another value in each run, so what uses it changes with every apply, \
                 unless `ignore_changes` covers it"
            );
            self.warn("moving_value", &call.name.name, message);
        }
        visit_func_call(self, call);
    }

    fn visit_expr(&mut self, expr: &Expression) {
        visit_expr(self, expr);
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

/// Returns whether a path is a plain one below `${path.module}`.
fn is_within_module(path: &Expression) -> bool {
    match path {
        Expression::StringTemplate(template) => is_below_module(template),
        Expression::Parenthesis(inner) => is_within_module(inner.inner()),
        _ => false,
    }
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
        let data = "data \"external\" \"x\" {\n  program = [\"true\"]\n}\n";
        assert_eq!(in_hcl(data), ["1:1 runs_command"]);
        let path = "modules/site/s3/main.tf.json";
        for json in [
            r#"{"resource": {"null_resource": {"x": {"provisioner": {"local-exec": {"command": "true"}}}}}}"#,
            r#"{"resource": {"null_resource": {"x": {"provisioner": [{"remote-exec": {}}]}}}}"#,
            r#"{"data": {"external": {"x": {"program": ["true"]}}}}"#,
            r#"{"data": [{"external": [{"x": {"program": ["true"]}}]}]}"#,
        ] {
            assert_eq!(found(path, json), ["1:1 runs_command"], "{json}");
        }
    }

    #[test]
    fn what_reads_from_elsewhere_is_found() {
        for text in [
            "data \"http\" \"x\" {\n  url = \"https://host.example\"\n}\n",
            "data \"terraform_remote_state\" \"x\" {\n  backend = \"local\"\n}\n",
            "locals {\n  x = file(\"/etc/passwd\")\n}\n",
            "locals {\n  x = core::file(\"/etc/passwd\")\n}\n",
            "locals {\n  x = file(\"${path.module}/../x\")\n}\n",
            "locals {\n  x = file(\"${path.module}x\")\n}\n",
            "locals {\n  x = file(\"${path.module}/${var.x}\")\n}\n",
            "locals {\n  x = file(\"${path.root}/x\")\n}\n",
            "locals {\n  x = file(var.x)\n}\n",
            "locals {\n  x = templatefile(\"x\", {})\n}\n",
            "locals {\n  x = \"%{ if fileexists(\"x\") }y%{ endif }\"\n}\n",
        ] {
            let codes = in_hcl(text);
            assert!(codes.len() == 1 && codes[0].ends_with("reads_elsewhere"), "{text}: {codes:?}");
        }
        for text in [
            "locals {\n  x = file(\"${path.module}/x/y.txt\")\n}\n",
            "locals {\n  x = templatefile(\"${path.module}/x.tftpl\", { y = 1 })\n}\n",
            "data \"aws_ami\" \"x\" {}\n",
            "locals {\n  x = provider::other::file(\"/x\")\n}\n",
        ] {
            assert_eq!(in_hcl(text), Vec::<String>::new(), "{text}");
        }
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
