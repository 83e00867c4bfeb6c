//! What was merged, read: the tree of the merge commit, and the settings that hold for it.

use crate::{
    app::App,
    domain::{
        digest::Digest,
        job::Target,
        names::{RepositoryId, Sha},
        pull_request::PullRequest,
        repo_config::{FILE, RepoConfig},
    },
    flow::{
        Result,
        ground::{self, policy_digest},
        id_of,
        plan::{Kind, Work},
    },
    git::{Mirror, Want},
    package::{Prepared, Trusted, files::MemoryFiles},
    store::{RecordedPlanSet, RunId, StackPlan},
};

/// The trees that an apply is about.
pub struct MergeGround {
    pub mirror: Mirror,
    pub commit: Sha,
    /// The settings of the base commit: those under which the change was approved.
    pub config: RepoConfig,
    /// The policy that holds now.
    pub policy: Digest,
    merged: MemoryFiles,
    base: MemoryFiles,
    repository: RepositoryId,
}

/// Fetches and reads what was merged.
pub async fn merge_ground(
    app: &App,
    target: &Target,
    (pull, recorded): (&PullRequest, &RecordedPlanSet),
) -> Result<MergeGround> {
    let mirror = ground::fetch(app, target, &[Want::Branch(pull.base_ref.clone())]).await?;
    let Some(commit) = pull.merge_commit.clone() else {
        return Err(anyhow::anyhow!("{:?} is merged without a merge commit", id_of(target)).into());
    };
    let base_tree = mirror.tree(&recorded.plan_set.base_commit).await?;
    let tree = mirror.tree(&commit).await?;
    let config = readable(ground::config(&mirror, &base_tree).await?)?;
    let now = readable(ground::config(&mirror, &tree).await?)?;
    // A change of the policy by this very pull request was approved with it; another's was not.
    let is_own =
        mirror.read(&tree, FILE).await? == mirror.read(&recorded.plan_set.merge_tree, FILE).await?;
    let policy = if is_own { policy_digest(&config) } else { policy_digest(&now) };
    let folders = ground::folders(Some(&config));
    Ok(MergeGround {
        merged: readable(ground::files(&mirror, &tree, &folders).await?)?,
        base: readable(ground::files(&mirror, &base_tree, &folders).await?)?,
        repository: target.repository.id,
        mirror,
        commit,
        config,
        policy,
    })
}

impl MergeGround {
    /// A stack of the change, ready to be planned and applied in a directory of this run.
    pub async fn work(&self, app: &App, run: RunId, plan: &StackPlan) -> Result<Work, String> {
        let files = match plan.kind {
            Kind::Change => &self.merged,
            Kind::Destroy => &self.base,
        };
        let prepared = {
            let trusted = Trusted { config: &self.config, packages: files };
            Prepared::of(files, &trusted, &plan.stack)
        };
        let prepared = prepared.map(|mut prepared| {
            prepared.protect_also(&self.base, &self.config, &plan.stack);
            prepared
        });
        let prepared = prepared.map_err(|findings| {
            let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
            lines.join("\n")
        })?;
        let dir = run_dir(app, run).join(plan.stack.to_string());
        Work::of(app, (self.repository, &self.config), (plan.kind, prepared), dir).await
    }
}

/// The work directory of a run: fresh, and removed when nothing is left to look at.
pub fn run_dir(app: &App, run: RunId) -> std::path::PathBuf {
    app.data.join("apply").join(run.to_string())
}

fn readable<T>(checked: crate::package::Checked<T>) -> Result<T> {
    checked.map_err(|findings| {
        let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("what was merged cannot be read: {}", lines.join("; ")).into()
    })
}
