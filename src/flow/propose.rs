//! Turns a change set into a commit and, if it was requested in an issue, into a pull request.
//!
//! Each step checks before it writes, so that it can be repeated after a crash. Who asked is
//! recorded before anything else, because nobody may approve what they asked for. A branch that the
//! bot did not make is left alone, whatever is on it.

use std::collections::BTreeMap;

use planwright_core::{
    actor::Actor,
    change_set::ChangeSet,
    issue::{self, Issue},
    job::Target,
    names::{BranchName, PrNumber, Sha},
    people::PushKind,
    proposal::{self, Found, OwnBranch, Place},
    repo_config::RepoConfig,
};
use planwright_git::{Mirror, Want};
use planwright_github as github;
use planwright_github::{NewCommit, NewPullRequest};
use planwright_package::{
    Checked, Trusted,
    edit::{Edited, apply_edits},
    files::MemoryFiles,
    repository::STACKS,
};
use planwright_store::Push;
use planwright_view::{Proposal, Refusal, RunFacts};

use super::{Error, Result, merge_preview};
use crate::app::App;

/// The new content by path; `None` for a removed file.
type Files = BTreeMap<String, Option<Vec<u8>>>;

/// A tree to be changed, and what is trusted about it.
pub struct Configuration {
    pub config: RepoConfig,
    /// The files from which packages are read.
    pub base: MemoryFiles,
    /// The files that are changed.
    pub files: MemoryFiles,
}

impl Configuration {
    /// Returns findings if the repository itself is invalid.
    pub async fn read(mirror: &Mirror, base: &Sha, tree: &Sha) -> Result<Checked<Self>> {
        let config = match merge_preview::config(mirror, base).await? {
            Ok(config) => config,
            Err(findings) => return Ok(Err(findings)),
        };
        let folders = merge_preview::folders(Some(&config));
        let base = merge_preview::files(mirror, base, &folders).await?;
        let files = merge_preview::files(mirror, tree, &folders).await?;
        Ok(base.and_then(|base| Ok(Self { config, base, files: files? })))
    }

    pub fn trusted(&self) -> Trusted<'_> {
        Trusted { config: &self.config, packages: &self.base }
    }

    pub fn edited(&self, change_set: &ChangeSet) -> Checked<Edited> {
        apply_edits(&self.files, &self.trusted(), change_set)
    }
}

/// What is to be committed, and for whom.
pub struct Draft<'a> {
    pub target: &'a Target,
    pub asked_by: &'a [Actor],
    pub edited: &'a Edited,
    pub run: Option<&'a RunFacts>,
}

/// Where a pull request is opened.
#[derive(Clone, Debug)]
pub struct Destination {
    pub branch: BranchName,
    pub base_ref: BranchName,
    pub base: Sha,
    /// The head that an earlier commit of ours left on the branch; new commits may build on it.
    pub ours: Option<Sha>,
}

impl Draft<'_> {
    pub fn proposal(&self) -> Proposal<'_> {
        Proposal {
            asked_in: self.target.number,
            asked_by: self.asked_by,
            params: &self.edited.params,
            added: &self.edited.added,
            removed: &self.edited.removed,
            run: self.run,
        }
    }
}

/// Commits to `branch`, whose head is `parent`.
pub async fn commit(
    app: &App,
    draft: &Draft<'_>,
    branch: &BranchName,
    parent: &Sha,
) -> Result<Sha> {
    for person in draft.asked_by {
        record_asker(app, draft.target, branch, person).await?;
    }
    commit_files(app, draft, branch, parent, &draft.edited.files).await
}

/// Records that somebody asks for a commit to a branch: they are a principal of the change, like
/// whoever pushes one. To be called before anything else happens.
pub async fn record_asker(
    app: &App,
    target: &Target,
    branch: &BranchName,
    by: &Actor,
) -> Result<()> {
    let push = Push {
        repository: target.repository.id,
        git_ref: format!("refs/heads/{branch}"),
        before: Sha::zero(),
        after: Sha::zero(),
        user: by.id,
        login: by.login.clone(),
        kind: PushKind::Asked,
        at: app.now(),
    };
    Ok(app.store.record_push(&push).await?)
}

async fn commit_files(
    app: &App,
    draft: &Draft<'_>,
    branch: &BranchName,
    parent: &Sha,
    files: &Files,
) -> Result<Sha> {
    let is_stack = |path: &&String| path.starts_with(&format!("{STACKS}/"));
    if let Some(path) = files.keys().find(|path| !is_stack(path)) {
        return Err(anyhow::anyhow!("a change set touches {path}, which is no stack").into());
    }
    let proposal = draft.proposal();
    let new = NewCommit {
        branch: branch.clone(),
        parent: parent.clone(),
        headline: proposal.title(),
        body: proposal.commit_body(&app.github.noreply_host()),
        files: files.clone(),
    };
    match app.github.commit(&draft.target.repository, &new).await {
        Ok(head) => {
            let own = app.store.own_branch(draft.target.repository.id, branch).await?;
            if own.is_some_and(|own| own.tip() == parent) {
                app.store.record_own_head(draft.target.repository.id, branch, &head).await?;
            }
            Ok(head)
        }
        Err(github::Error::Refused { call, status, message }) => {
            let head = app.github.branch(&draft.target.repository, branch).await?;
            if head.as_ref() != Some(parent) {
                return Err(Refusal::HeadMoved.into());
            }
            Err(github::Error::Refused { call, status, message }.into())
        }
        Err(error) => Err(unknown_is_later(app, error)),
    }
}

