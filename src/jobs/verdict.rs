//! Somebody reviewed a pull request, or something else changed what is met: judge it again.
//!
//! Starts no engine. What was approved is noted when the review arrives, because GitHub moves the
//! commit of an old review to the new head of a patch-identical rebase.

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

/// Judges the change anew; `review` is what a webhook told of.
pub async fn verdict(app: &App, target: &Target, review: Option<ReviewId>) -> Result<Vec<Job>> {
    let snapshot = pull_snapshot(app, target).await?;
    let pull = &snapshot.pull;
    if !pull.is_into_default_branch() {
        // Nothing of it is planned, so there is nothing that a review could make green.
        return Ok(Vec::new());
    }
    let Some(recorded) = app.store.latest_plan_set(id_of(target)).await? else {
        return Ok(Vec::new());
    };
    if recorded.plan_set.head != pull.head {
        // The plan of this head is on its way, and ends with a verdict of its own.
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
    let config = match merge_preview::rules(config, change.is_about_settings_only()) {
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

/// Records what the approval is about: the plan that was shown when it arrived.
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
        // What is said after the merge approves nothing; `/infra apply` confirms.
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
