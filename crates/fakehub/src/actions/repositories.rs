//! Creates repositories, and installs the app on them.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    actions::events::Event,
    api_error::ApiError,
    git_repo::{CommitMeta, FileChange, GitRepo},
    state::{
        State,
        data::{AccountKind, Installation, Repository},
    },
};

impl State {
    /// Creates a repository of an organisation with one commit, installs the app on it, and returns
    /// its id.
    ///
    /// Fails with 422 if `full_name` is not `owner/name` or exists already.
    pub fn add_repository(
        &mut self,
        full_name: &str,
        files: &[(&str, &str)],
    ) -> Result<i64, ApiError> {
        let (owner, name) = full_name
            .split_once('/')
            .ok_or_else(|| ApiError::new(422, format!("`{full_name}` is not `owner/name`")))?;
        if self.repository_named(full_name).is_ok() {
            return Err(ApiError::invalid("Repository", "name", "name already exists"));
        }
        let owner = self.add_account(owner, AccountKind::Organization);
        let id = self.new_repository(owner, name, None)?;
        let git = GitRepo::create(&self.git_repo_path(id), "main")?;
        let by = self.account(crate::state::WEB_FLOW)?.id;
        let stamp = self.stamp(by, self.repository(id)?.created_at)?;
        let meta = CommitMeta { message: "Begin".into(), author: stamp.clone(), committer: stamp };
        let write = |(path, contents): &(&str, &str)| FileChange::Write {
            path: (*path).to_owned(),
            contents: contents.as_bytes().to_vec(),
            executable: false,
        };
        let files: Vec<FileChange> = files.iter().map(write).collect();
        let first = git.commit(None, &files, &meta)?;
        git.set_ref("refs/heads/main", Some(&first))?;
        self.repository_mut(id)?.refs.insert("main".into(), first);
        self.install(owner, id)?;
        Ok(id)
    }

    pub fn new_repository(
        &mut self,
        owner: i64,
        name: &str,
        fork_of: Option<i64>,
    ) -> Result<i64, ApiError> {
        let (id, at) = (self.next_id(), self.tick());
        let repository = Repository {
            id,
            owner,
            name: name.to_owned(),
            private: false,
            archived: false,
            default_branch: "main".into(),
            fork_of,
            collaborators: [].into(),
            refs: [].into(),
            issues: [].into(),
            comments: [].into(),
            check_runs: [].into(),
            statuses: vec![],
            activity: vec![],
            created_at: at,
            pushed_at: at,
        };
        self.data.repositories.insert(id, repository);
        Ok(id)
    }

    pub fn install(&mut self, owner: i64, repo: i64) -> Result<(), ApiError> {
        let repository = self.repository(repo)?;
        let listed: Value = json!([{
            "id": repo,
            "node_id": crate::json::node_id("R", repo),
            "name": repository.name,
            "full_name": self.full_name(repository)?,
            "private": repository.private,
        }]);
        if let Some(installation) = self.installation_of(repo).map(|installation| installation.id) {
            let added = json!({
                "repositories_added": listed, "repositories_removed": [],
                "repository_selection": "all", "requester": null,
            });
            let event = Event::new("installation_repositories", "added");
            return self.emit_installation(event, installation, owner, added);
        }
        let (id, created_at): (i64, Timestamp) = (self.next_id(), self.tick());
        let permissions = self.data.app.permissions.clone();
        let installation =
            Installation { id, account: owner, permissions, created_at, suspended_at: None };
        self.data.installations.insert(id, installation);
        let created = json!({ "repositories": listed, "requester": null });
        self.emit_installation(Event::new("installation", "created"), id, owner, created)
    }
}
