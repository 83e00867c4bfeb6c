//! What changes something: one commit on a branch, and a draft that becomes ready.
//!
//! The fields of a mutation are carried out in their order; what they give is selected afterwards.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::actions::access::{Access, Actor};
use crate::api_error::Refusal;
use crate::git_repo::FileChange;
use crate::graphql::node::Unknown;
use crate::graphql::node::{Arguments, Failure, Thing};
use crate::json::node_id;
use crate::state::World;
use crate::state::data::{Level, Role};

pub fn perform(
    world: &mut World,
    actor: &Actor,
    name: &str,
    arguments: &Arguments,
) -> Result<Thing, Failure> {
    let input = arguments.0.get("input").unwrap_or(&Value::Null);
    let (name, fields) = match name {
        "createCommitOnBranch" => {
            ("CreateCommitOnBranchPayload", create_commit(world, actor, input)?)
        }
        "markPullRequestReadyForReview" => {
            ("MarkPullRequestReadyForReviewPayload", mark_ready(world, actor, input)?)
        }
        _ => return Err(Failure::unknown("Mutation", name)),
    };
    Ok(Thing::Payload { name, fields })
}

const fn write(permissions: &'static [&'static str]) -> Access {
    Access::Repository { permissions, level: Level::Write, role: Some(Role::Write) }
}

type Fields = Vec<(&'static str, Thing)>;

fn create_commit(world: &mut World, actor: &Actor, input: &Value) -> Result<Fields, Failure> {
    let branch = &input["branch"];
    let Some(full_name) = branch["repositoryNameWithOwner"].as_str() else {
        return Err(Failure::Unknown(Unknown("a branch without repositoryNameWithOwner".into())));
    };
    let repo = world.repository_named(full_name)?;
    world.admit(actor, write(&["contents"]), Some(repo))?;
    let files = file_changes(&input["fileChanges"])?;
    refuse_workflows(actor, &files)?;
    let headline = text(&input["message"], "headline")?;
    let message = match input["message"]["body"].as_str().unwrap_or_default() {
        "" => headline.to_owned(),
        body => format!("{headline}\n\n{body}"),
    };
    let at = (text(branch, "branchName")?, text(input, "expectedHeadOid")?);
    let by = actor.by(world);
    let sha = world.commit_on_head(repo, at, (&message, &files), by)?;
    let branch = at.0.to_owned();
    Ok(vec![("commit", Thing::Commit(repo, sha)), ("ref", Thing::Ref { repo, branch })])
}

/// GitHub asks an app for two permissions here, though its documents name none for GraphQL.
fn mark_ready(world: &mut World, actor: &Actor, input: &Value) -> Result<Fields, Failure> {
    let id = text(input, "pullRequestId")?;
    let (repo, number) = pull_of_node(world, id).ok_or_else(|| Failure::Refused {
        kind: "NOT_FOUND",
        message: format!("Could not resolve to a node with the global id of '{id}'."),
    })?;
    for permission in [&["pull_requests"], &["contents"]] {
        world.admit(actor, write(permission), Some(repo))?;
    }
    world.mark_ready((repo, number), actor.by(world))?;
    Ok(vec![("pullRequest", Thing::Pull(repo, number))])
}

fn pull_of_node(world: &World, id: &str) -> Option<(i64, i64)> {
    let is_it = |pull: &crate::state::data::Pull| node_id("PR", pull.id) == id;
    world.state.repositories.values().find_map(|repository| {
        let mut issues = repository.issues.values();
        let found = issues.find(|issue| issue.pull.as_ref().is_some_and(is_it))?;
        Some((repository.id, found.number))
    })
}

fn file_changes(changes: &Value) -> Result<Vec<FileChange>, Failure> {
    let list = |name: &str| changes[name].as_array().cloned().unwrap_or_default();
    let mut files = vec![];
    for addition in list("additions") {
        let path = text(&addition, "path")?.to_owned();
        let contents = STANDARD.decode(text(&addition, "contents")?).map_err(|_| {
            Refusal::new(422, format!("The contents of {path} are not valid base64"))
        })?;
        files.push(FileChange::Write { path, contents, executable: false });
    }
    for deletion in list("deletions") {
        files.push(FileChange::Delete { path: text(&deletion, "path")?.to_owned() });
    }
    Ok(files)
}

/// Without a permission of its own no app changes what runs with the repository's secrets.
fn refuse_workflows(actor: &Actor, files: &[FileChange]) -> Result<(), Refusal> {
    let Actor::Installation { grant, .. } = actor else { return Ok(()) };
    let found = files.iter().map(FileChange::path).find(|it| it.starts_with(".github/workflows/"));
    match found {
        Some(path) if !grant.permissions.contains_key("workflows") => {
            let message = format!(
                "refusing to allow a GitHub App to create or update workflow `{path}` without \
                 `workflows` permission"
            );
            Err(Refusal::new(403, message))
        }
        _ => Ok(()),
    }
}

fn text<'a>(input: &'a Value, field: &str) -> Result<&'a str, Refusal> {
    input[field].as_str().ok_or_else(|| Refusal::missing(field))
}
