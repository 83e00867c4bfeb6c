//! Actions that only tests perform: no page and no API of fakehub leads to them.

use serde_json::json;

use crate::{
    actions::{events::Event, pulls::NewPull},
    api_error::ApiError,
    git_repo::{CommitMeta, FileChange, GitRepo},
    state::{
        State, WEB_FLOW,
        data::{By, IssueRef, Role},
    },
};

impl State {
    /// Creates a person's fork of a repository, on which the app is not installed. Returns its id.
    pub fn fork(&mut self, repo: i64, by: By) -> Result<i64, ApiError> {
        let (name, branches) = {
            let origin = self.repository(repo)?;
            (origin.name.clone(), origin.refs.clone())
        };
        let id = self.new_repository(by.account, &name, Some(repo))?;
        let git = GitRepo::create(&self.git_repo_path(id), "main")?;
        for branch in branches.keys() {
            let name = format!("refs/heads/{branch}");
            git.fetch(&self.git_repo_path(repo), &name, &name)?;
        }
        self.repository_mut(id)?.refs = branches;
        Ok(id)
    }

    pub fn suspend(&mut self, owner: &str, suspended: bool) -> Result<(), ApiError> {
        let account = self.account_named(owner)?.id;
        let at = suspended.then(|| self.tick());
        let installation =
            self.data.installations.values_mut().find(|found| found.account == account);
        let installation = installation.ok_or_else(ApiError::not_found)?;
        installation.suspended_at = at;
        let (id, action) = (installation.id, if suspended { "suspend" } else { "unsuspend" });
        self.emit_installation(Event::new("installation", action), id, account, json!({}))
    }

    /// Opens a pull request that reverts a merged one, as the button *Revert* does. Returns its
    /// number.
    pub fn revert_pull(&mut self, repo: i64, number: i64, by: By) -> Result<i64, ApiError> {
        self.require_role(repo, by, Role::Write)?;
        let pull = self.pull(repo, number)?.clone();
        let merged = pull.merged.clone();
        let merged =
            merged.ok_or_else(|| ApiError::unprocessable("The pull request is not merged"))?;
        let title = format!("Revert \"{}\"", self.issue(repo, number)?.title);
        let base = self.live_base(repo, &pull)?.ok_or_else(ApiError::not_found)?;
        let at = self.tick();
        let meta = CommitMeta {
            message: title.clone(),
            author: self.stamp(by.account, at)?,
            committer: self.stamp(WEB_FLOW, at)?,
        };
        let reverted = self.git_repo(repo)?.revert(&base, &merged.sha, &meta)?;
        let sha = reverted.ok_or_else(|| ApiError::unprocessable("The revert conflicts"))?;
        let head = format!("revert-{number}-{}", pull.head_ref);
        self.move_branch(repo, &head, Some(&sha), by)?;
        let body = Some(format!("Reverts #{number}"));
        let new = NewPull { title, body, head, base: pull.base_ref, draft: false };
        self.open_pull(repo, &new, by)
    }

    /// Rebases the head branch of a pull request onto the current head of its base, pushes that by
    /// force, and returns the new head.
    pub fn rebase_branch(&mut self, target: IssueRef, by: By) -> Result<String, ApiError> {
        let IssueRef { repo, number } = target;
        let pull = self.pull(repo, number)?.clone();
        let base = self.live_base(repo, &pull)?.ok_or_else(ApiError::not_found)?;
        let at = self.tick();
        let committer = self.stamp(by.account, at)?;
        let rebased = self.git_repo(repo)?.rebase(&base, &pull.head_sha, &committer)?;
        let sha = rebased.ok_or_else(|| ApiError::unprocessable("The rebase conflicts"))?;
        self.move_branch(pull.head_repo, &pull.head_ref, Some(&sha), by)?;
        Ok(sha)
    }

    /// Merges the current head of the base into the head branch of a pull request, with `more` in
    /// the merge commit. Returns the new head.
    pub fn update_branch(
        &mut self,
        target: IssueRef,
        more: &[FileChange],
        by: By,
    ) -> Result<String, ApiError> {
        let IssueRef { repo, number } = target;
        let pull = self.pull(repo, number)?.clone();
        let base = self.live_base(repo, &pull)?.ok_or_else(ApiError::not_found)?;
        let at = self.tick();
        let meta = CommitMeta {
            message: format!("Merge branch '{}' into {}", pull.base_ref, pull.head_ref),
            author: self.stamp(by.account, at)?,
            committer: self.stamp(WEB_FLOW, at)?,
        };
        let git = self.git_repo(repo)?;
        let merged = git.merge(&pull.head_sha, &base, &meta)?;
        let merged = merged.ok_or_else(|| ApiError::unprocessable("The update conflicts"))?;
        let sha = git.amend(&merged, more, &meta)?;
        self.move_branch(pull.head_repo, &pull.head_ref, Some(&sha), by)?;
        Ok(sha)
    }

    /// Moves a review to another commit, as GitHub has been seen to do after a rebase without
    /// changes. No webhook is sent.
    pub fn rebind_review(
        &mut self,
        pull: IssueRef,
        review: i64,
        commit: &str,
    ) -> Result<(), ApiError> {
        commit.clone_into(&mut self.review_mut(pull, review)?.commit_id);
        Ok(())
    }
}
