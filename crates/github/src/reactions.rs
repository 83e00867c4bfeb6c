//! Reactions to comments: the acknowledgement that costs nobody a notification.

use http::Method;
use serde::de::IgnoredAny;
use serde_json::json;

use planwright_core::{names::CommentId, repository::Repository};

use crate::{GitHub, Result, TokenScope, call::Call};

/// The three that mean something here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reaction {
    /// 👀 seen.
    Eyes,
    /// 🚀 done.
    Rocket,
    /// 😕 refused.
    Confused,
}

impl GitHub {
    /// Reacts to a comment. GitHub keeps one of a kind per account, so doing it again is harmless.
    pub async fn react(
        &self,
        repository: &Repository,
        comment: CommentId,
        reaction: Reaction,
    ) -> Result<()> {
        let path = format!("/repos/{}/issues/comments/{comment}/reactions", repository.name);
        let call = Call::write(Method::POST, path, json!({ "content": reaction }));
        self.ask::<IgnoredAny>(repository, TokenScope::Comment, &call).await?;
        Ok(())
    }
}
