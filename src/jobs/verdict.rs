//! Computes a new verdict after a review, or after anything else that affects the requirements.
//!
//! Runs no engine. What a review approved is recorded when it arrives, because GitHub moves the
//! commit of an old review to the new head after a rebase without changes.

use planwright_core::{
    change::Change,
    job::{Job, Target, Verdict},
    pull_request::{PullRequest, PullRequestState, ReviewId, ReviewState},
    repo_config::RepoConfig,
};
use planwright_git::Want;
use planwright_package::Checked;
use planwright_store::{Approval, ApprovalKind, RecordedPlanSet};

use super::Run;
use crate::{
    app::App,
    flow::{JobContext, Result, facts, id_of, merge_preview, outbox, pull_snapshot::pull_snapshot},
};

impl Run for Verdict {
    async fn run(&self, context: &JobContext<'_>) -> Result<Vec<Job>> {
        verdict(context.app, &self.target, self.review).await
    }
}

/// Computes a new verdict on the change; `review` is the one that a webhook reported.
pub async fn verdict(app: &App, target: &Target, review: Option<ReviewId>) -> Result<Vec<Job>> {
    let snapshot = pull_snapshot(app, target).await?;
    let pull = &snapshot.pull;
    if !pull.is_into_default_branch() {
        // Nothing of it is planned, so a review has no effect.
        return Ok(Vec::new());
    }
    let Some(recorded) = app.store.latest_plan_set(id_of(target)).await? else {
        return Ok(Vec::new());
    };
    if recorded.plan_set.head != pull.head {
        // The plan of this head is still in progress, and ends with its own verdict.
        return Ok(Vec::new());
    }
    if let Some(review) = review {
        record_approval(app, target, pull, review, &recorded).await?;
    }
    if pull.state != PullRequestState::Open {
        return Ok(Vec::new());
    }
    let wants = [Want::Branch(pull.base_ref.clone())];
    let mirror = merge_preview::fetch(app, target, &wants).await?;
    let config = merge_preview::config(&mirror, &mirror.tree(&pull.base).await?).await?;
    let change = judged(app, target, pull, &recorded, config).await?;
    snapshot.still_holds(app).await?;
    app.store.record_change(recorded.id, &change).await?;
    outbox::show(app, target, &change).await?;
    Ok(Vec::new())
}

/// Returns the change of a plan set with a verdict under the settings of its base.
pub async fn judged(
    app: &App,
    target: &Target,
    pull: &PullRequest,
    recorded: &RecordedPlanSet,
    config: Checked<RepoConfig>,
) -> Result<Change> {
    let change = recorded.change.clone();
    let config = match merge_preview::rules(config, change.is_about_rules_only()) {
        Ok(config) => config,
        Err(findings) => return Ok(change.settings_unreadable(findings)?),
    };
    let input = facts::VerdictInput {
        target,
        pull,
        settings_digest: merge_preview::settings_digest(&config),
        config: &config,
        plan_set: Some(recorded),
        change: &change,
    };
    let (_, judgement) = facts::gather_facts(app, &input).await?;
    Ok(change.judged(judgement)?)
}

/// Records an approving review, bound to the plan set that was shown when it arrived.
async fn record_approval(
    app: &App,
    target: &Target,
    pull: &PullRequest,
    review: ReviewId,
    recorded: &RecordedPlanSet,
) -> Result<()> {
    let given = pull.reviews.iter().find(|given| given.id == review);
    let Some(given) = given.filter(|given| given.state == ReviewState::Approved) else {
        return Ok(());
    };
    let Some(head) = given.head.clone() else { return Ok(()) };
    if pull.merged_at.is_some_and(|merged_at| given.at > merged_at) {
        // A review after the merge approves nothing; `/infra apply` confirms instead.
        return Ok(());
    }
    let approval = Approval {
        kind: ApprovalKind::Review,
        user: given.by.id,
        login: given.by.login.clone(),
        review: Some(review.0),
        head,
        plan_set: recorded.plan_set.digest.clone(),
        settings_digest: recorded.plan_set.settings_digest.clone(),
        submitted_at: given.at,
    };
    Ok(app.store.record_approval(id_of(target), &approval).await?)
}
