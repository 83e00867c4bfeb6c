//! The address of a repository: its id, its current name, and the installation that has access.

use serde::{Deserialize, Serialize};

use super::names::{InstallationId, RepoName, RepositoryId};

/// A repository as the bot addresses it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Repository {
    /// The id, which never changes.
    pub id: RepositoryId,
    /// The name that GitHub reported last. GitHub redirects older names.
    pub name: RepoName,
    pub installation: InstallationId,
}
