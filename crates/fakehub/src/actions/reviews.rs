//! Reviews of pull requests: submitted, dismissed, and their states.

use serde_json::{Value, json};

use crate::api_error::Refusal;
use crate::state::World;
use crate::state::data::{By, Review, ReviewState, Role};

impl World {
    /// Submits a review of the head (or of `commit`). Whoever can read may also approve.
    pub fn submit_review(
        &mut self,
        (repo, number): (i64, i64),
        (state, body): (ReviewState, &str),
        commit: Option<&str>,
        by: By,
    ) -> Result<i64, Refusal> {
        self.require_role(repo, by, Role::Read)?;
        self.require_unarchived(repo)?;
        let author = self.issue(repo, number)?.by.account;
        match state {
            ReviewState::Approved if author == by.account => {
                return Err(Refusal::unprocessable("Can not approve your own pull request"));
            }
            ReviewState::ChangesRequested if author == by.account => {
                let why = "Can not request changes on your own pull request";
                return Err(Refusal::unprocessable(why));
            }
            ReviewState::ChangesRequested | ReviewState::Commented if body.is_empty() => {
                return Err(Refusal::unprocessable("Body can't be blank"));
            }
            _ => {}
        }
        let (id, submitted_at) = (self.next_id(), self.tick());
        let pull = self.pull_mut(repo, number)?;
        let commit_id = commit.unwrap_or(&pull.head_sha).to_owned();
        pull.reviews.push(Review { id, by, state, body: body.to_owned(), commit_id, submitted_at });
        self.emit_review((repo, number), id, "submitted", by)?;
        Ok(id)
    }

    pub fn dismiss_review(
        &mut self,
        (repo, number): (i64, i64),
        review: i64,
        by: By,
    ) -> Result<(), Refusal> {
        self.require_role(repo, by, Role::Write)?;
        let found = self.review_mut((repo, number), review)?;
        if !matches!(found.state, ReviewState::Approved | ReviewState::ChangesRequested) {
            return Err(Refusal::unprocessable("Can not dismiss a commented pull request review"));
        }
        found.state = ReviewState::Dismissed;
        self.emit_review((repo, number), review, "dismissed", by)
    }

    pub fn review_mut(&mut self, pull: (i64, i64), review: i64) -> Result<&mut Review, Refusal> {
        let reviews = &mut self.pull_mut(pull.0, pull.1)?.reviews;
        reviews.iter_mut().find(|found| found.id == review).ok_or_else(Refusal::not_found)
    }

    fn emit_review(
        &mut self,
        (repo, number): (i64, i64),
        id: i64,
        action: &'static str,
        by: By,
    ) -> Result<(), Refusal> {
        let mut review = self.review_json(repo, number, id)?;
        // Webhooks spell the state in lower case, the API in upper case.
        let state = review["state"].as_str().unwrap_or_default().to_lowercase();
        review["state"] = Value::String(state);
        let payload = json!({
            "review": review,
            "pull_request": self.simple_pull_json(repo, number)?,
        });
        self.emit(("pull_request_review", Some(action)), repo, by.account, payload)
    }
}
