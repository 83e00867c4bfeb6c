//! `/infra drift`: reports in a reply what a plan of the last applied trees would do.

use planwright_core::{
    change::DriftCheck,
    job::{Drift, Job},
    names::StackId,
};
use planwright_git::Want;
use planwright_store::AppliedStack;
use planwright_view as view;
use planwright_view::{Missing, Refusal};

use super::{Run, plan};
use crate::{
    app::App,
    flow::{
        JobContext, Result, id_of, merge_preview, outbox,
        own_code::{AllowedCode, Base, approved_code},
    },
};

impl Run for Drift {
    async fn run(&self, context: &JobContext<'_>) -> Result<Vec<Job>> {
        drift(self, context).await.map(|()| Vec::new())
    }
}

/// Checks the named stacks; without names, those of the pull request, or all if it affects none.
async fn drift(job: &Drift, context: &JobContext<'_>) -> Result<()> {
    let (app, Drift { target, asked, .. }) = (context.app, job);
    let repository = target.repository.id;
    let applied: Vec<AppliedStack> =
        app.store.applied_stacks(repository).await?.into_iter().filter(|s| !s.removed).collect();
    let wanted = wanted(app, job, &applied).await?;
    let pull = app.github.pull_request(&target.repository, target.number).await?;
    if !pull.is_into_default_branch() {
        return Err(Refusal::NotMet(Missing::OtherBase).into());
    }
    let mirror = merge_preview::fetch(app, target, &[Want::Branch(pull.base_ref.clone())]).await?;
    let base = mirror.tree(&pull.base).await?;
    let config = match merge_preview::config(&mirror, &base).await? {
        Ok(config) => config,
        Err(findings) => return Err(Refusal::NotMet(Missing::Settings(findings)).into()),
    };
    let (mirror, config) = (&mirror, &config);
    let base = Base { mirror, commit: &pull.base, config };
    let approved = approved_code(app, repository, base).await?;
    let site = plan::DriftSite { mirror, config, code: AllowedCode::OfPlans(&approved) };
    let mut reports = Vec::new();
    for stack in wanted {
        let report = match applied.iter().find(|applied| applied.stack == stack) {
            None => DriftCheck::NeverApplied,
            Some(applied) => plan::drift_of(context, site, applied).await?,
        };
        app.metrics.drift_check(&report);
        reports.push((stack, report));
    }
    outbox::reply(app, target, asked, &view::drift(&reports)).await
}

async fn wanted(app: &App, job: &Drift, applied: &[AppliedStack]) -> Result<Vec<StackId>> {
    let Drift { target, stacks, .. } = job;
    let known: Vec<StackId> = applied.iter().map(|applied| applied.stack.clone()).collect();
    if let Some(stack) = stacks.iter().find(|stack| !known.contains(stack)) {
        return Err(Refusal::UnknownStack { stack: stack.clone(), known }.into());
    }
    if !stacks.is_empty() {
        return Ok(stacks.clone());
    }
    let shown = app.store.latest_plan_set(id_of(target)).await?;
    let affected: Vec<StackId> = shown
        .iter()
        .flat_map(|recorded| &recorded.change.stacks)
        .map(|stack| stack.stack.clone())
        .collect();
    Ok(if affected.is_empty() { known } else { affected })
}
