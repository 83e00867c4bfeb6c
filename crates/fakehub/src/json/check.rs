//! JSON of check runs and check suites.

use serde_json::{Value, json};

use crate::{
    api_error::ApiError,
    json::node_id,
    state::{State, data::CheckRun},
};

impl State {
    pub fn check_run_json(&self, repo: i64, run: &CheckRun) -> Result<Value, ApiError> {
        let full_name = self.full_name(self.repository(repo)?)?;
        let id = run.id;
        let url = format!("{}/api/v3/repos/{full_name}/check-runs/{id}", self.url);
        let html = format!("{}/{full_name}/runs/{id}", self.url);
        Ok(json!({
            "id": id,
            "node_id": node_id("CR", id),
            "name": run.name,
            "head_sha": run.head_sha,
            "external_id": run.external_id,
            "url": url,
            "html_url": html,
            "details_url": run.details_url.as_ref().unwrap_or(&html),
            "status": run.status,
            "conclusion": run.conclusion,
            "started_at": run.started_at,
            "completed_at": run.completed_at,
            "output": {
                "title": run.title,
                "summary": run.summary,
                "text": run.text,
                "annotations_count": run.annotations.len(),
                "annotations_url": format!("{url}/annotations"),
            },
            "check_suite": { "id": run.suite },
            "app": self.app_json()?,
            "pull_requests": self.minimal_pulls_json(repo, &run.head_sha)?,
        }))
    }
    /// Returns the check suite of a run, as in webhooks. It has all runs of the app on one commit.
    pub fn check_suite_json(&self, repo: i64, run: &CheckRun) -> Result<Value, ApiError> {
        let repository = self.repository(repo)?;
        let full_name = self.full_name(repository)?;
        let runs = || repository.check_runs.values().filter(|other| other.suite == run.suite);
        let is_done = runs().all(|other| other.status == "completed");
        let branch = repository.refs.iter().find(|(_, sha)| **sha == run.head_sha);
        let created_at = runs().map(|other| other.started_at).min();
        let updated_at = runs().filter_map(|other| other.completed_at).max().or(created_at);
        Ok(json!({
            "id": run.suite,
            "node_id": node_id("CS", run.suite),
            "head_branch": branch.map(|(name, _)| name),
            "head_sha": run.head_sha,
            "status": if is_done { "completed" } else { "in_progress" },
            "conclusion": run.conclusion.as_ref().filter(|_| is_done),
            "url": format!("{}/api/v3/repos/{full_name}/check-suites/{}", self.url, run.suite),
            "before": null,
            "after": run.head_sha,
            "pull_requests": self.minimal_pulls_json(repo, &run.head_sha)?,
            "app": self.app_json()?,
            "created_at": created_at,
            "updated_at": updated_at,
        }))
    }
}
