//! The JSON of REST and webhooks: the state under GitHub's field names, one file per noun.
//!
//! Nothing here changes the state. GraphQL has other names, and its own files.

mod account;
mod check;
pub mod comment;
mod commit;
pub mod delivery;
mod issue;
mod pull;
mod repository;

use serde_json::{Map, Value};

/// Returns the opaque id by which GraphQL knows an object. Answers of REST contain it, too.
pub fn node_id(prefix: &str, id: i64) -> String {
    format!("{prefix}_kwDOLocal{id}")
}

/// Returns a field `name` with the link `base` + `path` for each pair. GitHub's answers contain
/// dozens of them.
fn links(base: &str, of: &[(&str, &str)]) -> Map<String, Value> {
    of.iter().map(|(name, path)| ((*name).to_owned(), format!("{base}{path}").into())).collect()
}

/// Returns `object` with the fields of `more`, which replace those of the same name.
fn with(mut object: Map<String, Value>, more: Value) -> Value {
    if let Value::Object(more) = more {
        object.extend(more);
    }
    Value::Object(object)
}
