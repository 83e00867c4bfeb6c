//! The end of an agent run: its edits become a draft pull request, if there are any.

use planwright_core::{
    agent::{
        call::Outcome,
        event::{End, Event, Published},
    },
    job::Target,
    names::BranchName,
};
use planwright_view::{Refusal, RunFacts, RunReport, RunState};

use super::{Logged, show, workspace::Workspace};
use crate::{
    app::App,
    flow::{
        Error, Result,
        propose::{self, Destination, Draft},
    },
};

/// Publishes the edits of a run, if it has any, and records its end.
pub async fn close(
    app: &App,
    target: &Target,
    logged: &mut Logged,
    how: End,
    workspace: &Workspace,
) -> Result<()> {
    // People may have answered or instructed the run since, so the comment is updated first.
    show(app, target, &logged.run).await?;
    let (how, published) = match published(app, target, logged, &how, workspace).await {
        Ok(published) => (how, published),
        Err(Error::Refused(refusal)) => (End::Unpublished(refusal.to_string()), None),
        Err(error) => return Err(error),
    };
    logged.append(app, Event::Ended { how, published }).await
}

/// Returns whether the edits are to be published even if they are incomplete.
fn is_worth_seeing(how: &End) -> bool {
    !matches!(how, End::Superseded | End::Cancelled)
        && !matches!(how, End::Finished(outcome) if *outcome != Outcome::Propose)
}

async fn published(
    app: &App,
    target: &Target,
    logged: &Logged,
    how: &End,
    workspace: &Workspace,
) -> Result<Option<Published>> {
    let Some(edited) = workspace.edited.as_ref().filter(|edited| !edited.files.is_empty()) else {
        return Ok(None);
    };
    if !is_worth_seeing(how) {
        return Ok(None);
    }
    let run = &logged.run;
    for person in &run.people {
        // The pull request is made in their name, and their permission may have changed since they
        // asked.
        if !app.github.permission(&target.repository, person).await?.can_write() {
            let (login, command) = (person.login.clone(), "propose");
            return Err(Refusal::NotAllowed { login, command }.into());
        }
    }
    let mut report = RunReport::from(run);
    report.state = RunState::Over(how.clone());
    let hash = run.last.hash.clone();
    let facts = RunFacts { report, id: logged.id.to_string(), hash };
    let draft = Draft { target, asked_by: &run.people, edited, run: Some(&facts) };
    let place = Destination {
        branch: branch(target, logged)?,
        base_ref: run.request.base_ref.clone(),
        base: run.request.base.clone(),
        ours: run.published.as_ref().map(|published| published.head.clone()),
    };
    let (pull_request, head) = propose::open_at(app, &draft, &place).await?;
    Ok(Some(Published { pull_request, branch: place.branch, head }))
}

/// Returns the branch name for a run; no other run has the same.
fn branch(target: &Target, logged: &Logged) -> Result<BranchName> {
    let id = logged.id.0.simple().to_string();
    let branch = BranchName::parse(format!("planwright/{}-{}", target.number, &id[20..]));
    Ok(branch.map_err(anyhow::Error::from)?)
}
