//! Gathers who has a part in a change: its commits, the pushes that brought them, and what nobody but
//! git can tell. `core::people` decides who is a principal, and what is known of nobody.

use std::collections::{BTreeMap, BTreeSet};

use planwright_core::{
    approval::{Principal, PrincipalRole},
    job::Target,
    names::{Login, Sha, UserId},
    people::{self, People, PeopleFacts, PushKind},
    pull_request::{CommitAuthors, PullRequest},
};
use planwright_git::{Merge, Mirror, Want};
use planwright_store::{Push, PushedTo};

use super::{Result, facts::person, id_of, merge_preview};
use crate::app::App;

/// The number of merges of the base that are looked at.
const MOST_UPDATES: usize = 20;

/// Returns who has a part in a change.
pub async fn people(app: &App, target: &Target, pull: &PullRequest) -> Result<People> {
    let commits: Vec<Sha> = pull.commits.iter().map(|commit| commit.sha.clone()).collect();
    let pushes_told = pushes(app, target, pull, &commits).await?;
    let CodePeople { authors, lifters } = code_people(app, target).await?;
    let mut lifts = app.store.lifters(id_of(target), &pull.head).await?;
    lifts.extend(lifters);
    let updates = updates(app, target, pull).await?;
    let ours = app.github.login().await?;
    let mut facts = PeopleFacts {
        pull,
        pushes: &pushes_told,
        lifts: &lifts,
        code_authors: &authors,
        ours,
        updates: &updates,
    };
    let pushes_found;
    if people::is_untraced(&facts) && record_moves(app, target, pull).await? {
        pushes_found = pushes(app, target, pull, &commits).await?;
        facts.pushes = &pushes_found;
    }
    let mut writers = BTreeSet::new();
    for (user, login) in people::permissions_needed(&facts) {
        if app.github.permission(&target.repository, &person(user, login)).await?.can_write() {
            writers.insert(user);
        }
    }
    Ok(people::people(&facts, &writers))
}

/// Returns who pushed to the branch of a pull request, or one of `commits` to any branch, or asked
/// for a push.
pub async fn pushers(
    app: &App,
    target: &Target,
    pull: &PullRequest,
    commits: &[Sha],
) -> Result<BTreeMap<UserId, Login>> {
    let mut pushes = pushes(app, target, pull, commits).await?;
    pushes.retain(|push| push.kind != PushKind::Deletion);
    Ok(pushes.into_iter().map(|push| (push.by, push.login)).collect())
}

/// Returns the authors of code as principals of a change that runs it.
pub fn authors(authors: BTreeMap<UserId, Login>) -> impl Iterator<Item = Principal> {
    authors.into_iter().map(|(user, login)| Principal { user, login, why: PrincipalRole::Authored })
}

/// Returns the pushes to the branch of a pull request, and of `commits` to any branch. The branch
/// is one of the repository of the head: a branch of a fork has nothing in common with one of ours
/// that has the same name.
async fn pushes(
    app: &App,
    target: &Target,
    pull: &PullRequest,
    commits: &[Sha],
) -> Result<Vec<people::Push>> {
    let pushed_to = PushedTo {
        pull_request: id_of(target),
        repository: pull.head_repository,
        branch: &pull.head_ref,
        opened_at: pull.created_at,
        commits,
    };
    Ok(app.store.pushes_to(&pushed_to).await?)
}

/// Records the pushes to a branch that GitHub knows of, since a webhook may be late or lost.
/// Returns whether there are any.
async fn record_moves(app: &App, target: &Target, pull: &PullRequest) -> Result<bool> {
    let moves = app.github.branch_moves(&target.repository, &pull.head_ref).await?;
    for moved in &moves {
        let push = Push {
            repository: target.repository.id,
            git_ref: format!("refs/heads/{}", pull.head_ref),
            before: moved.before.clone(),
            after: moved.after.clone(),
            user: moved.by.id,
            login: moved.by.login.clone(),
            kind: if moved.after.is_zero() { PushKind::Deletion } else { PushKind::Push },
            at: moved.at,
        };
        app.store.record_push(&push).await?;
    }
    Ok(!moves.is_empty())
}

/// Who has a part in code that the change runs and nobody has approved.
#[derive(Default)]
struct CodePeople {
    authors: BTreeMap<UserId, Login>,
    lifters: BTreeMap<UserId, Login>,
}

async fn code_people(app: &App, target: &Target) -> Result<CodePeople> {
    let repository = target.repository.id;
    let recorded = app.store.latest_plan_set(id_of(target)).await?;
    let codes = recorded.map_or_else(BTreeSet::new, |recorded| recorded.change.code_digests());
    let mut people = CodePeople::default();
    if codes.is_empty() {
        return Ok(people);
    }
    let approved = app.store.approved_code(repository).await?;
    for code in codes.iter().filter(|code| !approved.may_apply(code)) {
        people.authors.extend(app.store.code_authors(repository, code).await?);
        people.lifters.extend(app.store.code_lifters(repository, code).await?);
    }
    Ok(people)
}

/// Returns the merges of the base into the head, as by *Update branch*, that contain nothing else:
/// their tree is the one that we compute.
async fn updates(app: &App, target: &Target, pull: &PullRequest) -> Result<BTreeSet<Sha>> {
    let merges = pull.commits.iter().filter(|commit| commit.parents.len() == 2);
    let merges: Vec<&CommitAuthors> = merges.take(MOST_UPDATES).collect();
    let mut updates = BTreeSet::new();
    if merges.is_empty() {
        return Ok(updates);
    }
    let mut mirror = app.git.mirror(target.repository.id);
    if !mirror.has(&pull.head).await? || !mirror.has(&pull.base).await? {
        let wants = [Want::Branch(pull.base_ref.clone()), Want::PullRequest(pull.number)];
        mirror = merge_preview::fetch(app, target, &wants).await?;
    }
    for merge in merges {
        // What git cannot tell is a commit like any other.
        if is_update(&mirror, pull, merge).await.unwrap_or(false) {
            updates.insert(merge.sha.clone());
        }
    }
    Ok(updates)
}

async fn is_update(
    mirror: &Mirror,
    pull: &PullRequest,
    merge: &CommitAuthors,
) -> planwright_git::Result<bool> {
    let [into, base] = &merge.parents[..] else { return Ok(false) };
    if !mirror.is_ancestor(base, &pull.base).await? {
        return Ok(false);
    }
    let tree = mirror.tree(&merge.sha).await?;
    Ok(matches!(mirror.merge(base, into).await?, Merge::Tree(ours) if ours == tree))
}
