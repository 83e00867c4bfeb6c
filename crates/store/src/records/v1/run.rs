//! What a run is about.

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
