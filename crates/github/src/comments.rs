//! Comments on issues and pull requests, which GitHub handles in the same way.
//!
//! `view` makes the texts, and the store knows which comment to edit.

use http::Method;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use planwright_core::{
    comment::{Comment, CommentIdentity, CurrentComment},
    names::{CommentId, PrNumber, RepositoryId},
    repository::Repository,
};

use crate::{
    Error, GitHub, Result, TokenScope,
    call::Call,
    wire::{Account, ActorNode, AppRef, Page, Unexpected, actor_or_ghost},
};

const DOCUMENT: &str = include_str!("comment.graphql");

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

#[derive(Deserialize)]
struct Data {
    node: Option<Node>,
}

/// What an opaque id is the id of.
#[derive(Deserialize)]
#[serde(tag = "__typename")]
enum Node {
    IssueComment(CommentNode),
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CommentNode {
    /// A `BigInt`, which GitHub sends as a string.
    full_database_id: String,
    body: String,
    created_via_email: bool,
    author: Option<ActorNode>,
    repository: RepositoryNode,
    pull_request: Option<Numbered>,
    issue: Option<Numbered>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RepositoryNode {
    database_id: RepositoryId,
}

#[derive(Deserialize)]
struct Numbered {
    number: PrNumber,
}

impl CommentNode {
    fn comment(self) -> Result<CurrentComment, Unexpected> {
        let id = self.full_database_id;
        let id = id.parse().map_err(|_| format!("`{id}` is no id of a comment"))?;
        let author = self.author.map(ActorNode::actor).transpose()?;
        let identity = CommentIdentity {
            id: CommentId(id),
            repository: self.repository.database_id,
            number: self.pull_request.or(self.issue).map(|on| on.number),
            author: author.map(|author| author.id),
        };
        Ok(CurrentComment { identity, body: self.body, by_mail: self.created_via_email })
    }
}

impl GitHub {
    /// Returns the comment with this id in GraphQL as it is now; `None` if there is none, or none
    /// that the App can see in `repository`.
    pub async fn current_comment(
        &self,
        repository: &Repository,
        node_id: &str,
        on_pull_request: bool,
    ) -> Result<Option<CurrentComment>> {
        let scope = if on_pull_request { TokenScope::Read } else { TokenScope::Request };
        let variables = json!({ "id": node_id, "onPullRequest": on_pull_request });
        let call = Call::query("Comment", DOCUMENT, variables);
        match self.query::<Data>(repository, scope, &call).await {
            Ok(Data { node: Some(Node::IssueComment(comment)) }) => {
                comment.comment().map(Some).map_err(|e| call.unreadable(e))
            }
            Ok(_) | Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns the id of a comment in GraphQL; `None` if there is no such comment.
    pub async fn comment_node_id(
        &self,
        repository: &Repository,
        comment: CommentId,
    ) -> Result<Option<String>> {
        #[derive(Deserialize)]
        struct Node {
            node_id: String,
        }
        let path = format!("/repos/{}/issues/comments/{comment}", repository.name);
        match self.ask(repository, TokenScope::Comment, &Call::read(path)).await {
            Err(Error::NotFound { .. }) => Ok(None),
            node => node.map(|node: Node| Some(node.node_id)),
        }
    }

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
