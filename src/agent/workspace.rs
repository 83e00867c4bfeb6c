//! What a run works on: the files of its base commit with its edits, in memory.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use planwright_core::{
    agent::{call::Call, problem::Problem, prompt::LARGEST, run::Run},
    change_set::ChangeSet,
    finding::{Finding, Location},
    job::Target,
    names::StackId,
    repo_config::FILE,
};
use planwright_package::{
    Prepared, Trusted, edit::Edited, files::MemoryFiles, form::Form, repository, search,
    source::Source, stack::Stack,
};

use crate::{
    app::App,
    flow::{Result, merge_preview, propose::Configuration},
};

/// How many problems of one edit are shown to the model.
const MOST_PROBLEMS: usize = 8;

pub struct Workspace {
    pub configuration: Configuration,
    /// The result of the run's edits; `None` if there are none.
    pub edited: Option<Edited>,
    /// All files, with the edits applied.
    pub now: MemoryFiles,
    /// The stacks, with the edits applied.
    pub stacks: BTreeSet<StackId>,
    /// The packages that stacks may use, by name or folder.
    pub packages: BTreeSet<String>,
    rev: u64,
}

impl Workspace {
    /// Returns the workspace of a run at its current revision; reuses `kept` if that has the same
    /// revision.
    pub async fn fresh<'a>(
        app: &App,
        target: &Target,
        run: &Run,
        kept: &'a mut Option<Self>,
    ) -> Result<&'a Self> {
        let is_fresh = kept.as_ref().is_some_and(|workspace| workspace.rev == run.rev());
        let workspace = match kept.take() {
            Some(workspace) if is_fresh => workspace,
            Some(workspace) => Self::with(workspace.configuration, workspace.packages, run)?,
            None => Self::open(app, target, run).await?,
        };
        Ok(kept.insert(workspace))
    }

    /// Reads the base commit of a run and applies its edits.
    pub async fn open(app: &App, target: &Target, run: &Run) -> Result<Self> {
        let base = &run.request.base;
        let mirror = merge_preview::with(app, target, &run.request.base_ref, base).await?;
        let tree = mirror.tree(base).await?;
        let configuration = Configuration::read(&mirror, &tree, &tree).await?;
        let configuration =
            configuration.map_err(|findings| unreadable("its base commit", &findings))?;
        let packages = search::allowed(&configuration.trusted()).into_iter();
        let packages = packages.map(|package| package.source.to_string()).collect();
        Self::with(configuration, packages, run)
    }

    fn with(configuration: Configuration, packages: BTreeSet<String>, run: &Run) -> Result<Self> {
        let rev = run.rev();
        if run.change_set.0.is_empty() {
            let now = configuration.files.clone();
            let stacks = stacks(&now);
            return Ok(Self { configuration, edited: None, now, stacks, packages, rev });
        }
        // All these edits were valid together when the last of them was accepted.
        let edited = configuration.edited(&run.change_set);
        let edited = edited.map_err(|findings| unreadable("its edits", &findings))?;
        let mut now = configuration.files.clone();
        for (path, bytes) in &edited.files {
            match bytes {
                Some(bytes) => now.0.insert(path.clone(), bytes.clone()),
                None => now.0.remove(path),
            };
        }
        let stacks = stacks(&now);
        Ok(Self { configuration, edited: Some(edited), now, stacks, packages, rev })
    }

    pub fn trusted(&self) -> Trusted<'_> {
        self.configuration.trusted()
    }

    /// Carries out an allowed call. Returns the content for the model, and whether an edit was
    /// accepted.
    pub fn carry_out(&self, run: &Run, call: &Call) -> (Value, bool) {
        let mut accepted = false;
        let content = match call {
            Call::SearchPackages { query } => self.found(query),
            Call::DescribePackage { package } => self.described(package),
            Call::ListStacks {} => self.listed(),
            Call::ReadStack { stack } => self.read(run, stack),
            Call::Validate {} => self.validated(run),
            call => match call.edit() {
                Some((edit, _)) => {
                    let mut change_set = run.change_set.clone();
                    change_set.0.push(edit);
                    let (content, is_valid) = self.tried(run, &change_set);
                    accepted = is_valid;
                    content
                }
                // The other calls do not involve files: planning, asking and finishing.
                None => json!({ "code": "no_effect" }),
            },
        };
        (content, accepted)
    }

    fn found(&self, query: &str) -> Value {
        let found = search::search(&self.trusted(), query);
        let packages: Vec<Value> = found
            .iter()
            .map(|package| {
                json!({
                    "package": package.source.to_string(),
                    "version": package.manifest.version,
                    "summary": package.manifest.summary,
                })
            })
            .collect();
        json!({ "data": { "packages": packages } })
    }

    fn described(&self, name: &str) -> Value {
        let place = Location { file: FILE.into(), line: 1, column: 1 };
        let source = Source::parse(name)
            .ok_or_else(|| vec![Finding::error("unknown_package", place.clone(), "no package")]);
        match source.and_then(|source| source.package(self.trusted().packages, &place)) {
            Ok(package) => {
                let full = json!({ "data": {
                    "package": name,
                    "version": package.manifest.version,
                    "summary": package.manifest.summary,
                    "params": Form::new(&package).params(),
                }});
                if full.to_string().len() <= LARGEST { full } else { without_words(full) }
            }
            Err(findings) => problems(&findings),
        }
    }

    fn listed(&self) -> Value {
        let scope = &self.configuration.config.agent.stacks;
        let stacks: Vec<Value> = self
            .stacks
            .iter()
            .map(|id| {
                let package = Stack::read(&self.now, id).map(|stack| stack.source.to_string());
                json!({
                    "stack": id.to_string(),
                    "package": package.unwrap_or_default(),
                    "may_change": scope.allows(id),
                })
            })
            .collect();
        json!({ "data": { "stacks": stacks } })
    }

    fn read(&self, run: &Run, id: &StackId) -> Value {
        match Prepared::load(&self.now, &self.trusted(), id) {
            Ok(prepared) => json!({ "rev": run.rev(), "data": {
                "stack": id.to_string(),
                "package": prepared.stack.source.to_string(),
                "version": prepared.package.manifest.version,
                "params": prepared.resolved.params.value(),
            }}),
            Err(findings) => problems(&findings),
        }
    }

    fn validated(&self, run: &Run) -> Value {
        match &self.edited {
            Some(edited) => json!({ "ok": true, "rev": run.rev(), "data": changes(edited) }),
            None => json!({ "ok": true, "rev": run.rev(), "data": { "changes": [] } }),
        }
    }

    /// Returns the result of adding an edit, for the model, and whether the edit is valid.
    fn tried(&self, run: &Run, change_set: &ChangeSet) -> (Value, bool) {
        match self.configuration.edited(change_set) {
            Ok(edited) => {
                let rev = run.rev() + 1;
                (json!({ "ok": true, "rev": rev, "data": changes(&edited) }), true)
            }
            Err(findings) => (problems(&findings), false),
        }
    }
}

