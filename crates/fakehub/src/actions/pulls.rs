//! Pull requests, except for their merge: opening, pushing to, retargeting, closing and reopening.

use serde_json::{Value, json};

use crate::{
    actions::events::Event,
    api_error::ApiError,
    state::{
        State,
        data::{By, Issue, IssueRef, Merged, Pull, Role},
    },
};

/// The fields of a new pull request.
#[derive(Clone, Debug, Default)]
pub struct NewPull {
    pub title: String,
    pub body: Option<String>,
    /// `branch`, or `owner:branch` of a fork.
    pub head: String,
    pub base: String,
    pub draft: bool,
}

/// The fields of a pull request to change; `None` leaves a field unchanged.
#[derive(Clone, Debug, Default)]
pub struct PullEdit {
    pub title: Option<String>,
    pub body: Option<String>,
    pub base: Option<String>,
    pub open: Option<bool>,
}

impl State {
    pub fn open_pull(&mut self, repo: i64, new: &NewPull, by: By) -> Result<i64, ApiError> {
        self.require_unarchived(repo)?;
        let invalid = |field, why: &str| ApiError::invalid("PullRequest", field, why);
        let (head_repo, head_ref) = self.head_of(repo, &new.head)?;
        let head = self.repository(head_repo)?.refs.get(&head_ref).cloned();
        let head_sha = head.ok_or_else(|| invalid("head", "head is not a branch"))?;
        let base = self.repository(repo)?.refs.get(&new.base).cloned();
        let base_sha = base.ok_or_else(|| invalid("base", "base is not a branch"))?;
        let has_one = |issue: &Issue| {
            issue.open
                && issue.pull.as_ref().is_some_and(|pull| {
                    (pull.head_repo, &pull.head_ref, &pull.base_ref)
                        == (head_repo, &head_ref, &new.base)
                })
        };
        if self.repository(repo)?.issues.values().any(has_one) {
            let owner = &self.account(self.repository(head_repo)?.owner)?.login;
            let why = format!("A pull request already exists for {owner}:{head_ref}.");
            return Err(invalid("head", &why));
        }
        let (number, at) = (self.next_number(repo)?, self.tick());
        self.place_head(IssueRef { repo, number }, head_repo, &head_ref, &head_sha)?;
        if self.git_repo(repo)?.between(&base_sha, &head_sha)?.is_empty() {
            let why = format!("No commits between {} and {}", new.base, new.head);
            return Err(invalid("head", &why));
        }
        let pull = Pull {
            id: self.next_id(),
            head_repo,
            head_ref,
            head_sha,
            base_ref: new.base.clone(),
            base_sha,
            draft: new.draft,
            merged: None,
            reviews: vec![],
        };
        let issue = Issue {
            id: self.next_id(),
            number,
            title: new.title.clone(),
            body: new.body.clone(),
            by,
            edited_by: None,
            labels: vec![],
            reactions: vec![],
            open: true,
            created_at: at,
            updated_at: at,
            closed_at: None,
            closed_by: None,
            reopened_at: None,
            pull: Some(pull),
        };
        self.repository_mut(repo)?.issues.insert(number, issue);
        self.emit_pull(IssueRef { repo, number }, "opened", by, json!({}))?;
        Ok(number)
    }

    pub fn edit_pull(
        &mut self,
        repo: i64,
        number: i64,
        edit: &PullEdit,
        by: By,
    ) -> Result<(), ApiError> {
        self.require_unarchived(repo)?;
        let author = self.issue(repo, number)?.by;
        if author != by {
            self.require_role(repo, by, Role::Triage)?;
        }
        let mut changes = serde_json::Map::new();
        let issue = self.issue_mut(repo, number)?;
        if let Some(title) = &edit.title {
            changes.insert("title".into(), json!({ "from": issue.title }));
            issue.title.clone_from(title);
        }
        if let Some(body) = &edit.body {
            changes.insert("body".into(), json!({ "from": issue.body }));
            issue.body = Some(body.clone());
        }
        if let Some(base) = &edit.base {
            changes.insert("base".into(), self.retarget(repo, number, base)?);
        }
        if !changes.is_empty() {
            let at = self.tick();
            self.issue_mut(repo, number)?.updated_at = at;
            self.emit_pull(IssueRef { repo, number }, "edited", by, json!({ "changes": changes }))?;
        }
        match edit.open {
            Some(false) if self.issue(repo, number)?.open => self.close_pull(repo, number, by),
            Some(true) if !self.issue(repo, number)?.open => self.reopen_pull(repo, number, by),
            _ => Ok(()),
        }
    }

