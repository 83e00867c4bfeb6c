//! Reads the snapshot of an issue, with the default branch of its repository.

use serde::Deserialize;
use serde_json::json;

use planwright_core::{
    actor::Actor,
    issue::Issue,
    names::{BranchName, PrNumber, RepositoryId, Sha},
    repository::Repository,
};

use crate::{Error, GitHub, Result, TokenScope, call::Call, wire::ActorNode};

const DOCUMENT: &str = include_str!("issue.graphql");

#[derive(Deserialize)]
struct Data {
    repository: Option<RepositoryNode>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RepositoryNode {
    database_id: RepositoryId,
    default_branch_ref: Option<Branch>,
    issue: Option<IssueNode>,
}

#[derive(Deserialize)]
struct Branch {
    name: BranchName,
    target: Oid,
}

#[derive(Deserialize)]
struct Oid {
    oid: Sha,
}

#[derive(Deserialize)]
struct IssueNode {
    number: PrNumber,
    title: String,
    body: String,
    state: String,
    author: Option<ActorNode>,
    editor: Option<ActorNode>,
    labels: Option<Labels>,
}

#[derive(Deserialize)]
struct Labels {
    nodes: Vec<Label>,
}

#[derive(Deserialize)]
struct Label {
    name: String,
}

impl GitHub {
    /// Returns an issue as it is now. Fails with [`Error::NotFound`] for the number of a pull
    /// request, too.
    pub async fn issue(&self, repository: &Repository, number: PrNumber) -> Result<Issue> {
        let variables = json!({
            "owner": repository.name.owner(),
            "name": repository.name.name(),
            "number": number,
        });
        let call = Call::query("Issue", DOCUMENT, variables);
        let data: Data = self.query(repository, TokenScope::Request, &call).await?;
        let missing = || Error::NotFound { call: call.name() };
        let place = data.repository.ok_or_else(missing)?;
        if place.database_id != repository.id {
            return Err(call.unreadable("the name was given to another repository since"));
        }
        let node = place.issue.filter(|issue| issue.number == number).ok_or_else(missing)?;
        let branch = place
            .default_branch_ref
            .ok_or_else(|| call.unreadable("the repository has no default branch yet"))?;
        let person = |node: Option<ActorNode>| {
            node.map(ActorNode::actor).transpose().map_err(|e| call.unreadable(e))
        };
        Ok(Issue {
            number,
            title: node.title,
            body: node.body,
            is_open: node.state == "OPEN",
            author: person(node.author)?.unwrap_or_else(Actor::ghost),
            editor: person(node.editor)?,
            labels: node.labels.into_iter().flat_map(|l| l.nodes).map(|l| l.name).collect(),
            base_ref: branch.name,
            base: branch.target.oid,
        })
    }
}
