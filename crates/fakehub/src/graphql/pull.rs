//! Fields of pull requests and of their reviews.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    graphql::{
        connection::connection,
        git_ref::branch,
        node::{Arguments, FieldError, FieldValue, Node},
    },
    json::node_id,
    state::{
        State,
        data::{IssueRef, Pull, Review, ReviewState, Role},
    },
};

pub fn pull_state(open: bool, pull: &Pull) -> &'static str {
    match (&pull.merged, open) {
        (Some(_), _) => "MERGED",
        (None, true) => "OPEN",
        (None, false) => "CLOSED",
    }
}

pub fn field(
    state: &State,
    target: IssueRef,
    name: &str,
    arguments: &Arguments,
) -> Result<FieldValue, FieldError> {
    let IssueRef { repo, number } = target;
    let (issue, pull) = (state.issue(repo, number)?, state.pull(repo, number)?);
    let merged = pull.merged.as_ref();
    match name {
        "id" => FieldValue::leaf(node_id("PR", pull.id)),
        "databaseId" => FieldValue::leaf(pull.id),
        "fullDatabaseId" => FieldValue::leaf(pull.id.to_string()),
        "number" => FieldValue::leaf(number),
        "title" => FieldValue::leaf(issue.title.clone()),
        "body" => FieldValue::leaf(issue.body.clone().unwrap_or_default()),
        "state" => FieldValue::leaf(pull_state(issue.open, pull)),
        "isDraft" => FieldValue::leaf(pull.draft),
        "merged" => FieldValue::leaf(merged.is_some()),
        "mergedAt" => FieldValue::leaf(json!(merged.map(|merged| merged.at))),
        "createdAt" => FieldValue::leaf(json!(issue.created_at)),
        "updatedAt" => FieldValue::leaf(json!(issue.updated_at)),
        "closedAt" => FieldValue::leaf(json!(issue.closed_at)),
        "url" => {
            let full_name = state.full_name(state.repository(repo)?)?;
            FieldValue::leaf(format!("{}/{full_name}/pull/{number}", state.url))
        }
        "author" => Ok(FieldValue::One(Node::Account(issue.by.account))),
        "mergedBy" => FieldValue::maybe(merged.map(|merged| Node::Account(merged.by))),
        "mergeCommit" => {
            FieldValue::maybe(merged.map(|merged| Node::Commit(repo, merged.sha.clone())))
        }
        "repository" | "baseRepository" => Ok(FieldValue::One(Node::Repository(repo))),
        _ => side_field(state, target, name, arguments),
    }
}

/// Returns a field about the head or the base, or a list.
fn side_field(
    state: &State,
    target: IssueRef,
    name: &str,
    arguments: &Arguments,
) -> Result<FieldValue, FieldError> {
    let IssueRef { repo, number } = target;
    let pull = state.pull(repo, number)?;
    match name {
        "headRefOid" => FieldValue::leaf(pull.head_sha.clone()),
        "headRefName" => FieldValue::leaf(pull.head_ref.clone()),
        "headRef" => FieldValue::maybe(branch(state, pull.head_repo, &pull.head_ref)?),
        "headRepository" => Ok(FieldValue::One(Node::Repository(pull.head_repo))),
        "isCrossRepository" => FieldValue::leaf(pull.head_repo != repo),
        "baseRefOid" => FieldValue::leaf(pull.base_sha.clone()),
        "baseRefName" => FieldValue::leaf(pull.base_ref.clone()),
        "baseRef" => FieldValue::maybe(branch(state, repo, &pull.base_ref)?),
        "mergeable" => FieldValue::leaf(mergeable(state, repo, pull)?),
        "commits" => {
            let shas = state.git_repo(repo)?.between(&pull.base_sha, &pull.head_sha)?;
            let all = shas.into_iter().map(|sha| Node::PullCommit(repo, sha)).collect();
            connection("PullRequestCommitConnection", all, arguments)
        }
        "reviews" => {
            let states = arguments.texts("states");
            let is_asked_for = |review: &&Review| {
                states.as_ref().is_none_or(|states| states.contains(&state_name(review.state)))
            };
            let found = pull.reviews.iter().filter(is_asked_for);
            let all = found.map(|review| review_node(target, review)).collect();
            connection("PullRequestReviewConnection", all, arguments)
        }
        "latestOpinionatedReviews" => {
            let all = opinionated_reviews(state, target, arguments.is_set("writersOnly"))?;
            connection("PullRequestReviewConnection", all, arguments)
        }
        "timelineItems" => {
            let kinds = arguments.texts("itemTypes").unwrap_or_default();
            if kinds != ["REOPENED_EVENT"] {
                return Err(FieldError::unknown("PullRequest", "timelineItems of other kinds"));
            }
            let reopened = state.issue(repo, number)?.reopened_at;
            let all = reopened.map(|_| Node::Reopened(target)).into_iter().collect();
            connection("PullRequestTimelineItemsConnection", all, arguments)
        }
        _ => Err(FieldError::unknown("PullRequest", name)),
    }
}

