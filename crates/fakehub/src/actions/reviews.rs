//! Reviews of pull requests: submitting and dismissing.

use serde_json::{Value, json};

use crate::{
    actions::events::Event,
    api_error::ApiError,
    state::{
        State,
        data::{By, IssueRef, Review, ReviewState, Role},
    },
};

/// The fields of a new review.
#[derive(Clone, Copy)]
pub struct NewReview<'a> {
    pub state: ReviewState,
    pub body: &'a str,
    /// The reviewed commit, if it is not the head.
    pub commit: Option<&'a str>,
}

impl State {
    /// Submits a review, and returns its id. As on GitHub, whoever can read may approve.
    ///
    /// Fails with 422 if the author approves or requests changes, or if a required text is missing.
    pub fn submit_review(
        &mut self,
        target: IssueRef,
        review: &NewReview<'_>,
        by: By,
    ) -> Result<i64, ApiError> {
        let NewReview { state, body, commit } = *review;
        let IssueRef { repo, number } = target;
        self.require_role(repo, by, Role::Read)?;
        self.require_unarchived(repo)?;
        let author = self.issue(repo, number)?.by.account;
        match state {
            ReviewState::Approved if author == by.account => {
                return Err(ApiError::unprocessable("Can not approve your own pull request"));
            }
            ReviewState::ChangesRequested if author == by.account => {
                let why = "Can not request changes on your own pull request";
                return Err(ApiError::unprocessable(why));
            }
            ReviewState::ChangesRequested | ReviewState::Commented if body.is_empty() => {
                return Err(ApiError::unprocessable("Body can't be blank"));
            }
            _ => {}
        }
        let (id, submitted_at) = (self.next_id(), self.tick());
        let pull = self.pull_mut(repo, number)?;
        let commit_id = commit.unwrap_or(&pull.head_sha).to_owned();
        let (body, via_email) = (body.to_owned(), false);
        pull.reviews.push(Review { id, by, state, body, commit_id, submitted_at, via_email });
        self.emit_review(target, id, "submitted", by)?;
        Ok(id)
    }

    pub fn dismiss_review(
        &mut self,
        target: IssueRef,
        review: i64,
        by: By,
    ) -> Result<(), ApiError> {
        let repo = target.repo;
        self.require_role(repo, by, Role::Write)?;
        let found = self.review_mut(target, review)?;
        if !matches!(found.state, ReviewState::Approved | ReviewState::ChangesRequested) {
            return Err(ApiError::unprocessable("Can not dismiss a commented pull request review"));
        }
        found.state = ReviewState::Dismissed;
        self.emit_review(target, review, "dismissed", by)
    }

    pub fn review_mut(&mut self, pull: IssueRef, review: i64) -> Result<&mut Review, ApiError> {
        let reviews = &mut self.pull_mut(pull.repo, pull.number)?.reviews;
        reviews.iter_mut().find(|found| found.id == review).ok_or_else(ApiError::not_found)
    }

    fn emit_review(
        &mut self,
        target: IssueRef,
        id: i64,
        action: &'static str,
        by: By,
    ) -> Result<(), ApiError> {
        let IssueRef { repo, number } = target;
        let mut review = self.review_json(repo, number, id)?;
        // Webhooks write the state in lower case, REST in upper case.
        let state = review["state"].as_str().unwrap_or_default().to_lowercase();
        review["state"] = Value::String(state);
        let payload = json!({
            "review": review,
            "pull_request": self.simple_pull_json(repo, number)?,
        });
        self.emit(Event::new("pull_request_review", action), repo, by.account, payload)
    }
}
