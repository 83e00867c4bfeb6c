//! Gathers the facts for a verdict: reviews and allowances, permissions, and from `people` who has a
//! part in the change.
//!
//! Permissions are read from GitHub at the time of the verdict. `core::approval` decides whose
//! review counts.

use std::collections::BTreeMap;

use planwright_core::{
    actor::{Actor, ActorKind},
    approval::{ApprovalRule, Kind, PlanSetFacts, Recorded, Review},
    change::{Change, Judgement},
    digest::Digest,
    job::Target,
    names::{Login, UserId},
    people::People,
    pull_request::{PullRequest, ReviewState},
    repo_config::RepoConfig,
    verdict::{self, Allowance, Current, StackFacts, Unfinished, Verdict, VerdictFacts},
};
use planwright_store::{ApprovalKind, RecordedPlanSet};

use super::{Result, id_of, people::people};
use crate::app::App;

/// What a verdict is about.
pub struct VerdictInput<'a> {
    pub target: &'a Target,
    pub pull: &'a PullRequest,
    pub config: &'a RepoConfig,
    /// The digest of the current settings.
    pub settings_digest: Digest,
    pub plan_set: Option<&'a RecordedPlanSet>,
    pub change: &'a Change,
}

/// Returns the verdict on a change from current facts, and the part of it that is stored with the
/// change.
pub async fn gather_facts(app: &App, input: &VerdictInput<'_>) -> Result<(Verdict, Judgement)> {
    let People { principals, mut unknown } = people(app, input.target, input.pull).await?;
    let mut rule = rule(input.config);
    if rule.self_approval {
        unknown.clear();
    } else if !unknown.is_empty() {
        rule = rule.with_unknown_hand();
    }
    let facts = input.plan_set.map(|recorded| plan_set_facts(recorded, input.pull));
    let may_write = live_permissions(app, input).await?;
    let stacks: Vec<StackFacts> = input
        .change
        .stacks
        .iter()
        .map(|stack| StackFacts {
            stack: stack.stack.clone(),
            outcome: stack.outcome(),
            digest: stack.digest(),
            protected: stack.protected.clone(),
            changes_code: stack.changes_code,
        })
        .collect();
    let unfinished = unfinished(app, input).await?;
    let current = Current {
        head: input.pull.head.clone(),
        base: input.pull.base_ref.clone(),
        settings_digest: input.settings_digest.clone(),
    };
    let verdict = verdict::verdict(&VerdictFacts {
        current: &current,
        plan_set: facts.as_ref(),
        stacks: &stacks,
        unfinished: unfinished.as_ref(),
        changes_settings: input.change.settings.is_some(),
        changes_code: !input.change.code.is_empty(),
        code: &input.change.code_digests(),
        principals: &principals,
        reviews: &reviews(app, input, &may_write).await?,
        allowances: &allowances(app, input, &may_write).await?,
        rule,
    });
    let judgement = Judgement {
        verdict: verdict.requirement().clone(),
        principals,
        unknown: unknown.into_iter().collect(),
        allows_self_approval: input.config.approvals.own,
    };
    Ok((verdict, judgement))
}

/// Returns what is missing if an agent run published this head unfinished. Whoever moves the head
/// takes the work over, so this no longer applies.
async fn unfinished(app: &App, input: &VerdictInput<'_>) -> Result<Option<Unfinished>> {
    let run = app.store.agent_run_of_pull_request(id_of(input.target)).await?;
    let unfinished = run.and_then(|run| run.facts.unfinished);
    Ok(unfinished.filter(|it| it.head == input.pull.head).map(|it| it.why))
}

fn plan_set_facts(recorded: &RecordedPlanSet, pull: &PullRequest) -> PlanSetFacts {
    let set = &recorded.plan_set;
    PlanSetFacts {
        head: set.head.clone(),
        base: set.base_ref.clone(),
        digest: set.digest.clone(),
        settings_digest: set.settings_digest.clone(),
        posted_at: recorded.posted_at,
        reopened_at: pull.reopened_at,
    }
}

