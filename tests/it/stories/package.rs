//! A small package of the repository, with the faults that a story needs.

use planwright_core::names::StackId;
use planwright_package::{files::MemoryFiles, lock::Lock, stack::Stack};

/// Two resources after each other and an output; nothing of a cloud.
#[derive(Default)]
pub struct Package {
    /// Deletes and replacements have to be allowed.
    pub protect: bool,
    /// The module calls its output sensitive, and so does the manifest.
    pub sensitive: bool,
    /// What the second resource needs, as an expression of the engine.
    pub condition: Option<&'static str>,
    /// What replaces the second resource when it changes, as an expression of the engine.
    pub triggers: Option<&'static str>,
    /// The second resource's own input, as an expression of the engine.
    pub input: Option<&'static str>,
}

impl Package {
    /// The files of `packages/small`.
    pub fn files(&self) -> Vec<(String, String)> {
        let protect = if self.protect { "protect: [main]\n" } else { "" };
        let sensitive = if self.sensitive { "sensitive: [word]\n" } else { "" };
        let manifest = format!(
            "apiVersion: planwright.dev/v1\nkind: Package\nname: small\nversion: 0.1.0\n\
             summary: Two resources.\nkeywords: [test]\nrequires:\n  planwright: \">=0.1\"\n  \
             engine: \">=1.9, <2\"\nparams: params.schema.json\ncontracts:\n  test.small/v1:\n    \
             outputs:\n      word: string\nslots:\n  main:\n    implements: test.small/v1\n    \
             variants: [only]\noutputs:\n  word: ${{slots.main.word}}\n{sensitive}{protect}"
        );
        let condition = self.condition.map_or(String::new(), |condition| {
            format!(
                "  lifecycle {{\n    precondition {{\n      condition     = {condition}\n      \
                 error_message = \"The ground is not ready.\"\n    }}\n  }}\n"
            )
        });
        let triggers = self
            .triggers
            .map_or(String::new(), |triggers| format!("  triggers_replace = {triggers}\n"));
        let input = self.input.unwrap_or("terraform_data.first.output");
        let is_sensitive = if self.sensitive { "  sensitive = true\n" } else { "" };
        let module = format!(
            "resource \"terraform_data\" \"first\" {{\n  input = var.word\n}}\n\n\
             resource \"terraform_data\" \"second\" {{\n  input      = {input}\n{triggers}  \
             depends_on = [terraform_data.first]\n{condition}}}\n\n\
             output \"word\" {{\n  value = terraform_data.first.output\n{is_sensitive}}}\n\n\
             variable \"word\" {{\n  type = string\n}}\n"
        );
        [
            ("package.yaml", manifest.as_str()),
            ("params.schema.json", SCHEMA),
            ("modules/main/only/variant.yaml", VARIANT),
            ("modules/main/only/main.tf", &module),
        ]
        .map(|(path, text)| (format!("packages/small/{path}"), text.to_owned()))
        .into()
    }
}

/// A stack of this package with its lock.
pub fn stack_of(package: &Package, stack: &str, word: &str) -> Vec<(String, String)> {
    let path = format!("stacks/{stack}/stack.yaml");
    let text = format!(
        "apiVersion: planwright.dev/v1\nkind: Stack\npackage: packages/small\nversion: \"^0.1\"\n\
         params:\n  word: {word}\n"
    );
    let files: MemoryFiles =
        package.files().into_iter().chain([(path.clone(), text.clone())]).collect();
    let read = Stack::read(&files, &StackId::parse(stack).unwrap()).unwrap();
    let package = read.source.package(&files, &read.source_place).unwrap();
    let lock = Lock::new(&read, &package, None).unwrap();
    let lock = String::from_utf8(lock.bytes()).unwrap();
    vec![(path, text), (format!("stacks/{stack}/stack.lock.json"), lock)]
}

const SCHEMA: &str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "small",
  "type": "object",
  "additionalProperties": false,
  "required": ["word"],
  "properties": { "word": { "type": "string", "description": "The word.", "minLength": 1 } }
}
"#;

const VARIANT: &str = "apiVersion: planwright.dev/v1
kind: Variant
implements: test.small/v1
variables:
  word: { type: string, value: \"${params.word}\" }
outputs:
  word: string
";
