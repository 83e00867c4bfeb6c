//! Warnings as sentences of plain text, for whoever escapes them.

use planwright_core::names::BranchName;

/// Returns why nothing of a pull request into `base` is planned.
pub fn other_base(base: &BranchName, trusted: Option<&BranchName>) -> String {
    let trusted = trusted.map_or("the default branch", BranchName::as_str);
    format!(
        "Only pull requests into {trusted} are planned: its settings are the ones that are trusted. \
         This one is into {base}; change its base."
    )
}

/// Something of ours failed, which the log has under `id`; `next` is what can be done about it.
pub fn internal_error(id: &str, next: &str) -> String {
    format!(
        "Planwright could not finish this: something of its own went wrong, which the log has under \
         `{id}`. {next}"
    )
}

/// What can be done where nothing but a plan has failed.
pub const PLAN_AGAIN: &str = "Nothing was changed by it. `/infra plan` tries again.";
