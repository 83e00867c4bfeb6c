//! Reads the snapshot of a pull request with one query, or several if its lists are long.
//!
//! What GitHub leaves out, or returns in an unknown form, is an error. Nothing is guessed.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use planwright_core::{
    actor::Actor,
    names::{BranchName, Login, PrNumber, RepoName, RepositoryId, Sha, UserId},
    people::WEB_FLOW,
    pull_request::{CommitAuthors, PullRequest, PullRequestState, Review, ReviewId, ReviewState},
    repository::Repository,
};

use crate::{
    Error, GitHub, Result, TokenScope,
    call::Call,
    wire::{ActorNode, Unexpected},
};

const DOCUMENT: &str = include_str!("pull_request.graphql");

/// The number of pages, of a hundred commits and reviewers each. A larger pull request is refused.
const PAGES: usize = 10;

impl GitHub {
    /// Returns the pull request as it is now, with all its commits and latest reviews.
    pub async fn pull_request(
        &self,
        repository: &Repository,
        number: PrNumber,
    ) -> Result<PullRequest> {
        let (mut commits, mut reviews) = (Vec::new(), Vec::new());
        let mut after = Cursors::default();
        let mut seen: Option<(Sha, i64)> = None;
        for _ in 0..PAGES {
            let call = call(repository, number, &after);
            let data: Data = self.query(repository, TokenScope::Read, &call).await?;
            let (facts, mut page) =
                data.page(repository, number).map_err(|e| page_error(&call, e))?;
            let now = (page.head_ref_oid.clone(), page.commits.total_count);
            if seen.get_or_insert_with(|| now.clone()) != &now {
                // Pages from different moments make no snapshot; the next read may succeed.
                let reason = "it changed while it was read".to_owned();
                return Err(Error::Unavailable { call: call.name(), reason });
            }
            let has_more = page.commits.page_info.has_next_page
                || page.latest_opinionated_reviews.page_info.has_next_page;
            commits.append(&mut page.commits.nodes);
            reviews.append(&mut page.latest_opinionated_reviews.nodes);
            if !has_more {
                page.commits.nodes = commits;
                page.latest_opinionated_reviews.nodes = reviews;
                return page.snapshot(facts).map_err(|e| call.unreadable(e));
            }
            after = Cursors {
                commits: page.commits.page_info.end_cursor.or(after.commits),
                reviews: page.latest_opinionated_reviews.page_info.end_cursor.or(after.reviews),
            };
        }
        Err(Error::Refused {
            call: format!("graphql PullRequest {}#{number}", repository.name),
            status: 200,
            message: format!("it has more than {} commits or reviewers; split it", PAGES * 100),
        })
    }
}

/// The cursors of the next page of each list.
#[derive(Default)]
struct Cursors {
    commits: Option<String>,
    reviews: Option<String>,
}

fn call(repository: &Repository, number: PrNumber, after: &Cursors) -> Call {
    let variables = json!({
        "owner": repository.name.owner(),
        "name": repository.name.name(),
        "number": number,
        "commitsAfter": after.commits,
        "reviewsAfter": after.reviews,
    });
    Call::query("PullRequest", DOCUMENT, variables)
}

/// Why an answer is not a page of the pull request.
enum PageError {
    Missing,
    Unexpected(String),
}

fn page_error(call: &Call, why: PageError) -> Error {
    match why {
        PageError::Missing => Error::NotFound { call: call.name() },
        PageError::Unexpected(why) => call.unreadable(why),
    }
}

