//! fakehub behaves as GitHub does. The tests use it over HTTP only, as the bot does.
//!
//! `contract` checks the shape of its answers.
#![allow(clippy::unwrap_used, reason = "the shared pieces of tests panic as the tests do")]

mod access;
mod client;
mod contract;
mod faults;
mod git;
mod graphql;
mod issues;
mod merging;
mod pages;
mod proposing;
mod pulls;
mod receiver;
mod restart;
mod webhooks;

use tempfile::TempDir;

use planwright_fakehub::{Edit, Hub, Person, Role, Settings};

const REPO: &str = "acme/infra";

/// A hub with one repository; Alice and Bob may write, Eve is nobody.
struct Scene {
    hub: Hub,
    alice: Person,
    bob: Person,
    eve: Person,
    dir: TempDir,
}

impl Scene {
    async fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let hub = Hub::start(Settings::new(dir.path().join("hub"))).await.unwrap();
        Self::in_hub(hub, dir)
    }

    fn in_hub(hub: Hub, dir: TempDir) -> Self {
        hub.add_repository(REPO, &[("README.md", "hello\n"), ("a.txt", "a\n")]).unwrap();
        let [alice, bob, eve] = ["alice", "bob", "eve"].map(|login| hub.add_user(login).unwrap());
        for login in ["alice", "bob"] {
            hub.set_permission(REPO, login, Some(Role::Write)).unwrap();
        }
        Self { hub, alice, bob, eve, dir }
    }

    /// Alice's pull request 1, of branch `feature`, which adds `b.txt`.
    fn pull(&self) -> i64 {
        self.alice.push(REPO, "feature", &Edit::new("Add b").write("b.txt", "b\n")).unwrap();
        self.alice.open_pull(REPO, "feature", "Add b").unwrap()
    }
}