pub fn reopened_field(
    state: &State,
    target: IssueRef,
    name: &str,
) -> Result<FieldValue, FieldError> {
    match name {
        "createdAt" => {
            FieldValue::leaf(json!(state.issue(target.repo, target.number)?.reopened_at))
        }
        _ => Err(FieldError::unknown("ReopenedEvent", name)),
    }
}

pub fn review_field(
    state: &State,
    target: IssueRef,
    id: i64,
    name: &str,
) -> Result<FieldValue, FieldError> {
    let IssueRef { repo, number } = target;
    let reviews = &state.pull(repo, number)?.reviews;
    let Some(review) = reviews.iter().find(|review| review.id == id) else {
        return Err(FieldError::unknown("PullRequestReview", name));
    };
    match name {
        "id" => FieldValue::leaf(node_id("PRR", id)),
        "databaseId" => FieldValue::leaf(id),
        "fullDatabaseId" => FieldValue::leaf(id.to_string()),
        "state" => FieldValue::leaf(state_name(review.state)),
        "body" => FieldValue::leaf(review.body.clone()),
        "submittedAt" => FieldValue::leaf(json!(review.submitted_at)),
        "createdViaEmail" => FieldValue::leaf(review.via_email),
        "author" => Ok(FieldValue::One(Node::Account(review.by.account))),
        "authorCanPushToRepository" => {
            FieldValue::leaf(state.role(repo, review.by.account)? >= Some(Role::Write))
        }
        "commit" => {
            let exists = state.git_repo(repo)?.commit_info(&review.commit_id).is_ok();
            FieldValue::maybe(exists.then(|| Node::Commit(repo, review.commit_id.clone())))
        }
        _ => Err(FieldError::unknown("PullRequestReview", name)),
    }
}

/// Returns the latest review of each reviewer except for comments, in the order of submission.
///
/// With `writers_only`, only reviewers who may write count.
fn opinionated_reviews(
    state: &State,
    target: IssueRef,
    writers_only: bool,
) -> Result<Vec<Node>, FieldError> {
    let IssueRef { repo, number } = target;
    let mut latest = BTreeMap::new();
    for review in &state.pull(repo, number)?.reviews {
        let may_write = state.role(repo, review.by.account)? >= Some(Role::Write);
        if review.state != ReviewState::Commented && (may_write || !writers_only) {
            latest.insert(review.by.account, review);
        }
    }
    let mut latest: Vec<&Review> = latest.into_values().collect();
    latest.sort_by_key(|review| review.submitted_at);
    Ok(latest.into_iter().map(|review| review_node(target, review)).collect())
}

fn mergeable(state: &State, repo: i64, pull: &Pull) -> Result<Value, FieldError> {
    let Some(base) = state.live_base(repo, pull)? else { return Ok("UNKNOWN".into()) };
    let merges = state.git_repo(repo)?.is_mergeable(&base, &pull.head_sha)?;
    Ok(if merges { "MERGEABLE".into() } else { "CONFLICTING".into() })
}

fn review_node(pull: IssueRef, review: &Review) -> Node {
    Node::Review { pull, id: review.id }
}

fn state_name(state: ReviewState) -> &'static str {
    match state {
        ReviewState::Approved => "APPROVED",
        ReviewState::ChangesRequested => "CHANGES_REQUESTED",
        ReviewState::Commented => "COMMENTED",
        ReviewState::Dismissed => "DISMISSED",
    }
}
