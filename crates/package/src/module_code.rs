//! What module files must not contain: code that is not among the package's own bytes, and values
//! that differ in every plan.
//!
//! The lock names the content of a package, and people approve it by that digest. A module that is
//! fetched from elsewhere could change while the digest stays the same. A plan that never repeats
//! could be approved, but never be applied as it was approved.

use std::ops::Range;

use hcl_edit::{
    Span,
    expr::FuncCall,
    structure::{Block, Body},
    template::{ForTemplateExpr, HeredocTemplate},
    visit::{Visit, visit_block, visit_for_template_expr, visit_func_call, visit_heredoc_template},
};

use planwright_core::finding::Finding;

use super::modules::{ModuleFile, template};

/// Returns a finding for each module source that does not stay within the module, and for each
/// value that differs in every plan.
pub(super) fn findings(file: &ModuleFile<'_>, bodies: &[Body]) -> Vec<Finding> {
    let mut check = Check { file, findings: Vec::new() };
    bodies.iter().for_each(|body| check.visit_body(body));
    check.findings
}

/// Returns the same for a file that the module may read as a template.
pub(super) fn findings_in_template(file: &ModuleFile<'_>) -> Vec<Finding> {
    let mut check = Check { file, findings: Vec::new() };
    if let Some(template) = template(file) {
        check.visit_template(&template);
    }
    check.findings
}

struct Check<'a> {
    file: &'a ModuleFile<'a>,
    findings: Vec<Finding>,
}

impl Check<'_> {
    /// Checks the source of a `module` block.
    fn source(&mut self, block: &Block) {
        let source = block.body.get_attribute("source");
        let text = source.and_then(|source| source.value.as_str());
        if text.is_some_and(|text| stays_within(self.file.path, text)) {
            return;
        }
        let shown = match (text, source) {
            (Some(text), _) => format!("the module source `{text}`"),
            (None, Some(_)) => "a module source that is not a plain string".into(),
            (None, None) => "a module without a `source`".into(),
        };
        let folder = variant_folder(self.file.path).join("/");
        let message = format!(
            "{shown} is not a folder within `{folder}`, so the digest in the lock would not cover what runs"
        );
        let place = self.file.place(source.map_or(&block.ident as &dyn Span, |it| &it.value));
        let mut finding = Finding::error("module_source", place, message);
        finding.fix =
            Some(format!("copy the module into `{folder}`, and write `source = \"./FOLDER\"`"));
        self.findings.push(finding);
    }
}

impl Visit for Check<'_> {
    fn visit_block(&mut self, block: &Block) {
        match block.ident.as_str() {
            "module" => self.source(block),
            // The assertions of a check are not part of a plan's changes.
            "check" => return,
            _ => {}
        }
        visit_block(self, block);
    }

    fn visit_func_call(&mut self, call: &FuncCall) {
        let namespace: Vec<&str> = call.name.namespace.iter().map(|it| it.as_str()).collect();
        let is_of_engine = matches!(namespace.as_slice(), [] | ["core"]);
        if is_of_engine && call.name.name.as_str() == "plantimestamp" {
            let message = "`plantimestamp()` is another value in every plan, so a plan with it could never be \
                           applied as it was approved";
            let place = self.file.place(&call.name.name);
            let mut finding = Finding::error("moving_value", place, message);
            finding.fix = Some(
                "use `timestamp()` with `ignore_changes`, a `time_static` resource, or a param"
                    .into(),
            );
            self.findings.push(finding);
        }
        visit_func_call(self, call);
    }

    fn visit_heredoc_template(&mut self, heredoc: &HeredocTemplate) {
        let marker = heredoc.delimiter.as_str();
        if let Some(span) = heredoc.template.span()
            && !ends_with_its_marker(self.file.bytes, span, marker)
        {
            let message = format!(
                "engines do not agree where this text ends: write `{marker}` once, alone on its line"
            );
            let place = self.file.place(&heredoc.template);
            self.findings.push(Finding::error("ambiguous_text", place, message));
        }
        visit_heredoc_template(self, heredoc);
    }

    fn visit_for_template_expr(&mut self, template: &ForTemplateExpr) {
        // The visitor of the library leaves this out.
        self.visit_expr(&template.collection_expr);
        visit_for_template_expr(self, template);
    }
}