/// Returns an actor of whom only id and login are known.
pub fn person(id: UserId, login: Login) -> Actor {
    Actor { id, login, kind: ActorKind::User }
}

fn rule(config: &RepoConfig) -> ApprovalRule {
    let required = usize::try_from(config.approvals.required).unwrap_or(usize::MAX);
    ApprovalRule { required, self_approval: config.approvals.own }
}

/// Returns whether each person who confirmed or allowed something by a command has write permission
/// now. Reviews already come with this information.
async fn live_permissions(app: &App, input: &VerdictInput<'_>) -> Result<BTreeMap<UserId, bool>> {
    let id = id_of(input.target);
    let approvals = app.store.approvals(id).await?;
    let confirmed = approvals.into_iter().filter(|approval| approval.kind == ApprovalKind::Confirm);
    let allowed = app.store.allowances(id).await?;
    let people: BTreeMap<UserId, Login> = confirmed
        .map(|approval| (approval.user, approval.login))
        .chain(allowed.into_iter().map(|allowance| (allowance.user, allowance.login)))
        .collect();
    let mut may_write = BTreeMap::new();
    for (user, login) in people {
        let permission =
            app.github.permission(&input.target.repository, &person(user, login)).await?;
        may_write.insert(user, permission.can_write());
    }
    Ok(may_write)
}

async fn reviews(
    app: &App,
    input: &VerdictInput<'_>,
    may_write: &BTreeMap<UserId, bool>,
) -> Result<Vec<Review>> {
    let recorded = app.store.approvals(id_of(input.target)).await?;
    let of_record = |approval: &planwright_store::Approval| Recorded {
        head: approval.head.clone(),
        digest: approval.plan_set.clone(),
        settings_digest: approval.settings_digest.clone(),
    };
    let approves_or_rejects = |state| {
        matches!(
            state,
            ReviewState::Approved | ReviewState::ChangesRequested | ReviewState::Dismissed
        )
    };
    let reviews = input.pull.reviews.iter().filter(|review| approves_or_rejects(review.state)).map(
        |review| {
            let known = recorded.iter().find(|approval| approval.review == Some(review.id.0));
            Review {
                kind: Kind::Review,
                by: review.by.id,
                login: review.by.login.clone(),
                is_user: review.by.is_user(),
                by_mail: review.by_mail,
                approves: review.state == ReviewState::Approved,
                head: review.head.clone(),
                at: review.at,
                may_write: review.may_write,
                recorded: known.map(of_record),
            }
        },
    );
    let confirmations = recorded
        .iter()
        .filter(|approval| approval.kind == ApprovalKind::Confirm)
        .map(|approval| Review {
            kind: Kind::Confirm,
            by: approval.user,
            login: approval.login.clone(),
            is_user: true,
            by_mail: false,
            approves: true,
            head: Some(approval.head.clone()),
            at: approval.submitted_at,
            may_write: may_write.get(&approval.user).copied().unwrap_or(false),
            recorded: Some(of_record(approval)),
        });
    Ok(reviews.chain(confirmations).collect())
}

async fn allowances(
    app: &App,
    input: &VerdictInput<'_>,
    may_write: &BTreeMap<UserId, bool>,
) -> Result<Vec<Allowance>> {
    let stored = app.store.allowances(id_of(input.target)).await?;
    Ok(stored
        .into_iter()
        .map(|allowance| Allowance {
            given: Review {
                kind: Kind::Allow,
                by: allowance.user,
                login: allowance.login,
                is_user: true,
                by_mail: false,
                approves: true,
                head: Some(allowance.head.clone()),
                at: allowance.at,
                may_write: may_write.get(&allowance.user).copied().unwrap_or(false),
                recorded: Some(Recorded {
                    head: allowance.head,
                    digest: allowance.plan_set,
                    settings_digest: input.settings_digest.clone(),
                }),
            },
            stack: allowance.stack,
            addresses: [allowance.address].into(),
        })
        .collect())
}
