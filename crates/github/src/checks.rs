//! Check runs, which GitHub shows at a commit and a ruleset can require.
//!
//! There is no `neutral` and no `skipped` here, because both would satisfy a required check.

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use planwright_core::{
    names::{CheckRunId, Sha},
    repository::Repository,
};

use crate::{
    GitHub, Result, TokenScope,
    call::Call,
    wire::{AppRef, Page},
};

/// The intended state of a check run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckRun {
    pub name: String,
    pub head: Sha,
    /// Our own id of the check run, by which it is found again.
    pub external_id: String,
    pub state: CheckState,
    pub title: String,
    /// Markdown, at most 65,535 characters.
    pub summary: String,
    pub text: Option<String>,
    /// Only new annotations, because GitHub appends those of an update.
    pub annotations: Vec<Annotation>,
    pub details_url: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckState {
    Queued,
    InProgress,
    Completed(Conclusion),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    Success,
    Failure,
    /// Somebody has to do something. It does not satisfy a required check.
    ActionRequired,
    Cancelled,
    TimedOut,
}

/// A remark on lines of a file at the head.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Annotation {
    pub path: String,
    pub start_line: u32,
    pub end_line: u32,
    #[serde(rename = "annotation_level")]
    pub level: AnnotationLevel,
    pub title: String,
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AnnotationLevel {
    Notice,
    Warning,
    Failure,
}

/// The number of annotations that GitHub accepts in one request.
const ANNOTATIONS: usize = 50;

#[derive(Deserialize)]
struct Wire {
    id: CheckRunId,
    name: String,
    external_id: Option<String>,
    app: Option<AppRef>,
}

impl GitHub {
    /// Creates a check run. After [`crate::Error::Unknown`] call [`Self::find_check`] before trying
    /// again.
    ///
    /// Annotations after the first fifty follow in updates. Only the last request completes the
    /// check run, so that it stays in progress if a request fails.
    pub async fn create_check(
        &self,
        repository: &Repository,
        check: &CheckRun,
    ) -> Result<CheckRunId> {
        let mut requests = requests(check);
        let mut body = requests.remove(0);
        body.insert("name".into(), json!(check.name));
        body.insert("head_sha".into(), json!(check.head));
        let path = format!("/repos/{}/check-runs", repository.name);
        let call = Call::close(Method::POST, path, Value::Object(body));
        let id = self.ask::<Wire>(repository, TokenScope::Check, &call).await?.id;
        self.send_updates(repository, id, requests).await?;
        Ok(id)
    }

    /// Updates a check run to `check`. Its head and earlier annotations do not change.
    pub async fn update_check(
        &self,
        repository: &Repository,
        id: CheckRunId,
        check: &CheckRun,
    ) -> Result<()> {
        self.send_updates(repository, id, requests(check)).await
    }

    /// Returns our check run on `head` with this name and external id, if there is one.
    pub async fn find_check(
        &self,
        repository: &Repository,
        head: &Sha,
        name: &str,
        external_id: &str,
    ) -> Result<Option<CheckRunId>> {
        #[derive(Deserialize)]
        struct List {
            check_runs: Vec<Wire>,
        }
        // `check_name=…` is not used, because the name would have to be encoded and the App has few
        // checks per head.
        let own = self.app_id();
        let path =
            format!("/repos/{}/commits/{head}/check-runs?filter=all&app_id={own}", repository.name);
        self.find_in_pages(repository, TokenScope::Check, &path, |page: List| {
            let len = page.check_runs.len();
            let is_it = |run: &Wire| {
                run.app.as_ref().is_some_and(|app| app.id == own)
                    && run.name == name
                    && run.external_id.as_deref() == Some(external_id)
            };
            Ok(Page { found: page.check_runs.into_iter().find(is_it).map(|run| run.id), len })
        })
        .await
    }

    async fn send_updates(
        &self,
        repository: &Repository,
        id: CheckRunId,
        bodies: Vec<Map<String, Value>>,
    ) -> Result<()> {
        let path = format!("/repos/{}/check-runs/{id}", repository.name);
        for body in bodies {
            let call = Call::close(Method::PATCH, &path, Value::Object(body));
            self.ask::<Wire>(repository, TokenScope::Check, &call).await?;
        }
        Ok(())
    }
}

/// Returns the bodies of the requests for a check run, at least one.
fn requests(check: &CheckRun) -> Vec<Map<String, Value>> {
    let mut chunks: Vec<&[Annotation]> = check.annotations.chunks(ANNOTATIONS).collect();
    if chunks.is_empty() {
        chunks.push(&[]);
    }
    let last = chunks.len() - 1;
    let state_at = |i| match check.state {
        CheckState::Completed(_) if i < last => CheckState::InProgress,
        state => state,
    };
    chunks.into_iter().enumerate().map(|(i, chunk)| body(check, state_at(i), chunk)).collect()
}

fn body(check: &CheckRun, state: CheckState, annotations: &[Annotation]) -> Map<String, Value> {
    let mut output = json!({ "title": check.title, "summary": check.summary });
    if let Some(text) = &check.text {
        output["text"] = json!(text);
    }
    if !annotations.is_empty() {
        output["annotations"] = json!(annotations);
    }
    let mut body = Map::from_iter([
        ("external_id".to_owned(), json!(check.external_id)),
        ("output".to_owned(), output),
    ]);
    if let Some(url) = &check.details_url {
        body.insert("details_url".into(), json!(url));
    }
    let status = match state {
        CheckState::Queued => "queued",
        CheckState::InProgress => "in_progress",
        CheckState::Completed(conclusion) => {
            body.insert("conclusion".into(), json!(conclusion));
            "completed"
        }
    };
    body.insert("status".into(), json!(status));
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(annotations: u32) -> CheckRun {
        let annotation = |line| Annotation {
            path: "stacks/website/stack.yaml".into(),
            start_line: line,
            end_line: line,
            level: AnnotationLevel::Failure,
            title: "unknown_param".into(),
            message: "`bukcet` is not a param".into(),
        };
        CheckRun {
            name: "planwright".into(),
            head: Sha::parse("a".repeat(40)).unwrap(),
            external_id: "1/2".into(),
            state: CheckState::Completed(Conclusion::ActionRequired),
            title: "Waiting for approval".into(),
            summary: "1 to add".into(),
            text: None,
            annotations: (1..=annotations).map(annotation).collect(),
            details_url: None,
        }
    }

    #[test]
    fn a_run_without_annotations_is_one_request() {
        let requests = requests(&check(0));
        assert_eq!(requests.len(), 1);
        assert_eq!(requests[0]["status"], "completed");
        assert_eq!(requests[0]["conclusion"], "action_required");
        assert_eq!(requests[0]["output"].get("annotations"), None);
    }

    #[test]
    fn only_the_last_of_many_requests_completes_the_run() {
        let requests = requests(&check(120));
        let sent: Vec<usize> = requests
            .iter()
            .map(|body| body["output"]["annotations"].as_array().unwrap().len())
            .collect();
        assert_eq!(sent, [50, 50, 20]);
        let states: Vec<&Value> = requests.iter().map(|body| &body["status"]).collect();
        assert_eq!(states, ["in_progress", "in_progress", "completed"]);
        assert!(requests[..2].iter().all(|body| !body.contains_key("conclusion")));
    }
}