/// Returns whether the text in `span` ends at the first line on which its marker stands alone, as
/// the engines read it: they ignore all white space around the marker.
fn ends_with_its_marker(bytes: &[u8], span: Range<usize>, marker: &str) -> bool {
    let text = |range: &[u8]| String::from_utf8_lossy(range).into_owned();
    let inside = text(bytes.get(span.clone()).unwrap_or_default());
    let after = text(bytes.get(span.end..).unwrap_or_default());
    let is_marker = |line: &str| line.trim() == marker;
    // The text ends before or behind the line break in front of the marker.
    let last = after.trim_start_matches(['\r', '\n']).lines().next().unwrap_or_default();
    !inside.split('\n').any(is_marker) && is_marker(last)
}

/// Returns the first three parts of a path, `modules/SLOT/VARIANT`: what is rendered of a module.
fn variant_folder(path: &str) -> Vec<&str> {
    path.split('/').take(3).collect()
}

/// Returns whether a module source is a relative path to a folder within the variant's folder.
fn stays_within(path: &str, source: &str) -> bool {
    if !source.starts_with("./") && !source.starts_with("../") {
        return false;
    }
    let mut of_file: Vec<&str> = path.split('/').collect();
    of_file.pop();
    let mut folder = of_file.clone();
    let root = variant_folder(path);
    for step in source.trim_end_matches('/').split('/') {
        match step {
            "." => {}
            ".." if folder.len() > root.len() => drop(folder.pop()),
            step if is_plain(step) => folder.push(step),
            _ => return false,
        }
    }
    // A module that contains itself has no end.
    folder.starts_with(&root) && !of_file.starts_with(&folder)
}

