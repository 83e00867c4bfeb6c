//! Check runs.

use serde_json::{Value, json};

use super::super::refusal::Refusal;
use super::super::state::CheckRun;
use super::super::world::World;
use super::node_id;

impl World {
    pub fn check_run_json(&self, repo: i64, run: &CheckRun) -> Result<Value, Refusal> {
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
}
