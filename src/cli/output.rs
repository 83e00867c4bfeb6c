//! What a command prints: text for people or one JSON value, with findings alike for every command.

use std::{
    io::{ErrorKind, Write as _},
    process::ExitCode,
};

use anyhow::Context as _;
use serde_json::{Value, json};

use planwright_core::finding::{Finding, Severity};

use crate::checkout::Error;

/// Exit code for findings, refusals and failures.
pub const REFUSED: u8 = 1;
/// Exit code for a request of something that does not exist.
pub const USAGE: u8 = 2;
/// Exit code with which a shell reports an interrupt.
pub const CANCELLED: u8 = 130;

pub struct Output {
    pub is_json: bool,
}

impl Output {
    pub fn new(is_json: bool) -> Self {
        Self { is_json }
    }

    /// Prints one result: `json` under `--json`, else `text` unless it is empty.
    pub fn print(&mut self, json: &Value, text: &str) -> Result<(), Error> {
        let line = if self.is_json { format!("{json:#}") } else { visible(text.trim_end()) };
        if line.is_empty() {
            return Ok(());
        }
        match writeln!(std::io::stdout(), "{line}") {
            // The reader has seen enough, as in `planwright resolve | head`.
            Err(e) if e.kind() == ErrorKind::BrokenPipe => Ok(()),
            result => Ok(result.context("the answer cannot be written")?),
        }
    }

    /// Prints errors about some of what was requested, on standard error; under `--json` they are
    /// part of the result.
    pub fn failures(&mut self, text: &str) {
        if !self.is_json && !text.is_empty() {
            eprintln!("{}", visible(text.trim_end()));
        }
    }

    pub fn error(&mut self, error: &Error) -> ExitCode {
        match error {
            Error::Findings(findings) => {
                let printed = if self.is_json {
                    self.print(&json!({ "findings": findings }), "")
                } else {
                    eprintln!("{}", visible(&findings_text(findings)));
                    Ok(())
                };
                drop(printed);
                ExitCode::from(REFUSED)
            }
            Error::Usage(message) => self.message(message, USAGE),
            Error::Refused(message) => self.message(message, REFUSED),
            Error::Cancelled => self.message("cancelled", CANCELLED),
            Error::Failed(e) => self.message(&format!("{e:#}"), REFUSED),
        }
    }

    fn message(&mut self, message: &str, code: u8) -> ExitCode {
        if self.is_json {
            // If even this cannot be written, nothing is left to do.
            drop(self.print(&json!({ "error": message }), ""));
        } else {
            eprintln!("error: {}", visible(message));
        }
        ExitCode::from(code)
    }
}

/// Returns the findings one after the other, and their counts.
pub fn findings_text(findings: &[Finding]) -> String {
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    let warnings = findings.len() - errors;
    let counted = |count: usize, word: &str| match count {
        0 => None,
        1 => Some(format!("1 {word}")),
        _ => Some(format!("{count} {word}s")),
    };
    let counts: Vec<String> =
        [counted(errors, "error"), counted(warnings, "warning")].into_iter().flatten().collect();
    let all: Vec<String> = findings.iter().map(ToString::to_string).collect();
    format!("{}\n\n{}", all.join("\n\n"), counts.join(", "))
}

/// Returns text that is safe for a terminal: characters that could move the cursor, colour or
/// reorder the line are escaped.
fn visible(text: &str) -> String {
    let is_harmful = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    text.chars()
        .map(|c| if is_harmful(c) { c.escape_unicode().to_string() } else { c.to_string() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_a_file_cannot_drive_the_terminal() {
        assert_eq!(visible("a\u{1b}[31m\u{202e}b\n"), "a\\u{1b}[31m\\u{202e}b\n");
        assert_eq!(visible("Zürich → 東京"), "Zürich → 東京");
    }
}
