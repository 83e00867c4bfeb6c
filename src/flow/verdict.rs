//! Somebody reviewed a pull request, or something else changed what is met: judge it again.
//!
//! Starts no engine. What was approved is noted when the review arrives, because GitHub moves the
//! commit of an old review to the new head of a patch-identical rebase.

use crate::{
    app::App,
    domain::{
        job::{Job, Target},
        pull_request::{PullRequest, PullRequestState, ReviewId, ReviewState},
        reply::State,
    },
    git::{Mirror, Want},
    store::{Approval, ApprovalKind, RecordedPlanSet},
};

use super::{Result, ground, id_of, judge, outbox, plan};

/// Judges the change anew; `review` is what a webhook told of.
pub async fn verdict(app: &App, target: &Target, review: Option<ReviewId>) -> Result<Vec<Job>> {
    let pull = app.github.pull_request(&target.repository, target.number).await?;
    plan::remember(app, target, &pull).await?;
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
        record_approval(app, target, (&pull, review), &recorded).await?;
    }
    if pull.state != PullRequestState::Open {
        return Ok(Vec::new());
    }
    let wants = [Want::Branch(pull.base_ref.clone())];
    let mirror = ground::fetch(app, target, &wants).await?;
    show(app, target, (&pull, &recorded), &mirror).await?;
    Ok(Vec::new())
}

async fn show(
    app: &App,
    target: &Target,
    (pull, recorded): (&PullRequest, &RecordedPlanSet),
    mirror: &Mirror,
) -> Result<()> {
    let tree = mirror.tree(&pull.base).await?;
    let mut report = recorded.plan_set.report.clone();
    match ground::config(mirror, &tree).await? {
        Ok(config) => {
            let case = judge::Case {
                target,
                pull,
                policy: ground::policy_digest(&config),
                config: &config,
                plan_set: Some(recorded),
                report: &report,
            };
            let (verdict, principals) = judge::judge(app, &case).await?;
            report.state = State::before_merge(&report, Some(&verdict));
            report.verdict = Some(verdict.requirement().clone());
            report.principals = principals;
        }
        Err(findings) => {
            report.findings = findings;
            report.state = State::Blocked;
        }
    }
    app.store.record_report(recorded.id, &report).await?;
    outbox::show(app, target, &report, false).await
}

/// Notes what the approval is about: the plan that was shown when it arrived.
async fn record_approval(
    app: &App,
    target: &Target,
    (pull, review): (&PullRequest, ReviewId),
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
        policy: recorded.plan_set.policy_digest.clone(),
        submitted_at: given.at,
    };
    Ok(app.store.record_approval(id_of(target), &approval).await?)
}