#[derive(Deserialize)]
struct Data {
    repository: Option<RepositoryNode>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RepositoryNode {
    database_id: RepositoryId,
    name_with_owner: RepoName,
    is_archived: bool,
    default_branch_ref: Option<NamedRef>,
    pull_request: Option<PullRequestNode>,
}

#[derive(Deserialize)]
struct NamedRef {
    name: BranchName,
}

/// The facts about the repository in a page.
struct RepositoryFacts {
    repository: RepositoryId,
    repo: RepoName,
    is_archived: bool,
    default_branch: Option<BranchName>,
}

impl Data {
    fn page(
        self,
        asked: &Repository,
        number: PrNumber,
    ) -> Result<(RepositoryFacts, PullRequestNode), PageError> {
        let node = self.repository.ok_or(PageError::Missing)?;
        if node.database_id != asked.id {
            // Another repository has the name now.
            let (name, id) = (&asked.name, asked.id);
            return Err(PageError::Unexpected(format!(
                "`{name}` is {}, not {id}",
                node.database_id
            )));
        }
        let pull_request = node.pull_request.ok_or(PageError::Missing)?;
        if pull_request.number != number {
            return Err(PageError::Unexpected(format!("it is of #{}", pull_request.number)));
        }
        let facts = RepositoryFacts {
            repository: node.database_id,
            repo: node.name_with_owner,
            is_archived: node.is_archived,
            default_branch: node.default_branch_ref.map(|branch| branch.name),
        };
        Ok((facts, pull_request))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PullRequestNode {
    id: String,
    number: PrNumber,
    title: String,
    state: String,
    is_draft: bool,
    created_at: Timestamp,
    merged_at: Option<Timestamp>,
    head_ref_oid: Sha,
    head_ref_name: BranchName,
    head_repository: Option<HeadRepository>,
    base_ref_oid: Sha,
    base_ref_name: BranchName,
    base_ref: Option<Ref>,
    merge_commit: Option<Oid>,
    merged_by: Option<ActorNode>,
    author: Option<ActorNode>,
    timeline_items: Reopenings,
    commits: Commits,
    latest_opinionated_reviews: Reviews,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HeadRepository {
    database_id: RepositoryId,
}

/// The last time that it was reopened, if ever.
#[derive(Deserialize)]
struct Reopenings {
    nodes: Vec<Reopened>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reopened {
    created_at: Timestamp,
}

#[derive(Deserialize)]
struct Ref {
    target: Oid,
}

#[derive(Deserialize)]
struct Oid {
    oid: Sha,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageInfo {
    has_next_page: bool,
    end_cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Commits {
    total_count: i64,
    page_info: PageInfo,
    nodes: Vec<CommitNode>,
}

#[derive(Deserialize)]
struct CommitNode {
    commit: CommitFields,
}

#[derive(Deserialize)]
pub(super) struct CommitFields {
    oid: Sha,
    /// `None` where the query does not ask for them.
    #[serde(default)]
    parents: Option<Parents>,
    authors: Authors,
    committer: Option<GitActor>,
}

#[derive(Deserialize)]
struct Parents {
    nodes: Vec<Oid>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Authors {
    total_count: i64,
    nodes: Vec<GitActor>,
}

#[derive(Deserialize)]
struct GitActor {
    user: Option<UserNode>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UserNode {
    database_id: UserId,
    login: Login,
}

impl UserNode {
    fn is_web_flow(&self) -> bool {
        self.login.as_str() == WEB_FLOW
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reviews {
    page_info: PageInfo,
    nodes: Vec<ReviewNode>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReviewNode {
    /// A `BigInt`, which GitHub sends as a string.
    full_database_id: String,
    state: String,
    submitted_at: Timestamp,
    created_via_email: bool,
    author_can_push_to_repository: bool,
    commit: Option<Oid>,
    author: Option<ActorNode>,
}

impl PullRequestNode {
    fn snapshot(self, facts: RepositoryFacts) -> Result<PullRequest, Unexpected> {
        let state = match self.state.as_str() {
            "OPEN" => PullRequestState::Open,
            "CLOSED" => PullRequestState::Closed,
            "MERGED" => PullRequestState::Merged,
            other => return Err(format!("`{other}` is no known state of a pull request").into()),
        };
        let merge_commit = self.merge_commit.map(|commit| commit.oid);
        if state == PullRequestState::Merged && (merge_commit.is_none() || self.merged_at.is_none())
        {
            return Err("it is merged, but without a merge commit or time".into());
        }
        let base = match self.base_ref {
            Some(base_ref) => base_ref.target.oid,
            None if state == PullRequestState::Open => {
                return Err(format!("its base branch `{}` is gone", self.base_ref_name).into());
            }
            None => self.base_ref_oid,
        };
        if self.commits.nodes.len() as i64 != self.commits.total_count {
            let (got, of) = (self.commits.nodes.len(), self.commits.total_count);
            return Err(format!("{got} of {of} commits").into());
        }
        Ok(PullRequest {
            repository: facts.repository,
            repo: facts.repo,
            is_archived: facts.is_archived,
            default_branch: facts.default_branch,
            node_id: self.id,
            number: self.number,
            title: self.title,
            author: self.author.map_or_else(|| Ok(Actor::ghost()), ActorNode::actor)?,
            state,
            is_draft: self.is_draft,
            created_at: self.created_at,
            reopened_at: self.timeline_items.nodes.iter().map(|event| event.created_at).max(),
            head: self.head_ref_oid,
            head_ref: self.head_ref_name,
            head_repository: self.head_repository.map(|repository| repository.database_id),
            base,
            base_ref: self.base_ref_name,
            merge_commit,
            merged_at: self.merged_at,
            merged_by: self.merged_by.map(ActorNode::actor).transpose()?,
            commits: collect(self.commits.nodes, |node| node.commit.authors())?,
            reviews: collect(self.latest_opinionated_reviews.nodes, ReviewNode::review)?,
        })
    }
}

fn collect<A, B>(
    nodes: Vec<A>,
    each: impl Fn(A) -> Result<B, Unexpected>,
) -> Result<Vec<B>, Unexpected> {
    nodes.into_iter().map(each).collect()
}

impl CommitFields {
    pub(super) fn authors(self) -> Result<CommitAuthors, Unexpected> {
        if self.authors.nodes.len() as i64 != self.authors.total_count {
            let (sha, total) = (self.oid, self.authors.total_count);
            return Err(
                format!("commit {sha} has {total} authors; at most 20 can be checked").into()
            );
        }
        let (mut users, mut unknown) = (BTreeMap::new(), 0);
        let committer = self.committer.and_then(|git| git.user);
        let authors = self.authors.nodes.into_iter().map(|git| git.user);
        // Anyone can write GitHub's own address into a commit, so as an author it is nobody known.
        // As the committer it says nothing: whoever wrote and pushed the commit still counts.
        let authors = authors.map(|user| user.filter(|user| !user.is_web_flow()));
        let committer =
            (!committer.as_ref().is_some_and(UserNode::is_web_flow)).then_some(committer);
        for user in authors.chain(committer) {
            match user {
                Some(user) => drop(users.insert(user.database_id, user.login)),
                None => unknown += 1,
            }
        }
        let parents = self.parents.map_or_else(Vec::new, |parents| parents.nodes);
        let parents = parents.into_iter().map(|parent| parent.oid).collect();
        Ok(CommitAuthors { sha: self.oid, parents, users, unknown })
    }
}

impl ReviewNode {
    fn review(self) -> Result<Review, Unexpected> {
        let id = self.full_database_id;
        let id = id.parse().map_err(|_| format!("`{id}` is no id of a review"))?;
        let state = ReviewState::parse(&self.state)
            .ok_or_else(|| format!("`{}` is no known state of a review", self.state))?;
        // A deleted account has no permission, whatever the answer says.
        let may_write = self.author_can_push_to_repository && self.author.is_some();
        Ok(Review {
            id: ReviewId(id),
            by: self.author.map_or_else(|| Ok(Actor::ghost()), ActorNode::actor)?,
            state,
            by_mail: self.created_via_email,
            head: self.commit.map(|commit| commit.oid),
            at: self.submitted_at,
            may_write,
        })
    }
}
