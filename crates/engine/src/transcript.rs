//! What one child has printed so far: its diagnostics, its steps, its last lines.
//!
//! Understands the engines' JSON lines (`-json`); any other line is plain text. Secrets are removed
//! before anything is kept or passed on.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use planwright_core::finding::Severity;

use super::{error::Diagnostic, secrets::Secrets};

/// How many of the last lines an error shows.
const TAIL: usize = 20;

/// What is known of one resource in an apply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    pub address: String,
    /// The engine's word: `create`, `update`, `delete`, ….
    pub action: String,
    pub outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The start was reported but no end: it may or may not be done.
    Unknown,
    Done,
    Failed,
}

/// Collects the output lines of one child.
pub(super) struct Transcript<'a> {
    secrets: &'a Secrets,
    log: Option<&'a super::Log<'a>>,
    hides_errors: bool,
    pub diagnostics: Vec<Diagnostic>,
    pub steps: Vec<Step>,
    pub tail: VecDeque<String>,
}

impl<'a> Transcript<'a> {
    pub(crate) fn new(secrets: &'a Secrets, log: Option<&'a super::Log<'a>>) -> Self {
        let (diagnostics, steps, tail) = Default::default();
        Self { secrets, log, hides_errors: false, diagnostics, steps, tail }
    }

    /// Keeps errors, but does not pass them on to the log.
    pub(crate) fn without_errors(self) -> Self {
        Self { hides_errors: true, ..self }
    }

    pub(crate) fn line(&mut self, line: &str) {
        let (text, is_error) = match serde_json::from_str::<Message>(line) {
            Ok(message) => {
                self.record(&message);
                (message.text, message.level == "error")
            }
            Err(_) => (line.to_owned(), false),
        };
        let text = self.secrets.scrubbed(text.trim_end());
        if text.is_empty() {
            return;
        }
        if let Some(log) = self.log.filter(|_| !(is_error && self.hides_errors)) {
            log(&text);
        }
        if self.tail.len() == TAIL {
            self.tail.pop_front();
        }
        self.tail.push_back(text);
    }

    fn record(&mut self, message: &Message) {
        if let Some(diagnostic) = &message.diagnostic {
            self.diagnostics.push(diagnostic.read(self.secrets));
        }
        let outcome = match message.kind.as_str() {
            "apply_start" => Outcome::Unknown,
            "apply_complete" => Outcome::Done,
            "apply_errored" => Outcome::Failed,
            _ => return,
        };
        let Some(hook) = &message.hook else { return };
        let address = &hook.resource.addr;
        let known = self
            .steps
            .iter_mut()
            .rev()
            .find(|step| step.address == *address && step.outcome == Outcome::Unknown);
        match known {
            Some(step) => step.outcome = outcome,
            None => self.steps.push(Step {
                address: address.clone(),
                action: hook.action.clone(),
                outcome,
            }),
        }
    }
}

#[derive(Deserialize)]
struct Message {
    #[serde(rename = "@message")]
    text: String,
    #[serde(rename = "@level", default)]
    level: String,
    #[serde(rename = "type", default)]
    kind: String,
    diagnostic: Option<RawDiagnostic>,
    hook: Option<Hook>,
}

#[derive(Deserialize)]
struct Hook {
    resource: Resource,
    #[serde(default)]
    action: String,
}

#[derive(Deserialize)]
struct Resource {
    addr: String,
}

#[derive(Deserialize)]
struct RawDiagnostic {
    severity: String,
    summary: String,
    #[serde(default)]
    detail: String,
    address: Option<String>,
    range: Option<Range>,
}

#[derive(Deserialize)]
struct Range {
    filename: String,
    start: Start,
}

#[derive(Deserialize)]
struct Start {
    line: u64,
}

impl RawDiagnostic {
    fn read(&self, secrets: &Secrets) -> Diagnostic {
        // Anything other than a warning counts as an error.
        let severity = if self.severity == "warning" { Severity::Warning } else { Severity::Error };
        Diagnostic {
            severity,
            summary: secrets.scrubbed(&self.summary),
            detail: secrets.scrubbed(&self.detail),
            address: self.address.clone(),
            place: self
                .range
                .as_ref()
                .map(|range| format!("{}:{}", range.filename, range.start.line)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hook(kind: &str, address: &str) -> String {
        serde_json::json!({
            "@message": "…", "type": kind,
            "hook": {"resource": {"addr": address}, "action": "create"},
        })
        .to_string()
    }

    #[test]
    fn a_step_without_an_end_is_unknown() {
        let secrets = Secrets::default();
        let mut transcript = Transcript::new(&secrets, None);
        for (kind, address) in [
            ("apply_start", "a"),
            ("apply_start", "b"),
            ("apply_start", "c"),
            ("apply_complete", "a"),
            ("apply_errored", "b"),
        ] {
            transcript.line(&hook(kind, address));
        }
        let outcomes: Vec<_> = transcript.steps.iter().map(|step| step.outcome).collect();
        assert_eq!(outcomes, [Outcome::Done, Outcome::Failed, Outcome::Unknown]);
    }

    #[test]
    fn a_diagnostic_is_kept_with_place_and_without_secrets() {
        let secrets = Secrets::new(["hunter2222"]);
        let mut transcript = Transcript::new(&secrets, None);
        transcript.line(
            r#"{"@message":"Error: no hunter2222","type":"diagnostic","diagnostic":{
            "severity":"error","summary":"No","detail":"not hunter2222","address":"a.b",
            "range":{"filename":"main.tf.json","start":{"line":3,"column":1}}}}"#,
        );
        let said = format!("{:?} {:?}", transcript.tail, transcript.diagnostics);
        assert!(!said.contains("hunter"), "{said}");
        assert_eq!(transcript.diagnostics[0].to_string(), "No (a.b, main.tf.json:3): not [secret]");
    }

    #[test]
    fn lines_reach_the_log_scrubbed_and_only_the_last_are_kept() {
        let (secrets, seen) = (Secrets::new(["hunter2222"]), std::sync::Mutex::new(Vec::new()));
        let log = |line: &str| seen.lock().unwrap().push(line.to_owned());
        let mut transcript = Transcript::new(&secrets, Some(&log));
        for i in 0..30 {
            transcript.line(&format!("{i} hunter2222"));
        }
        assert_eq!(seen.lock().unwrap()[0], "0 [secret]");
        assert_eq!((transcript.tail.len(), transcript.tail[0].as_str()), (TAIL, "10 [secret]"));
    }
}
