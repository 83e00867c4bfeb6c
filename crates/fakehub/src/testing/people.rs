//! What people do in tests, beyond what the demo shows.

use crate::{
    actions::{
        branches::Edit,
        comments::ReactionTarget,
        issues::{IssueEdit, NewIssue},
        merge::MergeMethod,
        pulls::{NewPull, PullEdit},
        reviews::NewReview,
    },
    api_error::ApiError,
    git_repo::FileChange,
    people::{Done, Person},
    state::data::{IssueRef, ReviewState},
};

impl Person {
    pub fn id(&self) -> i64 {
        self.account
    }

    /// Returns the person's token for the API and for git, where it is the password of any user.
    pub fn token(&self) -> Done<String> {
        let token = self.hub.0.read().account(self.account)?.token.clone();
        token.ok_or_else(ApiError::bad_credentials)
    }

    /// Commits on top of `parent` (a branch or commit), pushes that by force, and returns the id of
    /// the commit.
    pub fn force_push(&self, repo: &str, branch: &str, parent: &str, edit: &Edit) -> Done<String> {
        self.act(repo, |state, id, by| {
            let parent = state.git_repo(id)?.resolve(parent).ok_or_else(ApiError::not_found)?;
            let sha = state.write_commit(id, Some(&parent), edit, by)?;
            state.move_branch(id, branch, Some(&sha), by)?;
            Ok(sha)
        })
    }

    /// Rebases the head of a pull request onto its base, pushes that by force, and returns the new
    /// head.
    pub fn rebase(&self, repo: &str, number: i64) -> Done<String> {
        self.act(repo, |state, id, by| state.rebase_branch(IssueRef { repo: id, number }, by))
    }

    /// Merges the base into the head branch of a pull request, as the button *Update branch* does,
    /// and returns the new head.
    pub fn update_branch(&self, repo: &str, number: i64) -> Done<String> {
        self.update_branch_with(repo, number, &Edit::default())
    }

    /// Does the same by hand, with the changes of `more` in the merge commit.
    pub fn update_branch_with(&self, repo: &str, number: i64, more: &Edit) -> Done<String> {
        self.act(repo, |state, id, by| {
            state.update_branch(IssueRef { repo: id, number }, &more.files, by)
        })
    }

    /// Creates a branch where another one is.
    pub fn create_branch(&self, repo: &str, branch: &str, from: &str) -> Done {
        self.act(repo, |state, id, by| {
            let sha = state.git_repo(id)?.resolve(from).ok_or_else(ApiError::not_found)?;
            state.create_branch(id, branch, &sha, by)
        })
    }

    pub fn delete_branch(&self, repo: &str, branch: &str) -> Done {
        self.act(repo, |state, id, by| state.move_branch(id, branch, None, by))
    }

    /// Forks a repository, and returns the full name of the fork.
    pub fn fork(&self, repo: &str) -> Done<String> {
        self.act(repo, |state, id, by| {
            let fork = state.fork(id, by)?;
            state.full_name(state.repository(fork)?)
        })
    }

    pub fn open(&self, repo: &str, new: &NewPull) -> Done<i64> {
        self.act(repo, |state, id, by| state.open_pull(id, new, by))
    }

