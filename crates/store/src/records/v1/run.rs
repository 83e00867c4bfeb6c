//! The subject of a run.

use planwright_core::names::{Login, Sha};

use super::target::Repository;
use crate::run_notes;

records! {
    struct Subject for run_notes::Subject {
        repository: Repository,
        title: String,
        head: Sha,
        asked_by: Option<Login>,
    }
}
