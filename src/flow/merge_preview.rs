//! What a pull request would make of the repository: base, head merged into it, and the
//! differences.
//!
//! Everything is read from trees of the mirror, so files of the repository that could be executed
//! are never written to disk.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::anyhow;
use jiff::SignedDuration;

use planwright_core::{
    canonical::canonical,
    change::{CodeChange, SettingsChange},
    digest::Digest,
    finding::Finding,
    job::Target,
    names::{BranchName, Sha, StackId},
    pull_request::PullRequest,
    repo_config::{FILE, RepoConfig, setting_changes},
};
use planwright_git as git;
use planwright_git::{EntryKind, Merge, Mirror, Source, Want};
use planwright_package::{
    Checked,
    affected::{Reason, affected, uses},
    files::{Files as _, FilesError, MemoryFiles},
    lock::shared_state,
    own_code,
    repository::{self, STACKS},
};
use planwright_store::Stage;

use super::{Error, Result, run_log::RunLog, soon};
use crate::app::App;

/// The version of the built-in rules for plans; raised when those rules change.
const RULES: &str = "rules/1";

/// Where GitHub looks for code owners.
const CODEOWNERS: [&str; 3] = [".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"];

/// How long after a merge its commit may not be in git yet.
const LAG: SignedDuration = SignedDuration::from_mins(10);

/// The trees of a change, with the relevant files read.
pub struct MergePreview {
    pub mirror: Mirror,
    /// The commit that the head is merged into, or was.
    pub base_commit: Sha,
    /// The tree that is planned: head merged into base.
    pub tree: Sha,
    pub base: Checked<MemoryFiles>,
    pub merged: Checked<MemoryFiles>,
    /// `planwright.yaml` of the base commit; the head is not trusted.
    pub config: Checked<RepoConfig>,
    pub changed: BTreeSet<String>,
}

/// The result of merging head into base.
pub enum Merged {
    MergePreview(Box<MergePreview>),
    /// The paths with conflicts, which a person has to resolve.
    Conflict(Vec<String>),
}

/// Fetches head and base, merges them, and reads the relevant files.
pub async fn merge_preview(
    app: &App,
    target: &Target,
    pull: &PullRequest,
    log: &RunLog,
) -> Result<Merged> {
    let step = log.step(None, Stage::Fetch);
    let wants = [Want::Branch(pull.base_ref.clone()), Want::PullRequest(pull.number)];
    let mirror = fetch(app, target, &wants).await?;
    step.done();
    let step = log.step(None, Stage::Merge);
    let tree = match mirror.merge(&pull.base, &pull.head).await? {
        Merge::Tree(tree) => tree,
        Merge::Conflict { paths } => {
            step.failed();
            return Ok(Merged::Conflict(paths.into_iter().collect()));
        }
    };
    step.done();
    between(mirror, pull.base.clone(), tree).await.map(Merged::MergePreview)
}

/// Returns the same for a pull request that is already merged: the tree of the merge commit,
/// against the base before the merge.
pub async fn merged_preview(
    app: &App,
    target: &Target,
    pull: &PullRequest,
) -> Result<Box<MergePreview>> {
    let wants = [Want::Branch(pull.base_ref.clone()), Want::PullRequest(pull.number)];
    let mirror = fetch(app, target, &wants).await?;
    let (commit, tree) = merge_commit(app, pull, &mirror).await?;
    // The commit where the branch left the base: after a squash or rebase, nothing records where
    // the base was. An earlier base commit is equally trusted, and shows more changes rather than
    // fewer.
    let fork = mirror.merge_base(&commit, &pull.head).await?;
    let base = if fork == pull.head { mirror.parent(&commit).await? } else { fork };
    between(mirror, base, tree).await
}

async fn between(mirror: Mirror, base_commit: Sha, tree: Sha) -> Result<Box<MergePreview>> {
    let base_tree = mirror.tree(&base_commit).await?;
    let changed = mirror.changed_paths(&base_tree, &tree).await?;
    let config = config(&mirror, &base_tree).await?;
    let folders = folders(config.as_ref().ok());
    Ok(Box::new(MergePreview {
        base: files(&mirror, &base_tree, &folders).await?,
        merged: files(&mirror, &tree, &folders).await?,
        changed: changed.into_iter().map(|changed| changed.path).collect(),
        base_commit,
        config,
        tree,
        mirror,
    }))
}

/// Fetches `wants` of a repository into its mirror.
pub async fn fetch(app: &App, target: &Target, wants: &[Want]) -> Result<Mirror> {
    let repository = &target.repository;
    let token = app.github.git_token(repository).await?;
    let source = Source::new(app.github.clone_url(&repository.name), Some(token))?;
    Ok(app.git.fetch(repository.id, &source, wants).await?)
}

