//! Moves of branches, by commits and by pushes, and their consequences.
//!
//! Every move ends in [`State::announce_move`], so that a push over git, a commit by a test and a
//! merge have the same consequences.

use serde_json::{Value, json};

use crate::{
    actions::events::Event,
    api_error::ApiError,
    git_repo::{CommitMeta, FileChange, is_branch_name},
    state::{
        State, WEB_FLOW,
        data::{Activity, By, Role},
    },
};

/// A commit as a person makes it.
#[derive(Clone, Debug, Default)]
pub struct Edit {
    pub message: String,
    pub files: Vec<FileChange>,
    /// The login of the author, if it is not the person who pushes.
    pub author: Option<String>,
    /// The e-mail address in the commit, if it is not that of the account.
    pub email: Option<String>,
    pub co_authors: Vec<String>,
}

impl Edit {
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::default() }
    }

    pub fn write(mut self, path: impl Into<String>, contents: impl Into<Vec<u8>>) -> Self {
        let (path, contents) = (path.into(), contents.into());
        self.files.push(FileChange::Write { path, contents, executable: false });
        self
    }
}

/// A commit through the API on top of a branch whose head has to be `expected`.
#[derive(Clone, Copy)]
pub struct HeadCommit<'a> {
    pub branch: &'a str,
    pub expected: &'a str,
    pub message: &'a str,
    pub files: &'a [FileChange],
}

/// The heads of a branch before and after a push; `None` if it does not exist.
#[derive(Clone, Copy)]
struct BranchMove<'a> {
    branch: &'a str,
    before: Option<&'a str>,
    after: Option<&'a str>,
}

impl State {
    /// Commits `edit` on top of `branch`, pushes that, and returns the id of the commit.
    ///
    /// A new branch starts at the default branch.
    pub fn commit(
        &mut self,
        repo: i64,
        branch: &str,
        edit: &Edit,
        by: By,
    ) -> Result<String, ApiError> {
        let repository = self.repository(repo)?;
        let default = repository.refs.get(&repository.default_branch);
        let parent = repository.refs.get(branch).or(default).cloned();
        let sha = self.write_commit(repo, parent.as_deref(), edit, by)?;
        self.move_branch(repo, branch, Some(&sha), by)?;
        Ok(sha)
    }

    /// Creates a commit that no branch points to yet, and returns its id.
    pub fn write_commit(
        &mut self,
        repo: i64,
        parent: Option<&str>,
        edit: &Edit,
        by: By,
    ) -> Result<String, ApiError> {
        let at = self.tick();
        let author = match &edit.author {
            Some(login) => self.account_named(login)?.id,
            None => by.account,
        };
        let mut message = edit.message.clone();
        for login in &edit.co_authors {
            let stamp = self.stamp(self.account_named(login)?.id, at)?;
            let gap = if message.contains("\nCo-authored-by: ") { "" } else { "\n" };
            message += &format!("\n{gap}Co-authored-by: {} <{}>", stamp.name, stamp.email);
        }
        let (mut author, mut committer) = (self.stamp(author, at)?, self.stamp(by.account, at)?);
        for stamp in [&mut author, &mut committer] {
            stamp.email = edit.email.clone().unwrap_or_else(|| std::mem::take(&mut stamp.email));
        }
        let meta = CommitMeta { message, author, committer };
        Ok(self.git_repo(repo)?.commit(parent, &edit.files, &meta)?)
    }

    /// Creates a commit on top of a branch, as GraphQL's `createCommitOnBranch` does, and returns
    /// its id.
    ///
    /// Fails with 404 if there is no such branch, with 409 if its head is not `expected`, and with
    /// 422 if a path is malformed or a file to delete does not exist.
    pub fn commit_on_head(
        &mut self,
        repo: i64,
        commit: &HeadCommit<'_>,
        by: By,
    ) -> Result<String, ApiError> {
        let HeadCommit { branch, expected, message, files } = *commit;
        self.require_role(repo, by, Role::Write)?;
        self.require_unarchived(repo)?;
        let head = self.repository(repo)?.refs.get(branch).cloned();
        let head = head.ok_or_else(|| {
            ApiError::new(404, format!("Could not resolve to a branch of the name '{branch}'."))
        })?;
        if head != expected {
            let message = format!(
                "Expected branch to point to \"{expected}\" but it did not.  Pull and try again."
            );
            return Err(ApiError::new(409, message));
        }
        let git = self.git_repo(repo)?;
        for file in files {
            let path = file.path();
            let is_malformed =
                |part| matches!(part, "" | "." | "..") || part.eq_ignore_ascii_case(".git");
            if path.split('/').any(is_malformed) {
                return Err(ApiError::new(422, format!("The path '{path}' is malformed")));
            }
            if matches!(file, FileChange::Delete { .. }) && git.file(&head, path)?.is_none() {
                let message = format!(
                    "A path was requested for deletion which does not exist as of commit oid \
                     `{head}`: {path}"
                );
                return Err(ApiError::new(422, message));
            }
        }
        let at = self.tick();
        let (author, committer) = (self.stamp(by.account, at)?, self.stamp(WEB_FLOW, at)?);
        let meta = CommitMeta { message: message.to_owned(), author, committer };
        let sha = git.commit(Some(&head), files, &meta)?;
        self.move_branch(repo, branch, Some(&sha), by)?;
        Ok(sha)
    }

