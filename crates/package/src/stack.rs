//! What a person wrote for one stack: `stack.yaml` and the overlay of its environment.
//!
//! The layers stay separate, so that the origin of each value can be shown; `params` merges and
//! checks them.

use semver::VersionReq;
use serde::Deserialize;

use planwright_core::{
    finding::{Finding, Location},
    names::StackId,
};

use super::{
    Checked,
    document::{Document, finding_at},
    files::Files,
    overrides::Override,
    repository::{environment_file, stack_file},
    source::Source,
    yaml::Node,
};

pub struct Stack {
    pub id: StackId,
    pub source: Source,
    pub source_place: Location,
    pub version: VersionReq,
    pub(crate) version_place: Location,
    /// Params from weakest to strongest: `stack.yaml`, then the overlay.
    pub layers: Vec<Layer>,
    /// The overrides of both files; no two have the same pointer.
    pub overrides: Vec<Override>,
}

pub struct Layer {
    pub from: From,
    pub params: Node,
}

/// Where a value of the resolved document comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum From {
    /// A default in the package's schema.
    Default,
    Stack,
    Environment,
    Override,
    /// An output of another slot, known only after that slot is applied.
    Wiring,
    /// A constant of the package.
    Constant,
}

impl From {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Stack => "stack",
            Self::Environment => "environment",
            Self::Override => "override",
            Self::Wiring => "wiring",
            Self::Constant => "constant",
        }
    }
}

#[derive(Deserialize)]
struct StackFile {
    package: String,
    version: String,
}

#[derive(Deserialize)]
struct EnvironmentFile {
    version: Option<String>,
}

impl Stack {
    /// Reads the files of one stack.
    pub fn read(files: &dyn Files, id: &StackId) -> Checked<Self> {
        let path = stack_file(id);
        let Some(bytes) = files.read(&path)? else { return Err(vec![missing(id, &path)]) };
        let (file, node): (StackFile, Node) = Document::Stack.read(&path, &bytes)?;
        let source = Source::parse(&file.package).ok_or_else(|| {
            let message = format!("`{}` is neither a package's name nor a folder", file.package);
            vec![finding_at(&node, "/package", "invalid_name", message)]
        })?;
        let mut stack = Self {
            id: id.clone(),
            source,
            source_place: node.place_of("/package").clone(),
            version: range(&node, &file.version)?,
            version_place: node.place_of("/version").clone(),
            layers: vec![layer(From::Stack, &path, &node)],
            overrides: Override::list(&node)?,
        };
        if let Some(path) = environment_file(id) {
            let Some(bytes) = files.read(&path)? else { return Err(vec![missing(id, &path)]) };
            let (file, node): (EnvironmentFile, Node) =
                Document::Environment.read(&path, &bytes)?;
            if let Some(version) = file.version {
                stack.version = range(&node, &version)?;
                stack.version_place = node.place_of("/version").clone();
            }
            stack.layers.push(layer(From::Environment, &path, &node));
            stack.overrides.extend(Override::list(&node)?);
        }
        Override::distinct(&stack.overrides)?;
        Ok(stack)
    }

    /// Returns the merged params of all layers; stronger layers replace weaker ones.
    pub fn params(&self) -> Option<Node> {
        let weakest = &self.layers.first()?.params;
        let mut params =
            self.layers.iter().fold(weakest.clone(), |below, above| below.merged(&above.params));
        // A missing param is reported in `stack.yaml`, not in the overlay.
        params.place = weakest.place.clone();
        Some(params)
    }
}

/// Returns the params of one file, positioned at the key `params`.
fn layer(from: From, file: &str, node: &Node) -> Layer {
    let mut params = node.child("params").cloned().unwrap_or_else(|| node.clone());
    let key = node.place_of("/params");
    // A file without `params` has the default from the built-in schema, whose position is useless
    // to a person.
    params.place = if key.file == file { key.clone() } else { node.place.clone() };
    Layer { from, params }
}

fn range(node: &Node, text: &str) -> Checked<VersionReq> {
    VersionReq::parse(text).map_err(|e| {
        let message = format!("`{text}` is not a range of versions: {e}");
        let mut finding = finding_at(node, "/version", "invalid_version", message);
        finding.fix = Some("write a range such as \"^0.1\"".into());
        vec![finding]
    })
}

fn missing(id: &StackId, path: &str) -> Finding {
    let place = Location { file: path.into(), line: 1, column: 1 };
    let message = format!("the stack `{id}` needs {path}, and there is no such file");
    let fix = Some(format!("add {path}, or name another stack"));
    Finding { fix, ..Finding::error("missing_stack", place, message) }
}
