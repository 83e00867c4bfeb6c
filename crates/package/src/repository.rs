//! A repository of stacks: its `planwright.yaml`, and which stacks it has.
//!
//! Only files and their names are read here; `stack` reads the content.

use std::collections::{BTreeMap, BTreeSet};

use semver::VersionReq;

use planwright_core::{
    finding::{Finding, Location},
    names::StackId,
    repo_config::{FILE, RepoConfig},
};

use super::{
    Checked,
    document::{Document, finding_at},
    files::Files,
    yaml::{Node, escaped},
};

/// The folder of all stacks.
pub const STACKS: &str = "stacks";

/// Reads and checks `planwright.yaml`.
pub fn config(files: &dyn Files) -> Checked<RepoConfig> {
    let Some(bytes) = files.read(FILE)? else {
        let place = Location { file: FILE.into(), line: 1, column: 1 };
        let mut finding =
            Finding::error("missing_config", place, format!("there is no {FILE} here"));
        finding.fix = Some("planwright init".into());
        return Err(vec![finding]);
    };
    let (config, node): (RepoConfig, Node) = Document::Repository.read(FILE, &bytes)?;
    if VersionReq::parse(&config.engine.version).is_err() {
        let message = format!("`{}` is not a range of versions", config.engine.version);
        let mut finding = finding_at(&node, "/engine/version", "invalid_version", message);
        finding.fix = Some("write a range such as \">=1.9, <2\"".into());
        return Err(vec![finding]);
    }
    if config.backend.kind == "local"
        && let Some(name) = config.backend.config.keys().next()
    {
        let message = format!(
            "`{name}` has no effect on a local backend, whose states Planwright keeps in a folder of its own"
        );
        let pointer = format!("/backend/config/{}", escaped(name));
        let mut finding = finding_at(&node, &pointer, "without_effect", message);
        finding.fix = Some(format!("remove `{name}`, or choose another `type`"));
        return Err(vec![finding]);
    }
    Ok(config)
}

/// Returns the stacks of a tree, and findings for files in the stacks folder that belong to none.
pub fn stacks(files: &dyn Files) -> Checked<(BTreeSet<StackId>, Vec<Finding>)> {
    let mut by_name: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut findings = Vec::new();
    for path in files.paths(STACKS)? {
        let rest = path.strip_prefix(STACKS).unwrap_or(&path).trim_start_matches('/');
        match rest.split_once('/') {
            Some((name, file)) if !file.contains('/') => {
                by_name.entry(name.into()).or_default().insert(file.into());
            }
            _ if is_ours(rest) => findings.push(stranger(&path)),
            _ => {}
        }
    }
    let mut ids = BTreeSet::new();
    for (name, names) in by_name {
        let folder = format!("{STACKS}/{name}");
        if !names.contains("stack.yaml") {
            let lost = names.iter().filter(|file| is_ours(file));
            findings.extend(lost.map(|file| stranger(&format!("{folder}/{file}"))));
            continue;
        }
        let (found, more) = stacks_of(&folder, &name, &names);
        ids.extend(found);
        findings.extend(more);
    }
    Ok((ids, findings))
}

fn stacks_of(
    folder: &str,
    name: &str,
    names: &BTreeSet<String>,
) -> (BTreeSet<StackId>, Vec<Finding>) {
    let mut findings = Vec::new();
    let mut ids = BTreeSet::new();
    for file in names.iter().filter(|file| file.ends_with(".yaml") && *file != "stack.yaml") {
        let environment = file.trim_end_matches(".yaml");
        match StackId::parse(&format!("{name}/{environment}")) {
            Ok(id) => {
                ids.insert(id);
            }
            Err(_) => findings.push(stranger(&format!("{folder}/{file}"))),
        }
    }
    if ids.is_empty() && findings.is_empty() {
        match StackId::parse(name) {
            Ok(id) => {
                ids.insert(id);
            }
            Err(e) => {
                let place = Location { file: format!("{folder}/stack.yaml"), line: 1, column: 1 };
                let fix = Some("rename the folder".into());
                findings
                    .push(Finding { fix, ..Finding::error("invalid_name", place, e.to_string()) });
            }
        }
    }
    let locks: BTreeSet<String> = ids.iter().map(lock_file).collect();
    for file in names.iter().filter(|file| is_ours(file) && !file.ends_with(".yaml")) {
        let path = format!("{folder}/{file}");
        if !locks.contains(&path) {
            findings.push(stranger(&path));
        }
    }
    (ids, findings)
}

/// Returns `stacks/<name>/stack.yaml`.
pub(crate) fn stack_file(id: &StackId) -> String {
    format!("{STACKS}/{}/stack.yaml", id.name())
}

/// Returns `stacks/<name>/<environment>.yaml` if the stack has an environment.
pub(crate) fn environment_file(id: &StackId) -> Option<String> {
    id.environment().map(|environment| format!("{STACKS}/{}/{environment}.yaml", id.name()))
}