/// Returns the mirror with a commit of `branch` in it, which is fetched if it is missing.
pub async fn with(app: &App, target: &Target, branch: &BranchName, commit: &Sha) -> Result<Mirror> {
    let mirror = app.git.mirror(target.repository.id);
    if mirror.has(commit).await? {
        return Ok(mirror);
    }
    fetch(app, target, &[Want::Branch(branch.clone())]).await
}

/// Returns the commit of a merge and its tree. A webhook may arrive before git has the commit: then
/// fails with `Error::Later`.
pub async fn merge_commit(app: &App, pull: &PullRequest, mirror: &Mirror) -> Result<(Sha, Sha)> {
    let why = match &pull.merge_commit {
        None => "GitHub names no merge commit".to_owned(),
        Some(commit) => match mirror.tree(commit).await {
            Ok(tree) => return Ok((commit.clone(), tree)),
            Err(git::Error::Missing(what)) => format!("{what} is not in the repository"),
            Err(error) => return Err(error.into()),
        },
    };
    let is_over = pull.merged_at.is_some_and(|at| app.now().duration_since(at) > LAG);
    Err(match is_over {
        true => anyhow!("{} is merged, but {why}", pull.number).into(),
        false => Error::Later { at: soon(app, 5), why },
    })
}

/// Returns the tree of a commit that was applied, or why it is not available. If no branch contains
/// the commit any more, it is fetched by its hash.
pub async fn applied_tree(
    app: &App,
    target: &Target,
    mirror: &Mirror,
    commit: &Sha,
) -> Result<Result<Sha, String>> {
    match mirror.tree(commit).await {
        Ok(tree) => return Ok(Ok(tree)),
        Err(git::Error::Missing(_)) => {}
        Err(error) => return Err(error.into()),
    }
    match fetch(app, target, &[Want::Commit(commit.clone())]).await {
        Ok(mirror) => Ok(Ok(mirror.tree(commit).await?)),
        Err(later @ Error::Later { .. }) => Err(later),
        Err(error) => Ok(Err(format!(
            "the commit that was applied last, {commit}, is in no branch any more, and cannot be \
             fetched: {error}"
        ))),
    }
}

/// Returns `planwright.yaml` of a tree.
pub async fn config(mirror: &Mirror, tree: &Sha) -> Result<Checked<RepoConfig>> {
    Ok(match settings_file(mirror, tree).await? {
        Ok(file) => {
            let files = file.map(|bytes| (FILE, bytes));
            repository::config(&files.into_iter().collect::<MemoryFiles>())
        }
        Err(findings) => Err(findings),
    })
}

/// Returns the bytes of `planwright.yaml`, if it exists; a finding if it is not a plain file.
async fn settings_file(mirror: &Mirror, tree: &Sha) -> Result<Checked<Option<Vec<u8>>>> {
    match mirror.read(tree, FILE).await {
        Ok(bytes) => Ok(Ok(bytes)),
        Err(git::Error::Refused { path, why }) => {
            let why = format!("it {why}");
            Ok(Err(vec![FilesError::Unreadable { path, why }.finding()]))
        }
        Err(error) => Err(error.into()),
    }
}

/// Returns the settings that apply to a change: those of the base. If the base has no valid
/// settings, a change of nothing but the settings is subject to the strictest ones; otherwise they
/// could never be fixed.
pub fn rules(config: Checked<RepoConfig>, is_about_settings_only: bool) -> Checked<RepoConfig> {
    if is_about_settings_only { config.or_else(|_| Ok(RepoConfig::strict())) } else { config }
}

/// Returns the relevant files of a tree: the settings, the stacks, and packages of the repository.
pub async fn files(
    mirror: &Mirror,
    tree: &Sha,
    folders: &[String],
) -> Result<Checked<MemoryFiles>> {
    let mut files = BTreeMap::new();
    match settings_file(mirror, tree).await? {
        Ok(bytes) => files.extend(bytes.map(|bytes| (FILE.to_owned(), bytes))),
        Err(findings) => return Ok(Err(findings)),
    }
    for folder in folders {
        for entry in mirror.paths(tree, folder).await? {
            if !matches!(entry.kind, EntryKind::File | EntryKind::Executable) {
                let error = FilesError::NotRegular { path: entry.path };
                return Ok(Err(vec![error.finding()]));
            }
            if let Some(bytes) = mirror.read(tree, &entry.path).await? {
                files.insert(entry.path, bytes);
            }
        }
    }
    Ok(Ok(MemoryFiles(files)))
}