    /// Creates a branch at `sha`.
    ///
    /// Fails with 422 if the branch exists, the commit does not, or the name is invalid.
    pub fn create_branch(
        &mut self,
        repo: i64,
        branch: &str,
        sha: &str,
        by: By,
    ) -> Result<(), ApiError> {
        if self.repository(repo)?.refs.contains_key(branch) {
            return Err(ApiError::new(422, "Reference already exists"));
        }
        if self.git_repo(repo)?.resolve(sha).as_deref() != Some(sha) {
            return Err(ApiError::new(422, "Object does not exist"));
        }
        if !is_branch_name(branch) {
            return Err(ApiError::new(422, "Reference name is not valid"));
        }
        self.move_branch(repo, branch, Some(sha), by)
    }

    /// Points a branch to `to`, or deletes it if that is `None`, as a push by `by` does.
    pub fn move_branch(
        &mut self,
        repo: i64,
        branch: &str,
        to: Option<&str>,
        by: By,
    ) -> Result<(), ApiError> {
        self.require_role(repo, by, Role::Write)?;
        self.require_unarchived(repo)?;
        self.git_repo(repo)?.set_ref(&format!("refs/heads/{branch}"), to)?;
        self.announce_move(repo, branch, to, by)
    }

    /// Compares the bare repository with the known branches after a push, and announces each branch
    /// that moved.
    pub fn announce_pushed(&mut self, repo: i64, by: By) -> Result<(), ApiError> {
        let now = self.git_repo(repo)?.branches()?;
        let before = self.repository(repo)?.refs.clone();
        for branch in before.keys().filter(|branch| !now.contains_key(*branch)) {
            self.announce_move(repo, branch, None, by)?;
        }
        for (branch, sha) in now.iter().filter(|(branch, sha)| before.get(*branch) != Some(sha)) {
            self.announce_move(repo, branch, Some(sha), by)?;
        }
        Ok(())
    }

    fn announce_move(
        &mut self,
        repo: i64,
        branch: &str,
        to: Option<&str>,
        by: By,
    ) -> Result<(), ApiError> {
        let at = self.tick();
        let repository = self.repository_mut(repo)?;
        repository.pushed_at = at;
        let before = match to {
            Some(sha) => repository.refs.insert(branch.to_owned(), sha.to_owned()),
            None => repository.refs.remove(branch),
        };
        if before.as_deref() == to {
            return Ok(());
        }
        let moved = BranchMove { branch, before: before.as_deref(), after: to };
        self.record_move(repo, &moved, by)?;
        let push = self.push_json(repo, &moved, by)?;
        self.emit(Event::PUSH, repo, by.account, push)?;
        self.follow_head(repo, branch, to, by)?;
        self.close_merged_by_push(repo, branch, to, by)
    }

    fn record_move(&mut self, repo: i64, moved: &BranchMove<'_>, by: By) -> Result<(), ApiError> {
        let kind = match (moved.before, moved.after) {
            (None, _) => "branch_creation",
            (_, None) => "branch_deletion",
            (Some(before), Some(after)) => match self.git_repo(repo)?.is_ancestor(before, after)? {
                true => "push",
                false => "force_push",
            },
        };
        let repository = self.repository_mut(repo)?;
        repository.activity.push(Activity {
            branch: moved.branch.to_owned(),
            before: moved.before.map(str::to_owned),
            after: moved.after.map(str::to_owned),
            kind: kind.to_owned(),
            by: by.account,
            at: repository.pushed_at,
        });
        Ok(())
    }

    fn push_json(&self, repo: i64, moved: &BranchMove<'_>, by: By) -> Result<Value, ApiError> {
        let BranchMove { branch, before, after } = *moved;
        let git = self.git_repo(repo)?;
        let zero = "0".repeat(40);
        let commits = match (before, after) {
            (Some(before), Some(after)) => git.between(before, after)?,
            (None, Some(after)) => match self.default_head(repo, branch)? {
                Some(default) => git.between(&default, after)?,
                None => vec![],
            },
            _ => vec![],
        };
        let commits: Vec<Value> =
            commits.iter().map(|sha| self.commit_json(repo, sha)).collect::<Result<_, _>>()?;
        let forced = match (before, after) {
            (Some(before), Some(after)) => !git.is_ancestor(before, after)?,
            _ => false,
        };
        let repository = self.repository(repo)?;
        let mut described = self.repository_json(repo)?;
        // Only in push events are these two times in Unix seconds, and only they say more about the
        // owner.
        described["created_at"] = repository.created_at.as_second().into();
        described["pushed_at"] = repository.pushed_at.as_second().into();
        described["stargazers"] = 0.into();
        described["master_branch"] = repository.default_branch.clone().into();
        let owner = self.account(repository.owner)?;
        described["owner"]["name"] = owner.login.clone().into();
        described["owner"]["email"] = self.email(owner).into();
        let pusher = self.account(by.account)?;
        let html = described["html_url"].as_str().unwrap_or_default().to_owned();
        let (before, after_sha) = (before.unwrap_or(&zero), after.unwrap_or(&zero));
        Ok(json!({
            "ref": format!("refs/heads/{branch}"),
            "before": before,
            "after": after_sha,
            "base_ref": null,
            "created": before == zero,
            "deleted": after.is_none(),
            "forced": forced,
            "compare": format!("{html}/compare/{before}...{after_sha}"),
            "commits": commits,
            "head_commit": after.map(|sha| self.commit_json(repo, sha)).transpose()?,
            "pusher": { "name": pusher.login, "email": self.email(pusher) },
            "repository": described,
        }))
    }

    fn default_head(&self, repo: i64, but: &str) -> Result<Option<String>, ApiError> {
        let repository = self.repository(repo)?;
        let head = repository.refs.get(&repository.default_branch);
        Ok(head.filter(|_| repository.default_branch != but).cloned())
    }
}
