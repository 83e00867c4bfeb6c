//! Which code of a repository may run.
//!
//! Code runs only if it came with the binary, or if the digest of its content is recorded: it stood
//! on the default branch when the repository was first seen, or it was approved. For plans it is
//! enough that somebody who had no part in it requested a plan of it.

use planwright_core::{
    names::{RepositoryId, Sha},
    repo_config::RepoConfig,
};
use planwright_git::Mirror;
use planwright_package::{
    Prepared,
    own_code::{self, OwnCode},
};
use planwright_store::ApprovedCode;

use super::{
    Result,
    merge_preview::{files, folders},
};
use crate::app::App;

/// A commit of the default branch, with its settings.
#[derive(Clone, Copy)]
pub struct Base<'a> {
    pub mirror: &'a Mirror,
    pub commit: &'a Sha,
    pub config: &'a RepoConfig,
}

/// Returns the code that may run. If the repository was never seen before, records that of `base`
/// first.
pub async fn approved_code(
    app: &App,
    repository: RepositoryId,
    base: Base<'_>,
) -> Result<ApprovedCode> {
    if !app.store.was_first_seen(repository).await? {
        let tree = base.mirror.tree(base.commit).await?;
        // If the files cannot be read, nothing of them runs, and they are recorded another time.
        if let Ok(files) = files(base.mirror, &tree, &folders(Some(base.config))).await? {
            let code = own_code::digests(&files).into_values();
            app.store.record_first_seen(repository, base.commit, code, app.now()).await?;
        }
    }
    Ok(app.store.approved_code(repository).await?)
}

/// The code that may run with certain credentials.
#[derive(Clone, Copy)]
pub enum AllowedCode<'a> {
    OfPlans(&'a ApprovedCode),
    OfApplies(&'a ApprovedCode),
}

impl AllowedCode<'_> {
    /// Returns why nothing of a stack is run, if its code is not allowed.
    pub fn refusal(self, prepared: &Prepared) -> Option<String> {
        let OwnCode { folder, digest } = prepared.package.own_code()?;
        let content = digest.short();
        match self {
            Self::OfPlans(approved) => (!approved.may_plan(&digest)).then(|| {
                format!(
                    "the code of the package `{folder}`, `{content}`, is not approved, so nothing of \
                     it is run. A pull request that changes the stack shows it; it is planned when \
                     somebody who had no part in it asks with `/infra plan`"
                )
            }),
            Self::OfApplies(approved) => (!approved.may_apply(&digest)).then(|| {
                format!(
                    "the code of the package `{folder}` is not the code that was approved: its \
                     content is now `{content}`, which nobody approved. Nothing of it was run. \
                     Restore the approved content, or change the stack in another pull request, \
                     which shows this code, and have it approved"
                )
            }),
        }
    }
}