/// Returns whether a step of a path is a plain name. Anything else may mean something to an engine,
/// such as `//` or `?ref=`.
fn is_plain(step: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !step.is_empty() && step != ".." && step.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::bodies;

    const PATH: &str = "modules/site/s3/sub/main.tf";

    /// Returns one line per finding: place and code.
    fn found(path: &str, text: &str) -> Vec<String> {
        let bodies = bodies(path, text.as_bytes()).unwrap().unwrap();
        let file = ModuleFile { origin: "packages/mine", path, bytes: text.as_bytes() };
        let findings = findings(&file, &bodies);
        let line = |it: &Finding| format!("{}:{} {}", it.place.line, it.place.column, it.code);
        findings.iter().map(line).collect()
    }

    #[test]
    fn a_module_source_stays_within_the_folder_of_its_variant() {
        for source in ["./a", "./a/b/", "../a", "./a/../b", "./a_b-c.d"] {
            let text = format!("module \"x\" {{\n  source = \"{source}\"\n}}\n");
            assert_eq!(found(PATH, &text), Vec::<String>::new(), "{source}");
        }
    }

    #[test]
    fn any_other_module_source_is_refused_at_its_place() {
        for source in [
            "git::https://git.example/m.git",
            "git::https://git.example/m.git?ref=v1",
            "github.com/acme/m",
            "terraform-aws-modules/s3-bucket/aws",
            "app.terraform.io/acme/m/aws",
            "https://host.example/m.zip",
            "s3::https://bucket.example/m.zip",
            "oci://host.example/m",
            "file:///m",
            "/m",
            "~/m",
            "a",
            ".",
            "..",
            "",
            "./",
            "../",
            "./a/..",
            "../../",
            "../../other",
            "../..",
            "./../../other",
            "./a/../../../x",
            "./a//b",
            ".//a",
            "./a?ref=b",
            "./a\\\\..\\\\b",
            ".\\\\a",
            "./${path.module}",
            "./a%2f..",
        ] {
            let text = format!("module \"x\" {{\n  source = \"{source}\"\n}}\n");
            assert_eq!(found(PATH, &text), ["2:12 module_source"], "{source}");
        }
        for (block, line) in [
            ("source = var.where", "1:23 module_source"),
            ("source = join(\"\", [])", "1:23 module_source"),
            ("version = \"1.0\"", "1:1 module_source"),
        ] {
            assert_eq!(found(PATH, &format!("module \"x\" {{ {block} }}\n")), [line], "{block}");
        }
        let heredoc = "module \"x\" {\n  source = <<-EOT\n  ./a\n  EOT\n}\n";
        assert_eq!(found(PATH, heredoc), ["2:12 module_source"]);
    }

    #[test]
    fn a_text_ends_where_every_engine_ends_it() {
        for text in [
            "locals {\n  a = <<EOT\nx\nEOT\n}\n",
            "locals {\n  a = <<-EOT\n    x ${1}\n    EOTX\n    EOT\n}\n",
            "locals {\n  a = <<EOT\nEOT\n}\n",
            "locals {\r\n  a = <<EOT\r\nx\r\nEOT\r\n}\r\n",
        ] {
            assert_eq!(found(PATH, text), Vec::<String>::new(), "{text}");
        }
        // To an engine, the second text begins within the first, and so does a module.
        let hidden = "locals {\n  a = <<EOT\nx\nEOT # y\n  b = <<END\nx\nEOT\n}\nmodule \"x\" {\n  \
                      source = \"git::https://git.example/x.git\"\n}\nlocals {\n  c = <<FIN\nEND\n  \
                      d = <<FIN\ny\nFIN\n}\n";
        for text in [hidden, "locals {\n  a = <<EOT\n\u{a0}EOT\nx\nEOT\n}\n"] {
            let codes = found(PATH, text);
            assert!(codes.iter().any(|it| it.ends_with("ambiguous_text")), "{text}: {codes:?}");
        }
    }

    #[test]
    fn json_says_the_same() {
        let path = "modules/site/s3/main.tf.json";
        let is_refused = |text: &str| found(path, text) == ["1:1 module_source"];
        assert_eq!(found(path, r#"{"module": {"x": {"source": "./a"}}}"#), Vec::<String>::new());
        for text in [
            r#"{"module": {"x": {"source": "git::https://git.example/m.git"}}}"#,
            r#"{"module": {"x": [{"source": "git::https://git.example/m.git"}]}}"#,
            r#"{"module": [{"x": {"source": "acme/m/aws"}}]}"#,
            r#"[{"module": {"x": {"source": "../other"}}}]"#,
            r#"{"module": {"x": {"source": "./${path.module}"}}}"#,
            r#"{"module": {"x": {}}}"#,
        ] {
            assert!(is_refused(text), "{text}: {:?}", found(path, text));
        }
    }

    #[test]
    fn a_value_that_moves_with_every_plan_is_refused_but_in_checks() {
        for text in [
            "resource \"terraform_data\" \"x\" {\n  input = plantimestamp()\n}\n",
            "locals {\n  now = [for x in [1] : \"at ${plantimestamp()}\"]\n}\n",
            "output \"at\" {\n  value = formatdate(\"YYYY\", plantimestamp())\n}\n",
        ] {
            let codes = found(PATH, text);
            assert!(codes.len() == 1 && codes[0].ends_with("moving_value"), "{text}: {codes:?}");
        }
        for text in [
            "locals {\n  a = core::plantimestamp()\n}\n",
            "locals {\n  a = \"%{ for x in [plantimestamp()] }y%{ endfor }\"\n}\n",
        ] {
            let codes = found(PATH, text);
            assert!(codes.len() == 1 && codes[0].ends_with("moving_value"), "{text}: {codes:?}");
        }
        let json = r#"{"locals": {"now": "${plantimestamp()}"}}"#;
        assert_eq!(found("modules/site/s3/a.tf.json", json), ["1:1 moving_value"]);
        let file = ModuleFile {
            origin: "packages/mine",
            path: "modules/site/s3/a.tftpl",
            bytes: b"at ${plantimestamp()}",
        };
        assert_eq!(findings_in_template(&file)[0].code, "moving_value");
        let check = "check \"c\" {\n  assert {\n    condition = plantimestamp() != \"\"\n  }\n}\n";
        assert_eq!(found(PATH, check), Vec::<String>::new());
    }
}
