//! What is not run of a head, and who may have it run all the same.
//!
//! A plan runs providers and the code of packages. What comes from outside, or is such code, is only
//! looked at until a maintainer has seen just that and asks for it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::{
    app::App,
    flow::{Result, facts, id_of},
};
use planwright_core::change::NotPlanned;
use planwright_core::{approval::principal_role, job::Invocation, names::StackId};
use planwright_package::affected::Reason;
use planwright_view::Refusal;

use super::PlanRequest;

/// Whether the head may be run.
pub struct PlanGate {
    /// Why nothing may be, if so.
    pub withheld: Option<NotPlanned>,
    /// Whether a maintainer asked for this very head.
    pub overridden: bool,
}

impl PlanGate {
    pub async fn of(app: &App, request: &PlanRequest<'_>) -> Result<Self> {
        Ok(match lifts(app, request).await? {
            Some(_) => Self { withheld: None, overridden: true },
            None => Self { withheld: withheld(app, request).await?, overridden: false },
        })
    }
}

/// The folder of the package whose bytes change under a stack.
pub fn changes_package(reasons: &BTreeSet<Reason>) -> Option<&str> {
    reasons.iter().find_map(|reason| match reason {
        Reason::Package { folder } => Some(folder.as_str()),
        _ => None,
    })
}

/// Refuses whoever would lift the hold on code of their own: it runs with our credentials, so it
/// takes two.
pub async fn refuse_own_code(
    app: &App,
    request: &PlanRequest<'_>,
    affected: &BTreeMap<StackId, BTreeSet<Reason>>,
) -> Result<()> {
    let Some(package) = affected.values().find_map(changes_package) else { return Ok(()) };
    let Some(asked) = lifts(app, request).await? else { return Ok(()) };
    if request.preview.config.as_ref().is_ok_and(|config| config.approvals.own) {
        return Ok(());
    }
    let principals = facts::principals(app, request.scene.target, &request.scene.look.pull).await?;
    match principal_role(asked.by.id, &principals) {
        None => Ok(()),
        Some(why) => {
            let (login, package) = (asked.by.login.clone(), package.to_owned());
            Err(Refusal::OwnCode { login, package, why }.into())
        }
    }
}

/// Who asks for a plan of just what stands in our comment on this head, if it is so.
async fn lifts<'a>(app: &App, request: &PlanRequest<'a>) -> Result<Option<&'a Invocation>> {
    let Some(asked) = request.scene.asked else { return Ok(None) };
    let seen = app.store.latest_plan_set(id_of(request.scene.target)).await?;
    let was_before = |posted: Timestamp| posted < asked.at;
    let has_read = seen.is_some_and(|seen| {
        seen.plan_set.head == request.scene.look.pull.head && seen.posted_at.is_some_and(was_before)
    });
    Ok(Some(asked).filter(|_| has_read))
}

/// A plan runs providers: only for branches of this repository, pushed by people who may write.
async fn withheld(app: &App, request: &PlanRequest<'_>) -> Result<Option<NotPlanned>> {
    let (target, pull) = (request.scene.target, &request.scene.look.pull);
    if pull.is_from_fork() {
        return Ok(Some(NotPlanned::Fork));
    }
    let heads = [pull.head.clone()];
    let mut pushers = app.store.pushers(target.repository.id, &pull.head_ref, &heads).await?;
    if pushers.is_empty() {
        // The push was not heard of; whoever opened the pull request stands for it.
        pushers.insert(pull.author.id, pull.author.login.clone());
    }
    // What the bot commits, it commits for people who are noted as pushers too, and asked live.
    let ours = app.github.login().await?;
    for (user, login) in pushers.into_iter().filter(|(_, login)| login != ours) {
        let actor = facts::person(user, login);
        if !app.github.permission(&target.repository, &actor).await?.can_write() {
            return Ok(Some(NotPlanned::PusherMayNotWrite));
        }
    }
    Ok(None)
}
