//! The one comment of a pull request.

use planwright_core::change::{Change, StackChange};

use super::{
    LIMIT, Marker,
    doc::{Doc, Span, Text, code, short_code, small},
    markdown::markdown,
    page::Page,
    stack::details,
    summary::summary,
};
use crate::text;

/// Bytes kept free for the sentences at the end.
const FOOT: usize = 1_500;
/// If less room than this is left, the details of a stack are left out and it is only counted.
const LEAST: usize = 1_000;

/// Returns the comment in Markdown. It stays below GitHub's limit by leaving out the details of the
/// least risky stacks. `page_url` is the address of the page that has everything.
pub fn comment(report: &Change, page_url: Option<&str>) -> String {
    let marker = format!("{}\n\n", Marker::Report);
    let foot = Doc::from(foot(report));
    let foot_bytes = markdown(&foot).len().min(FOOT);
    let mut doc = body(report, page_url, LIMIT - 1 - FOOT - foot_bytes - marker.len());
    doc.push(foot);
    format!("{marker}{}\n", markdown(&doc))
}

/// Returns everything above the foot. What does not fit is left out in whole parts.
fn body(report: &Change, page_url: Option<&str>, limit: usize) -> Doc {
    let mut page = Page::new(limit);
    let mut is_short = false;
    for (i, mut part) in summary(report).into_iter().enumerate() {
        if let (0, Some(url)) = (i, page_url) {
            part.push_line(link(url));
        }
        is_short |= !page.push(part);
    }
    let mut left_out: Vec<&StackChange> = Vec::new();
    let stacks = report.riskiest_first();
    for (i, stack) in stacks.iter().enumerate() {
        // What one stack does not need is shared by the next ones.
        let share = page.room() / (stacks.len() - i);
        if page.room() < LEAST || !page.push(details(stack, share.max(LEAST).min(page.room()))) {
            left_out.push(stack);
        }
    }
    let mut doc = page.into_doc();
    if let Some(first) = left_out.first() {
        doc.push(text![
            "The details of ",
            left_out.len(),
            " stacks are left out, the least risky ones; ",
            code(first.command()),
            " shows them."
        ]);
    }
    if is_short {
        doc.push(text!["A part of the summary is left out: it would not fit into a comment."]);
    }
    doc
}

fn link(url: &str) -> Text {
    Span::Link { text: "Steps, log and whole plan".into(), url: url.into() }.into()
}

fn foot(report: &Change) -> Text {
    let of = match &report.digest {
        Some(digest) => text!["Plan ", code(digest.short()), " of ", &report.head],
        None => text!["Head ", &report.head],
    };
    let basis = report.basis.as_ref().map(|basis| {
        let base = short_code(basis.base.as_str(), 80);
        text![" into ", base, ", settings ", code(basis.settings.short())]
    });
    let checkout = report
        .riskiest_first()
        .first()
        .map(|stack| text![" · the same in a checkout: ", code(stack.command())]);
    let help = text![" · ", code("/infra help"), " lists the commands"];
    text![small(text![of, basis, checkout, help])]
}
