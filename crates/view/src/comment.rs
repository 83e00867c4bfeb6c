//! The one comment of a pull request.

use planwright_core::escape::{self, grouped};

use super::{LIMIT, Marker, page::Page, requirement::short, stack::details, summary::summary};
use planwright_core::change::{Report, StackReport};

/// Bytes kept for the sentences at the end.
const FOOT: usize = 1_500;
/// With less room than this a stack is only counted.
const LEAST: usize = 1_000;

/// The comment, below GitHub's limit whatever the plans, the riskiest kept; `page_url` is the address of
/// the page that has all of it.
pub fn comment(report: &Report, page_url: Option<&str>) -> String {
    let foot = foot(report);
    // The page keeps clear of the limit; what is cut is cut between blocks, never within one.
    let mut page = Page::new(LIMIT - 1 - FOOT - foot.len().min(FOOT));
    page.push(&Marker::Report.to_string());
    let mut blocks = summary(report).into_iter();
    let mut is_short = false;
    if let Some(first) = blocks.next() {
        let link = page_url.map(|url| format!("  \n[Steps, log and whole plan]({url})"));
        let first = first + &link.unwrap_or_default();
        // The marker and the first line belong together.
        is_short |= !page.push(&first);
    }
    for block in blocks {
        is_short |= !page.push(&block);
    }
    let mut left_out: Vec<&StackReport> = Vec::new();
    let stacks = report.riskiest_first();
    for (i, stack) in stacks.iter().enumerate() {
        // What one stack leaves is there for the next ones.
        let share = page.room() / (stacks.len() - i);
        if page.room() < LEAST || !page.push(&details(stack, share.max(LEAST).min(page.room()))) {
            left_out.push(stack);
        }
    }
    let mut text = page.into_text();
    if let Some(first) = left_out.first() {
        text.push_str(&format!(
            "\n\nThe details of {} stacks are left out, the least risky ones; `{}` shows them.",
            grouped(left_out.len()),
            first.command()
        ));
    }
    if is_short {
        text.push_str("\n\nA part of the summary is left out: it would not fit into a comment.");
    }
    text.push_str(&format!("\n\n{foot}\n"));
    text
}

fn foot(report: &Report) -> String {
    let head = short(&report.head);
    let of = match &report.digest {
        Some(digest) => format!("Plan `{}` of `{head}`", digest.short()),
        None => format!("Head `{head}`"),
    };
    let of = match &report.basis {
        None => of,
        Some(basis) => {
            let base = escape::code(&escape::shortened(basis.base.as_str(), 80));
            format!("{of} into {base}, policy `{}`", basis.policy.short())
        }
    };
    match report.riskiest_first().first() {
        None => format!("<sub>{of} · `/infra help` lists the commands</sub>"),
        Some(stack) => format!(
            "<sub>{of} · the same in a checkout: `{}` · `/infra help` lists the commands</sub>",
            stack.command()
        ),
    }
}
