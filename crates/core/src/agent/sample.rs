//! A run for tests, built event by event.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    budget::{Amount, Limits},
    call::{Call, RawCall, tools_digest},
    event::{Decision, Entry, Event, Planned, Request, Stop, Turn},
    run::Run,
    visible::Dropped,
};
use crate::{
    actor::{Actor, ActorKind},
    digest::Digest,
    names::{BranchName, CommentId, Login, PrNumber, Sha, UserId},
};

pub struct Sample(pub Vec<Entry>);

pub fn person(id: i64, login: &str) -> Actor {
    Actor { id: UserId(id), login: Login::parse(login).unwrap(), kind: ActorKind::User }
}

pub fn raw(name: &str, arguments: &Value) -> RawCall {
    RawCall { name: name.into(), arguments: arguments.to_string() }
}

/// Returns a call that sets `path` of `stack` to 1.
pub fn set(stack: &str, path: &str, rev: u64) -> RawCall {
    let set = json!([{ "path": path, "value_json": "1" }]);
    raw("set_params", &json!({ "stack": stack, "set": set, "expected_rev": rev, "why": "asked" }))
}

pub fn finish(outcome: &str) -> RawCall {
    raw("finish", &json!({ "outcome": outcome, "summary": "All done.", "unmet": [] }))
}

impl Default for Sample {
    fn default() -> Self {
        Self::with(Limits::default())
    }
}

impl Sample {
    pub fn with(limits: Limits) -> Self {
        let request = Request {
            by: vec![person(1, "alice")],
            issue: PrNumber(7),
            title: "A bucket".into(),
            text: "for build logs".into(),
            dropped: Dropped::default(),
            base_ref: BranchName::parse("main").unwrap(),
            base: Sha::parse("a".repeat(40)).unwrap(),
        };
        let event = Event::Started { request, limits, tools: tools_digest() };
        Self(vec![entry(None, event, Timestamp::UNIX_EPOCH)])
    }

    /// Adds `event` one second after the last one.
    pub fn add(&mut self, event: Event) -> &mut Self {
        self.later(event, SignedDuration::from_secs(1))
    }

    pub fn later(&mut self, event: Event, pause: SignedDuration) -> &mut Self {
        let at = self.0.last().unwrap().at.checked_add(pause).unwrap();
        self.0.push(entry(self.0.last(), event, at));
        self
    }

    pub fn asked(&mut self) -> &mut Self {
        let debit = Amount {
            model_calls: 1,
            input_tokens: 1_000,
            output_tokens: 4_000,
            ..Amount::default()
        };
        self.add(Event::Asked { debit, body: Digest::sha256(b"body") })
    }

    pub fn turn(&mut self, calls: &[RawCall]) -> &mut Self {
        let turn = Turn { text: String::new(), calls: calls.to_vec(), stop: Stop::Done };
        let used =
            Amount { model_calls: 1, input_tokens: 400, output_tokens: 100, ..Amount::default() };
        self.asked().add(Event::Answered { turn, used })
    }

    pub fn stopped(&mut self, stop: Stop) -> &mut Self {
        let turn = Turn { text: "…".into(), calls: Vec::new(), stop };
        self.asked().add(Event::Answered { turn, used: Amount::default() })
    }

    pub fn decided(&mut self, decision: Decision) -> &mut Self {
        self.add(Event::Called { decision, debit: Amount { tool_calls: 1, ..Amount::default() } })
    }

    pub fn allowed(&mut self, call: &RawCall) -> &mut Self {
        self.decided(Decision::Allowed(Call::read(call).unwrap()))
    }

    /// Adds a call of the model that is allowed and carried out.
    pub fn done(&mut self, call: &RawCall, planned: Option<Planned>) -> &mut Self {
        let accepted = Call::read(call).unwrap().edit().is_some();
        self.turn(std::slice::from_ref(call)).allowed(call);
        self.add(Event::Returned { content: json!({ "ok": true }), accepted, planned })
    }

    pub fn planned(&mut self, rev: u64, destroys: usize) -> &mut Self {
        let digest = Some(Digest::sha256(b"plan"));
        self.done(&raw("plan_preview", &json!({})), Some(Planned { rev, digest, destroys }))
    }

    pub fn plan_failed(&mut self, rev: u64) -> &mut Self {
        let planned = Planned { rev, digest: None, destroys: 0 };
        self.done(&raw("plan_preview", &json!({})), Some(planned))
    }

    pub fn chosen(&mut self, by: Actor, choice: u64) -> &mut Self {
        self.add(Event::Chosen { by, comment: CommentId(1), choice })
    }

    pub fn run(&self) -> Run {
        Run::from_log(&self.0).unwrap()
    }

    pub fn now(&self) -> Timestamp {
        self.0.last().unwrap().at
    }
}

/// Returns the entry that follows `previous`. Its text is the debug form of the event.
pub fn entry(previous: Option<&Entry>, event: Event, at: Timestamp) -> Entry {
    let text = format!("{event:?}");
    Entry::after(previous, event, text, at)
}
