//! Check runs: only the app creates and updates them; people can request them again.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    actions::events::Event,
    api_error::ApiError,
    state::{
        State,
        data::{By, CheckRun, Role},
    },
};

/// The fields of a request to create or update a check run; `None` leaves a value unchanged.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CheckRunFields {
    pub name: Option<String>,
    pub head_sha: Option<String>,
    pub status: Option<String>,
    pub conclusion: Option<String>,
    pub external_id: Option<String>,
    pub details_url: Option<String>,
    pub started_at: Option<Timestamp>,
    pub completed_at: Option<Timestamp>,
    pub output: Option<Output>,
    pub actions: Option<Vec<Value>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Output {
    pub title: Option<String>,
    pub summary: Option<String>,
    pub text: Option<String>,
    pub annotations: Vec<Annotation>,
}

#[derive(Clone, Debug, Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub struct Annotation {
    pub path: String,
    pub start_line: u64,
    pub end_line: u64,
    pub start_column: Option<u64>,
    pub end_column: Option<u64>,
    pub annotation_level: String,
    pub message: String,
    pub title: Option<String>,
    pub raw_details: Option<String>,
}

const STATUSES: [&str; 3] = ["queued", "in_progress", "completed"];
const CONCLUSIONS: [&str; 7] =
    ["action_required", "cancelled", "failure", "neutral", "skipped", "success", "timed_out"];

impl CheckRunFields {
    /// Fails with 422 if a field breaks one of GitHub's rules for check runs.
    pub fn check(&self) -> Result<(), ApiError> {
        let wrong = |field: &str, why: &str| Err(ApiError::invalid("CheckRun", field, why));
        if self.status.as_deref().is_some_and(|status| !STATUSES.contains(&status)) {
            return wrong("status", "status is not one that an app can set");
        }
        if self.conclusion.as_deref().is_some_and(|it| !CONCLUSIONS.contains(&it)) {
            return wrong("conclusion", "conclusion is not one that an app can set");
        }
        if self.status.as_deref() == Some("completed") && self.conclusion.is_none() {
            return wrong("conclusion", "conclusion is required when status is completed");
        }
        if self.actions.as_ref().is_some_and(|actions| actions.len() > 3) {
            return wrong("actions", "no more than 3 actions");
        }
        for action in self.actions.iter().flatten() {
            for (field, limit) in [("label", 20), ("description", 40), ("identifier", 20)] {
                let length = action[field].as_str().map(|text| text.chars().count());
                if length.is_none_or(|length| length > limit) {
                    return wrong("actions", &format!("{field} has at most {limit} characters"));
                }
            }
        }
        self.output.as_ref().map_or(Ok(()), Output::check)
    }
}

impl Output {
    fn check(&self) -> Result<(), ApiError> {
        let wrong = |field: &str, why: &str| Err(ApiError::invalid("CheckRun", field, why));
        let Some(summary) = &self.summary else {
            return wrong("summary", "an output needs a summary");
        };
        for (name, text) in [("summary", Some(summary)), ("text", self.text.as_ref())] {
            if text.is_some_and(|text| text.encode_utf16().count() > 65_535) {
                return wrong(name, "has at most 65535 characters");
            }
        }
        if self.annotations.len() > 50 {
            return wrong("annotations", "no more than 50 annotations in one request");
        }
        for annotation in &self.annotations {
            if !["notice", "warning", "failure"].contains(&annotation.annotation_level.as_str()) {
                return wrong("annotation_level", "is notice, warning or failure");
            }
            if annotation.start_line > annotation.end_line || annotation.start_line == 0 {
                return wrong("start_line", "is at least 1 and not after end_line");
            }
            let columns = annotation.start_column.or(annotation.end_column).is_some();
            if columns && annotation.start_line != annotation.end_line {
                return wrong("start_column", "columns need an annotation of one line");
            }
            if annotation.title.as_ref().is_some_and(|title| title.chars().count() > 255) {
                return wrong("title", "has at most 255 characters");
            }
            if annotation.message.len() > 65_536 {
                return wrong("message", "has at most 64 KB");
            }
        }
        Ok(())
    }
}

impl State {
    pub fn create_check_run(
        &mut self,
        repo: i64,
        fields: &CheckRunFields,
        by: By,
    ) -> Result<i64, ApiError> {
        self.require_unarchived(repo)?;
        fields.check()?;
        let name = fields.name.clone().ok_or_else(|| ApiError::missing("name"))?;
        let head_sha = fields.head_sha.clone().ok_or_else(|| ApiError::missing("head_sha"))?;
        if self.git_repo(repo)?.resolve(&head_sha).as_deref() != Some(&head_sha) {
            let message = format!("No commit found for SHA: {head_sha}");
            return Err(ApiError::new(422, message));
        }
        let (id, at) = (self.next_id(), self.tick());
        let suites = &self.repository(repo)?.check_runs;
        let suite = suites.values().find(|run| run.head_sha == head_sha).map(|run| run.suite);
        let suite = suite.unwrap_or_else(|| self.next_id());
        let run = CheckRun {
            id,
            suite,
            name,
            head_sha,
            status: "queued".into(),
            conclusion: None,
            external_id: None,
            details_url: None,
            started_at: at,
            completed_at: None,
            title: None,
            summary: None,
            text: None,
            annotations: vec![],
            actions: vec![],
        };
        self.repository_mut(repo)?.check_runs.insert(id, run);
        self.fill_in(repo, id, fields, at)?;
        self.emit_check_run(repo, id, "created", by)?;
        if self.check_run(repo, id)?.status == "completed" {
            self.emit_check_run(repo, id, "completed", by)?;
        }
        Ok(id)
    }