    /// Turns a draft into a pull request that is ready for review. Does nothing if it is no draft.
    pub fn mark_ready(&mut self, target: IssueRef, by: By) -> Result<(), ApiError> {
        let IssueRef { repo, number } = target;
        self.require_unarchived(repo)?;
        if self.issue(repo, number)?.by != by {
            self.require_role(repo, by, Role::Write)?;
        }
        let at = self.tick();
        if !std::mem::take(&mut self.pull_mut(repo, number)?.draft) {
            return Ok(());
        }
        self.issue_mut(repo, number)?.updated_at = at;
        self.emit_pull(target, "ready_for_review", by, json!({}))
    }

    /// Moves the open pull requests of a branch to its new head, or closes them if the branch was
    /// deleted.
    pub fn follow_head(
        &mut self,
        head_repo: i64,
        branch: &str,
        to: Option<&str>,
        by: By,
    ) -> Result<(), ApiError> {
        for (repo, number) in
            self.open_pulls(|_, pull| pull.head_repo == head_repo && pull.head_ref == branch)
        {
            let Some(sha) = to else {
                self.close_pull(repo, number, by)?;
                continue;
            };
            self.place_head(IssueRef { repo, number }, head_repo, branch, sha)?;
            let live = self.live_base(repo, self.pull(repo, number)?)?;
            let at = self.tick();
            self.issue_mut(repo, number)?.updated_at = at;
            let pull = self.pull_mut(repo, number)?;
            let before = std::mem::replace(&mut pull.head_sha, sha.to_owned());
            if let Some(live) = live {
                pull.base_sha = live;
            }
            let moved = json!({ "before": before, "after": sha });
            self.emit_pull(IssueRef { repo, number }, "synchronize", by, moved)?;
        }
        Ok(())
    }

    /// Marks open pull requests into `branch` as merged if a push has added their head to it.
    pub fn close_merged_by_push(
        &mut self,
        repo: i64,
        branch: &str,
        to: Option<&str>,
        by: By,
    ) -> Result<(), ApiError> {
        let Some(sha) = to else { return Ok(()) };
        let git = self.git_repo(repo)?;
        for (_, number) in self.open_pulls(|at, pull| at == repo && pull.base_ref == branch) {
            if !git.is_ancestor(&self.pull(repo, number)?.head_sha, sha)? {
                continue;
            }
            let at = self.tick();
            let merged = Merged { by: by.account, at, sha: sha.to_owned() };
            self.pull_mut(repo, number)?.merged = Some(merged);
            self.close_pull(repo, number, by)?;
        }
        Ok(())
    }

    /// Closes a pull request. A merged one is closed at the time of its merge.
    pub fn close_pull(&mut self, repo: i64, number: i64, by: By) -> Result<(), ApiError> {
        let at = match &self.pull(repo, number)?.merged {
            Some(merged) => merged.at,
            None => self.tick(),
        };
        let issue = self.issue_mut(repo, number)?;
        (issue.open, issue.closed_at, issue.updated_at) = (false, Some(at), at);
        issue.closed_by = Some(by.account);
        self.emit_pull(IssueRef { repo, number }, "closed", by, json!({}))
    }