/// Returns `stacks/<name>/<environment>.lock.json`, or `stacks/<name>/stack.lock.json`.
pub fn lock_file(id: &StackId) -> String {
    format!("{STACKS}/{}/{}.lock.json", id.name(), id.environment().unwrap_or("stack"))
}

/// Returns whether people would take the file for a part of a stack; a README is not.
fn is_ours(file: &str) -> bool {
    [".yaml", ".yml", ".lock.json"].iter().any(|end| file.ends_with(end))
}

fn stranger(path: &str) -> Finding {
    let place = Location { file: path.into(), line: 1, column: 1 };
    let message = "this file belongs to no stack, so it would silently have no effect";
    let mut finding = Finding::error("unknown_file", place, message);
    finding.allowed =
        ["stack.yaml", "ENVIRONMENT.yaml", "stack.lock.json", "ENVIRONMENT.lock.json"]
            .map(|file| format!("{STACKS}/NAME/{file}"))
            .into();
    finding.fix = Some("rename or remove it".into());
    finding
}

#[cfg(test)]
mod tests {
    use super::super::files::MemoryFiles;
    use super::*;

    fn found(paths: &[&str]) -> (Vec<String>, Vec<String>) {
        let files: MemoryFiles = paths.iter().map(|path| (*path, "")).collect();
        let (ids, findings) = stacks(&files).unwrap();
        let ids = ids.iter().map(ToString::to_string).collect();
        (ids, findings.into_iter().map(|finding| finding.place.file).collect())
    }

    #[test]
    fn a_stack_has_environments_or_none() {
        let (ids, strangers) = found(&[
            "stacks/logs/stack.yaml",
            "stacks/logs/stack.lock.json",
            "stacks/logs/README.md",
            "stacks/web/stack.yaml",
            "stacks/web/dev.yaml",
            "stacks/web/prod.yaml",
            "stacks/web/prod.lock.json",
        ]);
        assert_eq!(ids, ["logs", "web/dev", "web/prod"]);
        assert!(strangers.is_empty(), "{strangers:?}");
    }

    #[test]
    fn a_file_that_would_silently_have_no_effect_is_told() {
        for path in [
            "stacks/web/prod.yml",
            "stacks/web/Prod.yaml",
            "stacks/web/other.lock.json",
            "stacks/lost/prod.yaml",
            "stacks/web/deep/prod.yaml",
            "stacks/stack.yaml",
        ] {
            let (_, strangers) = found(&["stacks/web/stack.yaml", "stacks/web/prod.yaml", path]);
            assert_eq!(strangers, [path]);
        }
    }

    #[test]
    fn an_unknown_field_of_the_config_is_told_with_its_place() {
        let text =
            "apiVersion: planwright.dev/v1\nkind: Repository\npackages: [hello]\napproval: {}\n";
        let files: MemoryFiles = [(FILE, text)].into_iter().collect();
        let findings = config(&files).unwrap_err();
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].place.line, 4);
        assert_eq!(findings[0].did_you_mean.as_deref(), Some("approvals"));
    }

    fn finding(backend: &str) -> Finding {
        let text = format!(
            "apiVersion: planwright.dev/v1\nkind: Repository\npackages: [hello]\nbackend: {backend}\n"
        );
        let files: MemoryFiles = [(FILE, text)].into_iter().collect();
        config(&files).unwrap_err().remove(0)
    }

    #[test]
    fn a_backend_that_cannot_work_is_told_where_it_stands() {
        let unknown = finding("{type: s4, config: {bucket: states}}");
        assert_eq!((unknown.code.as_ref(), unknown.place.line), ("not_allowed", 4));
        assert_eq!(unknown.pointer.as_deref(), Some("/backend/type"));
        assert_eq!(unknown.allowed[..2], ["local", "s3"]);
        let local = finding("{type: local, config: {path: /tmp/x}}");
        assert_eq!(local.pointer.as_deref(), Some("/backend/config/path"));
    }

    #[test]
    fn a_label_is_one_that_github_takes() {
        let read = |label: &str| {
            let text = format!(
                "apiVersion: planwright.dev/v1\nkind: Repository\npackages: [hello]\nagent: {{label: {label}}}\n"
            );
            let files: MemoryFiles = [(FILE, text.as_str())].into_iter().collect();
            config(&files).map(|config| config.agent.label)
        };
        assert_eq!(read("Infra wish").unwrap(), "Infra wish");
        for label in ["\"\"", "\" a\"", "\"a,b\"", "\"a\\nb\"", &"x".repeat(51)] {
            let finding = read(label).unwrap_err().remove(0);
            assert_eq!(finding.pointer.as_deref(), Some("/agent/label"), "{label}");
        }
    }

    #[test]
    fn what_the_config_leaves_out_is_strict() {
        let text = "apiVersion: planwright.dev/v1\nkind: Repository\npackages: [hello]\n";
        let files: MemoryFiles = [(FILE, text)].into_iter().collect();
        let config = config(&files).unwrap();
        assert_eq!(config.backend.kind, "local");
        assert_eq!((config.approvals.required, config.approvals.own), (1, false));
        assert_eq!(config.agent.label, "planwright");
    }
}