    fn edit_pull(&self, repo: &str, number: i64, edit: &PullEdit) -> Done {
        self.act(repo, |state, id, by| state.edit_pull(id, number, edit, by))
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

    /// Answers a notification by mail, which makes a comment, and returns the id of the comment.
    pub fn mail(&self, repo: &str, number: i64, body: &str) -> Done<i64> {
        self.act(repo, |state, id, by| {
            let comment = state.add_comment(id, number, body, by)?;
            state.comment_mut(id, comment)?.via_email = true;
            Ok(comment)
        })
    }

    /// Approves by mail, and returns the id of the review.
    pub fn approve_by_mail(&self, repo: &str, number: i64) -> Done<i64> {
        self.act(repo, |state, id, by| {
            let pull = IssueRef { repo: id, number };
            let new = NewReview { state: ReviewState::Approved, body: "", commit: None };
            let review = state.submit_review(pull, &new, by)?;
            state.review_mut(pull, review)?.via_email = true;
            Ok(review)
        })
    }

    pub fn delete_comment(&self, repo: &str, comment: i64) -> Done {
        self.act(repo, |state, id, by| state.delete_comment(id, comment, by))
    }

    pub fn edit_comment(&self, repo: &str, comment: i64, body: &str) -> Done {
        self.act(repo, |state, id, by| state.edit_comment(id, comment, body, by))
    }

    pub fn request_changes(&self, repo: &str, number: i64, body: &str) -> Done<i64> {
        self.review(repo, number, ReviewState::ChangesRequested, body)
    }

    pub fn review(&self, repo: &str, number: i64, verdict: ReviewState, body: &str) -> Done<i64> {
        self.act(repo, |state, id, by| {
            state.submit_review(
                IssueRef { repo: id, number },
                &NewReview { state: verdict, body, commit: None },
                by,
            )
        })
    }

    pub fn dismiss(&self, repo: &str, number: i64, review: i64) -> Done {
        self.act(repo, |state, id, by| {
            state.dismiss_review(IssueRef { repo: id, number }, review, by)
        })
    }

    /// Moves a review to another commit without a webhook, as GitHub has been seen to do.
    pub fn rebind_review(&self, repo: &str, number: i64, review: i64, commit: &str) -> Done {
        self.act(repo, |state, id, _| {
            state.rebind_review(IssueRef { repo: id, number }, review, commit)
        })
    }

    /// Merges a pull request, and returns the head of the base afterwards. Fails with 409 if its
    /// head is not `expected`.
    pub fn merge_at(
        &self,
        repo: &str,
        number: i64,
        method: MergeMethod,
        expected: &str,
    ) -> Done<String> {
        self.act(repo, |state, id, by| {
            state.merge_pull(IssueRef { repo: id, number }, method, Some(expected), by)
        })
    }

    /// Opens a pull request that reverts a merged one, and returns its number.
    pub fn revert(&self, repo: &str, number: i64) -> Done<i64> {
        self.act(repo, |state, id, by| state.revert_pull(id, number, by))
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

    /// Opens an issue with a form that has these labels.
    pub fn fill_in_form(&self, repo: &str, title: &str, body: &str, labels: &[&str]) -> Done<i64> {
        self.open_new_issue(repo, &NewIssue { has_form: true, ..new_issue(title, body, labels) })
    }

    fn open_new_issue(&self, repo: &str, new: &NewIssue) -> Done<i64> {
        self.act(repo, |state, id, by| state.open_issue(id, new, by))
    }

    pub fn edit_issue(&self, repo: &str, number: i64, edit: &IssueEdit) -> Done {
        self.act(repo, |state, id, by| state.edit_issue(IssueRef { repo: id, number }, edit, by))
    }

    pub fn reopen_issue(&self, repo: &str, number: i64) -> Done {
        self.act(repo, |state, id, by| state.reopen_issue(id, number, by))
    }

    pub fn label_issue(&self, repo: &str, number: i64, label: &str) -> Done {
        self.act(repo, |state, id, by| state.label_issue(IssueRef { repo: id, number }, label, by))
    }

    pub fn unlabel_issue(&self, repo: &str, number: i64, label: &str) -> Done {
        self.act(repo, |state, id, by| {
            state.unlabel_issue(IssueRef { repo: id, number }, label, by)
        })
    }

    pub fn close_issue(&self, repo: &str, number: i64) -> Done {
        self.act(repo, |state, id, by| state.close_issue(id, number, by))
    }

    pub fn react(&self, repo: &str, comment: i64, content: &str) -> Done {
        self.act(repo, |state, id, by| {
            state.react(id, ReactionTarget::Comment(comment), content, by).map(drop)
        })
    }

    /// Presses the button *Re-run* of a check run.
    pub fn rerequest(&self, repo: &str, check_run: i64) -> Done {
        self.act(repo, |state, id, by| state.rerequest_check_run(id, check_run, by))
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

    /// Commits with an e-mail address that no account has.
    pub fn email(mut self, email: impl Into<String>) -> Self {
        self.email = Some(email.into());
        self
    }

    pub fn co_author(mut self, login: impl Into<String>) -> Self {
        self.co_authors.push(login.into());
        self
    }
}
