//! Views of what the web pages show, beyond those that the demo reads.

use serde_json::Value;

use crate::{
    api_error::ApiError,
    git_repo::{Stamp, authors::authors},
    hub::Hub,
    state::data::{Delivery, Issue},
    views::{PullView, pull_view, reactions},
};

#[derive(Clone, Debug)]
pub struct IssueView {
    pub number: i64,
    pub title: String,
    pub body: Option<String>,
    pub author: String,
    pub via_app: bool,
    pub labels: Vec<String>,
    pub open: bool,
    /// `(login, content)` in the order in which they were given.
    pub reactions: Vec<(String, String)>,
}

#[derive(Clone, Debug)]
pub struct CommitView {
    pub sha: String,
    pub message: String,
    pub parents: Vec<String>,
    /// The logins of the author and the co-authors; `name <address>` if no account has the address.
    pub authors: Vec<String>,
    pub committer: String,
}

#[derive(Clone, Debug)]
pub struct DeliveryView {
    pub id: i64,
    pub guid: String,
    /// The event and its action, such as `issue_comment.created`, or `push` alone.
    pub event: String,
    pub redelivery: bool,
    /// `None` until the delivery is sent.
    pub status_code: Option<u16>,
    pub payload: Value,
}

impl Hub {
    /// Returns the pull requests of a branch of the repository itself, open or not, oldest first.
    pub fn pulls_of(&self, repo: &str, branch: &str) -> Result<Vec<PullView>, ApiError> {
        let state = self.0.read();
        let id = state.repository_named(repo)?;
        let is_of_it = |issue: &&Issue| {
            issue
                .pull
                .as_ref()
                .is_some_and(|it| (it.head_repo, it.head_ref.as_str()) == (id, branch))
        };
        let found = state.repository(id)?.issues.values().filter(is_of_it);
        found.map(|issue| pull_view(&state, id, issue.number)).collect()
    }

    /// Returns an issue, or the issue that a pull request also is on GitHub.
    pub fn issue(&self, repo: &str, number: i64) -> Result<IssueView, ApiError> {
        let state = self.0.read();
        let issue = state.issue(state.repository_named(repo)?, number)?;
        Ok(IssueView {
            number,
            title: issue.title.clone(),
            body: issue.body.clone(),
            author: state.account(issue.by.account)?.login.clone(),
            via_app: issue.by.via_app,
            labels: issue.labels.clone(),
            open: issue.open,
            reactions: reactions(&state, &issue.reactions)?,
        })
    }

    /// Returns number, title and body of the issues that are no pull requests, oldest first.
    pub fn issues(&self, repo: &str) -> Result<Vec<(i64, String, String)>, ApiError> {
        let state = self.0.read();
        let issues = &state.repository(state.repository_named(repo)?)?.issues;
        let is_issue = |issue: &&Issue| issue.pull.is_none();
        let view = |issue: &Issue| {
            (issue.number, issue.title.clone(), issue.body.clone().unwrap_or_default())
        };
        Ok(issues.values().filter(is_issue).map(view).collect())
    }

    /// Returns the paths of all files at a branch or commit.
    pub fn paths(&self, repo: &str, at: &str) -> Result<Vec<String>, ApiError> {
        let sha = self.sha(repo, at)?;
        let state = self.0.read();
        Ok(state.git_repo(state.repository_named(repo)?)?.paths(&sha)?)
    }

    /// Returns the commit that a branch or (abbreviated) id stands for.
    pub fn commit(&self, repo: &str, at: &str) -> Result<CommitView, ApiError> {
        let sha = self.sha(repo, at)?;
        let state = self.0.read();
        let facts = state.git_repo(state.repository_named(repo)?)?.commit_info(&sha)?;
        let name = |stamp: &Stamp| match state.account_of_email(&stamp.email) {
            Some(account) => account.login.clone(),
            None => format!("{} <{}>", stamp.name, stamp.email),
        };
        Ok(CommitView {
            authors: authors(&facts).iter().map(name).collect(),
            committer: name(&facts.committer),
            message: facts.message,
            parents: facts.parents,
            sha,
        })
    }

    /// Returns a file at a branch or commit as text, or `None` if there is no such file.
    pub fn file(&self, repo: &str, at: &str, path: &str) -> Result<Option<String>, ApiError> {
        let sha = self.sha(repo, at)?;
        let state = self.0.read();
        let contents = state.git_repo(state.repository_named(repo)?)?.file(&sha, path)?;
        Ok(contents.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Returns all deliveries that are remembered, in the order of sending.
    pub fn deliveries(&self) -> Result<Vec<DeliveryView>, ApiError> {
        let state = self.0.read();
        state.data.deliveries.iter().map(delivery_view).collect()
    }
}

fn delivery_view(delivery: &Delivery) -> Result<DeliveryView, ApiError> {
    let event = match &delivery.action {
        Some(action) => format!("{}.{action}", delivery.event),
        None => delivery.event.clone(),
    };
    Ok(DeliveryView {
        id: delivery.id,
        guid: delivery.guid.clone(),
        event,
        redelivery: delivery.redelivery,
        status_code: delivery.answer.as_ref().map(|answer| answer.status_code),
        payload: serde_json::from_str(delivery.payload.get())?,
    })
}
