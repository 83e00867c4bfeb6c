//! Who and what a record is about.

use planwright_core::{
    actor, job,
    names::{InstallationId, Login, PrNumber, RepoName, RepositoryId, UserId},
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
    struct Actor for actor::Actor {
        id: UserId,
        login: Login,
        kind: ActorKind,
    }
    enum ActorKind for actor::ActorKind { User, Bot, Organization, Mannequin }
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
