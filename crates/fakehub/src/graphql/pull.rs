//! Pull requests and their reviews.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::graphql::connection::connection;
use crate::graphql::git_ref::branch;
use crate::graphql::node::{Arguments, Failure, Out, Thing};
use crate::json::node_id;
use crate::state::World;
use crate::state::data::{Pull, Review, ReviewState, Role};

pub fn state(open: bool, pull: &Pull) -> &'static str {
    match (&pull.merged, open) {
        (Some(_), _) => "MERGED",
        (None, true) => "OPEN",
        (None, false) => "CLOSED",
    }
}

pub fn field(
    world: &World,
    (repo, number): (i64, i64),
    name: &str,
    arguments: &Arguments,
) -> Result<Out, Failure> {
    let (issue, pull) = (world.issue(repo, number)?, world.pull(repo, number)?);
    let merged = pull.merged.as_ref();
    match name {
        "id" => Out::leaf(node_id("PR", pull.id)),
        "databaseId" => Out::leaf(pull.id),
        "fullDatabaseId" => Out::leaf(pull.id.to_string()),
        "number" => Out::leaf(number),
        "title" => Out::leaf(issue.title.clone()),
        "body" => Out::leaf(issue.body.clone().unwrap_or_default()),
        "state" => Out::leaf(state(issue.open, pull)),
        "isDraft" => Out::leaf(pull.draft),
        "merged" => Out::leaf(merged.is_some()),
        "mergedAt" => Out::leaf(json!(merged.map(|merged| merged.at))),
        "createdAt" => Out::leaf(json!(issue.created_at)),
        "updatedAt" => Out::leaf(json!(issue.updated_at)),
        "closedAt" => Out::leaf(json!(issue.closed_at)),
        "url" => {
            let full_name = world.full_name(world.repository(repo)?)?;
            Out::leaf(format!("{}/{full_name}/pull/{number}", world.url))
        }
        "author" => Ok(Out::One(Thing::Account(issue.by.account))),
        "mergedBy" => Out::maybe(merged.map(|merged| Thing::Account(merged.by))),
        "mergeCommit" => Out::maybe(merged.map(|merged| Thing::Commit(repo, merged.sha.clone()))),
        "repository" | "baseRepository" => Ok(Out::One(Thing::Repository(repo))),
        _ => side_field(world, (repo, number), name, arguments),
    }
}

/// The fields about head and base, and the lists.
fn side_field(
    world: &World,
    (repo, number): (i64, i64),
    name: &str,
    arguments: &Arguments,
) -> Result<Out, Failure> {
    let pull = world.pull(repo, number)?;
    match name {
        "headRefOid" => Out::leaf(pull.head_sha.clone()),
        "headRefName" => Out::leaf(pull.head_ref.clone()),
        "headRef" => Out::maybe(branch(world, pull.head_repo, &pull.head_ref)?),
        "headRepository" => Ok(Out::One(Thing::Repository(pull.head_repo))),
        "isCrossRepository" => Out::leaf(pull.head_repo != repo),
        "baseRefOid" => Out::leaf(pull.base_sha.clone()),
        "baseRefName" => Out::leaf(pull.base_ref.clone()),
        "baseRef" => Out::maybe(branch(world, repo, &pull.base_ref)?),
        "mergeable" => Out::leaf(mergeable(world, repo, pull)?),
        "commits" => {
            let shas = world.bare(repo)?.between(&pull.base_sha, &pull.head_sha)?;
            let all = shas.into_iter().map(|sha| Thing::PullCommit(repo, sha)).collect();
            connection("PullRequestCommitConnection", all, arguments)
        }
        "reviews" => {
            let states = arguments.texts("states");
            let is_asked_for = |review: &&Review| {
                states.as_ref().is_none_or(|states| states.contains(&state_name(review.state)))
            };
            let found = pull.reviews.iter().filter(is_asked_for);
            let all = found.map(|review| thing((repo, number), review)).collect();
            connection("PullRequestReviewConnection", all, arguments)
        }
        "latestOpinionatedReviews" => {
            let all = opinions(world, (repo, number), arguments.is_set("writersOnly"))?;
            connection("PullRequestReviewConnection", all, arguments)
        }
        _ => Err(Failure::unknown("PullRequest", name)),
    }
}

pub fn review_field(
    world: &World,
    (repo, number): (i64, i64),
    id: i64,
    name: &str,
) -> Result<Out, Failure> {
    let reviews = &world.pull(repo, number)?.reviews;
    let Some(review) = reviews.iter().find(|review| review.id == id) else {
        return Err(Failure::unknown("PullRequestReview", name));
    };
    match name {
        "id" => Out::leaf(node_id("PRR", id)),
        "databaseId" => Out::leaf(id),
        "fullDatabaseId" => Out::leaf(id.to_string()),
        "state" => Out::leaf(state_name(review.state)),
        "body" => Out::leaf(review.body.clone()),
        "submittedAt" => Out::leaf(json!(review.submitted_at)),
        "author" => Ok(Out::One(Thing::Account(review.by.account))),
        "authorCanPushToRepository" => {
            Out::leaf(world.role(repo, review.by.account)? >= Some(Role::Write))
        }
        "commit" => {
            let exists = world.bare(repo)?.facts(&review.commit_id).is_ok();
            Out::maybe(exists.then(|| Thing::Commit(repo, review.commit_id.clone())))
        }
        _ => Err(Failure::unknown("PullRequestReview", name)),
    }
}

/// The last opinion of each reviewer; a mere comment is none, a dismissed one still is one.
fn opinions(
    world: &World,
    (repo, number): (i64, i64),
    writers_only: bool,
) -> Result<Vec<Thing>, Failure> {
    let mut latest = BTreeMap::new();
    for review in &world.pull(repo, number)?.reviews {
        let may_write = world.role(repo, review.by.account)? >= Some(Role::Write);
        if review.state != ReviewState::Commented && (may_write || !writers_only) {
            latest.insert(review.by.account, review);
        }
    }
    let mut latest: Vec<&Review> = latest.into_values().collect();
    latest.sort_by_key(|review| review.submitted_at);
    Ok(latest.into_iter().map(|review| thing((repo, number), review)).collect())
}

fn mergeable(world: &World, repo: i64, pull: &Pull) -> Result<Value, Failure> {
    let Some(base) = world.live_base(repo, pull)? else { return Ok("UNKNOWN".into()) };
    let merges = world.bare(repo)?.is_mergeable(&base, &pull.head_sha)?;
    Ok(if merges { "MERGEABLE".into() } else { "CONFLICTING".into() })
}

fn thing((repo, number): (i64, i64), review: &Review) -> Thing {
    Thing::Review { repo, number, id: review.id }
}

fn state_name(state: ReviewState) -> &'static str {
    match state {
        ReviewState::Approved => "APPROVED",
        ReviewState::ChangesRequested => "CHANGES_REQUESTED",
        ReviewState::Commented => "COMMENTED",
        ReviewState::Dismissed => "DISMISSED",
    }
}
