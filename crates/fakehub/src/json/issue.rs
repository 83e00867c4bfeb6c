//! JSON of issues and labels.

use serde_json::{Value, json};

use crate::{
    api_error::ApiError,
    json::{comment::rollup, links, node_id, with},
    state::State,
};

impl State {
    /// Returns an issue. On GitHub every pull request is an issue, too.
    pub fn issue_json(&self, repo: i64, number: i64) -> Result<Value, ApiError> {
        let repository = self.repository(repo)?;
        let issue = self.issue(repo, number)?;
        let full_name = self.full_name(repository)?;
        let api = format!("{}/api/v3/repos/{full_name}", self.url);
        let kind = if issue.pull.is_some() { "pull" } else { "issues" };
        let html = format!("{}/{full_name}/{kind}/{number}", self.url);
        let urls = links(
            &format!("{api}/issues/{number}"),
            &[
                ("url", ""),
                ("labels_url", "/labels{/name}"),
                ("comments_url", "/comments"),
                ("events_url", "/events"),
                ("timeline_url", "/timeline"),
            ],
        );
        let labels = issue.labels.iter().map(|name| self.label_json(repo, name));
        let labels: Vec<Value> = labels.collect::<Result<_, _>>()?;
        let mut own = json!({
            "id": issue.id,
            "node_id": node_id("I", issue.id),
            "repository_url": api,
            "html_url": html,
            "number": number,
            "title": issue.title,
            "body": issue.body,
            "user": self.user_json(issue.by.account)?,
            "labels": labels,
            "state": if issue.open { "open" } else { "closed" },
            "state_reason": (!issue.open).then_some("completed"),
            "locked": false,
            "active_lock_reason": null,
            "assignee": null,
            "assignees": [],
            "milestone": null,
            "comments": repository.comments.values().filter(|c| c.issue == number).count(),
            "created_at": issue.created_at,
            "updated_at": issue.updated_at,
            "closed_at": issue.closed_at,
            "author_association": self.association(repository, issue.by.account),
            "performed_via_github_app": self.via_app_json(issue.by.via_app)?,
            "reactions": rollup(&format!("{api}/issues/{number}"), &issue.reactions),
        });
        if let Some(pull) = &issue.pull {
            own["draft"] = pull.draft.into();
            own["pull_request"] = json!({
                "url": format!("{api}/pulls/{number}"),
                "html_url": html,
                "diff_url": format!("{html}.diff"),
                "patch_url": format!("{html}.patch"),
                "merged_at": pull.merged.as_ref().map(|merged| merged.at),
            });
        }
        Ok(with(urls, own))
    }

    /// Returns a label, as in issues and their webhooks. All labels have the id 1 here.
    pub fn label_json(&self, repo: i64, name: &str) -> Result<Value, ApiError> {
        let full_name = self.full_name(self.repository(repo)?)?;
        Ok(json!({
            "id": 1,
            "node_id": node_id("LA", 1),
            "url": format!("{}/api/v3/repos/{full_name}/labels/{name}", self.url),
            "name": name,
            "color": "ededed",
            "default": false,
            "description": null,
        }))
    }

    /// Returns `performed_via_github_app`: the app, or null. It is the only sure sign that our app
    /// wrote something.
    pub fn via_app_json(&self, via_app: bool) -> Result<Value, ApiError> {
        if via_app { self.app_json() } else { Ok(Value::Null) }
    }
}
