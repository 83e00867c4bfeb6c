//! The GitHub issue form of a package, and reading what a person entered into it.
//!
//! Both are made from the schemas of the package, so they agree. The heading of a field is the path
//! of its param, and the first field names the package, so the text of an issue is self-contained.
//! The syntax of GitHub's forms is documented at
//! <https://docs.github.com/communities/using-templates-to-encourage-useful-issues-and-pull-requests/syntax-for-githubs-form-schema>.

mod read;

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use planwright_core::change_set::ParamPath;

use super::{loaded_package::Package, schema::Schema};

pub use read::{ISSUE, package_of};

/// The folder in which GitHub looks for forms.
pub const FOLDER: &str = ".github/ISSUE_TEMPLATE";

/// The start of each generated form, by which it is recognised later.
pub const MADE: &str = "# Made by `planwright forms`";

const PACKAGE: &str = "package";
const STACK: &str = "stack";

/// The form of one package.
pub struct Form {
    package: String,
    summary: String,
    fields: Vec<Field>,
}

struct Field {
    path: ParamPath,
    schema: Value,
    is_required: bool,
    /// The condition under which the param applies, such as `dns.provider: route53`.
    condition: Option<String>,
}

impl Form {
    /// Builds the form: required params first, then the others, each group ordered by path.
    pub fn new(package: &Package) -> Self {
        let mut fields = Vec::new();
        collect(&package.params, &[], true, None, &mut fields);
        for ((slot, name), variant) in &package.variants {
            let select = package.manifest.slots.get(slot).and_then(|slot| slot.selector());
            let (Some(select), Some(schema)) = (select, &variant.params) else { continue };
            let Some((_, around)) = select.split_last() else { continue };
            let condition = format!("{}: {name}", select.join("."));
            collect(schema, around, false, Some(&condition), &mut fields);
        }
        let mut seen = BTreeSet::new();
        fields.retain(|field| seen.insert(field.path.clone()));
        fields.sort_by_key(|field| (!field.is_required, field.path.clone()));
        let (package, summary) = (package.source.to_string(), package.manifest.summary.clone());
        Self { package, summary, fields }
    }

    /// Returns the fields as data, for filling them in without a form.
    pub fn params(&self) -> Vec<Value> {
        self.fields.iter().map(Field::data).collect()
    }

    /// Returns the path of the form in a repository.
    pub fn path(&self) -> String {
        format!("{FOLDER}/{}", self.file_name())
    }

    pub fn file_name(&self) -> String {
        format!("planwright-{}.yml", self.package.replace('/', "-"))
    }

    /// Returns the form as GitHub's YAML; issues created with it get the label `label`.
    pub fn yaml(&self, label: &str) -> String {
        let mut body = vec![
            Element::dropdown(
                PACKAGE,
                "What is asked for; leave it as it is.",
                vec![self.package.clone()],
                Some(0),
                true,
            ),
            Element::text(
                "input",
                STACK,
                "The name of the new stack, or `name/environment`, in lower-case letters, digits and `-`.",
                Some("build-logs"),
                true,
            ),
        ];
        body.extend(self.fields.iter().map(Field::element));
        let file = File {
            name: format!("New {}", self.package),
            description: self.summary.clone(),
            title: format!("New {}: ", self.package),
            labels: [label],
            body,
        };
        let comment = format!("{MADE} from the params of the package; do not edit.\n");
        // Structs of strings always serialise to YAML.
        format!("{comment}{}", serde_saphyr::to_string(&file).unwrap_or_default())
    }
}

/// Collects the leaves of a schema as fields.
fn collect(
    schema: &Schema,
    prefix: &[String],
    may_require: bool,
    condition: Option<&str>,
    fields: &mut Vec<Field>,
) {
    let mut open = vec![(prefix.to_vec(), schema.value(), may_require)];
    while let Some((path, node, may_require)) = open.pop() {
        let Some(properties) = node.get("properties").and_then(Value::as_object) else { continue };
        let required = node.get("required").and_then(Value::as_array);
        for (name, schema) in properties {
            let steps: Vec<String> = path.iter().cloned().chain([name.clone()]).collect();
            let is_required =
                may_require && required.is_some_and(|all| all.iter().any(|r| r == name));
            if schema.get("properties").is_some() {
                // A person who leaves out an optional object need not fill in its members.
                open.push((steps, schema, is_required));
                continue;
            }
            let Ok(path) = ParamPath::from_steps(steps) else { continue };
            let condition = condition.map(str::to_owned);
            fields.push(Field { path, schema: schema.clone(), is_required, condition });
        }
    }
}

