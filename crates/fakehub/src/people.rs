//! People, and what they do on the web pages or with git, for tests and for the demo.
//!
//! The rules are the same as over HTTP. What the app does is not here: it uses HTTP only.

use crate::{
    actions::{
        branches::Edit, merge::MergeMethod, pulls::NewPull, registration::AppEdit,
        reviews::NewReview,
    },
    api_error::ApiError,
    hub::{Hub, Inner},
    state::{
        State,
        data::{AccountKind, By, IssueRef, ReviewState, Role},
    },
};

pub(super) type Done<T = ()> = Result<T, ApiError>;

impl Hub {
    /// Returns the person with this login, who is added if there is none.
    pub fn add_user(&self, login: &str) -> Done<Person> {
        self.add(login, AccountKind::User)
    }

    pub(super) fn add(&self, login: &str, kind: AccountKind) -> Done<Person> {
        let account = self.0.change(|state| Ok(state.add_account(login, kind)))?;
        Ok(Person { hub: self.clone(), login: login.to_owned(), account })
    }

    /// Returns the person with this login. Fails with 404 if there is none.
    pub fn person(&self, login: &str) -> Done<Person> {
        let account = self.0.read().account_named(login)?.id;
        Ok(Person { hub: self.clone(), login: login.to_owned(), account })
    }

    /// Creates a repository of an organisation, with the app installed and one commit on `main`.
    /// Returns its id.
    pub fn add_repository(&self, full_name: &str, files: &[(&str, &str)]) -> Done<i64> {
        self.0.change(|state| state.add_repository(full_name, files))
    }

    /// Changes the app. Existing installations keep their permissions.
    pub fn edit_app(&self, edit: AppEdit) -> Done {
        self.0.change(|state| {
            state.edit_app(edit);
            Ok(())
        })
    }

    /// Gives a person a role in a repository, or takes it away if `role` is `None`. Everybody can
    /// read public repositories.
    pub fn set_permission(&self, repo: &str, login: &str, role: Option<Role>) -> Done {
        self.in_repository(repo, |state, id| {
            let account = state.account_named(login)?.id;
            let collaborators = &mut state.repository_mut(id)?.collaborators;
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
        act: impl FnOnce(&mut State, i64) -> Done<T>,
    ) -> Done<T> {
        self.0.in_repository(repo, act)
    }
}

impl Inner {
    fn in_repository<T>(
        &self,
        repo: &str,
        act: impl FnOnce(&mut State, i64) -> Done<T>,
    ) -> Done<T> {
        self.change(|state| {
            let id = state.repository_named(repo)?;
            act(state, id)
        })
    }
}

/// A person who can act.
#[derive(Clone)]
pub struct Person {
    pub(super) hub: Hub,
    pub login: String,
    pub(super) account: i64,
}

impl Person {
    /// Commits on top of a branch, pushes that, and returns the id of the commit. A new branch
    /// starts at the default branch.
    pub fn push(&self, repo: &str, branch: &str, edit: &Edit) -> Done<String> {
        self.act(repo, |state, id, by| state.commit(id, branch, edit, by))
    }

    /// Opens a pull request of `head` (`branch`, or `login:branch` of a fork) into `main`. Returns
    /// its number.
    pub fn open_pull(&self, repo: &str, head: &str, title: &str) -> Done<i64> {
        let (title, head) = (title.to_owned(), head.to_owned());
        let new = NewPull { title, head, base: "main".into(), ..NewPull::default() };
        self.act(repo, |state, id, by| state.open_pull(id, &new, by))
    }

    /// Comments on an issue or pull request, and returns the id of the comment.
    pub fn comment(&self, repo: &str, number: i64, body: &str) -> Done<i64> {
        self.act(repo, |state, id, by| state.add_comment(id, number, body, by))
    }

    pub fn approve(&self, repo: &str, number: i64) -> Done<i64> {
        self.act(repo, |state, id, by| {
            state.submit_review(
                IssueRef { repo: id, number },
                &NewReview { state: ReviewState::Approved, body: "", commit: None },
                by,
            )
        })
    }

    /// Merges a pull request, whatever its head is. Returns the head of the base afterwards.
    pub fn merge(&self, repo: &str, number: i64, method: MergeMethod) -> Done<String> {
        self.act(repo, |state, id, by| {
            state.merge_pull(IssueRef { repo: id, number }, method, None, by)
        })
    }

    pub(super) fn act<T>(
        &self,
        repo: &str,
        act: impl FnOnce(&mut State, i64, By) -> Done<T>,
    ) -> Done<T> {
        let by = By { account: self.account, via_app: false };
        self.hub.in_repository(repo, |state, id| {
            state.require_role(id, by, Role::Read)?;
            act(state, id, by)
        })
    }
}