fn stacks(files: &MemoryFiles) -> BTreeSet<StackId> {
    repository::stacks(files).map(|(stacks, _)| stacks).unwrap_or_default()
}

fn changes(edited: &Edited) -> Value {
    let names = |stacks: &mut dyn Iterator<Item = &StackId>| -> Vec<String> {
        stacks.map(ToString::to_string).collect()
    };
    json!({
        "changes": edited.params,
        "added": names(&mut edited.added.keys()),
        "removed": names(&mut edited.removed.iter()),
    })
}

fn problems(findings: &[Finding]) -> Value {
    let problems: Vec<Problem> = findings.iter().take(MOST_PROBLEMS).map(Problem::from).collect();
    json!({ "ok": false, "problems": problems })
}

/// Returns a package description that is too large without the descriptions of its params.
fn without_words(mut full: Value) -> Value {
    let params = full["data"]["params"].as_array_mut().into_iter().flatten();
    for param in params.filter_map(Value::as_object_mut) {
        param.remove("description");
    }
    full
}

fn unreadable(what: &str, findings: &[Finding]) -> anyhow::Error {
    let first = findings.first().map_or(String::new(), |finding| finding.message.clone());
    anyhow::anyhow!("{what} can no longer be read: {first}")
}

/// Returns the stacks that the edits name, each with whether it still exists.
pub fn touched(run: &Run, workspace: &Workspace) -> BTreeMap<StackId, bool> {
    let named = run.change_set.0.iter().map(|edit| edit.stack());
    named.map(|stack| (stack.clone(), workspace.stacks.contains(stack))).collect()
}
