//! Merging a pull request: by a merge commit, squashed, or rebased.

use jiff::Timestamp;

use crate::api_error::Refusal;
use crate::git_repo::Inscription;
use crate::state::data::{By, Merged, Role};
use crate::state::{WEB_FLOW, World};

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MergeMethod {
    Merge,
    Squash,
    Rebase,
}

impl World {
    /// Merges and answers the commit that now stands on the base.
    ///
    /// Errors with 409 when the head is not `expected`, with 405 when it cannot be merged.
    pub fn merge_pull(
        &mut self,
        (repo, number): (i64, i64),
        method: MergeMethod,
        expected: Option<&str>,
        by: By,
    ) -> Result<String, Refusal> {
        self.require_role(repo, by, Role::Write)?;
        self.require_unarchived(repo)?;
        let pull = self.pull(repo, number)?.clone();
        if expected.is_some_and(|expected| expected != pull.head_sha) {
            let message = "Head branch was modified. Review and try the merge again.";
            return Err(Refusal::new(409, message));
        }
        let not_mergeable = || Refusal::new(405, "Pull Request is not mergeable");
        let base = self.live_base(repo, &pull)?.ok_or_else(not_mergeable)?;
        if !self.issue(repo, number)?.open || pull.draft {
            return Err(not_mergeable());
        }
        let bare = self.bare(repo)?;
        let at = self.tick();
        let web_flow = self.stamp(WEB_FLOW, at)?;
        let new = match method {
            MergeMethod::Merge => {
                let owner = &self.account(self.repository(pull.head_repo)?.owner)?.login;
                let from = format!("{owner}/{}", pull.head_ref);
                let title = &self.issue(repo, number)?.title;
                let message = format!("Merge pull request #{number} from {from}\n\n{title}");
                let author = self.stamp(by.account, at)?;
                let inscription = Inscription { message, author, committer: web_flow };
                bare.merge(&base, &pull.head_sha, &inscription)?
            }
            MergeMethod::Squash => {
                let inscription = self.squashed((repo, number), &base, at)?;
                bare.squash(&base, &pull.head_sha, &inscription)?
            }
            MergeMethod::Rebase => {
                let committer = self.stamp(by.account, at)?;
                bare.rebase(&base, &pull.head_sha, &committer)?
            }
        };
        let sha = new.ok_or_else(not_mergeable)?;
        // Before the branch moves, so that the push does not count as a merge of its own.
        self.pull_mut(repo, number)?.merged = Some(Merged { by: by.account, at, sha: sha.clone() });
        self.issue_mut(repo, number)?.open = false;
        self.move_branch(repo, &pull.base_ref, Some(&sha), by)?;
        self.close_pull(repo, number, by)?;
        Ok(sha)
    }

    /// A squashed commit has the pull request's author, and everybody else as co-author.
    fn squashed(
        &self,
        (repo, number): (i64, i64),
        base: &str,
        at: Timestamp,
    ) -> Result<Inscription, Refusal> {
        let (issue, pull) = (self.issue(repo, number)?, self.pull(repo, number)?);
        let author = self.stamp(issue.by.account, at)?;
        let bare = self.bare(repo)?;
        let mut others = vec![];
        for sha in bare.between(base, &pull.head_sha)? {
            for stamp in crate::git_repo::authors::authors(&bare.facts(&sha)?) {
                let line = format!("Co-authored-by: {} <{}>", stamp.name, stamp.email);
                if stamp.email != author.email && !others.contains(&line) {
                    others.push(line);
                }
            }
        }
        let gap = if others.is_empty() { "" } else { "\n\n" };
        let message = format!("{} (#{number}){gap}{}", issue.title, others.join("\n"));
        Ok(Inscription { message, author, committer: self.stamp(WEB_FLOW, at)? })
    }
}
