//! Copies of what the web pages show, for the demo and for assertions.

use jiff::Timestamp;
use serde_json::Value;

use crate::{
    api_error::ApiError,
    hub::Hub,
    state::{
        State,
        data::{CheckRun, Comment, Reaction, Review, ReviewState},
    },
};

#[derive(Clone, Debug)]
pub struct CommentView {
    pub id: i64,
    pub author: String,
    pub via_app: bool,
    pub body: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// `(login, content)` in the order in which they were given.
    pub reactions: Vec<(String, String)>,
}

#[derive(Clone, Debug)]
pub struct CheckRunView {
    pub id: i64,
    pub name: String,
    pub head_sha: String,
    pub status: String,
    pub conclusion: Option<String>,
    pub external_id: Option<String>,
    pub title: Option<String>,
    pub summary: Option<String>,
    pub text: Option<String>,
    pub details_url: Option<String>,
    pub annotations: Vec<Value>,
}

#[derive(Clone, Debug)]
pub struct PullView {
    pub number: i64,
    pub title: String,
    pub body: Option<String>,
    pub author: String,
    pub open: bool,
    pub draft: bool,
    pub merge_commit_sha: Option<String>,
    pub head_ref: String,
    pub head_sha: String,
    pub base_ref: String,
}

impl Hub {
    /// Returns the comments of an issue or pull request, oldest first.
    pub fn comments(&self, repo: &str, number: i64) -> Result<Vec<CommentView>, ApiError> {
        let state = self.0.read();
        let id = state.repository_named(repo)?;
        state.issue(id, number)?;
        let comments = state.repository(id)?.comments.values();
        comments.filter(|it| it.issue == number).map(|it| comment_view(&state, it)).collect()
    }

    /// Returns the check runs of a commit, oldest first.
    pub fn check_runs(&self, repo: &str, sha: &str) -> Result<Vec<CheckRunView>, ApiError> {
        let state = self.0.read();
        let runs = state.repository(state.repository_named(repo)?)?.check_runs.values();
        Ok(runs.filter(|run| run.head_sha == sha).map(check_run_view).collect())
    }

    pub fn pull(&self, repo: &str, number: i64) -> Result<PullView, ApiError> {
        let state = self.0.read();
        pull_view(&state, state.repository_named(repo)?, number)
    }

    /// Returns the pull requests of a repository, open or not, oldest first.
    pub fn pulls(&self, repo: &str) -> Result<Vec<PullView>, ApiError> {
        let state = self.0.read();
        let id = state.repository_named(repo)?;
        let pulls = state.repository(id)?.issues.values().filter(|issue| issue.pull.is_some());
        pulls.map(|issue| pull_view(&state, id, issue.number)).collect()
    }

    /// Returns the reviewer and the state of each review of a pull request, oldest first.
    pub fn reviews(&self, repo: &str, number: i64) -> Result<Vec<(String, ReviewState)>, ApiError> {
        let state = self.0.read();
        let reviews = &state.pull(state.repository_named(repo)?, number)?.reviews;
        let view =
            |review: &Review| Ok((state.account(review.by.account)?.login.clone(), review.state));
        reviews.iter().map(view).collect()
    }

    /// Returns the id of a repository, which stays the same when the repository is renamed.
    pub fn repository_id(&self, repo: &str) -> Result<i64, ApiError> {
        self.0.read().repository_named(repo)
    }

    /// Returns the id of the commit that a branch or abbreviated id stands for.
    pub fn sha(&self, repo: &str, name: &str) -> Result<String, ApiError> {
        let state = self.0.read();
        let git = state.git_repo(state.repository_named(repo)?)?;
        git.resolve(name).ok_or_else(ApiError::not_found)
    }
}

fn comment_view(state: &State, comment: &Comment) -> Result<CommentView, ApiError> {
    Ok(CommentView {
        id: comment.id,
        author: state.account(comment.by.account)?.login.clone(),
        via_app: comment.by.via_app,
        body: comment.body.clone(),
        created_at: comment.created_at,
        updated_at: comment.updated_at,
        reactions: reactions(state, &comment.reactions)?,
    })
}

pub fn reactions(state: &State, all: &[Reaction]) -> Result<Vec<(String, String)>, ApiError> {
    let view = |reaction: &Reaction| {
        Ok((state.account(reaction.by)?.login.clone(), reaction.content.clone()))
    };
    all.iter().map(view).collect()
}

pub fn pull_view(state: &State, repo: i64, number: i64) -> Result<PullView, ApiError> {
    let (issue, pull) = (state.issue(repo, number)?, state.pull(repo, number)?);
    Ok(PullView {
        number,
        title: issue.title.clone(),
        body: issue.body.clone(),
        author: state.account(issue.by.account)?.login.clone(),
        open: issue.open,
        draft: pull.draft,
        merge_commit_sha: pull.merged.as_ref().map(|merged| merged.sha.clone()),
        head_ref: pull.head_ref.clone(),
        head_sha: pull.head_sha.clone(),
        base_ref: pull.base_ref.clone(),
    })
}

fn check_run_view(run: &CheckRun) -> CheckRunView {
    CheckRunView {
        id: run.id,
        name: run.name.clone(),
        head_sha: run.head_sha.clone(),
        status: run.status.clone(),
        conclusion: run.conclusion.clone(),
        external_id: run.external_id.clone(),
        title: run.title.clone(),
        summary: run.summary.clone(),
        text: run.text.clone(),
        details_url: run.details_url.clone(),
        annotations: run.annotations.clone(),
    }
}
