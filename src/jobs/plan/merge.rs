//! The second stage: what the pull request makes of the repository.

use planwright_core::{
    change::{Basis, Block},
    digest::Digest,
};
use planwright_store::PlanSet;

use super::{Exit, Planning, look::Subject, publish::Outcome};
use crate::flow::{
    Result,
    merge_preview::{self, MergePreview, Merged},
};

/// Merges head into base, or reads what was merged. Ends the planning if there are conflicts, or if
/// the base is a branch that is never applied.
pub async fn merge(planning: &Planning<'_>) -> Result<Box<MergePreview>, Exit> {
    let context = planning.context;
    let (app, target, pull) = (context.app, context.target, planning.pull());
    match planning.looked.subject {
        Subject::OtherBase => Err(other_base(planning).await?.into()),
        Subject::Merge => Ok(merge_preview::merged_preview(app, target, pull).await?),
        Subject::Head => {
            // A requested plan may still be refused, and then nothing would complete the check run.
            if planning.invocation().is_none() {
                planning.begin().await?;
            }
            match merge_preview::merge_preview(app, target, pull, &context.log).await? {
                Merged::MergePreview(preview) => Ok(preview),
                Merged::Conflict(paths) => {
                    let change = planning.change().blocked(Block::Conflicts(paths))?;
                    Err(Outcome::for_all(change).into())
                }
            }
        }
    }
}

/// Returns the outcome for another base: nothing is run, and the check never passes.
async fn other_base(planning: &Planning<'_>) -> Result<Outcome> {
    let (context, pull) = (planning.context, planning.pull());
    // The plan set has no plans, so that an approval given for another base no longer counts.
    let settings = Digest::from_text("none");
    let basis = Basis { base: pull.base_ref.clone(), settings: settings.clone() };
    let trusted = pull.default_branch.clone();
    let change = planning.change().blocked(Block::OtherBase { basis, trusted })?;
    let set = PlanSet {
        pull_request: planning.id(),
        head: pull.head.clone(),
        base_commit: pull.base.clone(),
        merge_tree: pull.base.clone(),
        base_ref: pull.base_ref.clone(),
        digest: change.plan_set_digest(),
        settings_digest: settings,
        created_at: context.app.now(),
        plans: Vec::new(),
    };
    planning.looked.snapshot.still_holds(context.app).await?;
    context.app.store.record_plan_set(&set, &change).await?;
    Ok(Outcome::for_all(change))
}
