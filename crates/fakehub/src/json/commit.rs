//! JSON of commits, as in push events.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{api_error::ApiError, git_repo::Stamp, state::State};

impl State {
    pub fn commit_json(&self, repo: i64, sha: &str) -> Result<Value, ApiError> {
        let facts = self.git_repo(repo)?.commit_info(sha)?;
        let full_name = self.full_name(self.repository(repo)?)?;
        Ok(json!({
            "id": facts.sha,
            "tree_id": facts.tree,
            "distinct": true,
            "message": facts.message,
            "timestamp": Timestamp::from_second(facts.committer.second).ok(),
            "url": format!("{}/{full_name}/commit/{sha}", self.url),
            "author": self.git_user_json(&facts.author),
            "committer": self.git_user_json(&facts.committer),
            "added": facts.added,
            "removed": facts.removed,
            "modified": facts.modified,
        }))
    }

    /// Returns the name and address of a commit, with the login of their account if there is one.
    fn git_user_json(&self, stamp: &Stamp) -> Value {
        let mut user = json!({ "name": stamp.name, "email": stamp.email });
        if let Some(account) = self.account_of_email(&stamp.email) {
            user["username"] = account.login.clone().into();
        }
        user
    }
}
