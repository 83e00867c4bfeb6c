//! Who moved a branch, as GitHub recorded it: for pushes of which no webhook came.

use jiff::Timestamp;
use serde::Deserialize;

use planwright_core::{
    actor::Actor,
    names::{BranchName, Sha},
    repository::Repository,
};

use crate::{
    Error, GitHub, Result, TokenScope,
    call::Call,
    wire::{Account, PER_PAGE, Unexpected},
};

/// A move of a branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BranchMove {
    /// Forty zeros if the branch was new.
    pub before: Sha,
    /// Forty zeros if it was deleted.
    pub after: Sha,
    pub by: Actor,
    pub at: Timestamp,
}

#[derive(Deserialize)]
struct Wire {
    before: Sha,
    after: Sha,
    timestamp: Timestamp,
    actor: Option<Account>,
}

impl GitHub {
    /// Returns the last hundred moves of a branch that were made by somebody, the newest first;
    /// none where GitHub keeps no record of them.
    pub async fn branch_moves(
        &self,
        repository: &Repository,
        branch: &BranchName,
    ) -> Result<Vec<BranchMove>> {
        let git_ref = format!("refs/heads/{branch}");
        let git_ref: String = form_urlencoded::byte_serialize(git_ref.as_bytes()).collect();
        let path = format!("/repos/{}/activity?ref={git_ref}&per_page={PER_PAGE}", repository.name);
        let call = Call::read(path);
        let all: Vec<Wire> = match self.ask(repository, TokenScope::Read, &call).await {
            Err(Error::NotFound { .. }) => return Ok(Vec::new()),
            all => all?,
        };
        let moves: Result<Vec<Option<BranchMove>>, Unexpected> =
            all.into_iter().map(Wire::branch_move).collect();
        Ok(moves.map_err(|e| call.unreadable(e))?.into_iter().flatten().collect())
    }
}

impl Wire {
    fn branch_move(self) -> Result<Option<BranchMove>, Unexpected> {
        let Self { before, after, timestamp: at, actor } = self;
        let by = actor.map(Account::actor).transpose()?;
        Ok(by.map(|by| BranchMove { before, after, by, at }))
    }
}
