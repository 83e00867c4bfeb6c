//! What a request asks of the configuration: a list of typed edits.
//!
//! Commands, issue forms and the agent all produce these. `package::edit` carries edits out on
//! files and reports what is wrong with them. An edit names params of packages, never a file.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    escape,
    names::{InvalidName, StackId},
};

/// How many edits a change set may have.
pub const MOST: usize = 50;

/// Edits, in the order in which they are carried out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChangeSet(pub Vec<Edit>);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "edit", rename_all = "snake_case", deny_unknown_fields)]
pub enum Edit {
    /// Adds a new stack; without `version`, of any version that is compatible with the newest.
    AddStack {
        stack: StackId,
        package: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<String>,
        #[serde(default)]
        params: BTreeMap<ParamPath, Value>,
    },
    SetParams {
        stack: StackId,
        params: BTreeMap<ParamPath, Value>,
    },
    /// Resets params to the default of the package, or for an environment to the value of the
    /// stack.
    UnsetParams {
        stack: StackId,
        params: Vec<ParamPath>,
    },
    /// Removes the files of the stack. After the merge its resources are destroyed.
    RemoveStack {
        stack: StackId,
    },
    ChangeVersion {
        stack: StackId,
        version: String,
    },
}

impl Edit {
    pub fn stack(&self) -> &StackId {
        match self {
            Self::AddStack { stack, .. }
            | Self::SetParams { stack, .. }
            | Self::UnsetParams { stack, .. }
            | Self::RemoveStack { stack }
            | Self::ChangeVersion { stack, .. } => stack,
        }
    }
}

/// What a change set does to one param.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ParamChange {
    pub stack: StackId,
    pub path: ParamPath,
    /// `None` if nothing was set and the package has no default.
    pub old: Option<Value>,
    pub new: Option<Value>,
}

/// The path of a param, such as `encryption.algorithm` or `tags."cost centre"`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ParamPath(Vec<String>);

impl ParamPath {
    /// Parses keys with dots between them. A key with other characters than letters, digits, `_`
    /// and `-` has to stand in double quotes.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let invalid = || InvalidName {
            what: "the path of a param",
            got: escape::shortened(text, 80),
            expected: "keys with dots between them, such as `encryption.algorithm`",
        };
        let mut steps = Vec::new();
        let mut rest = text;
        loop {
            let (step, after) = match rest.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"').ok_or_else(invalid)?,
                None => {
                    let end = rest.find('.').unwrap_or(rest.len());
                    rest.split_at(end)
                }
            };
            let is_plain = step.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
            let is_shown = !step.chars().any(|c| escape::is_hidden(c) || c.is_control());
            if step.is_empty() || !(is_plain || rest.starts_with('"') && is_shown) {
                return Err(invalid());
            }
            steps.push(step.to_owned());
            match after.strip_prefix('.') {
                Some(next) => rest = next,
                None if after.is_empty() => return Ok(Self(steps)),
                None => return Err(invalid()),
            }
        }
    }

    /// Makes a path of its keys. Fails if one of them cannot be written in a path.
    pub fn from_steps(steps: Vec<String>) -> Result<Self, InvalidName> {
        let path = Self(steps);
        Self::parse(&path.to_string())
    }

    pub fn steps(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for ParamPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.0.iter().enumerate() {
            let dot = if i == 0 { "" } else { "." };
            let is_plain = step.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
            match is_plain {
                true => write!(f, "{dot}{step}")?,
                false => write!(f, "{dot}\"{step}\"")?,
            }
        }
        Ok(())
    }
}

impl TryFrom<String> for ParamPath {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        Self::parse(&text)
    }
}

impl From<ParamPath> for String {
    fn from(path: ParamPath) -> Self {
        path.to_string()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_is_keys_with_dots_and_quotes_for_the_rest() {
        for (text, steps) in [
            ("name", vec!["name"]),
            ("encryption.algorithm", vec!["encryption", "algorithm"]),
            ("tags.\"cost centre\"", vec!["tags", "cost centre"]),
            ("tags.\"a.b\".c", vec!["tags", "a.b", "c"]),
        ] {
            let path = ParamPath::parse(text).unwrap();
            assert_eq!(path.steps(), steps);
            assert_eq!(path.to_string(), text);
        }
        for text in
            ["", ".", "a.", ".a", "a..b", "a b", "a/b", "\"", "\"a\"b", "\"\"", "\"a\u{200b}\""]
        {
            assert!(ParamPath::parse(text).is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn an_edit_has_one_form_as_json_and_no_unknown_field() {
        let json = json!({ "edit": "set_params", "stack": "web/prod", "params": { "a.b": 1 } });
        let edit: Edit = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(serde_json::to_value(&edit).unwrap(), json);
        let more = json!({ "edit": "remove_stack", "stack": "web", "file": "/etc/passwd" });
        assert!(serde_json::from_value::<Edit>(more).is_err());
    }
}