/// Opens a pull request for an issue; creates branch, commit and pull request as far as they do not
/// exist yet.
pub async fn open(app: &App, draft: &Draft<'_>, issue: &Issue) -> Result<PrNumber> {
    let stacks = draft.edited.added.keys().chain(&draft.edited.removed);
    let first = stacks.chain(draft.edited.params.iter().map(|change| &change.stack)).next();
    let Some(stack) = first else { return Err(Refusal::NothingToSet.into()) };
    let place = Destination {
        branch: issue::branch(issue.number, stack).map_err(anyhow::Error::from)?,
        base_ref: issue.base_ref.clone(),
        base: issue.base.clone(),
        ours: None,
    };
    Ok(open_at(app, draft, &place).await?.0)
}

/// Does the same at a given destination; returns the head, too.
pub async fn open_at(app: &App, draft: &Draft<'_>, place: &Destination) -> Result<(PrNumber, Sha)> {
    let (repository, branch) = (&draft.target.repository, &place.branch);
    for person in draft.asked_by {
        record_asker(app, draft.target, branch, person).await?;
    }
    let head = built(app, draft, place).await?;
    let proposal = draft.proposal();
    let number = match app.github.find_pull_request(repository, branch).await? {
        Some(number) => {
            if draft.run.is_some() {
                app.github.edit_pull_request(repository, number, &proposal.body()).await?;
            }
            number
        }
        None => {
            let new = NewPullRequest {
                head: branch.clone(),
                base: place.base_ref.clone(),
                title: proposal.title(),
                body: proposal.body(),
            };
            let opened = app.github.open_pull_request(repository, &new).await;
            opened.map_err(|error| unknown_is_later(app, error))?
        }
    };
    app.store.record_own_pull_request(repository.id, branch, number).await?;
    Ok((number, head))
}

/// Returns the head of the branch with the edits on it, which is made as far as it is not there.
async fn built(app: &App, draft: &Draft<'_>, place: &Destination) -> Result<Sha> {
    let (repository, branch) = (&draft.target.repository, &place.branch);
    let head = match app.github.branch(repository, branch).await? {
        Some(head) => head,
        None => made(app, draft, place).await?,
    };
    let own = app.store.own_branch(repository.id, branch).await?;
    let content = content(app, draft, place, Heads { head: &head, own: own.as_ref() }).await?;
    let found = Found {
        head: &head,
        own: own.as_ref(),
        published: place.ours.as_ref(),
        is_complete: content.missing.is_empty(),
        is_exact: content.is_exact,
    };
    match proposal::place(&found) {
        Place::Build => commit_files(app, draft, branch, &head, &content.missing).await,
        Place::Complete => {
            if content.is_exact {
                app.store.record_own_head(repository.id, branch, &head).await?;
            }
            Ok(head)
        }
        Place::Taken => Err(Refusal::BranchTaken(branch.clone()).into()),
    }
}

/// Makes the branch, and remembers that beforehand: what is remembered may not exist, but what
/// exists and is not remembered was made by somebody else.
async fn made(app: &App, draft: &Draft<'_>, place: &Destination) -> Result<Sha> {
    let (repository, branch) = (&draft.target.repository, &place.branch);
    app.store.record_own_branch(repository.id, branch, &place.base, app.now()).await?;
    match app.github.create_branch(repository, branch, &place.base).await {
        Ok(()) => Ok(place.base.clone()),
        Err(error @ github::Error::Refused { .. }) => {
            app.store.forget_own_branch(repository.id, branch).await?;
            match app.github.branch(repository, branch).await? {
                Some(_) => Err(Refusal::BranchTaken(branch.clone()).into()),
                None => Err(error.into()),
            }
        }
        Err(error) => Err(unknown_is_later(app, error)),
    }
}

/// Where a branch is now, and where the bot left it.
#[derive(Clone, Copy)]
struct Heads<'a> {
    head: &'a Sha,
    own: Option<&'a OwnBranch>,
}

/// What is on a branch, beside what is to be on it.
struct Content {
    /// The files to commit so that it equals the base with the edits.
    missing: Files,
    /// Whether nothing but edited files was changed since the bot left the branch.
    is_exact: bool,
}

async fn content(
    app: &App,
    draft: &Draft<'_>,
    place: &Destination,
    heads: Heads<'_>,
) -> Result<Content> {
    let wants = [Want::Branch(place.base_ref.clone()), Want::Branch(place.branch.clone())];
    let mirror = merge_preview::fetch(app, draft.target, &wants).await?;
    let (base, tree) = (mirror.tree(&place.base).await?, mirror.tree(heads.head).await?);
    let mut wanted = draft.edited.files.clone();
    if place.ours.as_ref() == Some(heads.head) {
        // What an earlier commit of ours changed and the edits no longer change is reverted.
        for changed in mirror.changed_paths(&base, &tree).await? {
            if let std::collections::btree_map::Entry::Vacant(entry) = wanted.entry(changed.path) {
                let before = mirror.read(&base, entry.key()).await?;
                entry.insert(before);
            }
        }
    }
    let is_exact = match heads.own {
        Some(own) if mirror.has(own.tip()).await? => {
            let left = mirror.tree(own.tip()).await?;
            let changed = mirror.changed_paths(&left, &tree).await?;
            changed.iter().all(|changed| wanted.contains_key(&changed.path))
        }
        _ => false,
    };
    let mut missing = Files::new();
    for (path, bytes) in wanted {
        if mirror.read(&tree, &path).await? != bytes {
            missing.insert(path, bytes);
        }
    }
    Ok(Content { missing, is_exact })
}

/// Turns an unknown result into `Error::Later`: the next attempt checks whether the call succeeded.
fn unknown_is_later(app: &App, error: github::Error) -> Error {
    match error {
        github::Error::Unknown { .. } => {
            Error::Later { at: super::soon(app, 5), why: error.to_string() }
        }
        error => error.into(),
    }
}
