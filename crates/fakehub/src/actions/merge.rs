//! Merges pull requests by a merge commit, a squashed commit, or a rebase.

use jiff::Timestamp;

use crate::{
    api_error::ApiError,
    git_repo::CommitMeta,
    state::{
        State, WEB_FLOW,
        data::{By, IssueRef, Merged, Role},
    },
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MergeMethod {
    Merge,
    Squash,
    Rebase,
}

impl State {
    /// Merges a pull request, and returns the commit that is the head of the base afterwards.
    ///
    /// Fails with 409 if its head is not `expected`, and with 405 if it is closed, is a draft, or
    /// conflicts with its base.
    pub fn merge_pull(
        &mut self,
        target: IssueRef,
        method: MergeMethod,
        expected: Option<&str>,
        by: By,
    ) -> Result<String, ApiError> {
        let IssueRef { repo, number } = target;
        self.require_role(repo, by, Role::Write)?;
        self.require_unarchived(repo)?;
        let pull = self.pull(repo, number)?.clone();
        if expected.is_some_and(|expected| expected != pull.head_sha) {
            let message = "Head branch was modified. Review and try the merge again.";
            return Err(ApiError::new(409, message));
        }
        let not_mergeable = || ApiError::new(405, "Pull Request is not mergeable");
        let base = self.live_base(repo, &pull)?.ok_or_else(not_mergeable)?;
        if !self.issue(repo, number)?.open || pull.draft {
            return Err(not_mergeable());
        }
        let git = self.git_repo(repo)?;
        let at = self.tick();
        let web_flow = self.stamp(WEB_FLOW, at)?;
        let new = match method {
            MergeMethod::Merge => {
                let owner = &self.account(self.repository(pull.head_repo)?.owner)?.login;
                let from = format!("{owner}/{}", pull.head_ref);
                let title = &self.issue(repo, number)?.title;
                let message = format!("Merge pull request #{number} from {from}\n\n{title}");
                let author = self.stamp(by.account, at)?;
                let meta = CommitMeta { message, author, committer: web_flow };
                git.merge(&base, &pull.head_sha, &meta)?
            }
            MergeMethod::Squash => {
                let meta = self.squashed(target, &base, at)?;
                git.squash(&base, &pull.head_sha, &meta)?
            }
            MergeMethod::Rebase => {
                let committer = self.stamp(by.account, at)?;
                git.rebase(&base, &pull.head_sha, &committer)?
            }
        };
        let sha = new.ok_or_else(not_mergeable)?;
        // Recorded before the branch moves, so that `close_merged_by_push` does not count this push
        // as another merge.
        self.pull_mut(repo, number)?.merged = Some(Merged { by: by.account, at, sha: sha.clone() });
        self.issue_mut(repo, number)?.open = false;
        self.move_branch(repo, &pull.base_ref, Some(&sha), by)?;
        self.close_pull(repo, number, by)?;
        Ok(sha)
    }

    /// Returns message, author and committer of the squashed commit. The author is the pull
    /// request's; everybody else who wrote a commit is a co-author.
    fn squashed(
        &self,
        target: IssueRef,
        base: &str,
        at: Timestamp,
    ) -> Result<CommitMeta, ApiError> {
        let IssueRef { repo, number } = target;
        let (issue, pull) = (self.issue(repo, number)?, self.pull(repo, number)?);
        let author = self.stamp(issue.by.account, at)?;
        let git = self.git_repo(repo)?;
        let mut others = vec![];
        for sha in git.between(base, &pull.head_sha)? {
            for stamp in crate::git_repo::authors::authors(&git.commit_info(&sha)?) {
                let line = format!("Co-authored-by: {} <{}>", stamp.name, stamp.email);
                if stamp.email != author.email && !others.contains(&line) {
                    others.push(line);
                }
            }
        }
        let gap = if others.is_empty() { "" } else { "\n\n" };
        let message = format!("{} (#{number}){gap}{}", issue.title, others.join("\n"));
        Ok(CommitMeta { message, author, committer: self.stamp(WEB_FLOW, at)? })
    }
}
