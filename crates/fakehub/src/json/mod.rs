//! The JSON of REST and webhooks, one file per noun: GitHub's field names over our state.
//!
//! Only reading: nothing here changes the state. GraphQL has other names and its own files.

mod account;
mod check;
pub mod comment;
mod commit;
pub mod delivery;
mod issue;
mod pull;
mod repository;

use serde_json::{Map, Value};

/// Returns the opaque id of the GraphQL world, which REST answers carry too.
pub fn node_id(prefix: &str, id: i64) -> String {
    format!("{prefix}_kwDOLocal{id}")
}

/// `name: base/path` for each entry; GitHub's answers carry dozens of such links.
fn links(base: &str, of: &[(&str, &str)]) -> Map<String, Value> {
    of.iter().map(|(name, path)| ((*name).to_owned(), format!("{base}{path}").into())).collect()
}

/// Returns the fields of `more` laid over those of `object`.
fn with(mut object: Map<String, Value>, more: Value) -> Value {
    if let Value::Object(more) = more {
        object.extend(more);
    }
    Value::Object(object)
}
