//! `/infra set`: commits to the pull request with the comment, or opens a pull request for an
//! issue.

use std::collections::BTreeMap;

use planwright_core::{
    change_set::{ChangeSet, Edit},
    job::{Invocation, Job, Set, SetParams, Target},
    names::Sha,
    pull_request::PullRequestState,
};
use planwright_git::Want;
use planwright_github as github;
use planwright_package::{
    Checked, edit::Edited, literal::literal, prepare::package_of, stack::Stack,
};
use planwright_view::{Refusal, text, words};

use super::Run;
use crate::{
    app::App,
    flow::{
        JobContext, Result, merge_preview, outbox,
        propose::{self, Configuration, Draft},
    },
};

impl Run for Set {
    async fn run(&self, context: &JobContext<'_>) -> Result<Vec<Job>> {
        let Self { target, asked, change, on_pull_request } = self;
        match on_pull_request {
            true => on_pull(context.app, target, asked, change).await?,
            false => on_issue(context.app, target, asked, change).await?,
        }
        Ok(Vec::new())
    }
}

async fn on_pull(app: &App, target: &Target, asked: &Invocation, change: &SetParams) -> Result<()> {
    let pull = app.github.pull_request(&target.repository, target.number).await?;
    if pull.state != PullRequestState::Open {
        return Err(Refusal::Closed.into());
    }
    if pull.is_from_fork() {
        return Err(Refusal::SetInFork { stack: change.stack.clone() }.into());
    }
    let wants = [Want::Branch(pull.base_ref.clone()), Want::PullRequest(pull.number)];
    let mirror = merge_preview::fetch(app, target, &wants).await?;
    let trees = (mirror.tree(&pull.base).await?, mirror.tree(&pull.head).await?);
    let edited = change_of(&mirror, &trees.0, &trees.1, change).await?;
    let people = [asked.by.clone()];
    let draft = Draft { target, asked_by: &people, edited: &edited, run: None };
    let head = propose::commit(app, &draft, &pull.head_ref, &pull.head).await?;
    let text = text!["Committed ", words(head), ": ", words(draft.proposal().title()), "."];
    outbox::reply(app, target, asked, &text.into()).await
}

async fn on_issue(
    app: &App,
    target: &Target,
    asked: &Invocation,
    change: &SetParams,
) -> Result<()> {
    let issue = match app.github.issue(&target.repository, target.number).await {
        Err(github::Error::NotFound { .. }) => return Err(Refusal::IssueClosed.into()),
        issue => issue?,
    };
    if !issue.is_open {
        return Err(Refusal::IssueClosed.into());
    }
    let mirror = merge_preview::fetch(app, target, &[Want::Branch(issue.base_ref.clone())]).await?;
    let tree = mirror.tree(&issue.base).await?;
    let edited = change_of(&mirror, &tree, &tree, change).await?;
    let people = [asked.by.clone()];
    let draft = Draft { target, asked_by: &people, edited: &edited, run: None };
    let number = propose::open(app, &draft, &issue).await?;
    let text = text!["Opened ", number, ": ", words(draft.proposal().title()), "."];
    outbox::reply(app, target, asked, &text.into()).await
}

async fn change_of(
    mirror: &planwright_git::Mirror,
    base: &Sha,
    tree: &Sha,
    change: &SetParams,
) -> Result<Edited> {
    let configuration = Configuration::read(mirror, base, tree).await?.map_err(Refusal::Invalid)?;
    let edited = typed(&configuration, change)
        .and_then(|change_set| configuration.edited(&change_set))
        .map_err(Refusal::Invalid)?;
    if edited.files.is_empty() { Err(Refusal::NothingToSet.into()) } else { Ok(edited) }
}

/// Returns the change set, with the texts converted to the types of the package's params.
fn typed(configuration: &Configuration, change: &SetParams) -> Checked<ChangeSet> {
    let mut params = BTreeMap::new();
    // If the stack does not exist, applying the edit reports that, with the existing stacks.
    let stack = Stack::read(&configuration.files, &change.stack);
    let package = stack.and_then(|stack| package_of(&stack, &configuration.trusted())).ok();
    for (path, text) in &change.params {
        let schema = package.as_ref().and_then(|package| package.param(path.steps()));
        params.insert(path.clone(), literal(text, schema));
    }
    Ok(ChangeSet(vec![Edit::SetParams { stack: change.stack.clone(), params }]))
}
