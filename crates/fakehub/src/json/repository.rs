//! JSON of repositories.

use serde_json::{Value, json};

use crate::{
    api_error::ApiError,
    json::{links, node_id, with},
    state::{State, data::Repository},
};

/// The links of a repository: field names, and paths below its API URL.
const LINKS: [(&str, &str); 37] = [
    ("url", ""),
    ("archive_url", "/{archive_format}{/ref}"),
    ("assignees_url", "/assignees{/user}"),
    ("blobs_url", "/git/blobs{/sha}"),
    ("branches_url", "/branches{/branch}"),
    ("collaborators_url", "/collaborators{/collaborator}"),
    ("comments_url", "/comments{/number}"),
    ("commits_url", "/commits{/sha}"),
    ("compare_url", "/compare/{base}...{head}"),
    ("contents_url", "/contents/{+path}"),
    ("contributors_url", "/contributors"),
    ("deployments_url", "/deployments"),
    ("downloads_url", "/downloads"),
    ("events_url", "/events"),
    ("forks_url", "/forks"),
    ("git_commits_url", "/git/commits{/sha}"),
    ("git_refs_url", "/git/refs{/sha}"),
    ("git_tags_url", "/git/tags{/sha}"),
    ("hooks_url", "/hooks"),
    ("issue_comment_url", "/issues/comments{/number}"),
    ("issue_events_url", "/issues/events{/number}"),
    ("issues_url", "/issues{/number}"),
    ("keys_url", "/keys{/key_id}"),
    ("labels_url", "/labels{/name}"),
    ("languages_url", "/languages"),
    ("merges_url", "/merges"),
    ("milestones_url", "/milestones{/number}"),
    ("notifications_url", "/notifications{?since,all,participating}"),
    ("pulls_url", "/pulls{/number}"),
    ("releases_url", "/releases{/id}"),
    ("stargazers_url", "/stargazers"),
    ("statuses_url", "/statuses/{sha}"),
    ("subscribers_url", "/subscribers"),
    ("subscription_url", "/subscription"),
    ("tags_url", "/tags"),
    ("teams_url", "/teams"),
    ("trees_url", "/git/trees{/sha}"),
];

impl State {
    pub fn repository_json(&self, id: i64) -> Result<Value, ApiError> {
        let repository = self.repository(id)?;
        let full_name = self.full_name(repository)?;
        let html = format!("{}/{full_name}", self.url);
        let identity = json!({
            "id": id,
            "node_id": node_id("R", id),
            "name": repository.name,
            "full_name": full_name,
            "owner": self.user_json(repository.owner)?,
            "private": repository.private,
            "visibility": if repository.private { "private" } else { "public" },
            "html_url": html,
            "clone_url": format!("{html}.git"),
            "git_url": format!("{html}.git"),
            "ssh_url": format!("{html}.git"),
            "svn_url": html,
            "mirror_url": null,
            "homepage": null,
            "description": null,
            "language": null,
            "license": null,
            "fork": repository.fork_of.is_some(),
            "archived": repository.archived,
            "disabled": false,
            "default_branch": repository.default_branch,
            "created_at": repository.created_at,
            "updated_at": repository.pushed_at,
            "pushed_at": repository.pushed_at,
        });
        let urls = links(&format!("{}/api/v3/repos/{full_name}", self.url), &LINKS);
        let Value::Object(identified) = with(urls, identity) else {
            return Err(ApiError::new(500, "a repository is not an object"));
        };
        Ok(with(identified, features(repository)))
    }

    /// Returns the answer to `GET /repos/{owner}/{repo}`, which has more fields than a repository
    /// inside other answers.
    pub fn full_repository_json(&self, id: i64) -> Result<Value, ApiError> {
        let mut full = self.repository_json(id)?;
        full["subscribers_count"] = 0.into();
        full["network_count"] = 0.into();
        if let Some(parent) = self.repository(id)?.fork_of {
            full["parent"] = self.repository_json(parent)?;
            full["source"] = full["parent"].clone();
        }
        Ok(full)
    }
}

fn features(repository: &Repository) -> Value {
    let open = repository.issues.values().filter(|issue| issue.open).count();
    json!({
        "size": 1,
        "forks": 0,
        "forks_count": 0,
        "stargazers_count": 0,
        "watchers": 0,
        "watchers_count": 0,
        "open_issues": open,
        "open_issues_count": open,
        "is_template": false,
        "topics": [],
        "custom_properties": {},
        "has_issues": true,
        "has_projects": false,
        "has_wiki": false,
        "has_pages": false,
        "has_downloads": false,
        "has_discussions": false,
        "allow_forking": true,
        "web_commit_signoff_required": false,
        "allow_merge_commit": true,
        "allow_squash_merge": true,
        "allow_rebase_merge": true,
        "allow_auto_merge": false,
        "delete_branch_on_merge": false,
    })
}
