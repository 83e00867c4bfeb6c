//! The log of all calls that fakehub received. It shows each call to an observer and can record it
//! for the contract test.
//!
//! The log neither changes nor delays calls. Only the observer can: it is called in place, so that
//! a test can stop the caller at exactly this point.

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
    /// Minting or revoking an installation token.
    Token,
    Git,
}

/// A call and the status of its answer.
#[derive(Clone, Debug, Serialize)]
pub struct Call {
    /// Counted from 1, in the order of arrival.
    pub number: u64,
    pub kind: Kind,
    pub method: String,
    pub path: String,
    /// `POST /repos/{owner}/{repo}/issues`, `graphql PullRequest`, `git-upload-pack`, …
    pub operation: String,
    /// `app`, `installation/<id>`, a login, or `nobody` if the credentials are missing or wrong.
    pub actor: String,
    /// `None` while the call is being answered, and for ever if the answer is withheld.
    pub status: Option<u16>,
}

impl Call {
    /// Returns whether the call may have changed something at GitHub.
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
    /// The call has arrived, and nothing has been done yet.
    Received,
    /// Everything has been done and saved, and the answer has not been sent yet.
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

    /// Returns the number of calls so far.
    pub fn count(&self) -> usize {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Numbers the call, adds it to the log, and tells the observer that it has arrived.
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

    /// Appends a call, without its headers, to the file for the contract test.
    pub fn record(&self, call: &Call, query: &str, request: &Value, response: &Value) {
        self.append(
            || json!({ "call": call, "query": query, "request": request, "response": response }),
        );
    }

    /// Appends a webhook to the file for the contract test.
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
