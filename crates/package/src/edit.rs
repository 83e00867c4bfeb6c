//! Applies a change set to the files of a repository: edited, locked and validated as a whole.
//!
//! Nothing is written: the caller gets the new content of all files that change, or everything that
//! is wrong with the change. Packages are read only from the tree that is trusted for them.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;
use serde_json::Value;

use planwright_core::{
    change_set::{ChangeSet, Edit, MOST, ParamChange, ParamPath},
    finding::{Finding, Location},
    names::StackId,
};

use super::{
    Checked, Prepared, Trusted,
    files::{Files, MemoryFiles},
    lock::{Lock, shared_state},
    prepare::package_of,
    repository::{environment_file, lock_file, stack_file, stacks},
    source::Source,
    stack::Stack,
    suggest,
    yaml_edit::{self, EditError},
};

/// The result of applying a change set.
#[derive(Debug, PartialEq)]
pub struct Edited {
    /// The changed files with their new content; `None` for a removed file.
    pub files: BTreeMap<String, Option<Vec<u8>>>,
    /// The old and new value of each param that the edits name, ordered by stack and path.
    pub params: Vec<ParamChange>,
    /// The added stacks, with the package of each.
    pub added: BTreeMap<StackId, String>,
    pub removed: BTreeSet<StackId>,
}

/// Applies the edits to `files` and returns what changes.
///
/// Fails with all findings about the edited stacks.
pub fn apply_edits(
    files: &MemoryFiles,
    trusted: &Trusted<'_>,
    change_set: &ChangeSet,
) -> Checked<Edited> {
    if change_set.0.is_empty() {
        return Err(vec![refused("empty_change", "stacks", "there is nothing to change")]);
    }
    if change_set.0.len() > MOST {
        let message = format!("{} edits are more than {MOST}", change_set.0.len());
        return Err(vec![refused("too_many_edits", "stacks", message)]);
    }
    let mut draft = Draft { files: files.clone(), trusted, touched: BTreeSet::new() };
    for edit in &change_set.0 {
        draft.carry_out(edit)?;
    }
    draft.lock()?;
    let params = params(files, &draft, change_set);
    let (before, after) = (stacks(files)?.0, stacks(&draft.files)?.0);
    let is_new = |stack: &StackId| after.contains(stack) && !before.contains(stack);
    Ok(Edited {
        files: differing(files, &draft.files),
        params,
        added: change_set.0.iter().filter_map(added).filter(|(stack, _)| is_new(stack)).collect(),
        removed: before.difference(&after).cloned().collect(),
    })
}

fn added(edit: &Edit) -> Option<(StackId, String)> {
    match edit {
        Edit::AddStack { stack, package, .. } => Some((stack.clone(), package.clone())),
        _ => None,
    }
}

/// The files while edits are being applied.
struct Draft<'a> {
    files: MemoryFiles,
    trusted: &'a Trusted<'a>,
    touched: BTreeSet<StackId>,
}

