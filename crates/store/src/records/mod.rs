//! What is stored as JSON in rows: separate types, with the version of their format.
//!
//! A row has its version as `v`. A row without one was written by commit 591a4c1 or earlier, whose
//! formats are those of version 1. A format that changes gets a new version; the golden rows in
//! `golden` fix the exact form of each.

#[macro_use]
mod mirror;
#[cfg(test)]
mod golden;
pub mod v1;

use mirror::Mirror;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value as Json;

use planwright_core::canonical::canonical;

/// The version that is written.
const VERSION: u64 = 1;

/// The error for a row that this version of Planwright cannot read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error("it has version {0} of its format, and the newest that is known here is {VERSION}")]
    Version(Json),
    #[error("{0}")]
    Format(#[from] serde_json::Error),
}

/// Returns the JSON of a record, with its version.
fn versioned(record: &impl Serialize) -> Json {
    // Conversion to JSON only fails for maps whose keys are not strings; records have none.
    let mut json = serde_json::to_value(record).unwrap_or_default();
    if let Json::Object(fields) = &mut json {
        fields.insert("v".into(), VERSION.into());
    }
    json
}

/// Reads a record that was written as `json`.
fn read<R: DeserializeOwned>(mut json: Json) -> Result<R, RecordError> {
    let version = json.as_object_mut().and_then(|fields| fields.remove("v"));
    match version {
        Some(version) if version != VERSION => Err(RecordError::Version(version)),
        _ => Ok(serde_json::from_value(json)?),
    }
}

/// Returns the text that is stored for a value.
pub(crate) fn to_text<C, R: Mirror<C> + Serialize>(value: &C) -> String {
    canonical(&versioned(&R::store(value)))
}

/// Returns the value that is stored as `text`.
pub(crate) fn from_text<C, R: Mirror<C> + DeserializeOwned>(text: &str) -> Result<C, RecordError> {
    Ok(read::<R>(serde_json::from_str(text)?)?.load())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_row_without_a_version_is_of_the_first_and_a_newer_one_is_not_read() {
        let read = |json| read::<Vec<i64>>(json).unwrap();
        assert_eq!(read(json!([1])), [1]);
        let subject = json!({ "v": 2 });
        let error = super::read::<Json>(subject).unwrap_err().to_string();
        assert_eq!(error, "it has version 2 of its format, and the newest that is known here is 1");
        assert_eq!(super::read::<Json>(json!({ "v": 1, "a": 2 })).unwrap(), json!({ "a": 2 }));
        assert_eq!(super::read::<Json>(json!({ "a": 2 })).unwrap(), json!({ "a": 2 }));
    }
}
