//! Comments on issues and pull requests, which GitHub handles in the same way.
//!
//! `view` makes the texts, and the store knows which comment to edit.

use http::Method;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use planwright_core::{
    comment::Comment,
    names::{CommentId, PrNumber},
    repository::Repository,
};

use crate::{
    GitHub, Result, TokenScope,
    call::Call,
    wire::{Account, AppRef, Page, Unexpected, actor_or_ghost},
};

#[derive(Deserialize)]
struct Wire {
    id: CommentId,
    user: Option<Account>,
    performed_via_github_app: Option<AppRef>,
    #[serde(default)]
    body: Option<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl Wire {
    fn comment(self) -> Result<Comment, Unexpected> {
        Ok(Comment {
            id: self.id,
            author: actor_or_ghost(self.user)?,
            via_app: self.performed_via_github_app.map(|app| app.id),
            body: self.body.unwrap_or_default(),
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

impl GitHub {
    /// Creates a comment. After [`crate::Error::Unknown`] call [`Self::find_comment`] before trying
    /// again.
    pub async fn create_comment(
        &self,
        repository: &Repository,
        number: PrNumber,
        body: &str,
    ) -> Result<Comment> {
        let path = format!("/repos/{}/issues/{number}/comments", repository.name);
        let call = Call::close(Method::POST, path, json!({ "body": body }));
        let wire: Wire = self.ask(repository, TokenScope::Comment, &call).await?;
        wire.comment().map_err(|e| call.unreadable(e))
    }

    /// Replaces the body of a comment. Fails with [`crate::Error::NotFound`] if it was deleted.
    pub async fn update_comment(
        &self,
        repository: &Repository,
        comment: CommentId,
        body: &str,
    ) -> Result<Comment> {
        let path = format!("/repos/{}/issues/comments/{comment}", repository.name);
        let call = Call::close(Method::PATCH, path, json!({ "body": body }));
        let wire: Wire = self.ask(repository, TokenScope::Comment, &call).await?;
        wire.comment().map_err(|e| call.unreadable(e))
    }

    /// Returns the oldest comment with `marker` that our App wrote. Others may write the marker,
    /// too.
    pub async fn find_comment(
        &self,
        repository: &Repository,
        number: PrNumber,
        marker: &str,
    ) -> Result<Option<Comment>> {
        let path = format!("/repos/{}/issues/{number}/comments", repository.name);
        let own = self.app_id();
        self.find_in_pages(repository, TokenScope::Comment, &path, |page: Vec<Wire>| {
            let len = page.len();
            let is_ours = |comment: &Wire| {
                comment.performed_via_github_app.as_ref().is_some_and(|app| app.id == own)
                    && comment.body.as_ref().is_some_and(|body| body.contains(marker))
            };
            let found = page.into_iter().find(is_ours).map(Wire::comment).transpose()?;
            Ok(Page { found, len })
        })
        .await
    }
}