/// Returns the folders that [`files`] has to read under these settings.
pub fn folders(config: Option<&RepoConfig>) -> Vec<String> {
    let packages = config.iter().flat_map(|config| &config.packages);
    let local = packages.filter_map(|package| match package.strip_suffix("/*") {
        Some(folder) => Some(folder.to_owned()),
        None => package.contains('/').then(|| package.clone()),
    });
    [STACKS.to_owned()].into_iter().chain(local).collect()
}

/// Returns the digest of what applies to a plan: the settings of the base commit and the rules of
/// this binary.
pub fn settings_digest(config: &RepoConfig) -> Digest {
    let settings = canonical(config);
    Digest::of_parts("v1", [RULES.as_bytes(), settings.as_bytes()])
}

impl MergePreview {
    /// Returns findings for locks that give a stack the state of another one, or those that prevent
    /// the check. `owners` has the stacks of states by key.
    pub fn shared_state(&self, owners: &BTreeMap<String, StackId>) -> Vec<Finding> {
        let merged = self.merged.as_ref().map_err(Vec::clone);
        merged.and_then(|merged| shared_state(merged, owners)).unwrap_or_else(|findings| findings)
    }

    /// Returns the stacks of the base by the keys of their states. If several have one, it is that
    /// of the name of the key, or else the first.
    pub fn state_owners(&self) -> BTreeMap<String, StackId> {
        let stacks = self.base.as_ref().ok().and_then(|base| uses(base).ok()).unwrap_or_default();
        let mut owners = BTreeMap::new();
        for (stack, used) in stacks {
            let Some(key) = used.state_key else { continue };
            if stack.to_string() == key {
                owners.insert(key, stack);
            } else {
                owners.entry(key).or_insert(stack);
            }
        }
        owners
    }

    /// Returns what the change does to `planwright.yaml`, or what is wrong with that.
    pub fn settings(&self) -> Checked<Option<SettingsChange>> {
        if !self.changed.contains(FILE) {
            return Ok(None);
        }
        let merged = self.merged.as_ref().map_err(Vec::clone)?;
        if merged.read(FILE)?.is_none() {
            return Ok(Some(SettingsChange::Removed));
        }
        let after = repository::config(merged)?;
        let before = self.config.as_ref().ok();
        Ok(Some(SettingsChange::Changed(setting_changes(before, &after))))
    }

    /// Returns the code that the change adds or edits: packages of the repository, and the file by
    /// which GitHub asks for reviews. Nothing is code in a repository without settings.
    pub fn code_changes(&self) -> Vec<CodeChange> {
        let (Ok(base), Ok(merged), Ok(config)) = (&self.base, &self.merged, &self.config) else {
            return Vec::new();
        };
        let before = own_code::digests(base);
        let after = own_code::digests(merged);
        let packages: Vec<CodeChange> = after
            .iter()
            .filter(|(folder, digest)| before.get(*folder) != Some(digest))
            .map(|(path, digest)| CodeChange {
                path: path.clone(),
                digest: Some(digest.clone()),
                cautions: own_code::risks(merged, path),
            })
            .collect();
        // Files of a folder that is no package yet become code when it is one.
        let roots = folders(Some(config));
        let all: BTreeSet<String> = before.into_keys().chain(after.into_keys()).collect();
        let is_in = |path: &str, folder: &String| {
            path.strip_prefix(folder.as_str()).is_some_and(|rest| rest.starts_with('/'))
        };
        let is_loose = |path: &&String| {
            roots.iter().any(|root| root != STACKS && is_in(path, root))
                && !all.iter().any(|folder| is_in(path, folder))
        };
        let loose = self.changed.iter().filter(is_loose);
        let file =
            |path: &str| CodeChange { path: path.to_owned(), digest: None, cautions: Vec::new() };
        let loose = loose.map(|path| file(path));
        let owners = CODEOWNERS.into_iter().filter(|path| self.changed.contains(*path));
        let owners = owners.map(file);
        packages.into_iter().chain(loose).chain(owners).collect()
    }

    /// Returns every stack that the change affects, with all reasons.
    pub fn affected(&self) -> Checked<BTreeMap<StackId, BTreeSet<Reason>>> {
        let files =
            |files: &Checked<MemoryFiles>| files.as_ref().map_err(Vec::<Finding>::clone).cloned();
        Ok(affected(&self.changed, &uses(&files(&self.base)?)?, &uses(&files(&self.merged)?)?))
    }
}