impl Draft<'_> {
    fn carry_out(&mut self, edit: &Edit) -> Checked<()> {
        let stack = edit.stack();
        match edit {
            Edit::AddStack { package, version, params, .. } => {
                self.add(stack, package, version.as_deref())?;
                self.set(stack, params)?;
            }
            Edit::SetParams { params, .. } => {
                self.known(stack)?;
                self.set(stack, params)?;
            }
            Edit::UnsetParams { params, .. } => {
                self.known(stack)?;
                for path in params {
                    self.edit(stack, |text| yaml_edit::unset(text, &at_params(path)))?;
                }
            }
            Edit::RemoveStack { .. } => {
                self.known(stack)?;
                self.remove(stack)?;
            }
            Edit::ChangeVersion { version, .. } => {
                self.known(stack)?;
                let (path, value) = (["version".to_owned()], Value::String(version.clone()));
                self.edit(stack, |text| yaml_edit::set(text, &path, &value))?;
            }
        }
        self.touched.insert(stack.clone());
        Ok(())
    }

    fn known(&self, stack: &StackId) -> Checked<()> {
        let all = stacks(&self.files)?.0;
        if all.contains(stack) {
            return Ok(());
        }
        let message = format!("there is no stack `{stack}`");
        let mut finding = refused("unknown_stack", &stack_file(stack), message);
        finding.allowed = all.iter().map(ToString::to_string).collect();
        let names = finding.allowed.iter().map(String::as_str);
        finding.did_you_mean = suggest::nearest(&stack.to_string(), names).map(str::to_owned);
        Err(vec![finding])
    }

    fn add(&mut self, stack: &StackId, package: &str, version: Option<&str>) -> Checked<()> {
        let path = stack_file(stack);
        let (all, _) = stacks(&self.files)?;
        let is_apart = |other: &&StackId| other.name() == stack.name();
        let namesakes: Vec<&StackId> = all.iter().filter(is_apart).collect();
        let is_sibling = stack.environment().is_some()
            && namesakes.iter().all(|other| other.environment().is_some())
            && !namesakes.contains(&stack);
        if !namesakes.is_empty() && !is_sibling {
            let message = format!("the stack `{}` is there already", namesakes[0]);
            let mut finding = refused("stack_exists", &path, message);
            finding.fix = Some(format!("choose another name, or change `{}`", namesakes[0]));
            return Err(vec![finding]);
        }
        let place = Location { file: path.clone(), line: 3, column: 10 };
        let unknown = || refused("unknown_package", &path, format!("`{package}` is no package"));
        let source = Source::parse(package).ok_or_else(|| vec![unknown()])?;
        let newest = source.package(self.trusted.packages, &place)?.manifest.version;
        match self.files.read(&path)? {
            None => {
                let version = version.map_or_else(|| compatible_with(&newest), str::to_owned);
                self.write(&path, new_stack(&source, &version));
            }
            Some(_) => {
                let present = Stack::read(&self.files, namesakes[0])?;
                if present.source != source || version.is_some() {
                    let message = format!(
                        "`{}` is of the package `{}`, and so is each of its environments",
                        stack.name(),
                        present.source
                    );
                    return Err(vec![refused("stack_exists", &path, message)]);
                }
            }
        }
        if let Some(path) = environment_file(stack) {
            self.write(&path, "apiVersion: planwright.dev/v1\nkind: Environment\n".into());
        }
        Ok(())
    }

    fn remove(&mut self, stack: &StackId) -> Checked<()> {
        self.files.0.remove(&lock_file(stack));
        if let Some(path) = environment_file(stack) {
            self.files.0.remove(&path);
        }
        let is_last = stacks(&self.files)?
            .0
            .iter()
            .all(|other| other.name() != stack.name() || (other.environment().is_none()));
        if is_last {
            self.files.0.remove(&stack_file(stack));
        }
        Ok(())
    }

    fn set(&mut self, stack: &StackId, params: &BTreeMap<ParamPath, Value>) -> Checked<()> {
        for (path, value) in params {
            self.edit(stack, |text| yaml_edit::set(text, &at_params(path), value))?;
        }
        Ok(())
    }

    /// Edits the file that contains the params of a stack.
    fn edit(
        &mut self,
        stack: &StackId,
        change: impl FnOnce(&str) -> Result<String, EditError>,
    ) -> Checked<()> {
        let path = own_file(stack);
        let bytes = self.files.read(&path)?.unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let text = change(&text)
            .map_err(|error| vec![refused("not_editable", &path, error.to_string())])?;
        self.write(&path, text);
        Ok(())
    }

    fn write(&mut self, path: &str, text: String) {
        self.files.0.insert(path.to_owned(), text.into_bytes());
    }

    /// Locks and validates the edited stacks, ordered by name.
    fn lock(&mut self) -> Checked<()> {
        let all = stacks(&self.files)?.0;
        let mut findings = Vec::new();
        for stack in self.touched.iter().filter(|stack| all.contains(stack)) {
            match locked(&self.files, self.trusted, stack) {
                Ok(lock) => {
                    self.files.0.insert(lock_file(stack), lock.bytes());
                }
                Err(more) => {
                    findings.extend(more);
                    continue;
                }
            }
            if let Err(more) = Prepared::load(&self.files, self.trusted, stack) {
                findings.extend(more);
            }
        }
        if findings.is_empty() {
            findings = shared_state(&self.files, &BTreeMap::new())?;
        }
        if findings.is_empty() { Ok(()) } else { Err(findings) }
    }
}

