//! The root of the graph, repositories, branches and the rate limit.

use jiff::{Timestamp, ToSpan};
use serde_json::Value;

use crate::actions::access::Access;
use crate::api_error::Refusal;
use crate::graphql::connection::connection;
use crate::graphql::git_ref::branch;
use crate::graphql::node::{Arguments, Context, Failure, Out, Thing};
use crate::http::LIMIT;
use crate::json::node_id;
use crate::state::data::{Level, Role};

const fn read(permissions: &'static [&'static str]) -> Access {
    Access::Repository { permissions, level: Level::Read, role: Some(Role::Read) }
}

pub fn query_field(
    context: Context<'_>,
    name: &str,
    arguments: &Arguments,
) -> Result<Out, Failure> {
    match name {
        "rateLimit" => Ok(Out::One(Thing::RateLimit)),
        "repository" => {
            let owner = arguments.text("owner").unwrap_or_default();
            let full_name = format!("{owner}/{}", arguments.text("name").unwrap_or_default());
            let found = context.world.repository_named(&full_name).and_then(|id| {
                context.world.admit(context.actor, read(&["metadata"]), Some(id))?;
                Ok(id)
            });
            match found {
                Ok(id) => Ok(Out::One(Thing::Repository(id))),
                Err(Refusal { status: 404, .. }) => Err(Failure::Refused {
                    kind: "NOT_FOUND",
                    message: format!(
                        "Could not resolve to a Repository with the name '{full_name}'."
                    ),
                }),
                Err(refusal) => Err(refusal.into()),
            }
        }
        _ => Err(Failure::unknown("Query", name)),
    }
}

pub fn field(
    context: Context<'_>,
    id: i64,
    name: &str,
    arguments: &Arguments,
) -> Result<Out, Failure> {
    let world = context.world;
    let repository = world.repository(id)?;
    match name {
        "id" => Out::leaf(node_id("R", id)),
        "databaseId" => Out::leaf(id),
        "name" => Out::leaf(repository.name.clone()),
        "nameWithOwner" => Out::leaf(world.full_name(repository)?),
        "owner" => Ok(Out::One(Thing::Account(repository.owner))),
        "isArchived" => Out::leaf(repository.archived),
        "isFork" => Out::leaf(repository.fork_of.is_some()),
        "isPrivate" => Out::leaf(repository.private),
        "defaultBranchRef" => Out::maybe(branch(world, id, &repository.default_branch)?),
        "ref" => {
            let name = arguments.text("qualifiedName").unwrap_or_default();
            Out::maybe(branch(world, id, name.trim_start_matches("refs/heads/"))?)
        }
        "pullRequest" => {
            world.admit(context.actor, read(&["pull_requests"]), Some(id))?;
            let number = arguments.number("number").unwrap_or_default();
            match world.pull(id, number) {
                Ok(_) => Ok(Out::One(Thing::Pull(id, number))),
                Err(_) => Err(Failure::Refused {
                    kind: "NOT_FOUND",
                    message: format!(
                        "Could not resolve to a PullRequest with the number of {number}."
                    ),
                }),
            }
        }
        "issue" => {
            world.admit(context.actor, read(&["issues"]), Some(id))?;
            let number = arguments.number("number").unwrap_or_default();
            match world.issue(id, number) {
                Ok(issue) if issue.pull.is_none() => Ok(Out::One(Thing::Issue(id, number))),
                _ => Err(Failure::Refused {
                    kind: "NOT_FOUND",
                    message: format!("Could not resolve to an Issue with the number of {number}."),
                }),
            }
        }
        "pullRequests" => {
            world.admit(context.actor, read(&["pull_requests"]), Some(id))?;
            let states = arguments.texts("states");
            let is_asked_for = |issue: &&crate::state::data::Issue| {
                let Some(pull) = &issue.pull else { return false };
                let state = crate::graphql::pull::state(issue.open, pull);
                states.as_ref().is_none_or(|states| states.contains(&state))
            };
            let found = repository.issues.values().filter(is_asked_for);
            let all = found.map(|issue| Thing::Pull(id, issue.number)).collect();
            connection("PullRequestConnection", all, arguments)
        }
        _ => Err(Failure::unknown("Repository", name)),
    }
}

pub fn rate_limit_field(context: Context<'_>, name: &str) -> Result<Out, Failure> {
    let reset = Timestamp::from_second((Timestamp::now() + 1.hour()).as_second());
    match name {
        "cost" => Out::leaf(1),
        "limit" => Out::leaf(LIMIT),
        "used" => Out::leaf(context.used),
        "remaining" => Out::leaf(LIMIT.saturating_sub(context.used)),
        "resetAt" => Out::leaf(Value::from(reset.ok().map(|at| at.to_string()))),
        _ => Err(Failure::unknown("RateLimit", name)),
    }
}
