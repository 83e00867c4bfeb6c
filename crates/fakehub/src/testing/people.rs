//! What people do that the demo does not show.

use crate::actions::branches::Edit;
use crate::actions::comments::Reacted;
use crate::actions::issues::{IssueEdit, NewIssue};
use crate::actions::merge::MergeMethod;
use crate::actions::pulls::{NewPull, PullEdit};
use crate::api_error::Refusal;
use crate::git_repo::FileChange;
use crate::people::{Done, Person};
use crate::state::data::ReviewState;

impl Person {
    pub fn id(&self) -> i64 {
        self.account
    }

    /// What they sign in with, to the API and to git (any user name, this as password).
    pub fn token(&self) -> Done<String> {
        let token = self.hub.0.read().account(self.account)?.token.clone();
        token.ok_or_else(Refusal::bad_credentials)
    }

    /// Commits on top of `parent` (a branch or commit) and pushes that by force.
    pub fn force_push(&self, repo: &str, branch: &str, parent: &str, edit: &Edit) -> Done<String> {
        self.act(repo, |world, id, by| world.force_commit((id, branch), parent, edit, by))
    }

    /// Rebases the head of a pull request on its base and pushes that by force.
    pub fn rebase(&self, repo: &str, number: i64) -> Done<String> {
        self.act(repo, |world, id, by| world.rebase_branch((id, number), by))
    }

    pub fn delete_branch(&self, repo: &str, branch: &str) -> Done {
        self.act(repo, |world, id, by| world.move_branch(id, branch, None, by))
    }

    /// A copy of the repository of their own; answers its full name.
    pub fn fork(&self, repo: &str) -> Done<String> {
        self.act(repo, |world, id, by| {
            let fork = world.fork(id, by)?;
            world.full_name(world.repository(fork)?)
        })
    }

    pub fn open(&self, repo: &str, new: &NewPull) -> Done<i64> {
        self.act(repo, |world, id, by| world.open_pull(id, new, by))
    }

    fn edit_pull(&self, repo: &str, number: i64, edit: &PullEdit) -> Done {
        self.act(repo, |world, id, by| world.edit_pull(id, number, edit, by))
    }

    pub fn close(&self, repo: &str, number: i64) -> Done {
        self.edit_pull(repo, number, &PullEdit { open: Some(false), ..PullEdit::default() })
    }

    pub fn reopen(&self, repo: &str, number: i64) -> Done {
        self.edit_pull(repo, number, &PullEdit { open: Some(true), ..PullEdit::default() })
    }

    pub fn retarget(&self, repo: &str, number: i64, base: &str) -> Done {
        self.edit_pull(repo, number, &PullEdit { base: Some(base.into()), ..PullEdit::default() })
    }

    pub fn edit_comment(&self, repo: &str, comment: i64, body: &str) -> Done {
        self.act(repo, |world, id, by| world.edit_comment(id, comment, body, by))
    }

    pub fn request_changes(&self, repo: &str, number: i64, body: &str) -> Done<i64> {
        self.review(repo, number, ReviewState::ChangesRequested, body)
    }

    pub fn review(&self, repo: &str, number: i64, state: ReviewState, body: &str) -> Done<i64> {
        self.act(repo, |world, id, by| world.submit_review((id, number), (state, body), None, by))
    }

    pub fn dismiss(&self, repo: &str, number: i64, review: i64) -> Done {
        self.act(repo, |world, id, by| world.dismiss_review((id, number), review, by))
    }

    /// Makes GitHub move a review to another commit behind everybody's back.
    pub fn rebind_review(&self, repo: &str, number: i64, review: i64, commit: &str) -> Done {
        self.act(repo, |world, id, _| world.rebind_review((id, number), review, commit))
    }

    /// Merges if the head is `expected`; a refusal with 409 otherwise.
    pub fn merge_at(
        &self,
        repo: &str,
        number: i64,
        method: MergeMethod,
        expected: &str,
    ) -> Done<String> {
        self.act(repo, |world, id, by| world.merge_pull((id, number), method, Some(expected), by))
    }

    /// Opens the pull request that takes a merged one back; answers its number.
    pub fn revert(&self, repo: &str, number: i64) -> Done<i64> {
        self.act(repo, |world, id, by| world.revert_pull(id, number, by))
    }

    pub fn open_issue(&self, repo: &str, title: &str, body: &str) -> Done<i64> {
        self.open_labeled_issue(repo, title, body, &[])
    }

    pub fn open_labeled_issue(
        &self,
        repo: &str,
        title: &str,
        body: &str,
        labels: &[&str],
    ) -> Done<i64> {
        self.open_new_issue(repo, &new_issue(title, body, labels))
    }

    /// Opens an issue with a form, which has these labels.
    pub fn fill_in_form(&self, repo: &str, title: &str, body: &str, labels: &[&str]) -> Done<i64> {
        self.open_new_issue(repo, &NewIssue { has_form: true, ..new_issue(title, body, labels) })
    }

    fn open_new_issue(&self, repo: &str, new: &NewIssue) -> Done<i64> {
        self.act(repo, |world, id, by| world.open_issue(id, new, by))
    }

    pub fn edit_issue(&self, repo: &str, number: i64, edit: &IssueEdit) -> Done {
        self.act(repo, |world, id, by| world.edit_issue((id, number), edit, by))
    }

    pub fn reopen_issue(&self, repo: &str, number: i64) -> Done {
        self.act(repo, |world, id, by| world.reopen_issue(id, number, by))
    }

    pub fn label_issue(&self, repo: &str, number: i64, label: &str) -> Done {
        self.act(repo, |world, id, by| world.label_issue((id, number), label, by))
    }

    pub fn unlabel_issue(&self, repo: &str, number: i64, label: &str) -> Done {
        self.act(repo, |world, id, by| world.unlabel_issue((id, number), label, by))
    }

    pub fn close_issue(&self, repo: &str, number: i64) -> Done {
        self.act(repo, |world, id, by| world.close_issue(id, number, by))
    }

    pub fn react(&self, repo: &str, comment: i64, content: &str) -> Done {
        self.act(repo, |world, id, by| {
            world.react(id, Reacted::Comment(comment), content, by).map(drop)
        })
    }

    /// Presses *Re-run* at a check run.
    pub fn rerequest(&self, repo: &str, check_run: i64) -> Done {
        self.act(repo, |world, id, by| world.rerequest_check_run(id, check_run, by))
    }
}

fn new_issue(title: &str, body: &str, labels: &[&str]) -> NewIssue {
    NewIssue {
        title: title.to_owned(),
        body: Some(body.to_owned()),
        labels: labels.iter().map(|label| (*label).to_owned()).collect(),
        has_form: false,
    }
}

impl Edit {
    pub fn delete(mut self, path: impl Into<String>) -> Self {
        self.files.push(FileChange::Delete { path: path.into() });
        self
    }

    pub fn symlink(mut self, path: impl Into<String>, target: impl Into<String>) -> Self {
        self.files.push(FileChange::Symlink { path: path.into(), target: target.into() });
        self
    }

    pub fn author(mut self, login: impl Into<String>) -> Self {
        self.author = Some(login.into());
        self
    }

    pub fn co_author(mut self, login: impl Into<String>) -> Self {
        self.co_authors.push(login.into());
        self
    }
}
