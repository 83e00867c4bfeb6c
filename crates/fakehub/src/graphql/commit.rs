//! Commits and who stands in them.

use serde_json::Value;

use crate::git_repo::authors::authors;
use crate::graphql::connection::connection;
use crate::graphql::node::{Arguments, Failure, Out, Thing};
use crate::state::World;

pub fn pull_commit_field((repo, sha): (i64, &str), name: &str) -> Result<Out, Failure> {
    match name {
        "commit" => Ok(Out::One(Thing::Commit(repo, sha.to_owned()))),
        _ => Err(Failure::unknown("PullRequestCommit", name)),
    }
}

pub fn field(
    world: &World,
    (repo, sha): (i64, &str),
    name: &str,
    arguments: &Arguments,
) -> Result<Out, Failure> {
    let facts = world.bare(repo)?.facts(sha)?;
    let date = |second: i64| {
        let at = jiff::Timestamp::from_second(second).map(|at| at.to_string());
        Out::leaf(Value::from(at.ok()))
    };
    match name {
        "oid" => Out::leaf(sha),
        "url" => {
            let full_name = world.full_name(world.repository(repo)?)?;
            Out::leaf(format!("{}/{full_name}/commit/{sha}", world.url))
        }
        "message" => Out::leaf(facts.message),
        "messageHeadline" => Out::leaf(facts.message.lines().next().unwrap_or_default()),
        "committedDate" => date(facts.committer.second),
        "authoredDate" => date(facts.author.second),
        "author" => Ok(Out::One(actor(facts.author))),
        "committer" => Ok(Out::One(actor(facts.committer))),
        "authors" => {
            let all = authors(&facts).into_iter().map(actor).collect();
            connection("GitActorConnection", all, arguments)
        }
        "parents" => {
            let parent = |sha: &String| Thing::Commit(repo, sha.clone());
            let all = facts.parents.iter().map(parent).collect();
            connection("CommitConnection", all, arguments)
        }
        _ => Err(Failure::unknown("Commit", name)),
    }
}

/// The user of a git actor is whoever the e-mail address belongs to, and null for nobody's.
pub fn git_actor_field(
    world: &World,
    (who, email): (&str, &str),
    name: &str,
) -> Result<Out, Failure> {
    match name {
        "name" => Out::leaf(who),
        "email" => Out::leaf(email),
        "user" => {
            let account = world.account_of_email(email);
            Out::maybe(account.map(|account| Thing::GitUser(account.id)))
        }
        _ => Err(Failure::unknown("GitActor", name)),
    }
}

fn actor(stamp: crate::git_repo::Stamp) -> Thing {
    Thing::GitActor { name: stamp.name, email: stamp.email }
}