#[derive(Serialize)]
struct File<'a> {
    name: String,
    description: String,
    title: String,
    labels: [&'a str; 1],
    body: Vec<Element>,
}

#[derive(Serialize)]
struct Element {
    #[serde(rename = "type")]
    kind: &'static str,
    id: String,
    attributes: Attributes,
    validations: Validations,
}

#[derive(Serialize)]
struct Attributes {
    label: String,
    description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    placeholder: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    options: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<usize>,
}

#[derive(Serialize)]
struct Validations {
    required: bool,
}

impl Element {
    fn text(
        kind: &'static str,
        label: &str,
        description: &str,
        placeholder: Option<&str>,
        required: bool,
    ) -> Self {
        let attributes = Attributes {
            label: label.into(),
            description: description.into(),
            placeholder: placeholder.map(Into::into),
            options: None,
            default: None,
        };
        Self { kind, id: id(label), attributes, validations: Validations { required } }
    }

    fn dropdown(
        label: &str,
        description: &str,
        options: Vec<String>,
        default: Option<usize>,
        required: bool,
    ) -> Self {
        let mut element = Self::text("dropdown", label, description, None, required);
        element.attributes.options = Some(options);
        element.attributes.default = default;
        element
    }
}

impl Field {
    fn data(&self) -> Value {
        let mut data = serde_json::json!({ "path": self.path, "required": self.is_required });
        for name in ["type", "enum", "default", "description", "examples", "pattern"] {
            if let Some(value) = self.schema.get(name) {
                data[name] = value.clone();
            }
        }
        if let Some(condition) = &self.condition {
            data["only_with"] = condition.as_str().into();
        }
        data
    }

    fn element(&self) -> Element {
        let (label, description) = (self.path.to_string(), self.description());
        if let Some(options) = self.options() {
            return Element::dropdown(&label, &description, options, None, self.is_required);
        }
        let kind = if self.takes("object") || self.takes("array") { "textarea" } else { "input" };
        let example = self.schema.get("examples").and_then(|all| all.get(0)).map(value_text);
        Element::text(kind, &label, &description, example.as_deref(), self.is_required)
    }

    /// Returns the choices of a dropdown; `None` for a text field. GitHub reserves the option
    /// `none`: if it is the default it is left out, because an empty field means the same;
    /// otherwise the field becomes a text field.
    fn options(&self) -> Option<Vec<String>> {
        if self.takes("boolean") {
            return Some(vec!["true".into(), "false".into()]);
        }
        let all: Vec<String> =
            self.schema.get("enum")?.as_array()?.iter().map(value_text).collect();
        let is_reserved = |option: &String| option.eq_ignore_ascii_case("none");
        let is_default =
            |option: &String| self.schema.get("default").map(value_text).as_ref() == Some(option);
        if all.iter().any(|option| is_reserved(option) && !is_default(option)) {
            return None;
        }
        Some(all.into_iter().filter(|option| !is_reserved(option)).collect())
    }

    fn description(&self) -> String {
        let said = self.schema.get("description").and_then(Value::as_str).unwrap_or_default();
        let form = self.schema.get("x-form").and_then(Value::as_str);
        let written = match (self.takes("object"), self.takes("array")) {
            (true, _) => Some("One `key: value` on each line."),
            (_, true) => Some("One on each line."),
            _ => None,
        };
        let default =
            self.schema.get("default").filter(|value| !value.is_null() && !is_empty(value));
        let parts = [
            Some(said.to_owned()),
            form.map(|form| format!("Written as {form}.")),
            written.map(Into::into),
            self.condition.as_ref().map(|condition| format!("Only with `{condition}`.")),
            default.map(|value| format!("Default: `{}`.", value_text(value))),
        ];
        parts.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    }

    fn takes(&self, name: &str) -> bool {
        match self.schema.get("type") {
            Some(Value::String(one)) => one == name,
            Some(Value::Array(several)) => several.iter().any(|one| one == name),
            _ => false,
        }
    }
}

/// Returns a label as an id; GitHub allows letters, digits, `-` and `_` in ids.
fn id(label: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    label.chars().map(plain).collect()
}

fn value_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn is_empty(value: &Value) -> bool {
    value.as_object().is_some_and(serde_json::Map::is_empty)
        || value.as_array().is_some_and(Vec::is_empty)
}

#[cfg(test)]
mod tests;
