//! Pull requests that the App opens as drafts and marks as ready.

use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use planwright_core::{
    names::{BranchName, PrNumber},
    repository::Repository,
};

use crate::{
    GitHub, Result, TokenScope,
    call::Call,
    wire::{Account, actor_or_ghost},
};

const MARK_READY: &str = include_str!("mark_ready.graphql");

/// The contents of a new pull request.
#[derive(Clone, Debug)]
pub struct NewPullRequest {
    pub head: BranchName,
    pub base: BranchName,
    pub title: String,
    pub body: String,
}

#[derive(Deserialize)]
struct Wire {
    number: PrNumber,
}

#[derive(Deserialize)]
struct FoundWire {
    number: PrNumber,
    user: Option<Account>,
}

impl GitHub {
    /// Opens a draft. After [`crate::Error::Unknown`] call [`Self::find_pull_request`] before
    /// trying again.
    pub async fn open_pull_request(
        &self,
        repository: &Repository,
        new: &NewPullRequest,
    ) -> Result<PrNumber> {
        let body = json!({
            "head": new.head,
            "base": new.base,
            "title": new.title,
            "body": new.body,
            "draft": true,
        });
        let call = Call::write(Method::POST, format!("/repos/{}/pulls", repository.name), body);
        Ok(self.ask::<Wire>(repository, TokenScope::Propose, &call).await?.number)
    }

    /// Returns the newest open pull request of the App from a branch of this repository.
    pub async fn find_pull_request(
        &self,
        repository: &Repository,
        head: &BranchName,
    ) -> Result<Option<PrNumber>> {
        let (name, owner) = (&repository.name, repository.name.owner());
        let path = format!("/repos/{name}/pulls?head={owner}:{head}&state=open");
        let call = Call::read(path);
        let found: Vec<FoundWire> = self.ask(repository, TokenScope::Read, &call).await?;
        for FoundWire { number, user } in found {
            let author = actor_or_ghost(user).map_err(|e| call.unreadable(e))?;
            if author.login == *self.login().await? {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }

    /// Replaces the text of a pull request.
    pub async fn edit_pull_request(
        &self,
        repository: &Repository,
        number: PrNumber,
        body: &str,
    ) -> Result<()> {
        let path = format!("/repos/{}/pulls/{number}", repository.name);
        let call = Call::write(Method::PATCH, path, json!({ "body": body }));
        self.send(repository, TokenScope::Propose, &call).await.map(drop)
    }

    /// Marks a draft as ready for review. Nothing changes if it is not a draft.
    pub async fn mark_ready(&self, repository: &Repository, node_id: &str) -> Result<()> {
        let call = Call::mutation("MarkReady", MARK_READY, json!({ "id": node_id }));
        self.query::<Value>(repository, TokenScope::Propose, &call).await.map(drop)
    }
}