    pub fn update_check_run(
        &mut self,
        repo: i64,
        id: i64,
        fields: &CheckRunFields,
        by: By,
    ) -> Result<(), ApiError> {
        self.require_unarchived(repo)?;
        fields.check()?;
        let was_completed = self.check_run(repo, id)?.status == "completed";
        let at = self.tick();
        self.fill_in(repo, id, fields, at)?;
        match self.check_run(repo, id)?.status == "completed" && !was_completed {
            true => self.emit_check_run(repo, id, "completed", by),
            false => Ok(()),
        }
    }

    /// Requests a check run again, as the button *Re-run* does. Fails with 422 unless the run is
    /// completed.
    pub fn rerequest_check_run(&mut self, repo: i64, id: i64, by: By) -> Result<(), ApiError> {
        self.require_role(repo, by, Role::Write)?;
        if self.check_run(repo, id)?.status != "completed" {
            return Err(ApiError::unprocessable("This check run is not rerequestable"));
        }
        self.emit_check_run(repo, id, "rerequested", by)
    }

    pub fn check_run(&self, repo: i64, id: i64) -> Result<&CheckRun, ApiError> {
        self.repository(repo)?.check_runs.get(&id).ok_or_else(ApiError::not_found)
    }

    fn fill_in(
        &mut self,
        repo: i64,
        id: i64,
        fields: &CheckRunFields,
        at: Timestamp,
    ) -> Result<(), ApiError> {
        let runs = &mut self.repository_mut(repo)?.check_runs;
        let run = runs.get_mut(&id).ok_or_else(ApiError::not_found)?;
        let fields = fields.clone();
        if let Some(conclusion) = fields.conclusion {
            run.conclusion = Some(conclusion);
            run.status = "completed".into();
            run.completed_at = Some(fields.completed_at.unwrap_or(at));
        } else if let Some(status) = fields.status {
            run.status = status;
            (run.conclusion, run.completed_at) = (None, None);
        }
        run.name = fields.name.unwrap_or_else(|| std::mem::take(&mut run.name));
        run.started_at = fields.started_at.unwrap_or(run.started_at);
        run.external_id = fields.external_id.or_else(|| run.external_id.take());
        run.details_url = fields.details_url.or_else(|| run.details_url.take());
        if let Some(output) = fields.output {
            run.title = output.title.or_else(|| run.title.take());
            run.summary = output.summary;
            run.text = output.text.or_else(|| run.text.take());
            // As on GitHub, a request adds its annotations to those of earlier requests.
            for annotation in output.annotations {
                run.annotations.push(serde_json::to_value(annotation)?);
            }
        }
        if let Some(actions) = fields.actions {
            run.actions = actions;
        }
        Ok(())
    }

    fn emit_check_run(
        &mut self,
        repo: i64,
        id: i64,
        action: &'static str,
        by: By,
    ) -> Result<(), ApiError> {
        let run = self.check_run(repo, id)?;
        let mut shown = self.check_run_json(repo, run)?;
        shown["check_suite"] = self.check_suite_json(repo, run)?;
        let payload = json!({ "check_run": shown });
        self.emit(Event::new("check_run", action), repo, by.account, payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed() -> CheckRunFields {
        let annotation = Annotation {
            path: "a".into(),
            start_line: 1,
            end_line: 1,
            start_column: None,
            end_column: None,
            annotation_level: "failure".into(),
            message: "m".into(),
            title: None,
            raw_details: None,
        };
        let output = Output {
            title: Some("t".into()),
            summary: Some("s".into()),
            text: None,
            annotations: vec![annotation; 50],
        };
        CheckRunFields {
            status: Some("completed".into()),
            conclusion: Some("success".into()),
            output: Some(output),
            ..CheckRunFields::default()
        }
    }

    #[test]
    fn a_run_within_the_limits_is_taken() {
        completed().check().unwrap();
    }

    #[test]
    fn each_limit_alone_is_kept() {
        let edits: [fn(&mut CheckRunFields, &mut Output); 7] = [
            |run, _| run.conclusion = None,
            |run, _| run.conclusion = Some("stale".into()),
            |run, _| run.status = Some("waiting".into()),
            |run, _| run.actions = Some(vec![json!({}); 4]),
            |_, output| output.summary = Some("s".repeat(65_536)),
            |_, output| output.annotations.push(output.annotations[0].clone()),
            |_, output| output.annotations[0].start_line = 2,
        ];
        for (nth, edit) in edits.into_iter().enumerate() {
            let mut run = completed();
            let mut output = run.output.take().unwrap();
            edit(&mut run, &mut output);
            run.output = Some(output);
            assert_eq!(run.check().unwrap_err().status, 422, "edit {nth} was taken");
        }
    }
}
