//! What was merged and is not what was approved: shown as it is now, until somebody confirms it.

use crate::{
    app::App,
    flow::{Result, facts, id_of, outbox},
};
use planwright_core::change::{Basis, Change, ChangeState, Warning};
use planwright_core::{
    approval::principal_role,
    digest::Digest,
    job::{Invocation, Job},
    repo_config::setting_changes,
};
use planwright_store::{Approval, ApprovalKind, PlanSet, PlanSetId, RecordedPlanSet, StackPlan};
use planwright_view::{Refusal, Text, first_unmet};

use super::{ApplyContext, requirements_met, show};

/// `/infra apply` approves the plan that it names, under the rules of every approval.
pub async fn confirm(
    app: &App,
    case: &ApplyContext<'_>,
    (asked, digest): (&Invocation, Option<&str>),
) -> Result<()> {
    let ApplyContext { target, pull, recorded, trees, .. } = case;
    let set = &recorded.plan_set;
    let principals = facts::principals(app, target, pull).await?;
    let part = principal_role(asked.by.id, &principals);
    if let Some(why) = part.filter(|_| !trees.config.approvals.own) {
        let login = asked.by.login.clone();
        return Err(Refusal::Principal { login, command: "apply", why }.into());
    }
    let Some(typed) = digest else { return Ok(()) };
    if !set.digest.is_meant_by(typed) {
        let typed = Digest::from_text(typed);
        return Err(Refusal::OtherPlan { typed, current: set.digest.clone() }.into());
    }
    let approval = Approval {
        kind: ApprovalKind::Confirm,
        user: asked.by.id,
        login: asked.by.login.clone(),
        review: None,
        head: set.head.clone(),
        plan_set: set.digest.clone(),
        policy: set.policy_digest.clone(),
        submitted_at: asked.at,
    };
    Ok(app.store.record_approval(id_of(target), &approval).await?)
}

/// Merged, but not approved as it stands: says what is missing and how to confirm.
pub async fn waiting(
    app: &App,
    case: &ApplyContext<'_>,
    (asked, digest): (Option<&Invocation>, Option<&str>),
    mut report: Change,
) -> Result<()> {
    report.state = ChangeState::AwaitingConfirmation;
    let set = &case.recorded.plan_set;
    report.digest = digest_to_confirm(&report, &set.plans).map(|_| set.digest.clone());
    let unreadable = report.findings.first().map(|finding| Text::kept(&finding.message));
    let missing = unreadable.or_else(|| report.verdict.as_ref().and_then(first_unmet));
    show(app, case, &report).await?;
    match (asked, &report.digest) {
        (None, _) => Ok(()),
        (Some(_), Some(current)) if digest.is_none() => {
            Err(Refusal::PlanNeeded { current: current.clone() }.into())
        }
        _ => {
            let missing = missing.unwrap_or_else(|| "an approval is missing".into());
            Err(Refusal::NotMet(missing).into())
        }
    }
}

/// The settings by which it is judged are not those under which it was planned and approved: it is
/// shown under them, and whoever may by them confirms it.
pub async fn policy_changed(
    app: &App,
    case: &ApplyContext<'_>,
    asked: Option<&Invocation>,
) -> Result<Vec<Job>> {
    let set = &case.recorded.plan_set;
    let mut report = set.report.clone();
    report.findings.clear();
    report.warnings.retain(|warning| !matches!(warning, Warning::PolicyChanged(_)));
    let changes = setting_changes(Some(&case.trees.planned), &case.trees.config);
    report.warnings.push(Warning::PolicyChanged(changes));
    await_confirmation(app, case, (&mut report, set.plans.clone())).await?;
    match (asked, report.digest) {
        (None, _) => Ok(Vec::new()),
        (Some(_), Some(current)) => Err(Refusal::PolicyChanged { current }.into()),
        (Some(_), None) => Err(Refusal::NothingPlanned.into()),
    }
}

/// Records what would happen now under the policy of now, and shows it under its digest.
pub async fn await_confirmation(
    app: &App,
    case: &ApplyContext<'_>,
    (report, plans): (&mut Change, Vec<StackPlan>),
) -> Result<PlanSetId> {
    let (set, trees) = (&case.recorded.plan_set, case.trees);
    report.state = ChangeState::AwaitingConfirmation;
    report.basis = Some(Basis { base: set.base_ref.clone(), policy: trees.policy.clone() });
    report.tell_self_approval(trees.config.approvals.own);
    report.digest = digest_to_confirm(report, &plans);
    let set = PlanSet {
        digest: report.plan_set_digest(),
        policy_digest: trees.policy.clone(),
        created_at: app.now(),
        report: report.clone(),
        plans,
        ..set.clone()
    };
    let id = app.store.record_plan_set(&set).await?;
    // Nobody has seen it yet: whatever was approved, it was not this.
    let shown_now = app.store.plan_set(id).await?;
    let shown_now = shown_now.map(|set| RecordedPlanSet { posted_at: Some(app.now()), ..set });
    let _ = requirements_met(app, case, (shown_now.as_ref(), report)).await?;
    app.store.record_report(id, report).await?;
    outbox::comment(app, case.target, report).await.map(|()| id)
}

/// What cannot be applied is not to be confirmed either.
fn digest_to_confirm(report: &Change, plans: &[StackPlan]) -> Option<Digest> {
    let is_applicable = !report.has_errors() && !plans.is_empty();
    is_applicable.then(|| report.plan_set_digest())
}
