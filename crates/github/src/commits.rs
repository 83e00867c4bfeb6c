//! Commits made through the API, so that GitHub signs them for the App.
//!
//! A commit names the head that it is based on. GitHub refuses it if somebody has pushed since.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::Method;
use octocrab::{
    models::repos::{Object, Ref},
    params::repos::Reference,
};
use serde::Deserialize;
use serde_json::{Value, json};

use planwright_core::{
    names::{BranchName, Sha},
    repository::Repository,
};

use crate::{
    Error, GitHub, Result, TokenScope,
    call::{Call, CallFacts},
};

const CREATE_COMMIT: &str = include_str!("create_commit.graphql");

/// The contents of a commit.
#[derive(Clone, Debug)]
pub struct NewCommit {
    pub branch: BranchName,
    /// The expected head of the branch. GitHub refuses the commit if it is another.
    pub parent: Sha,
    pub headline: String,
    pub body: String,
    /// The new contents by path; `None` deletes the file.
    pub files: BTreeMap<String, Option<Vec<u8>>>,
}

impl GitHub {
    /// Returns the head of a branch, or `None` if there is no such branch.
    pub async fn branch(
        &self,
        repository: &Repository,
        branch: &BranchName,
    ) -> Result<Option<Sha>> {
        let name = &repository.name;
        let octocrab = self.octocrab(repository, TokenScope::Read);
        let reference = Reference::Branch(branch.to_string());
        let found = octocrab.repos(name.owner(), name.name()).get_ref(&reference).await;
        let facts =
            CallFacts::typed(&Method::GET, &format!("/repos/{name}/git/ref/heads/{branch}"));
        match found.map_err(|error| facts.explain(error)) {
            Ok(Ref { object: Object::Commit { sha, .. }, .. }) => {
                Sha::parse(sha).map(Some).map_err(|error| facts.unreadable(error))
            }
            Ok(_) => Err(facts.unreadable("the branch has no commit")),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Creates a branch. Fails if there is one with this name: call [`Self::branch`] first.
    pub async fn create_branch(
        &self,
        repository: &Repository,
        branch: &BranchName,
        at: &Sha,
    ) -> Result<()> {
        let name = &repository.name;
        let octocrab = self.octocrab(repository, TokenScope::Commit);
        let reference = Reference::Branch(branch.to_string());
        let made =
            octocrab.repos(name.owner(), name.name()).create_ref(&reference, at.as_str()).await;
        let facts = CallFacts::typed(&Method::POST, &format!("/repos/{name}/git/refs"));
        made.map(drop).map_err(|error| facts.explain(error))
    }

    /// Commits to a branch and returns the new head. After [`Error::Unknown`] read the branch
    /// before trying again.
    pub async fn commit(&self, repository: &Repository, commit: &NewCommit) -> Result<Sha> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Data {
            create_commit_on_branch: Option<Payload>,
        }
        #[derive(Deserialize)]
        struct Payload {
            commit: Option<Oid>,
        }
        #[derive(Deserialize)]
        struct Oid {
            oid: Sha,
        }
        let additions: Vec<Value> = commit
            .files
            .iter()
            .filter_map(|(path, bytes)| {
                let contents = STANDARD.encode(bytes.as_ref()?);
                Some(json!({ "path": path, "contents": contents }))
            })
            .collect();
        let gone = commit.files.iter().filter(|(_, bytes)| bytes.is_none());
        let deletions: Vec<Value> = gone.map(|(path, _)| json!({ "path": path })).collect();
        let input = json!({
            "branch": {
                "repositoryNameWithOwner": repository.name,
                "branchName": commit.branch,
            },
            "expectedHeadOid": commit.parent,
            "message": { "headline": commit.headline, "body": commit.body },
            "fileChanges": { "additions": additions, "deletions": deletions },
        });
        let call = Call::mutation("CreateCommit", CREATE_COMMIT, json!({ "input": input }));
        let data: Data = self.query(repository, TokenScope::Commit, &call).await?;
        let made = data.create_commit_on_branch.and_then(|payload| payload.commit);
        made.map(|commit| commit.oid).ok_or_else(|| call.unreadable("no commit"))
    }
}
