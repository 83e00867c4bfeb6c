//! Which parts of a head are not run, and who may override that.
//!
//! A plan runs providers and the code of packages. Code from outside, or changed packages, are not
//! run until a maintainer has seen the comment about exactly this head and then requests a plan.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use planwright_core::{
    approval::principal_role, change::NotPlanned, job::Invocation, names::StackId,
};
use planwright_package::affected::Reason;
use planwright_view::Refusal;

use super::Planning;
use crate::flow::{Result, facts, merge_preview::MergePreview};

/// Whether the head may be run.
pub struct PlanGate {
    /// Why nothing of the head is run, if so.
    pub withheld: Option<NotPlanned>,
    /// Whether a maintainer requested a plan of exactly this head.
    pub overridden: bool,
}

impl PlanGate {
    pub async fn new(planning: &Planning<'_>) -> Result<Self> {
        Ok(match overriding(planning).await? {
            Some(_) => Self { withheld: None, overridden: true },
            None => Self { withheld: withheld(planning).await?, overridden: false },
        })
    }
}

/// Returns the folder of the stack's package if its files change.
pub fn changes_package(reasons: &BTreeSet<Reason>) -> Option<&str> {
    reasons.iter().find_map(|reason| match reason {
        Reason::Package { folder } => Some(folder.as_str()),
        _ => None,
    })
}

/// Refuses a person who would override the gate for code of their own: it runs with the bot's
/// credentials, so two people are needed.
pub async fn refuse_own_code(
    planning: &Planning<'_>,
    preview: &MergePreview,
    affected: &BTreeMap<StackId, BTreeSet<Reason>>,
) -> Result<()> {
    let Some(package) = affected.values().find_map(changes_package) else { return Ok(()) };
    let Some(invocation) = overriding(planning).await? else { return Ok(()) };
    if preview.config.as_ref().is_ok_and(|config| config.approvals.own) {
        return Ok(());
    }
    let context = planning.context;
    let principals = facts::principals(context.app, context.target, planning.pull()).await?;
    match principal_role(invocation.by.id, &principals) {
        None => Ok(()),
        Some(why) => {
            let (login, package) = (invocation.by.login.clone(), package.to_owned());
            Err(Refusal::OwnCode { login, package, why }.into())
        }
    }
}

/// Returns the request for a plan if it was made after our comment on this head was posted.
async fn overriding<'a>(planning: &'a Planning<'_>) -> Result<Option<&'a Invocation>> {
    let Some(invocation) = planning.invocation() else { return Ok(None) };
    let shown = planning.context.app.store.latest_plan_set(planning.id()).await?;
    let was_before = |posted: Timestamp| posted < invocation.at;
    let has_read = shown.is_some_and(|shown| {
        shown.plan_set.head == planning.pull().head && shown.posted_at.is_some_and(was_before)
    });
    Ok(Some(invocation).filter(|_| has_read))
}

/// Returns why nothing of the head is run, if so. A plan runs providers, so only branches of this
/// repository are planned, and only if the people who pushed them have write permission.
async fn withheld(planning: &Planning<'_>) -> Result<Option<NotPlanned>> {
    let (app, target, pull) = (planning.context.app, planning.context.target, planning.pull());
    if pull.is_from_fork() {
        return Ok(Some(NotPlanned::Fork));
    }
    let heads = [pull.head.clone()];
    let mut pushers = app.store.pushers(target.repository.id, &pull.head_ref, &heads).await?;
    if pushers.is_empty() {
        // The push was not recorded, so the author of the pull request counts instead.
        pushers.insert(pull.author.id, pull.author.login.clone());
    }
    // For commits by the bot, the people who requested them are recorded as pushers and checked
    // too.
    let ours = app.github.login().await?;
    for (user, login) in pushers.into_iter().filter(|(_, login)| login != ours) {
        let actor = facts::person(user, login);
        if !app.github.permission(&target.repository, &actor).await?.can_write() {
            return Ok(Some(NotPlanned::PusherMayNotWrite));
        }
    }
    Ok(None)
}
