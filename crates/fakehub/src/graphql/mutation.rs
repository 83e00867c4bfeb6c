//! Mutations: committing to a branch, and marking a draft as ready.
//!
//! All fields of a mutation are performed in their order before anything is selected from their
//! results.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use crate::{
    actions::{
        access::{Access, Actor},
        branches::HeadCommit,
    },
    api_error::ApiError,
    git_repo::FileChange,
    graphql::node::{Arguments, FieldError, Node, Unknown},
    json::node_id,
    state::{
        State,
        data::{IssueRef, Level, Role},
    },
};

pub fn perform(
    state: &mut State,
    actor: &Actor,
    name: &str,
    arguments: &Arguments,
) -> Result<Node, FieldError> {
    let input = arguments.0.get("input").unwrap_or(&Value::Null);
    let (name, fields) = match name {
        "createCommitOnBranch" => {
            ("CreateCommitOnBranchPayload", create_commit(state, actor, input)?)
        }
        "markPullRequestReadyForReview" => {
            ("MarkPullRequestReadyForReviewPayload", mark_ready(state, actor, input)?)
        }
        _ => return Err(FieldError::unknown("Mutation", name)),
    };
    Ok(Node::Payload { name, fields })
}

const fn write(permissions: &'static [&'static str]) -> Access {
    Access::Repository { permissions, level: Level::Write, role: Some(Role::Write) }
}

type Fields = Vec<(&'static str, Node)>;

fn create_commit(state: &mut State, actor: &Actor, input: &Value) -> Result<Fields, FieldError> {
    let branch = &input["branch"];
    let Some(full_name) = branch["repositoryNameWithOwner"].as_str() else {
        return Err(FieldError::Unknown(Unknown(
            "a branch without repositoryNameWithOwner".into(),
        )));
    };
    let repo = state.repository_named(full_name)?;
    state.admit(actor, write(&["contents"]), Some(repo))?;
    let files = file_changes(&input["fileChanges"])?;
    refuse_workflows(actor, &files)?;
    let headline = text(&input["message"], "headline")?;
    let message = match input["message"]["body"].as_str().unwrap_or_default() {
        "" => headline.to_owned(),
        body => format!("{headline}\n\n{body}"),
    };
    let commit = HeadCommit {
        branch: text(branch, "branchName")?,
        expected: text(input, "expectedHeadOid")?,
        message: &message,
        files: &files,
    };
    let by = actor.by(state);
    let sha = state.commit_on_head(repo, &commit, by)?;
    let branch = commit.branch.to_owned();
    Ok(vec![("commit", Node::Commit(repo, sha)), ("ref", Node::Ref { repo, branch })])
}

/// Marks a draft as ready for review.
///
/// GitHub requires these two permissions of an app, although its documentation names none for
/// GraphQL.
fn mark_ready(state: &mut State, actor: &Actor, input: &Value) -> Result<Fields, FieldError> {
    let id = text(input, "pullRequestId")?;
    let pull = pull_of_node(state, id).ok_or_else(|| FieldError::Refused {
        kind: "NOT_FOUND",
        message: format!("Could not resolve to a node with the global id of '{id}'."),
    })?;
    for permission in [&["pull_requests"], &["contents"]] {
        state.admit(actor, write(permission), Some(pull.repo))?;
    }
    state.mark_ready(pull, actor.by(state))?;
    Ok(vec![("pullRequest", Node::Pull(pull))])
}

fn pull_of_node(state: &State, id: &str) -> Option<IssueRef> {
    let is_it = |pull: &crate::state::data::Pull| node_id("PR", pull.id) == id;
    state.data.repositories.values().find_map(|repository| {
        let mut issues = repository.issues.values();
        let found = issues.find(|issue| issue.pull.as_ref().is_some_and(is_it))?;
        Some(IssueRef { repo: repository.id, number: found.number })
    })
}

fn file_changes(changes: &Value) -> Result<Vec<FileChange>, FieldError> {
    let list = |name: &str| changes[name].as_array().cloned().unwrap_or_default();
    let mut files = vec![];
    for addition in list("additions") {
        let path = text(&addition, "path")?.to_owned();
        let contents = STANDARD.decode(text(&addition, "contents")?).map_err(|_| {
            ApiError::new(422, format!("The contents of {path} are not valid base64"))
        })?;
        files.push(FileChange::Write { path, contents, executable: false });
    }
    for deletion in list("deletions") {
        files.push(FileChange::Delete { path: text(&deletion, "path")?.to_owned() });
    }
    Ok(files)
}

/// Fails with 403 if an app without the permission `workflows` changes a workflow, as on GitHub.
fn refuse_workflows(actor: &Actor, files: &[FileChange]) -> Result<(), ApiError> {
    let Actor::Installation { grant, .. } = actor else { return Ok(()) };
    let found = files.iter().map(FileChange::path).find(|it| it.starts_with(".github/workflows/"));
    match found {
        Some(path) if !grant.permissions.contains_key("workflows") => {
            let message = format!(
                "refusing to allow a GitHub App to create or update workflow `{path}` without \
                 `workflows` permission"
            );
            Err(ApiError::new(403, message))
        }
        _ => Ok(()),
    }
}

fn text<'a>(input: &'a Value, field: &str) -> Result<&'a str, ApiError> {
    input[field].as_str().ok_or_else(|| ApiError::missing(field))
}
