//! `/infra allow`: a person who may approve allows named protected resources to be deleted or
//! replaced.
//!
//! An allowance is bound like an approval, to the head and the plan set that were shown.

use planwright_core::{
    approval::principal_role,
    job::{Allow, Job, Target},
    pull_request::PullRequest,
};
use planwright_git::Want;
use planwright_store::Allowance;
use planwright_view::Refusal;

use super::{Run, verdict};
use crate::{
    app::App,
    flow::{JobContext, Result, id_of, merge_preview, people::people},
};

impl Run for Allow {
    async fn run(&self, context: &JobContext<'_>) -> Result<Vec<Job>> {
        allow(context.app, self).await.map(|()| Vec::new())
    }
}

/// Records the allowance and computes a new verdict.
async fn allow(app: &App, job: &Allow) -> Result<()> {
    let Allow { target, asked, stack, addresses } = job;
    let pull = app.github.pull_request(&target.repository, target.number).await?;
    let recorded =
        app.store.latest_plan_set(id_of(target)).await?.ok_or(Refusal::NothingPlanned)?;
    if recorded.plan_set.head != pull.head {
        return Err(Refusal::Outdated.into());
    }
    let principals = people(app, target, &pull).await?.principals;
    if let Some(why) = principal_role(asked.by.id, &principals)
        && !allows_own(app, target, &pull).await?
    {
        let login = asked.by.login.clone();
        return Err(Refusal::Principal { login, command: "allow", why }.into());
    }
    let change = &recorded.change;
    let Some(shown) = change.stacks.iter().find(|shown| shown.stack == *stack) else {
        return Err(Refusal::NotAffected { stack: stack.clone() }.into());
    };
    if let Some(address) = addresses.iter().find(|address| !shown.protected.contains(*address)) {
        let known = shown.protected.iter().cloned().collect();
        let (stack, address) = (stack.clone(), address.clone());
        return Err(Refusal::NotProtected { stack, address, known }.into());
    }
    for address in addresses {
        let allowance = Allowance {
            stack: stack.clone(),
            address: address.clone(),
            user: asked.by.id,
            login: asked.by.login.clone(),
            head: pull.head.clone(),
            plan_set: recorded.plan_set.digest.clone(),
            at: asked.at,
        };
        app.store.record_allowance(id_of(target), &allowance).await?;
    }
    verdict::verdict(app, target, None).await.map(drop)
}

/// Returns whether the settings of the base let principals of a change allow it.
async fn allows_own(app: &App, target: &Target, pull: &PullRequest) -> Result<bool> {
    let wants = [Want::Branch(pull.base_ref.clone())];
    let mirror = merge_preview::fetch(app, target, &wants).await?;
    let config = merge_preview::config(&mirror, &mirror.tree(&pull.base).await?).await?;
    Ok(config.is_ok_and(|config| config.approvals.own))
}
