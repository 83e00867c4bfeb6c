//! JSON of comments on issues and pull requests, and of reactions to them.

use serde_json::{Value, json};

use crate::{
    api_error::ApiError,
    json::node_id,
    state::{
        State,
        data::{Comment, Reaction},
    },
};

/// GitHub's names of all reactions.
pub const CONTENTS: [&str; 8] =
    ["+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"];

impl State {
    pub fn comment_json(&self, repo: i64, comment: &Comment) -> Result<Value, ApiError> {
        let repository = self.repository(repo)?;
        let full_name = self.full_name(repository)?;
        let api = format!("{}/api/v3/repos/{full_name}", self.url);
        let (id, number) = (comment.id, comment.issue);
        let issue = self.issue(repo, number)?;
        let kind = if issue.pull.is_some() { "pull" } else { "issues" };
        let url = format!("{api}/issues/comments/{id}");
        Ok(json!({
            "id": id,
            "node_id": node_id("IC", id),
            "url": url,
            "html_url": format!("{}/{full_name}/{kind}/{number}#issuecomment-{id}", self.url),
            "issue_url": format!("{api}/issues/{number}"),
            "user": self.user_json(comment.by.account)?,
            "body": comment.body,
            "created_at": comment.created_at,
            "updated_at": comment.updated_at,
            "author_association": self.association(repository, comment.by.account),
            "performed_via_github_app": self.via_app_json(comment.by.via_app)?,
            "reactions": rollup(&url, &comment.reactions),
        }))
    }

    pub fn reaction_json(&self, reaction: &Reaction) -> Result<Value, ApiError> {
        Ok(json!({
            "id": reaction.id,
            "node_id": node_id("REA", reaction.id),
            "user": self.user_json(reaction.by)?,
            "content": reaction.content,
            "created_at": reaction.created_at,
        }))
    }
}

/// Returns how often each reaction was given to the object at the API URL `url`.
pub fn rollup(url: &str, reactions: &[Reaction]) -> Value {
    let count = |content: &str| reactions.iter().filter(|it| it.content == content).count();
    let mut rollup = json!({ "url": format!("{url}/reactions"), "total_count": reactions.len() });
    for content in CONTENTS {
        rollup[content] = count(content).into();
    }
    rollup
}
