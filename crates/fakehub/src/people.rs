//! People, and what they do on the web page or with git: the hands of tests and of the demo.
//!
//! Each act goes through the same rules as the same act over HTTP. The app's own acts are not
//! here: it comes by HTTP only.

use super::branches::Edit;
use super::comments::Reacted;
use super::issues::{IssueEdit, NewIssue};
use super::merge::MergeMethod;
use super::pulls::{NewPull, PullEdit};
use super::refusal::Refusal;
use super::state::{AccountKind, By, Level, ReviewState, Role};
use super::world::World;
use super::{Hub, Inner};

type Done<T = ()> = Result<T, Refusal>;

impl Hub {
    /// A person of this login, made if there is none.
    pub fn add_user(&self, login: &str) -> Done<Person> {
        self.add(login, AccountKind::User)
    }

    /// Another app's bot, `<name>[bot]`.
    pub fn add_bot(&self, name: &str) -> Done<Person> {
        self.add(&format!("{name}[bot]"), AccountKind::Bot)
    }

    fn add(&self, login: &str, kind: AccountKind) -> Done<Person> {
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

    pub fn set_private(&self, repo: &str, private: bool) -> Done {
        self.in_repository(repo, |world, id| {
            world.repository_mut(id)?.private = private;
            Ok(())
        })
    }

    pub fn set_archived(&self, repo: &str, archived: bool) -> Done {
        self.in_repository(repo, |world, id| {
            world.repository_mut(id)?.archived = archived;
            Ok(())
        })
    }

    /// Takes a permission of the app away from the installation, or lowers it.
    pub fn set_app_permission(&self, owner: &str, name: &str, level: Option<Level>) -> Done {
        self.0.change(|world| {
            let account = world.account_named(owner)?.id;
            let mut all = world.state.installations.values_mut();
            let found = all.find(|installation| installation.account == account);
            let permissions = &mut found.ok_or_else(Refusal::not_found)?.permissions;
            match level {
                Some(level) => permissions.insert(name.to_owned(), level),
                None => permissions.remove(name),
            };
            Ok(())
        })
    }

    /// Suspends the app in an organisation, or lifts that.
    pub fn suspend(&self, owner: &str, suspended: bool) -> Done {
        self.0.change(|world| world.suspend(owner, suspended))
    }

    fn in_repository<T>(
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
    hub: Hub,
    pub login: String,
    account: i64,
}

impl Person {
    pub fn id(&self) -> i64 {
        self.account
    }

    /// What they sign in with, to the API and to git (any user name, this as password).
    pub fn token(&self) -> Done<String> {
        let token = self.hub.0.read().account(self.account)?.token.clone();
        token.ok_or_else(Refusal::bad_credentials)
    }

    /// Commits on top of a branch (a new one starts at the default branch) and pushes.
    pub fn push(&self, repo: &str, branch: &str, edit: &Edit) -> Done<String> {
        self.act(repo, |world, id, by| world.commit(id, branch, edit, by))
    }

    /// Commits on top of `parent` (a branch or commit) and pushes that by force.
    pub fn force_push(&self, repo: &str, branch: &str, parent: &str, edit: &Edit) -> Done<String> {
        self.act(repo, |world, id, by| world.force_commit((id, branch), parent, edit, by))
    }

    /// Rebases the head of a pull request on its base and pushes that by force.
    pub fn rebase(&self, repo: &str, number: i64) -> Done<String> {
        self.act(repo, |world, id, by| world.rebase_branch((id, number), by))
    }

    pub fn delete_branch(&self, repo: &str, branch: &str) -> Done {
        self.act(repo, |world, id, by| world.move_branch(id, branch, None, by))
    }

    /// A copy of the repository of their own; answers its full name.
    pub fn fork(&self, repo: &str) -> Done<String> {
        self.act(repo, |world, id, by| {
            let fork = world.fork(id, by)?;
            world.full_name(world.repository(fork)?)
        })
    }

    /// Opens a pull request of `head` (`branch`, or `login:branch` of a fork) into `main`.
    pub fn open_pull(&self, repo: &str, head: &str, title: &str) -> Done<i64> {
        let (title, head) = (title.to_owned(), head.to_owned());
        self.open(repo, &NewPull { title, head, base: "main".into(), ..NewPull::default() })
    }

    pub fn open(&self, repo: &str, new: &NewPull) -> Done<i64> {
        self.act(repo, |world, id, by| world.open_pull(id, new, by))
    }

    pub fn edit_pull(&self, repo: &str, number: i64, edit: &PullEdit) -> Done {
        self.act(repo, |world, id, by| world.edit_pull(id, number, edit, by))
    }

    pub fn close(&self, repo: &str, number: i64) -> Done {
        self.edit_pull(repo, number, &PullEdit { open: Some(false), ..PullEdit::default() })
    }

    pub fn reopen(&self, repo: &str, number: i64) -> Done {
        self.edit_pull(repo, number, &PullEdit { open: Some(true), ..PullEdit::default() })
    }

    pub fn retarget(&self, repo: &str, number: i64, base: &str) -> Done {
        self.edit_pull(repo, number, &PullEdit { base: Some(base.into()), ..PullEdit::default() })
    }

    /// Comments on an issue or pull request; answers the comment's id.
    pub fn comment(&self, repo: &str, number: i64, body: &str) -> Done<i64> {
        self.act(repo, |world, id, by| world.add_comment((id, number), body, by))
    }

    pub fn edit_comment(&self, repo: &str, comment: i64, body: &str) -> Done {
        self.act(repo, |world, id, by| world.edit_comment(id, comment, body, by))
    }

    pub fn approve(&self, repo: &str, number: i64) -> Done<i64> {
        self.review(repo, number, ReviewState::Approved, "")
    }

    pub fn request_changes(&self, repo: &str, number: i64, body: &str) -> Done<i64> {
        self.review(repo, number, ReviewState::ChangesRequested, body)
    }

    pub fn review(&self, repo: &str, number: i64, state: ReviewState, body: &str) -> Done<i64> {
        self.act(repo, |world, id, by| world.submit_review((id, number), (state, body), None, by))
    }

    pub fn dismiss(&self, repo: &str, number: i64, review: i64) -> Done {
        self.act(repo, |world, id, by| world.dismiss_review((id, number), review, by))
    }

    /// Makes GitHub move a review to another commit behind everybody's back.
    pub fn rebind_review(&self, repo: &str, number: i64, review: i64, commit: &str) -> Done {
        self.act(repo, |world, id, _| world.rebind_review((id, number), review, commit))
    }

    /// Merges whatever the head is; answers the commit that is now on the base.
    pub fn merge(&self, repo: &str, number: i64, method: MergeMethod) -> Done<String> {
        self.act(repo, |world, id, by| world.merge_pull((id, number), method, None, by))
    }

    /// Merges if the head is `expected`; a refusal with 409 otherwise.
    pub fn merge_at(
        &self,
        repo: &str,
        number: i64,
        (method, expected): (MergeMethod, &str),
    ) -> Done<String> {
        self.act(repo, |world, id, by| world.merge_pull((id, number), method, Some(expected), by))
    }

    /// Opens the pull request that takes a merged one back; answers its number.
    pub fn revert(&self, repo: &str, number: i64) -> Done<i64> {
        self.act(repo, |world, id, by| world.revert_pull(id, number, by))
    }

    pub fn open_issue(&self, repo: &str, title: &str, body: &str) -> Done<i64> {
        self.open_labeled_issue(repo, (title, body), &[])
    }

    pub fn open_labeled_issue(
        &self,
        repo: &str,
        (title, body): (&str, &str),
        labels: &[&str],
    ) -> Done<i64> {
        self.open_new_issue(repo, (title, body), (labels, false))
    }

    /// Opens an issue with a form, which has these labels.
    pub fn fill_in_form(
        &self,
        repo: &str,
        (title, body): (&str, &str),
        labels: &[&str],
    ) -> Done<i64> {
        self.open_new_issue(repo, (title, body), (labels, true))
    }

    fn open_new_issue(
        &self,
        repo: &str,
        (title, body): (&str, &str),
        (labels, has_form): (&[&str], bool),
    ) -> Done<i64> {
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        let (title, body) = (title.to_owned(), Some(body.to_owned()));
        let new = NewIssue { title, body, labels, has_form };
        self.act(repo, |world, id, by| world.open_issue(id, &new, by))
    }

    pub fn edit_issue(&self, repo: &str, number: i64, edit: &IssueEdit) -> Done {
        self.act(repo, |world, id, by| world.edit_issue((id, number), edit, by))
    }

    pub fn reopen_issue(&self, repo: &str, number: i64) -> Done {
        self.act(repo, |world, id, by| world.reopen_issue(id, number, by))
    }

    pub fn label_issue(&self, repo: &str, number: i64, label: &str) -> Done {
        self.act(repo, |world, id, by| world.label_issue((id, number), label, by))
    }

    pub fn unlabel_issue(&self, repo: &str, number: i64, label: &str) -> Done {
        self.act(repo, |world, id, by| world.unlabel_issue((id, number), label, by))
    }

    pub fn close_issue(&self, repo: &str, number: i64) -> Done {
        self.act(repo, |world, id, by| world.close_issue(id, number, by))
    }

    pub fn react(&self, repo: &str, comment: i64, content: &str) -> Done {
        self.act(repo, |world, id, by| {
            world.react(id, Reacted::Comment(comment), content, by).map(drop)
        })
    }

    /// Presses *Re-run* at a check run.
    pub fn rerequest(&self, repo: &str, check_run: i64) -> Done {
        self.act(repo, |world, id, by| world.rerequest_check_run(id, check_run, by))
    }

    pub fn rename_repository(&self, repo: &str, name: &str) -> Done {
        self.act(repo, |world, id, by| {
            world.require_role(id, by, Role::Admin)?;
            world.rename(id, name, by)
        })
    }

    fn act<T>(&self, repo: &str, act: impl FnOnce(&mut World, i64, By) -> Done<T>) -> Done<T> {
        let by = By { account: self.account, via_app: false };
        self.hub.in_repository(repo, |world, id| {
            world.require_role(id, by, Role::Read)?;
            act(world, id, by)
        })
    }
}
