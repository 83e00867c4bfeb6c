//! Reads what was merged: the tree of the merge commit, and the current settings.

use planwright_core::{
    digest::Digest,
    finding::Finding,
    job::Target,
    names::{RepositoryId, Sha},
    pull_request::PullRequest,
    repo_config::{FILE, RepoConfig},
};
use planwright_git as git;
use planwright_git::{Mirror, Want};
use planwright_package::{Prepared, Trusted, files::MemoryFiles, lock};
use planwright_store::{RecordedPlanSet, RunId, StackPlan};

use crate::{
    app::App,
    flow::{
        Result,
        merge_preview::{self, settings_digest},
        own_code::{AllowedCode, Base, approved_code},
    },
    jobs::plan::{Kind, Site, Work},
};

/// The trees that an apply is about.
pub struct MergedTrees {
    pub mirror: Mirror,
    pub commit: Sha,
    /// The settings of the base commit, under which the change was planned.
    pub planned: RepoConfig,
    /// The current settings: those of the default branch. If they are exactly what this change made
    /// of the settings, then those of the base commit, under which the change was approved.
    pub config: RepoConfig,
    /// The digest of the current settings.
    pub settings_digest: Digest,
    /// Findings that make the current settings unreadable; empty if they can be read.
    pub unreadable: Vec<Finding>,
    merged: MemoryFiles,
    base: MemoryFiles,
    base_commit: Sha,
    repository: RepositoryId,
}

/// Fetches and reads what was merged.
pub async fn merged_trees(
    app: &App,
    target: &Target,
    pull: &PullRequest,
    recorded: &RecordedPlanSet,
) -> Result<MergedTrees> {
    let branch = Want::Branch(pull.base_ref.clone());
    let mirror = merge_preview::fetch(app, target, std::slice::from_ref(&branch)).await?;
    let (commit, tree) = merge_preview::merge_commit(app, pull, &mirror).await?;
    let base_tree = mirror.tree(&recorded.plan_set.base_commit).await?;
    let planned = readable(merge_preview::config(&mirror, &base_tree).await?)?;
    let tip = mirror.tree(&mirror.tip(&branch).await?).await?;
    let now = match is_as_planned(&mirror, &tip, recorded).await? {
        true => Ok(planned.clone()),
        false => merge_preview::config(&mirror, &tip).await?,
    };
    let (config, unreadable) = match now {
        Ok(config) => (config, Vec::new()),
        Err(findings) => (planned.clone(), findings),
    };
    let folders = merge_preview::folders(Some(&config));
    Ok(MergedTrees {
        merged: readable(merge_preview::files(&mirror, &tree, &folders).await?)?,
        base: readable(merge_preview::files(&mirror, &base_tree, &folders).await?)?,
        base_commit: recorded.plan_set.base_commit.clone(),
        repository: target.repository.id,
        settings_digest: settings_digest(&config),
        mirror,
        commit,
        planned,
        config,
        unreadable,
    })
}

/// Returns whether `planwright.yaml` is exactly what the change was planned to produce.
async fn is_as_planned(mirror: &Mirror, tip: &Sha, recorded: &RecordedPlanSet) -> Result<bool> {
    let file = async |tree: &Sha| match mirror.read(tree, FILE).await {
        Ok(file) => Ok(Some(file)),
        // Not a plain file, or a tree that only a lost mirror had: nothing to compare with.
        Err(git::Error::Refused { .. } | git::Error::Missing(_)) => Ok(None),
        Err(error) => Err(error),
    };
    let planned = file(&recorded.plan_set.merge_tree).await?;
    Ok(planned.is_some() && planned == file(tip).await?)
}

impl MergedTrees {
    /// Returns a stack of the change, ready to be planned and applied in a directory of this run, or
    /// why it cannot be. Nothing is run if its code is not approved.
    pub async fn work(
        &self,
        app: &App,
        run: RunId,
        plan: &StackPlan,
    ) -> Result<Result<Work, String>> {
        let Self { mirror, base_commit: commit, planned: config, .. } = self;
        let base = Base { mirror, commit, config };
        let approved = approved_code(app, self.repository, base).await?;
        let prepared = match self.prepared(plan) {
            Ok(prepared) => prepared,
            Err(message) => return Ok(Err(message)),
        };
        let (key, stack) = (&prepared.lock.state_key, &plan.stack);
        let owner = app.store.claim_state(self.repository, key, stack, app.now()).await?;
        if owner != *stack {
            return Ok(Err(lock::belongs_to(key, &owner, stack)));
        }
        let dir = run_dir(app, run).join(plan.stack.to_string());
        let code = AllowedCode::OfApplies(&approved);
        let site = Site { repository: self.repository, config: &self.config, dir, code };
        Ok(Work::open(app, site, plan.kind, prepared).await)
    }

    /// Returns a stack of the change as it was merged, or what is wrong with it.
    fn prepared(&self, plan: &StackPlan) -> Result<Prepared, String> {
        let files = match plan.kind {
            Kind::Change => &self.merged,
            Kind::Destroy => &self.base,
        };
        let prepared = {
            let trusted = Trusted { config: &self.config, packages: files };
            Prepared::load(files, &trusted, &plan.stack)
        };
        let prepared = prepared.map(|mut prepared| {
            prepared.protect_also(&self.base, &self.config, &plan.stack);
            prepared
        });
        prepared.map_err(|findings| {
            let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
            lines.join("\n")
        })
    }
}

/// Returns the work directory of a run: new for each run, and removed at the end.
pub fn run_dir(app: &App, run: RunId) -> std::path::PathBuf {
    app.data.join("apply").join(run.to_string())
}

fn readable<T>(checked: planwright_package::Checked<T>) -> Result<T> {
    checked.map_err(|findings| {
        let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("what was merged cannot be read: {}", lines.join("; ")).into()
    })
}
