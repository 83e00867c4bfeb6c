//! The check run `planwright` of a head, which branch protection can require for a merge.
//!
//! `neutral` and `skipped` would satisfy a required check, so these conclusions are never used.

use serde::{Deserialize, Serialize};

use planwright_core::{
    change::{Change, ChangeState, PlanOutcome},
    escape,
    finding::{Finding, Severity},
    verdict::Requirement,
};

use super::{
    markdown::markdown,
    page::Page,
    requirement::requirement_words,
    summary::{headline, summary},
    terminal::plain,
};
use crate::text;

/// GitHub accepts 50 annotations in one request.
const MOST_ANNOTATIONS: usize = 50;
/// Below GitHub's limit of 65,535, because GitHub is reported to count some texts several times.
/// The comment has the details anyway.
const MOST_SUMMARY: usize = 30_000;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    pub status: CheckStatus,
    /// `None` while it is in progress.
    pub conclusion: Option<Conclusion>,
    pub title: String,
    /// The summary in Markdown.
    pub summary: String,
    pub annotations: Vec<Annotation>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckStatus {
    InProgress,
    Completed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    Success,
    ActionRequired,
    Failure,
    Cancelled,
}

/// A finding on its line in the pull request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Annotation {
    pub path: String,
    pub line: u32,
    pub level: Level,
    pub message: String,
    pub title: String,
}

/// GitHub's `annotation_level`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    Failure,
    Warning,
}

/// Returns the check run of the report's head.
pub fn check(report: &Change) -> CheckReport {
    let conclusion = conclusion(report);
    let mut page = Page::new(MOST_SUMMARY);
    let mut is_whole = true;
    for part in summary(report) {
        is_whole &= page.push(part);
    }
    let mut annotations = annotations(report);
    let found = annotations.len();
    annotations.truncate(MOST_ANNOTATIONS);
    let mut summary = page.into_doc();
    if found > MOST_ANNOTATIONS {
        let more = found - MOST_ANNOTATIONS;
        summary.push(text![more, " more findings are not shown on their lines."]);
    }
    if !is_whole {
        summary.push(text!["A part of the summary is left out for its size."]);
    }
    CheckReport {
        status: match conclusion {
            None => CheckStatus::InProgress,
            Some(_) => CheckStatus::Completed,
        },
        conclusion,
        title: title(report, conclusion),
        summary: markdown(&summary),
        annotations,
    }
}

/// Returns the conclusion. Success needs a verdict that is met, whatever the state.
fn conclusion(report: &Change) -> Option<Conclusion> {
    let is_unfinished = report.verdict.as_ref().is_some_and(Requirement::is_unfinished);
    let is_met = report.verdict.as_ref().is_some_and(|root| root.met);
    Some(match report.state {
        ChangeState::Planning | ChangeState::Queued | ChangeState::Applying => return None,
        ChangeState::Failed | ChangeState::Partial | ChangeState::InternalError => {
            Conclusion::Failure
        }
        ChangeState::Superseded | ChangeState::Closed | ChangeState::Stopped => {
            Conclusion::Cancelled
        }
        _ if report.has_errors() => Conclusion::Failure,
        // Waiting for an approval does not help here: somebody has to finish the change.
        _ if is_unfinished => Conclusion::Failure,
        ChangeState::NothingAffected if report.is_about_nothing() => Conclusion::Success,
        ChangeState::Approved | ChangeState::Applied | ChangeState::SettingsActive if is_met => {
            Conclusion::Success
        }
        _ => Conclusion::ActionRequired,
    })
}

fn title(report: &Change, conclusion: Option<Conclusion>) -> String {
    let head = headline(report);
    let unmet = report.verdict.as_ref().and_then(Requirement::first_unmet);
    let is_told = match conclusion {
        Some(Conclusion::ActionRequired) => true,
        Some(Conclusion::Failure) => {
            report.verdict.as_ref().is_some_and(Requirement::is_unfinished)
        }
        _ => false,
    };
    let unmet = unmet.filter(|_| is_told).map(|unmet| text!["; ", requirement_words(unmet)]);
    escape::shortened(&plain(&text![head, unmet]), 200)
}

fn annotations(report: &Change) -> Vec<Annotation> {
    let of_stacks = report.stacks.iter().flat_map(|stack| match &stack.plan {
        PlanOutcome::Invalid(findings) => findings.as_slice(),
        _ => &[],
    });
    let mut annotations: Vec<Annotation> =
        report.findings.iter().chain(of_stacks).map(annotation).collect();
    annotations.sort_by(|a, b| (a.level, &a.path, a.line).cmp(&(b.level, &b.path, b.line)));
    annotations.dedup();
    annotations
}

/// Returns a finding as an annotation. GitHub shows these as plain text, so nothing is escaped.
fn annotation(finding: &Finding) -> Annotation {
    let cut = |text: &str| escape::visible(&escape::shortened(text, 1_000));
    let mut message = cut(&finding.message);
    if let Some(suggestion) = &finding.did_you_mean {
        message.push_str(&format!("\nDid you mean {}?", cut(suggestion)));
    }
    if !finding.allowed.is_empty() {
        message.push_str(&format!("\nAllowed: {}", cut(&finding.allowed.join(", "))));
    }
    if let Some(fix) = &finding.fix {
        message.push_str(&format!("\nTo mend it: {}", cut(fix)));
    }
    Annotation {
        path: finding.place.file.clone(),
        line: finding.place.line.max(1),
        level: match finding.severity {
            Severity::Error => Level::Failure,
            Severity::Warning => Level::Warning,
        },
        message,
        title: finding.code.replace('_', " "),
    }
}
