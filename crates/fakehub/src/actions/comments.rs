//! Comments on issues and pull requests, and reactions to them.

use serde_json::{Value, json};

use crate::{
    actions::events::Event,
    api_error::ApiError,
    json::comment::CONTENTS,
    state::{
        State,
        data::{By, Comment, Reaction, Role},
    },
};

/// The largest size of a body, in UTF-16 code units.
const BODY_LIMIT: usize = 65_536;
/// The largest size of a body, in bytes.
const BODY_BYTES: usize = 262_144;

/// What a reaction is added to.
#[derive(Clone, Copy, Debug)]
pub enum ReactionTarget {
    Comment(i64),
    /// An issue or pull request, by its number.
    Issue(i64),
}

/// Fails with 422 if GitHub would reject `body` because it is blank or too long.
pub fn check_body(resource: &str, body: &str) -> Result<(), ApiError> {
    if body.trim().is_empty() {
        return Err(ApiError::invalid(resource, "body", "body can't be blank"));
    }
    if body.encode_utf16().count() > BODY_LIMIT || body.len() > BODY_BYTES {
        let message = format!("body is too long (maximum is {BODY_LIMIT} characters)");
        return Err(ApiError::invalid(resource, "body", message));
    }
    Ok(())
}

/// A comment, by its repository and its id.
#[derive(Clone, Copy)]
struct CommentRef {
    repo: i64,
    id: i64,
}

impl State {
    pub fn add_comment(
        &mut self,
        repo: i64,
        issue: i64,
        body: &str,
        by: By,
    ) -> Result<i64, ApiError> {
        self.require_role(repo, by, Role::Read)?;
        self.require_unarchived(repo)?;
        self.issue(repo, issue)?;
        check_body("IssueComment", body)?;
        let (id, at) = (self.next_id(), self.tick());
        let comment = Comment {
            id,
            issue,
            by,
            body: body.to_owned(),
            created_at: at,
            updated_at: at,
            reactions: vec![],
            via_email: false,
        };
        self.repository_mut(repo)?.comments.insert(id, comment);
        self.issue_mut(repo, issue)?.updated_at = at;
        self.emit_comment(CommentRef { repo, id }, "created", by, json!({}))?;
        Ok(id)
    }

    /// Replaces the text of a comment. Fails unless `by` wrote the comment or may write to the
    /// repository.
    pub fn edit_comment(&mut self, repo: i64, id: i64, body: &str, by: By) -> Result<(), ApiError> {
        self.require_unarchived(repo)?;
        check_body("IssueComment", body)?;
        if self.comment(repo, id)?.by.account != by.account {
            self.require_role(repo, by, Role::Write)?;
        }
        let at = self.tick();
        let comment = self.comment_mut(repo, id)?;
        let from = std::mem::replace(&mut comment.body, body.to_owned());
        comment.updated_at = at;
        let changes = json!({ "changes": { "body": { "from": from } } });
        self.emit_comment(CommentRef { repo, id }, "edited", by, changes)
    }

    /// Deletes a comment. Fails unless `by` wrote the comment or may write to the repository.
    pub fn delete_comment(&mut self, repo: i64, id: i64, by: By) -> Result<(), ApiError> {
        self.require_unarchived(repo)?;
        if self.comment(repo, id)?.by.account != by.account {
            self.require_role(repo, by, Role::Write)?;
        }
        self.emit_comment(CommentRef { repo, id }, "deleted", by, json!({}))?;
        self.repository_mut(repo)?.comments.remove(&id);
        Ok(())
    }

    /// Adds a reaction, and returns it with whether it is new. GitHub sends no webhook for
    /// reactions.
    pub fn react(
        &mut self,
        repo: i64,
        to: ReactionTarget,
        content: &str,
        by: By,
    ) -> Result<(Reaction, bool), ApiError> {
        self.require_unarchived(repo)?;
        if !CONTENTS.contains(&content) {
            return Err(ApiError::invalid(
                "Reaction",
                "content",
                "content is not included in the list",
            ));
        }
        let (id, created_at) = (self.next_id(), self.tick());
        let reactions = match to {
            ReactionTarget::Comment(comment) => &mut self.comment_mut(repo, comment)?.reactions,
            ReactionTarget::Issue(number) => &mut self.issue_mut(repo, number)?.reactions,
        };
        let is_it = |old: &&Reaction| old.by == by.account && old.content == content;
        if let Some(old) = reactions.iter().find(is_it) {
            return Ok((old.clone(), false));
        }
        let reaction = Reaction { id, by: by.account, content: content.to_owned(), created_at };
        reactions.push(reaction.clone());
        Ok((reaction, true))
    }

    pub fn comment(&self, repo: i64, id: i64) -> Result<&Comment, ApiError> {
        self.repository(repo)?.comments.get(&id).ok_or_else(ApiError::not_found)
    }

    pub fn comment_mut(&mut self, repo: i64, id: i64) -> Result<&mut Comment, ApiError> {
        self.repository_mut(repo)?.comments.get_mut(&id).ok_or_else(ApiError::not_found)
    }

    fn emit_comment(
        &mut self,
        comment: CommentRef,
        action: &'static str,
        by: By,
        mut payload: Value,
    ) -> Result<(), ApiError> {
        let CommentRef { repo, id } = comment;
        let comment = self.comment(repo, id)?;
        payload["comment"] = self.comment_json(repo, comment)?;
        payload["issue"] = self.issue_json(repo, comment.issue)?;
        self.emit(Event::new("issue_comment", action), repo, by.account, payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_counted_in_utf16_units() {
        assert!(check_body("IssueComment", &"a".repeat(65_536)).is_ok());
        assert!(check_body("IssueComment", &"a".repeat(65_537)).is_err());
        assert!(check_body("IssueComment", &"😀".repeat(32_769)).is_err());
        assert!(check_body("IssueComment", " \n").is_err());
    }
}
