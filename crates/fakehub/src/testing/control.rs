//! Controls for tests: webhooks that are held, lost or doubled, calls that fail, and settings that
//! people change on GitHub's web pages.

use crate::{
    api_error::ApiError,
    hub::{
        Hub,
        call_log::{Call, Phase},
        faults::Fault,
    },
    people::{Done, Person},
    state::data::{AccountKind, Level},
};

impl Hub {
    /// Holds webhooks back until [`Hub::release_webhooks`].
    pub fn hold_webhooks(&self) {
        self.0.webhooks.hold(true);
    }

    pub fn release_webhooks(&self) {
        self.0.webhooks.hold(false);
    }

    /// Sends the webhooks that were held back in reverse order, the latest event first.
    pub fn release_webhooks_reversed(&self) -> Result<(), ApiError> {
        self.0.change(|state| {
            let all = std::mem::take(&mut state.data.deliveries);
            let (sent, mut held): (Vec<_>, Vec<_>) =
                all.into_iter().partition(|delivery| delivery.answer.is_some());
            held.reverse();
            state.data.deliveries = sent;
            state.data.deliveries.append(&mut held);
            Ok(())
        })?;
        self.release_webhooks();
        Ok(())
    }

    /// Makes the next `times` webhooks fail without sending them. The deliveries API lists them as
    /// failed.
    pub fn lose_webhooks(&self, times: usize) {
        self.0.webhooks.lose_next(times);
    }

    /// Sends the next `times` successful webhooks twice, with the same GUID.
    pub fn double_webhooks(&self, times: usize) {
        self.0.webhooks.double_next(times);
    }

    /// Sends an event once more, as the button *Redeliver* in the app's settings does.
    pub fn redeliver(&self, delivery: i64) -> Result<(), ApiError> {
        self.0.change(|state| state.redeliver(delivery))
    }

    /// Makes the next `times` calls whose operation contains `operation` fail with `fault`.
    pub fn fail(&self, operation: &str, times: usize, fault: Fault) {
        self.0.faults.plan(operation, times, fault);
    }

    /// Lets time pass on GitHub.
    pub fn pass(&self, time: jiff::SignedDuration) -> Done {
        self.0.change(|state| {
            state.data.clock.skip(time.as_secs());
            Ok(())
        })
    }

    /// Calls `observer` when a call has arrived, and when it has been performed but not answered.
    ///
    /// The call waits for the observer, so that a test can kill the caller at exactly this point.
    pub fn on_effect(&self, observer: impl Fn(Phase, &Call) + Send + Sync + 'static) {
        self.0.log.observe(observer);
    }

    /// Returns all calls since the start, in order.
    pub fn calls(&self) -> Vec<Call> {
        self.0.log.calls()
    }

    /// Returns the calls that fakehub does not know and has answered with 501. A test should fail
    /// if there are any.
    pub fn unknown(&self) -> Vec<Call> {
        self.calls().into_iter().filter(|call| call.status == Some(501)).collect()
    }

    /// Adds the bot of another app, `<name>[bot]`.
    pub fn add_bot(&self, name: &str) -> Done<Person> {
        self.add(&format!("{name}[bot]"), AccountKind::Bot)
    }

    pub fn set_private(&self, repo: &str, private: bool) -> Done {
        self.in_repository(repo, |state, id| {
            state.repository_mut(id)?.private = private;
            Ok(())
        })
    }

    pub fn set_archived(&self, repo: &str, archived: bool) -> Done {
        self.in_repository(repo, |state, id| {
            state.repository_mut(id)?.archived = archived;
            Ok(())
        })
    }

    /// Sets the level of a permission of the installation, or takes the permission away if `level`
    /// is `None`.
    pub fn set_app_permission(&self, owner: &str, name: &str, level: Option<Level>) -> Done {
        self.0.change(|state| {
            let account = state.account_named(owner)?.id;
            let mut all = state.data.installations.values_mut();
            let found = all.find(|installation| installation.account == account);
            let permissions = &mut found.ok_or_else(ApiError::not_found)?.permissions;
            match level {
                Some(level) => permissions.insert(name.to_owned(), level),
                None => permissions.remove(name),
            };
            Ok(())
        })
    }

    /// Suspends the app in an organisation, or ends the suspension.
    pub fn suspend(&self, owner: &str, suspended: bool) -> Done {
        self.0.change(|state| state.suspend(owner, suspended))
    }

    /// Installs the app on all repositories of an account. Fails with 404 if it has none.
    pub fn install_app(&self, owner: &str) -> Result<(), ApiError> {
        self.0.change(|state| {
            let owner = state.account_named(owner)?.id;
            let of_owner = |id: &&i64| {
                state.repository(**id).is_ok_and(|repository| repository.owner == owner)
            };
            let repository = state.data.repositories.keys().find(of_owner).copied();
            state.install(owner, repository.ok_or_else(ApiError::not_found)?)
        })
    }
}
