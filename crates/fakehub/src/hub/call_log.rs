//! Every call that fakehub received: counted, observed and, if wished, recorded for the contract.
//!
//! What the calls do stands elsewhere; the log neither changes nor delays them, but for an
//! observer, which is called in place so that a test can stop the caller at exactly this point.

use std::{
    fs::File,
    io::Write,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use serde::Serialize;
use serde_json::{Value, json, value::RawValue};

use crate::api_error::ApiError;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Rest,
    Graphql,
    /// Minting and revoking of installation tokens.
    Token,
    Git,
}

/// One call and how it was answered.
#[derive(Clone, Debug, Serialize)]
pub struct Call {
    /// From 1, in the order of arrival.
    pub number: u64,
    pub kind: Kind,
    pub method: String,
    pub path: String,
    /// `POST /repos/{owner}/{repo}/issues`, `graphql PullRequest`, `git-upload-pack`, …
    pub operation: String,
    /// `app`, `installation/<id>`, a login, or `nobody`.
    pub actor: String,
    /// None while it is being answered, and for ever when the answer was withheld.
    pub status: Option<u16>,
}

impl Call {
    /// Returns whether it may have changed something at GitHub.
    #[cfg(feature = "testing")]
    pub fn is_write(&self) -> bool {
        match self.kind {
            Kind::Graphql => self.operation.starts_with("graphql mutation "),
            Kind::Git => self.operation == "git-receive-pack" && self.method == "POST",
            Kind::Rest | Kind::Token => self.method != "GET",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nothing has been done yet.
    Received,
    /// All has been done and saved; the answer has not left yet.
    Performed,
}

type Observer = Arc<dyn Fn(Phase, &Call) + Send + Sync>;

#[derive(Default)]
pub struct CallLog {
    calls: Mutex<Vec<Call>>,
    observer: Mutex<Option<Observer>>,
    record: Option<Mutex<File>>,
}

impl CallLog {
    pub fn new(record: Option<&Path>) -> Result<Self, ApiError> {
        let open = |path: &Path| File::options().create(true).append(true).open(path);
        let record = record.map(open).transpose()?.map(Mutex::new);
        Ok(Self { record, ..Self::default() })
    }

    #[cfg(feature = "testing")]
    pub fn observe(&self, observer: impl Fn(Phase, &Call) + Send + Sync + 'static) {
        *self.observer.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(observer));
    }

    #[cfg(feature = "testing")]
    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns how many calls there have been.
    pub fn count(&self) -> usize {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Numbers the call, keeps it, and tells the observer that it arrived.
    pub fn receive(&self, mut call: Call) -> Call {
        {
            let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
            call.number = calls.len() as u64 + 1;
            calls.push(call.clone());
        }
        self.tell(Phase::Received, &call);
        call
    }

    pub fn perform(&self, call: &mut Call, status: u16) {
        call.status = Some(status);
        let index = call.number as usize - 1;
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)[index].status = call.status;
        self.tell(Phase::Performed, call);
    }

    /// Puts a call down for the contract test, without its credentials.
    pub fn record(&self, call: &Call, query: &str, request: &Value, response: &Value) {
        self.append(
            || json!({ "call": call, "query": query, "request": request, "response": response }),
        );
    }

    /// Puts a webhook down for the contract test.
    pub fn record_webhook(&self, event: &str, payload: &RawValue) {
        self.append(|| json!({ "webhook": { "event": event, "payload": payload } }));
    }

    fn append(&self, line: impl FnOnce() -> Value) {
        let Some(file) = &self.record else { return };
        let line = line();
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = writeln!(file, "{line}") {
            tracing::error!(%error, "a call could not be recorded");
        }
    }

    fn tell(&self, phase: Phase, call: &Call) {
        let observer = self.observer.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(observer) = observer {
            observer(phase, call);
        }
    }
}
