//! Records each event as a webhook delivery that waits to be sent.
//!
//! `hub/delivery` sends it. The payload is made here, at the moment of the event, as on GitHub.

use serde_json::{Value, json, value::to_raw_value};

use crate::{
    api_error::ApiError,
    state::{
        State,
        data::{AccountKind, Delivery},
    },
};

/// The number of answered deliveries that the deliveries API remembers. GitHub forgets them after
/// three days.
const KEPT: usize = 500;

/// The event that GitHub sends to each app that may write checks, subscribed or not.
const UNASKED: &str = "check_run";

/// An event: its name and, except for pushes, its action.
#[derive(Clone, Copy)]
pub struct Event {
    name: &'static str,
    action: Option<&'static str>,
}

impl Event {
    pub const PUSH: Self = Self { name: "push", action: None };

    pub fn new(name: &'static str, action: &'static str) -> Self {
        Self { name, action: Some(action) }
    }
}

/// The installation that an event is sent to, and the repository that it is about.
struct Target {
    installation: i64,
    repository: Option<i64>,
}

impl State {
    /// Records an event that `sender` caused in a repository.
    ///
    /// Does nothing unless the app is installed there, not suspended, and subscribed to the event.
    pub fn emit(
        &mut self,
        event: Event,
        repo: i64,
        sender: i64,
        mut payload: Value,
    ) -> Result<(), ApiError> {
        let Some(installation) = self.installation_of(repo) else { return Ok(()) };
        let is_wanted =
            event.name == UNASKED || self.data.app.events.iter().any(|it| it == event.name);
        if installation.suspended_at.is_some() || !is_wanted {
            return Ok(());
        }
        let id = installation.id;
        payload["installation"] = json!({ "id": id, "node_id": crate::json::node_id("IN", id) });
        if payload.get("repository").is_none() {
            payload["repository"] = self.repository_json(repo)?;
        }
        let owner = self.account(self.repository(repo)?.owner)?;
        if owner.kind == AccountKind::Organization {
            payload["organization"] = self.organization_json(owner.id)?;
        }
        self.post(event, Target { installation: id, repository: Some(repo) }, sender, payload)
    }

    /// Records an event about the installation itself.
    pub fn emit_installation(
        &mut self,
        event: Event,
        installation: i64,
        sender: i64,
        mut payload: Value,
    ) -> Result<(), ApiError> {
        payload["installation"] = self.installation_json(self.installation(installation)?)?;
        self.post(event, Target { installation, repository: None }, sender, payload)
    }

    fn post(
        &mut self,
        event: Event,
        target: Target,
        sender: i64,
        mut payload: Value,
    ) -> Result<(), ApiError> {
        if let Some(action) = event.action {
            payload["action"] = action.into();
        }
        payload["sender"] = self.user_json(sender)?;
        let delivery = Delivery {
            id: self.next_id(),
            guid: uuid::Uuid::new_v4().to_string(),
            event: event.name.to_owned(),
            action: event.action.map(str::to_owned),
            installation: target.installation,
            repository: target.repository,
            payload: to_raw_value(&payload)?,
            redelivery: false,
            answer: None,
        };
        self.data.deliveries.push(delivery);
        self.forget_old_deliveries();
        Ok(())
    }

    /// Queues a delivery once more, under the same GUID. Fails with 404 unless it has been sent
    /// before.
    pub fn redeliver(&mut self, id: i64) -> Result<(), ApiError> {
        let new = self.next_id();
        let is_it = |delivery: &&Delivery| delivery.id == id && delivery.answer.is_some();
        let old = self.data.deliveries.iter().find(is_it).ok_or_else(ApiError::not_found)?;
        let again = Delivery {
            id: new,
            guid: old.guid.clone(),
            event: old.event.clone(),
            action: old.action.clone(),
            installation: old.installation,
            repository: old.repository,
            payload: old.payload.clone(),
            redelivery: true,
            answer: None,
        };
        self.data.deliveries.push(again);
        Ok(())
    }

    fn forget_old_deliveries(&mut self) {
        let excess = self.data.deliveries.len().saturating_sub(KEPT);
        let mut left = excess;
        self.data.deliveries.retain(|delivery| {
            let forget = left > 0 && delivery.answer.is_some();
            left -= usize::from(forget);
            !forget
        });
    }
}
