//! `planwright forms`: one issue form for each package that stacks may use.

use std::fs;

use anyhow::Context as _;
use serde::Serialize;

use planwright_package::{
    form::{FOLDER, Form, MADE},
    search::allowed,
};

use super::{Checkout, Error};

#[derive(Debug, Serialize)]
pub struct Written {
    pub path: String,
    pub package: Option<String>,
    /// `written`, `unchanged` or `removed`.
    pub outcome: &'static str,
}

/// Writes the forms, and removes those of packages that are no longer allowed.
///
/// Fails, without touching the file, if a form's path has a file that `planwright forms` did not
/// make.
pub fn forms(checkout: &Checkout) -> Result<Vec<Written>, Error> {
    let folder = checkout.root.join(FOLDER);
    fs::create_dir_all(&folder).with_context(|| format!("{FOLDER} cannot be made"))?;
    let mut all = Vec::new();
    let trusted = checkout.trusted();
    for package in allowed(&trusted) {
        let form = Form::new(&package);
        let (path, text) = (form.path(), form.yaml(&trusted.config.agent.label));
        let full = checkout.root.join(&path);
        let before = fs::read_to_string(&full).ok();
        if before.as_ref().is_some_and(|before| !before.starts_with(MADE)) {
            let message = format!("{path} was not made by `planwright forms`; move it away first");
            return Err(Error::Refused(message));
        }
        let is_same = before.as_ref() == Some(&text);
        if !is_same {
            fs::write(&full, text).with_context(|| format!("{path} cannot be written"))?;
        }
        let outcome = if is_same { "unchanged" } else { "written" };
        all.push(Written { path, package: Some(package.source.to_string()), outcome });
    }
    let entries = fs::read_dir(&folder).with_context(|| format!("{FOLDER} cannot be read"))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("{FOLDER} cannot be read"))?;
        let path = format!("{FOLDER}/{}", entry.file_name().to_string_lossy());
        let is_ours = fs::read_to_string(entry.path()).is_ok_and(|text| text.starts_with(MADE));
        if is_ours && all.iter().all(|written| written.path != path) {
            fs::remove_file(entry.path()).with_context(|| format!("{path} cannot be removed"))?;
            all.push(Written { path, package: None, outcome: "removed" });
        }
    }
    Ok(all)
}
