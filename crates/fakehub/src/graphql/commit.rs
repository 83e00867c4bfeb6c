//! Fields of commits, and of their authors and committers.

use serde_json::Value;

use crate::{
    git_repo::authors::authors,
    graphql::{
        connection::connection,
        node::{Arguments, FieldError, FieldValue, Node},
    },
    state::State,
};

pub fn pull_commit_field(repo: i64, sha: &str, name: &str) -> Result<FieldValue, FieldError> {
    match name {
        "commit" => Ok(FieldValue::One(Node::Commit(repo, sha.to_owned()))),
        _ => Err(FieldError::unknown("PullRequestCommit", name)),
    }
}

pub fn field(
    state: &State,
    repo: i64,
    sha: &str,
    name: &str,
    arguments: &Arguments,
) -> Result<FieldValue, FieldError> {
    let facts = state.git_repo(repo)?.commit_info(sha)?;
    let date = |second: i64| {
        let at = jiff::Timestamp::from_second(second).map(|at| at.to_string());
        FieldValue::leaf(Value::from(at.ok()))
    };
    match name {
        "oid" => FieldValue::leaf(sha),
        "url" => {
            let full_name = state.full_name(state.repository(repo)?)?;
            FieldValue::leaf(format!("{}/{full_name}/commit/{sha}", state.url))
        }
        "message" => FieldValue::leaf(facts.message),
        "messageHeadline" => FieldValue::leaf(facts.message.lines().next().unwrap_or_default()),
        "committedDate" => date(facts.committer.second),
        "authoredDate" => date(facts.author.second),
        "author" => Ok(FieldValue::One(actor(facts.author))),
        "committer" => Ok(FieldValue::One(actor(facts.committer))),
        "authors" => {
            let all = authors(&facts).into_iter().map(actor).collect();
            connection("GitActorConnection", all, arguments)
        }
        "history" => {
            let path = arguments.text("path").unwrap_or_default();
            let shas = state.git_repo(repo)?.history(sha, path)?;
            let all = shas.into_iter().map(|sha| Node::Commit(repo, sha)).collect();
            connection("CommitHistoryConnection", all, arguments)
        }
        "parents" => {
            let parent = |sha: &String| Node::Commit(repo, sha.clone());
            let all = facts.parents.iter().map(parent).collect();
            connection("CommitConnection", all, arguments)
        }
        _ => Err(FieldError::unknown("Commit", name)),
    }
}

/// Returns a field of an author or committer. `user` is the account of the e-mail address, or null
/// if no account has it.
pub fn git_actor_field(
    state: &State,
    who: &str,
    email: &str,
    name: &str,
) -> Result<FieldValue, FieldError> {
    match name {
        "name" => FieldValue::leaf(who),
        "email" => FieldValue::leaf(email),
        "user" => {
            let account = state.account_of_email(email);
            FieldValue::maybe(account.map(|account| Node::GitUser(account.id)))
        }
        _ => Err(FieldError::unknown("GitActor", name)),
    }
}

fn actor(stamp: crate::git_repo::Stamp) -> Node {
    Node::GitActor { name: stamp.name, email: stamp.email }
}
