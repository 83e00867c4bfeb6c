//! A merged change that differs from what was approved: shows the current plan until it is
//! confirmed.

use planwright_core::{
    approval::principal_role,
    change::{Basis, Change, Replanned},
    digest::Digest,
    job::{Invocation, Job},
    repo_config::{SettingChange, setting_changes},
    verdict::Requirement,
};
use planwright_store::{Approval, ApprovalKind, PlanSet, PlanSetId, RecordedPlanSet, StackPlan};
use planwright_view::{Missing, Refusal};

use super::{ApplyContext, requirements_met, show};
use crate::{
    app::App,
    flow::{Result, id_of, outbox, people::people},
};

/// Records a confirmation: `/infra apply` approves the plan that it names, under the rules of any
/// approval.
pub async fn confirm(app: &App, apply: &ApplyContext<'_>, asked: &Invocation) -> Result<()> {
    let ApplyContext { target, pull, recorded, trees, digest, .. } = *apply;
    let set = &recorded.plan_set;
    let principals = people(app, target, pull).await?.principals;
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
        settings_digest: set.settings_digest.clone(),
        submitted_at: asked.at,
    };
    Ok(app.store.record_approval(id_of(target), &approval).await?)
}

/// Reports that a merged change is not approved as it is: what is missing and how to confirm it.
pub async fn waiting(app: &App, apply: &ApplyContext<'_>, change: Change) -> Result<()> {
    let change = change.awaiting_confirmation(&apply.recorded.plan_set.digest)?;
    show(app, apply, &change).await?;
    match (apply.asked, &change.digest) {
        (None, _) => Ok(()),
        (Some(_), Some(current)) if apply.digest.is_none() => {
            Err(Refusal::PlanNeeded { current: current.clone() }.into())
        }
        _ => {
            let unreadable = change.findings.first().cloned();
            let unmet = change.verdict.as_ref().and_then(Requirement::first_unmet);
            let missing = match (unreadable, unmet) {
                (Some(finding), _) => Missing::Settings(vec![finding]),
                (None, Some(unmet)) => Missing::Requirement(Box::new(unmet.clone())),
                (None, None) => Missing::Approval,
            };
            Err(Refusal::NotMet(missing).into())
        }
    }
}

/// Handles settings that have changed since the change was planned and approved: shows the change
/// under the current settings, under which it can be confirmed.
pub async fn settings_changed(app: &App, apply: &ApplyContext<'_>) -> Result<Vec<Job>> {
    let recorded = apply.recorded;
    let changed = setting_changes(Some(&apply.trees.planned), &apply.trees.config);
    let again = PlannedAgain {
        change: recorded.change.clone(),
        plans: recorded.plan_set.plans.clone(),
        changed_settings: Some(changed),
    };
    let (_, change) = await_confirmation(app, apply, again).await?;
    match (apply.asked, &change.digest) {
        (None, _) => Ok(Vec::new()),
        (Some(_), Some(current)) => {
            Err(Refusal::SettingsChanged { current: current.clone() }.into())
        }
        (Some(_), None) => Err(Refusal::NothingPlanned.into()),
    }
}

/// A new plan that differs from the approved one.
pub struct PlannedAgain {
    pub change: Change,
    pub plans: Vec<StackPlan>,
    /// The settings that changed since, if that is the reason.
    pub changed_settings: Option<Vec<SettingChange>>,
}

/// Records the new plan under the current settings, and shows it with its digest.
pub async fn await_confirmation(
    app: &App,
    apply: &ApplyContext<'_>,
    again: PlannedAgain,
) -> Result<(PlanSetId, Change)> {
    let (set, trees) = (&apply.recorded.plan_set, apply.trees);
    let change = again.change.replanned(Replanned {
        basis: Basis { base: set.base_ref.clone(), settings: trees.settings_digest.clone() },
        allows_self_approval: trees.config.approvals.own,
        changed_settings: again.changed_settings,
    })?;
    let set = PlanSet {
        digest: change.plan_set_digest(),
        settings_digest: trees.settings_digest.clone(),
        created_at: app.now(),
        plans: again.plans,
        ..set.clone()
    };
    let id = app.store.record_plan_set(&set, &change).await?;
    // Nobody has seen this plan set yet, so no earlier approval applies to it.
    let shown_now = app.store.plan_set(id).await?;
    let shown_now = shown_now.map(|set| RecordedPlanSet { posted_at: Some(app.now()), ..set });
    let (change, _) = requirements_met(app, apply, shown_now.as_ref(), change).await?;
    app.store.record_change(id, &change).await?;
    outbox::comment(app, apply.target, &change).await?;
    Ok((id, change))
}
