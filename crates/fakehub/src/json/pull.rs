//! JSON of pull requests and their reviews.

use serde_json::{Value, json};

use crate::{
    api_error::ApiError,
    json::{links, node_id, with},
    state::{
        State,
        data::{Issue, Pull, Review},
    },
};

impl State {
    /// Returns a pull request, as in lists and in the webhooks of reviews.
    pub fn simple_pull_json(&self, repo: i64, number: i64) -> Result<Value, ApiError> {
        let repository = self.repository(repo)?;
        let issue = self.issue(repo, number)?;
        let pull = self.pull(repo, number)?;
        let full_name = self.full_name(repository)?;
        let html = format!("{}/{full_name}/pull/{number}", self.url);
        let urls = self.pull_links(&full_name, number, &pull.head_sha);
        let linked: serde_json::Map<String, Value> = [
            ("comments", "comments_url"),
            ("commits", "commits_url"),
            ("statuses", "statuses_url"),
            ("issue", "issue_url"),
            ("review_comments", "review_comments_url"),
            ("review_comment", "review_comment_url"),
            ("self", "url"),
        ]
        .into_iter()
        .map(|(name, field)| (name.to_owned(), json!({ "href": urls[field] })))
        .collect();
        let own = json!({
            "id": pull.id,
            "node_id": node_id("PR", pull.id),
            "number": number,
            "state": if issue.open { "open" } else { "closed" },
            "locked": false,
            "title": issue.title,
            "body": issue.body,
            "user": self.user_json(issue.by.account)?,
            "html_url": html,
            "diff_url": format!("{html}.diff"),
            "patch_url": format!("{html}.patch"),
            "created_at": issue.created_at,
            "updated_at": issue.updated_at,
            "closed_at": issue.closed_at,
            "merged_at": pull.merged.as_ref().map(|merged| merged.at),
            "merge_commit_sha": pull.merged.as_ref().map(|merged| &merged.sha),
            "head": self.side_json(pull.head_repo, &pull.head_ref, &pull.head_sha)?,
            "base": self.side_json(repo, &pull.base_ref, &pull.base_sha)?,
            "_links": with(linked, json!({ "html": { "href": html } })),
            "author_association": self.association(repository, issue.by.account),
            "draft": pull.draft,
        });
        Ok(with(urls, with_unused(own)))
    }

    /// Returns a pull request with what only git can tell: its commits, its size, and whether it
    /// can be merged.
    pub fn pull_json(&self, repo: i64, number: i64) -> Result<Value, ApiError> {
        let (issue, pull) = (self.issue(repo, number)?, self.pull(repo, number)?);
        let git = self.git_repo(repo)?;
        let extent = git.diff_stat(&pull.base_sha, &pull.head_sha)?;
        let comments =
            self.repository(repo)?.comments.values().filter(|c| c.issue == number).count();
        let mergeable = match self.live_base(repo, pull)? {
            Some(base) if issue.open => Some(git.is_mergeable(&base, &pull.head_sha)?),
            _ => None,
        };
        let merged_by = pull.merged.as_ref().map(|m| self.user_json(m.by)).transpose()?;
        let mut full = self.simple_pull_json(repo, number)?;
        let more = json!({
            "merged": pull.merged.is_some(),
            "merged_by": merged_by,
            "mergeable": mergeable,
            "rebaseable": mergeable,
            "mergeable_state": match mergeable {
                Some(true) => "clean",
                Some(false) => "dirty",
                None => "unknown",
            },
            "comments": comments,
            "review_comments": 0,
            "maintainer_can_modify": false,
            "commits": git.between(&pull.base_sha, &pull.head_sha)?.len(),
            "additions": extent.additions,
            "deletions": extent.deletions,
            "changed_files": extent.changed_files,
        });
        if let Value::Object(full) = &mut full {
            return Ok(with(std::mem::take(full), more));
        }
        Ok(full)
    }

