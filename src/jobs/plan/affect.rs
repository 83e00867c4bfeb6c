//! The third stage: which stacks the change affects, and which settings apply.

use std::collections::{BTreeMap, BTreeSet};

use planwright_core::{
    change::{Block, Change},
    digest::Digest,
    finding::Finding,
    names::StackId,
    repo_config::RepoConfig,
};
use planwright_package::{affected::Reason, repository::lock_file};
use planwright_store::ApprovedCode;
use planwright_view::Refusal;

use super::{
    Exit, Planning, gate,
    publish::{Audience, Outcome},
};
use crate::flow::{
    Result,
    merge_preview::{self, MergePreview},
    outbox,
};

/// What a change affects.
pub struct Affected {
    /// The stacks, each with all reasons.
    pub stacks: BTreeMap<StackId, BTreeSet<Reason>>,
    pub change: Change,
    /// The settings that apply: those of the base.
    pub config: RepoConfig,
    pub settings_digest: Digest,
    /// The stacks of the states that were ever used, by key.
    pub state_owners: BTreeMap<String, StackId>,
    /// The repository's own code that may run.
    pub code: ApprovedCode,
}

/// Finds the stacks that the change affects. Ends the planning if there are none or the files
/// cannot be read. Refuses a request for a stack that is not affected.
pub async fn affect(planning: &Planning<'_>, preview: &MergePreview) -> Result<Affected, Exit> {
    let blocked = |change: Change, findings: Vec<Finding>| -> Exit {
        match change.blocked(Block::Findings(findings)) {
            Ok(change) => Outcome::for_all(change).into(),
            Err(error) => error.into(),
        }
    };
    let change = planning.change();
    let stacks = match preview.affected() {
        Ok(stacks) => stacks,
        Err(findings) => return Err(blocked(change, findings)),
    };
    if let Some(stack) = planning.job.stacks.iter().find(|stack| !stacks.contains_key(*stack)) {
        return Err(Refusal::NotAffected { stack: stack.clone() }.into());
    }
    let code = gate::lift(planning, preview, &stacks).await?;
    // From here on nothing is refused any more, so the check run will certainly be completed.
    match planning.invocation() {
        Some(_) => planning.begin().await?,
        None => planning.begin_page().await,
    }
    let change = match preview.settings() {
        Ok(settings) => change.touches_settings(settings)?,
        Err(findings) => return Err(blocked(change, findings)),
    };
    let change = change.touches_code(preview.code_changes())?;
    let is_about_nothing = stacks.is_empty() && change.is_about_nothing();
    if is_about_nothing && (preview.config.is_err() || !planning.was_planned().await?) {
        return Err(unaffected(planning, change).await?.into());
    }
    let config = match merge_preview::rules(preview.config.clone(), stacks.is_empty()) {
        Ok(config) => config,
        Err(findings) => return Err(blocked(change, findings)),
    };
    let mut owners = state_owners(planning, preview).await?;
    // A rename is refused as such.
    let is_renamed = |stack: &StackId| {
        stacks.get(stack).is_some_and(|reasons| reasons.iter().any(Reason::is_rename))
    };
    owners.retain(|_, owner| !is_renamed(owner));
    let mut shared = preview.shared_state(&owners);
    shared.retain(|finding| stacks.keys().any(|stack| lock_file(stack) == finding.place.file));
    if !is_about_nothing && !shared.is_empty() {
        return Err(blocked(change, shared));
    }
    let settings_digest = merge_preview::settings_digest(&config);
    Ok(Affected { stacks, change, config, settings_digest, state_owners: owners, code })
}

/// Records which stacks of the base have which states, and returns the stacks of all states that
/// were ever used. Whoever could give a stack the state of a removed one would get its resources.
async fn state_owners(
    planning: &Planning<'_>,
    preview: &MergePreview,
) -> Result<BTreeMap<String, StackId>> {
    let (app, repository) = (planning.context.app, planning.context.target.repository.id);
    app.store.record_state_owners(repository, &preview.state_owners(), app.now()).await?;
    Ok(app.store.state_owners(repository).await?)
}

/// Returns the outcome for a change that affects no stack. The check run is enough, unless there is
/// an earlier comment that no longer holds.
async fn unaffected(planning: &Planning<'_>, change: Change) -> Result<Outcome> {
    let context = planning.context;
    let has_commented = outbox::has_commented(context.app, context.target).await?;
    let audience = if has_commented { Audience::CommentAndCheck } else { Audience::Check };
    Ok(Outcome { audience, ..Outcome::for_all(change.unaffected()?) })
}
