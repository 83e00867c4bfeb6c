//! The repository and pull request that a record is about.

use planwright_core::{
    job,
    names::{InstallationId, PrNumber, RepoName, RepositoryId},
    repository,
};

use crate::records::mirror::Mirror as _;

records! {
    struct Target for job::Target {
        repository: Repository,
        number: PrNumber,
    }
    struct Repository for repository::Repository {
        id: RepositoryId,
        name: RepoName,
        installation: InstallationId,
    }
}

impl From<&job::Target> for Target {
    fn from(target: &job::Target) -> Self {
        Self::store(target)
    }
}

impl From<&Target> for job::Target {
    fn from(target: &Target) -> Self {
        target.clone().load()
    }
}