    pub fn review_json(&self, repo: i64, number: i64, id: i64) -> Result<Value, ApiError> {
        let repository = self.repository(repo)?;
        let reviews = &self.pull(repo, number)?.reviews;
        let review = reviews.iter().find(|review| review.id == id);
        let review: &Review = review.ok_or_else(ApiError::not_found)?;
        let full_name = self.full_name(repository)?;
        let html = format!("{}/{full_name}/pull/{number}#pullrequestreview-{id}", self.url);
        let pull = format!("{}/api/v3/repos/{full_name}/pulls/{number}", self.url);
        Ok(json!({
            "id": id,
            "node_id": node_id("PRR", id),
            "user": self.user_json(review.by.account)?,
            "body": review.body,
            "state": serde_json::to_value(review.state)?,
            "html_url": html,
            "pull_request_url": pull,
            "_links": { "html": { "href": html }, "pull_request": { "href": pull } },
            "submitted_at": review.submitted_at,
            "commit_id": review.commit_id,
            "author_association": self.association(repository, review.by.account),
        }))
    }

    /// Returns the current head of the base branch, or `None` if the branch has been deleted.
    pub fn live_base(&self, repo: i64, pull: &Pull) -> Result<Option<String>, ApiError> {
        Ok(self.repository(repo)?.refs.get(&pull.base_ref).cloned())
    }

    /// Returns the open pull requests whose head is `sha`, as check runs list them.
    pub fn minimal_pulls_json(&self, repo: i64, sha: &str) -> Result<Value, ApiError> {
        let repository = self.repository(repo)?;
        let full_name = self.full_name(repository)?;
        let url = format!("{}/api/v3/repos/{full_name}", self.url);
        let own = json!({ "id": repo, "url": url, "name": repository.name });
        let minimal = |issue: &Issue| {
            let pull = issue.pull.as_ref()?;
            // GitHub does not list pull requests from forks.
            (issue.open && pull.head_sha == sha && pull.head_repo == repo).then(|| {
                json!({
                    "id": pull.id,
                    "number": issue.number,
                    "url": format!("{url}/pulls/{}", issue.number),
                    "head": { "ref": pull.head_ref, "sha": pull.head_sha, "repo": own },
                    "base": { "ref": pull.base_ref, "sha": pull.base_sha, "repo": own },
                })
            })
        };
        Ok(repository.issues.values().filter_map(minimal).collect())
    }

    /// Returns the answer to a merge.
    pub fn merge_json(sha: &str) -> Value {
        json!({ "sha": sha, "merged": true, "message": "Pull Request successfully merged" })
    }

    fn side_json(&self, repo: i64, branch: &str, sha: &str) -> Result<Value, ApiError> {
        let owner = self.repository(repo)?.owner;
        Ok(json!({
            "label": format!("{}:{branch}", self.account(owner)?.login),
            "ref": branch,
            "sha": sha,
            "user": self.user_json(owner)?,
            "repo": self.repository_json(repo)?,
        }))
    }

    fn pull_links(
        &self,
        full_name: &str,
        number: i64,
        head: &str,
    ) -> serde_json::Map<String, Value> {
        let api = format!("{}/api/v3/repos/{full_name}", self.url);
        links(
            &api,
            &[
                ("url", &format!("/pulls/{number}")),
                ("issue_url", &format!("/issues/{number}")),
                ("commits_url", &format!("/pulls/{number}/commits")),
                ("review_comments_url", &format!("/pulls/{number}/comments")),
                ("review_comment_url", "/pulls/comments{/number}"),
                ("comments_url", &format!("/issues/{number}/comments")),
                ("statuses_url", &format!("/statuses/{head}")),
            ],
        )
    }
}

/// Adds the fields that GitHub always sends, for features that fakehub does not have.
fn with_unused(pull: Value) -> Value {
    let mut pull = pull;
    for list in ["labels", "assignees", "requested_reviewers", "requested_teams"] {
        pull[list] = json!([]);
    }
    for field in ["assignee", "milestone", "auto_merge", "active_lock_reason"] {
        pull[field] = Value::Null;
    }
    pull
}
