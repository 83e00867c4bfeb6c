//! Who wrote the files below a path.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;

use planwright_core::{
    names::{Login, RepositoryId, Sha, UserId},
    repository::Repository,
};

use crate::{Error, GitHub, Result, TokenScope, call::Call, pull_request::CommitFields};

const DOCUMENT: &str = include_str!("code_authors.graphql");

#[derive(Deserialize)]
struct Data {
    repository: Option<RepositoryNode>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RepositoryNode {
    database_id: RepositoryId,
    object: Option<Object>,
}

#[derive(Deserialize)]
struct Object {
    history: Option<History>,
}

#[derive(Deserialize)]
struct History {
    nodes: Vec<CommitFields>,
}

impl GitHub {
    /// Returns the authors, co-authors and committers of the newest hundred commits up to `commit`
    /// that touch `path`, as far as their addresses belong to accounts.
    pub async fn code_authors(
        &self,
        repository: &Repository,
        commit: &Sha,
        path: &str,
    ) -> Result<BTreeMap<UserId, Login>> {
        let variables = json!({
            "owner": repository.name.owner(),
            "name": repository.name.name(),
            "commit": commit,
            "path": path,
        });
        let call = Call::query("CodeAuthors", DOCUMENT, variables);
        let data: Data = self.query(repository, TokenScope::Read, &call).await?;
        let missing = || Error::NotFound { call: call.name() };
        let place = data.repository.ok_or_else(missing)?;
        if place.database_id != repository.id {
            return Err(call.unreadable("the name was given to another repository since"));
        }
        let history = place.object.and_then(|object| object.history).ok_or_else(missing)?;
        let mut people = BTreeMap::new();
        for commit in history.nodes {
            people.extend(commit.authors().map_err(|error| call.unreadable(error))?.users);
        }
        Ok(people)
    }
}
