//! `planwright render`: the files that the engine would run, written or compared.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use anyhow::Context as _;

use planwright_core::names::StackId;
use planwright_package::{Prepared, Trusted, render::Rendered, repository};

use super::{Checkout, Error, Revision, selected};

/// Renders the named stacks.
pub fn render(checkout: &Checkout, names: &[String]) -> Result<BTreeMap<StackId, Rendered>, Error> {
    let all = checkout.prepared_all(names)?;
    Ok(all.into_iter().map(|prepared| (prepared.stack.id, prepared.rendered)).collect())
}

/// Writes each rendered stack to its own folder below `out`.
///
/// Other files there are kept, except for the folder `modules`, which is replaced.
pub fn write(out: &Path, renders: &BTreeMap<StackId, Rendered>) -> Result<(), Error> {
    for (id, rendered) in renders {
        let folder = out.join(id.to_string());
        let modules = folder.join("modules");
        if modules.exists() {
            fs::remove_dir_all(&modules)
                .with_context(|| format!("{} cannot be replaced", modules.display()))?;
        }
        for (path, bytes) in &rendered.files {
            let full = folder.join(path);
            let written = full.parent().map_or(Ok(()), fs::create_dir_all);
            written
                .and_then(|()| fs::write(&full, bytes))
                .with_context(|| format!("{} cannot be written", full.display()))?;
        }
    }
    Ok(())
}

/// One file of a stack that differs between a revision and the checkout.
#[derive(Debug, serde::Serialize)]
pub struct Changed {
    pub stack: StackId,
    pub path: String,
    /// A unified diff, with `/dev/null` for a side without the file.
    pub diff: String,
}

/// Returns the differences between the rendered files of `revision` and those of the checkout.
pub fn diff(checkout: &Checkout, names: &[String], revision: &str) -> Result<Vec<Changed>, Error> {
    let before = Revision::open(&checkout.root, revision)?;
    let config = repository::config(&before)?;
    let trusted = Trusted { config: &config, packages: &before };
    let (then, _) = repository::stacks(&before)?;
    let (now, _) = repository::stacks(&checkout.files)?;
    let ids: BTreeSet<StackId> = if names.is_empty() {
        then.union(&now).cloned().collect()
    } else {
        // A stack that exists only in the revision was removed, and can be named too.
        let here = selected(&checkout.files, names);
        here.or_else(|_| selected(&before, names))?.into_iter().collect()
    };
    let mut changed = Vec::new();
    for id in ids {
        let old = match then.contains(&id) {
            true => Prepared::load(&before, &trusted, &id)?.rendered.files,
            false => BTreeMap::new(),
        };
        let new = match now.contains(&id) {
            true => checkout.prepared(&id)?.rendered.files,
            false => BTreeMap::new(),
        };
        let paths: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for path in paths.into_iter().filter(|path| old.get(*path) != new.get(*path)) {
            changed.push(Changed {
                stack: id.clone(),
                path: path.clone(),
                diff: unified(&format!("{id}/{path}"), old.get(path), new.get(path)),
            });
        }
    }
    Ok(changed)
}

fn unified(path: &str, old: Option<&Vec<u8>>, new: Option<&Vec<u8>>) -> String {
    let text = |side: Option<&Vec<u8>>| {
        side.map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
    };
    let name = |side: Option<&Vec<u8>>, prefix: &str| match side {
        Some(_) => format!("{prefix}/{path}"),
        None => "/dev/null".into(),
    };
    similar::TextDiff::from_lines(text(old), text(new))
        .unified_diff()
        .context_radius(3)
        .header(&name(old, "a"), &name(new, "b"))
        .to_string()
}
