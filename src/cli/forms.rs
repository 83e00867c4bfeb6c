//! `planwright forms`.

use std::process::ExitCode;

use serde_json::json;

use super::Output;
use crate::checkout::{Checkout, Error, forms::forms};

pub fn run(checkout: &Checkout, output: &mut Output) -> Result<ExitCode, Error> {
    let forms = forms(checkout)?;
    let text: String =
        forms.iter().map(|form| format!("{} {}\n", form.outcome, form.path)).collect();
    let text = if text.is_empty() { "planwright.yaml allows no package".into() } else { text };
    output.print(&json!({ "forms": forms }), &text)?;
    Ok(ExitCode::SUCCESS)
}
