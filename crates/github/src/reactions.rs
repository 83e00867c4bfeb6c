//! Reactions to comments, which acknowledge a command without notifying anybody.

use http::Method;
use serde::de::IgnoredAny;
use serde_json::json;

use planwright_core::{names::CommentId, repository::Repository};

use crate::{GitHub, Result, TokenScope, call::Call};

/// The reactions that the bot uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reaction {
    /// 👀: the command was seen.
    Eyes,
    /// 🚀: it was carried out.
    Rocket,
    /// 😕: it was refused.
    Confused,
}

impl GitHub {
    /// Reacts to a comment. GitHub keeps one reaction of a kind per account, so repeating it is
    /// harmless.
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