    pub fn emit_pull(
        &mut self,
        target: IssueRef,
        action: &'static str,
        by: By,
        mut payload: Value,
    ) -> Result<(), ApiError> {
        let IssueRef { repo, number } = target;
        payload["number"] = number.into();
        payload["pull_request"] = self.pull_json(repo, number)?;
        self.emit(Event::new("pull_request", action), repo, by.account, payload)
    }

    fn reopen_pull(&mut self, repo: i64, number: i64, by: By) -> Result<(), ApiError> {
        let pull = self.pull(repo, number)?.clone();
        let refuse = |why: &str| Err(ApiError::invalid("PullRequest", "state", why));
        if pull.merged.is_some() {
            return refuse("state cannot be changed. The pull request has been merged.");
        }
        let head = self.repository(pull.head_repo)?.refs.get(&pull.head_ref).cloned();
        let Some(head) = head else {
            let branch = pull.head_ref;
            return refuse(&format!(
                "state cannot be changed. The {branch} branch has been deleted."
            ));
        };
        self.place_head(IssueRef { repo, number }, pull.head_repo, &pull.head_ref, &head)?;
        let at = self.tick();
        self.pull_mut(repo, number)?.head_sha = head;
        let issue = self.issue_mut(repo, number)?;
        (issue.open, issue.closed_at, issue.closed_by) = (true, None, None);
        (issue.updated_at, issue.reopened_at) = (at, Some(at));
        self.emit_pull(IssueRef { repo, number }, "reopened", by, json!({}))
    }

    fn retarget(&mut self, repo: i64, number: i64, base: &str) -> Result<Value, ApiError> {
        let live = self.repository(repo)?.refs.get(base).cloned();
        let live =
            live.ok_or_else(|| ApiError::invalid("PullRequest", "base", "base is not a branch"))?;
        let pull = self.pull_mut(repo, number)?;
        let from_ref = std::mem::replace(&mut pull.base_ref, base.to_owned());
        let from_sha = std::mem::replace(&mut pull.base_sha, live);
        Ok(json!({ "ref": { "from": from_ref }, "sha": { "from": from_sha } }))
    }

    /// Points `refs/pull/<number>/head` to `sha`, and fetches that from the fork first if it comes
    /// from one.
    fn place_head(
        &self,
        target: IssueRef,
        head_repo: i64,
        branch: &str,
        sha: &str,
    ) -> Result<(), ApiError> {
        let IssueRef { repo, number } = target;
        let (git, name) = (self.git_repo(repo)?, format!("refs/pull/{number}/head"));
        if head_repo != repo {
            git.fetch(&self.git_repo_path(head_repo), &format!("refs/heads/{branch}"), &name)?;
        }
        Ok(git.set_ref(&name, Some(sha))?)
    }

    fn head_of(&self, repo: i64, head: &str) -> Result<(i64, String), ApiError> {
        let Some((owner, branch)) = head.split_once(':') else {
            return Ok((repo, head.to_owned()));
        };
        let owner = self.account_named(owner)?.id;
        if self.repository(repo)?.owner == owner {
            return Ok((repo, branch.to_owned()));
        }
        let is_fork = |fork: &&crate::state::data::Repository| {
            fork.owner == owner && fork.fork_of == Some(repo)
        };
        let fork = self.data.repositories.values().find(is_fork);
        let fork = fork.ok_or_else(|| ApiError::invalid("PullRequest", "head", "no such fork"))?;
        Ok((fork.id, branch.to_owned()))
    }

    fn open_pulls(&self, of: impl Fn(i64, &Pull) -> bool) -> Vec<(i64, i64)> {
        let mut found = vec![];
        for (repo, repository) in &self.data.repositories {
            for issue in repository.issues.values().filter(|issue| issue.open) {
                if issue.pull.as_ref().is_some_and(|pull| of(*repo, pull)) {
                    found.push((*repo, issue.number));
                }
            }
        }
        found
    }

    pub fn next_number(&self, repo: i64) -> Result<i64, ApiError> {
        Ok(self.repository(repo)?.issues.last_key_value().map_or(1, |(last, _)| last + 1))
    }
}
