//! Overrides: reviewed replacements of single values in the resolved document.
//!
//! An override says what it replaces, why, and until when. `resolve` applies it; nothing here reads
//! a clock.

use jiff::civil::Date;
use serde_json::Value;

use planwright_core::finding::{Finding, Location, Severity};

use super::{
    Checked,
    document::finding_at,
    yaml::{Kind, Node},
};

#[derive(Clone, Debug, PartialEq)]
pub struct Override {
    /// A JSON pointer into the resolved document.
    pub at: String,
    pub value: Node,
    pub expect: Value,
    pub reason: String,
    /// The last day on which the override should exist.
    pub until: Date,
    pub place: Location,
    /// The position of `expect`, which a new package version may invalidate.
    pub(crate) expect_place: Location,
}

impl Override {
    /// Returns the overrides of one file that has passed its schema.
    pub fn list(file: &Node) -> Checked<Vec<Self>> {
        let Some(Kind::List(items)) = file.child("overrides").map(|node| &node.kind) else {
            return Ok(Vec::new());
        };
        let mut overrides = Vec::new();
        let mut findings = Vec::new();
        for (i, item) in items.iter().enumerate() {
            let text = |key: &str| match item.child(key).map(|node| &node.kind) {
                Some(Kind::String(text)) => text.clone(),
                _ => String::new(),
            };
            let Ok(until) = text("until").parse::<Date>() else {
                let message = format!("`{}` is not a day of the calendar", text("until"));
                let pointer = format!("/overrides/{i}/until");
                findings.push(finding_at(file, &pointer, "invalid_date", message));
                continue;
            };
            let (Some(value), Some(expect)) = (item.child("value"), item.child("expect")) else {
                continue;
            };
            overrides.push(Self {
                at: text("at"),
                value: value.clone(),
                expect: expect.value(),
                reason: text("reason"),
                until,
                place: item.place_of("/at").clone(),
                expect_place: item.place_of("/expect").clone(),
            });
        }
        if findings.is_empty() { Ok(overrides) } else { Err(findings) }
    }

    /// Fails if two overrides replace the same value, or one replaces a part of the other's.
    pub fn distinct(overrides: &[Self]) -> Checked<()> {
        for (i, one) in overrides.iter().enumerate() {
            for other in &overrides[..i] {
                let within = |a: &str, b: &str| a == b || a.starts_with(&format!("{b}/"));
                if within(&one.at, &other.at) || within(&other.at, &one.at) {
                    let message = format!(
                        "the override at `{}` in {} replaces this value too",
                        other.at, other.place
                    );
                    return Err(vec![one.finding(
                        "override_twice",
                        &one.place,
                        message,
                        "remove one of them",
                    )]);
                }
            }
        }
        Ok(())
    }

    pub(super) fn finding(
        &self,
        code: &'static str,
        place: &Location,
        message: String,
        fix: &str,
    ) -> Finding {
        let pointer = Some(self.at.clone());
        let fix = Some(fix.to_owned());
        Finding { pointer, fix, ..Finding::error(code, place.clone(), message) }
    }
}

/// Returns a warning for each override that has expired on the day `today`.
pub fn expired(overrides: &[Override], today: Date) -> Vec<Finding> {
    overrides
        .iter()
        .filter(|one| one.until < today)
        .map(|one| {
            let message =
                format!("the override of `{}` was to be gone after {}", one.at, one.until);
            let fix = "remove it, or give it a new `until` and a reason";
            let finding = one.finding("override_expired", &one.place, message, fix);
            Finding { severity: Severity::Warning, ..finding }
        })
        .collect()
}
