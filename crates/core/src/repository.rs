//! Where a repository is found: its ids, its present name, and the installation that reaches it.
//!
//! What is in it is no concern of this module.

use serde::{Deserialize, Serialize};

use super::names::{InstallationId, RepoName, RepositoryId};

/// A repository as the bot addresses it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Repository {
    /// The key; names change.
    pub id: RepositoryId,
    /// The name when it was last heard; GitHub redirects from older ones.
    pub name: RepoName,
    pub installation: InstallationId,
}