fn locked(files: &MemoryFiles, trusted: &Trusted<'_>, id: &StackId) -> Checked<Lock> {
    let stack = Stack::read(files, id)?;
    let package = package_of(&stack, trusted)?;
    let key = Lock::read(files, id)?.map(|(lock, _)| lock.state_key);
    Lock::new(&stack, &package, key)
}

/// Returns the file that contains what is specific to a stack: that of its environment, if it has
/// one.
fn own_file(stack: &StackId) -> String {
    environment_file(stack).unwrap_or_else(|| stack_file(stack))
}

fn at_params(path: &ParamPath) -> Vec<String> {
    ["params".to_owned()].into_iter().chain(path.steps().iter().cloned()).collect()
}

/// Returns the compatible range as Cargo defines it: `^0.1` for `0.1.3`.
fn compatible_with(version: &str) -> String {
    Version::parse(version)
        .map_or_else(|_| version.to_owned(), |v| format!("^{}.{}", v.major, v.minor))
}

fn new_stack(source: &Source, version: &str) -> String {
    let version = Value::String(version.into());
    format!("apiVersion: planwright.dev/v1\nkind: Stack\npackage: {source}\nversion: {version}\n")
}

fn refused(code: &'static str, file: &str, message: impl Into<String>) -> Finding {
    Finding::error(code, Location { file: file.into(), line: 1, column: 1 }, message)
}

fn differing(before: &MemoryFiles, after: &MemoryFiles) -> BTreeMap<String, Option<Vec<u8>>> {
    let paths: BTreeSet<&String> = before.0.keys().chain(after.0.keys()).collect();
    paths
        .into_iter()
        .filter(|path| before.0.get(*path) != after.0.get(*path))
        .map(|path| (path.clone(), after.0.get(path).cloned()))
        .collect()
}

fn params(before: &MemoryFiles, draft: &Draft<'_>, change_set: &ChangeSet) -> Vec<ParamChange> {
    let mut paths: BTreeSet<(StackId, ParamPath)> = BTreeSet::new();
    for edit in &change_set.0 {
        let named: Vec<&ParamPath> = match edit {
            Edit::AddStack { params, .. } | Edit::SetParams { params, .. } => {
                params.keys().collect()
            }
            Edit::UnsetParams { params, .. } => params.iter().collect(),
            Edit::RemoveStack { .. } | Edit::ChangeVersion { .. } => Vec::new(),
        };
        paths.extend(named.into_iter().map(|path| (edit.stack().clone(), path.clone())));
    }
    let changes = paths.into_iter().map(|(stack, path)| ParamChange {
        old: value_at(before, draft.trusted, &stack, &path),
        new: value_at(&draft.files, draft.trusted, &stack, &path),
        stack,
        path,
    });
    changes.filter(|change| change.old != change.new).collect()
}

/// Returns the value of a param, defaults included.
fn value_at(
    files: &MemoryFiles,
    trusted: &Trusted<'_>,
    stack: &StackId,
    path: &ParamPath,
) -> Option<Value> {
    let prepared = Prepared::load(files, trusted, stack).ok()?;
    path.steps()
        .iter()
        .try_fold(&prepared.resolved.params.value(), |value, step| value.get(step))
        .cloned()
}

#[cfg(test)]
mod tests;
