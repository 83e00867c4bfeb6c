//! People, and what they do on the web page or with git: the hands of tests and of the demo.
//!
//! Each act goes through the same rules as the same act over HTTP. The app's own acts are not
//! here: it comes by HTTP only.

use crate::actions::branches::Edit;
use crate::actions::merge::MergeMethod;
use crate::actions::pulls::NewPull;
use crate::actions::registration::AppEdit;
use crate::api_error::Refusal;
use crate::hub::{Hub, Inner};
use crate::state::World;
use crate::state::data::{AccountKind, By, ReviewState, Role};

pub(super) type Done<T = ()> = Result<T, Refusal>;

impl Hub {
    /// A person of this login, made if there is none.
    pub fn add_user(&self, login: &str) -> Done<Person> {
        self.add(login, AccountKind::User)
    }

    pub(super) fn add(&self, login: &str, kind: AccountKind) -> Done<Person> {
        let account = self.0.change(|world| Ok(world.add_account(login, kind)))?;
        Ok(Person { hub: self.clone(), login: login.to_owned(), account })
    }

    /// A person who is there already.
    pub fn person(&self, login: &str) -> Done<Person> {
        let account = self.0.read().account_named(login)?.id;
        Ok(Person { hub: self.clone(), login: login.to_owned(), account })
    }

    /// A repository of an organisation, with the app installed and one commit on `main`.
    pub fn add_repository(&self, full_name: &str, files: &[(&str, &str)]) -> Done<i64> {
        self.0.change(|world| world.add_repository(full_name, files))
    }

    /// Changes the app itself. Installations keep the permissions that they have.
    pub fn edit_app(&self, edit: AppEdit) -> Done {
        self.0.change(|world| {
            world.edit_app(edit);
            Ok(())
        })
    }

    /// Gives a person a role in a repository; None takes it away. All can read public ones.
    pub fn set_permission(&self, repo: &str, login: &str, role: Option<Role>) -> Done {
        self.in_repository(repo, |world, id| {
            let account = world.account_named(login)?.id;
            let collaborators = &mut world.repository_mut(id)?.collaborators;
            match role {
                Some(role) => collaborators.insert(account, role),
                None => collaborators.remove(&account),
            };
            Ok(())
        })
    }

    pub(super) fn in_repository<T>(
        &self,
        repo: &str,
        act: impl FnOnce(&mut World, i64) -> Done<T>,
    ) -> Done<T> {
        self.0.in_repository(repo, act)
    }
}

impl Inner {
    fn in_repository<T>(
        &self,
        repo: &str,
        act: impl FnOnce(&mut World, i64) -> Done<T>,
    ) -> Done<T> {
        self.change(|world| {
            let id = world.repository_named(repo)?;
            act(world, id)
        })
    }
}

/// Somebody with hands.
#[derive(Clone)]
pub struct Person {
    pub(super) hub: Hub,
    pub login: String,
    pub(super) account: i64,
}

impl Person {
    /// Commits on top of a branch (a new one starts at the default branch) and pushes.
    pub fn push(&self, repo: &str, branch: &str, edit: &Edit) -> Done<String> {
        self.act(repo, |world, id, by| world.commit(id, branch, edit, by))
    }

    /// Opens a pull request of `head` (`branch`, or `login:branch` of a fork) into `main`.
    pub fn open_pull(&self, repo: &str, head: &str, title: &str) -> Done<i64> {
        let (title, head) = (title.to_owned(), head.to_owned());
        let new = NewPull { title, head, base: "main".into(), ..NewPull::default() };
        self.act(repo, |world, id, by| world.open_pull(id, &new, by))
    }

    /// Comments on an issue or pull request; answers the comment's id.
    pub fn comment(&self, repo: &str, number: i64, body: &str) -> Done<i64> {
        self.act(repo, |world, id, by| world.add_comment((id, number), body, by))
    }

    pub fn approve(&self, repo: &str, number: i64) -> Done<i64> {
        self.act(repo, |world, id, by| {
            world.submit_review((id, number), (ReviewState::Approved, ""), None, by)
        })
    }

    /// Merges whatever the head is; answers the commit that is now on the base.
    pub fn merge(&self, repo: &str, number: i64, method: MergeMethod) -> Done<String> {
        self.act(repo, |world, id, by| world.merge_pull((id, number), method, None, by))
    }

    pub(super) fn act<T>(
        &self,
        repo: &str,
        act: impl FnOnce(&mut World, i64, By) -> Done<T>,
    ) -> Done<T> {
        let by = By { account: self.account, via_app: false };
        self.hub.in_repository(repo, |world, id| {
            world.require_role(id, by, Role::Read)?;
            act(world, id, by)
        })
    }
}
