//! The state of a run, folded from its events, and the next step.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    budget::{Amount, Budget, Limit},
    call::{Call, Outcome, RawCall},
    event::{BrokenLog, Decision, End, Entry, Event, Planned, Published, Question, Request, Stop},
    problem::Problem,
    prompt::{self, Message},
};
use crate::{
    actor::Actor,
    change_set::{ChangeSet, Edit},
    digest::Digest,
};

/// After so many identical calls, or unusable answers in a row, a run ends.
const REPEATS: u32 = 3;
/// After so many failed attempts in a row to reach the server, a run ends.
const ABSENCES: u32 = 16;
/// The most that the time between two events counts: the bot may have been down meanwhile.
const LONGEST_STEP: SignedDuration = SignedDuration::from_mins(3);
/// How long a question can be answered.
const EXPIRY: SignedDuration = SignedDuration::from_hours(7 * 24);
/// After this time people are reminded of a question.
const PATIENCE: SignedDuration = SignedDuration::from_hours(24);
/// After so many failed plans, another one needs the consent of a person.
pub const FAILED_PLANS: u32 = 2;

/// The state of a run.
#[derive(Clone, Debug)]
pub struct Run {
    pub request: Request,
    pub tools: Digest,
    pub budget: Budget,
    /// What was spent before people last revised the request.
    pub spent_before: Amount,
    pub change_set: ChangeSet,
    /// Everyone who made, answered or revised the request.
    pub people: Vec<Actor>,
    pub conversation: Vec<Message>,
    pub phase: Phase,
    pub planned: Option<Planned>,
    pub failed_plans: u32,
    /// The model's summary for people.
    pub note: Option<Note>,
    pub published: Option<Published>,
    /// How the run ended when it published that, if not with a finished proposal.
    pub unfinished: Option<End>,
    /// The last entry of the log.
    pub last: Entry,
    queue: VecDeque<(String, RawCall)>,
    turns: u64,
    unusable: u32,
    absences: u32,
    seen: BTreeMap<Digest, u32>,
    loop_time: SignedDuration,
    time: SignedDuration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub summary: String,
    pub unmet: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Phase {
    /// The next call is to be decided on, or the model is to be asked if there is none.
    Open,
    /// The model was asked, and no answer is recorded yet.
    Asked {
        debit: Amount,
    },
    /// A call is allowed and is to be carried out.
    Doing {
        id: String,
        call: Call,
    },
    /// People are asked. `held` is the call that is carried out if they answer our own question
    /// with the first choice.
    Waiting {
        id: String,
        question: Question,
        held: Option<Call>,
    },
    Parked {
        until: Timestamp,
    },
    Closing(End),
    Over(End),
}

/// The next thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    Ask,
    Decide(RawCall),
    Do(Call),
    Plan,
    /// Publish the result, if there is one, and end.
    Close(End),
    /// Do nothing before this time.
    Park(Timestamp),
    /// Wait for people to answer.
    Wait,
    Rest,
}

impl Run {
    /// Folds `log` into a state. Fails if the log is incomplete or was changed.
    pub fn from_log(log: &[Entry]) -> Result<Self, BrokenLog> {
        Entry::verify(log)?;
        let broken = |why| BrokenLog { seq: 0, why };
        let (first, rest) = log.split_first().ok_or_else(|| broken("it is empty"))?;
        let Event::Started { request, limits, tools } = &first.event else {
            return Err(broken("it does not begin with the request"));
        };
        let mut run = Self {
            people: request.by.clone(),
            conversation: vec![prompt::request(request)],
            request: request.clone(),
            tools: tools.clone(),
            budget: Budget::new(*limits),
            spent_before: Amount::default(),
            change_set: ChangeSet::default(),
            phase: Phase::Open,
            planned: None,
            failed_plans: 0,
            note: None,
            published: None,
            unfinished: None,
            last: first.clone(),
            queue: VecDeque::new(),
            turns: 0,
            unusable: 0,
            absences: 0,
            seen: BTreeMap::new(),
            loop_time: SignedDuration::ZERO,
            time: SignedDuration::ZERO,
        };
        for entry in rest {
            run.apply(entry);
        }
        Ok(run)
    }

    /// Returns the state after one more entry, which has to follow the last one.
    #[must_use]
    pub fn after(&self, entry: &Entry) -> Self {
        let mut run = self.clone();
        run.apply(entry);
        run
    }

    /// Returns the revision: the number of accepted edits. A call that edits names the one it
    /// expects.
    pub fn rev(&self) -> u64 {
        self.change_set.0.len() as u64
    }

    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over(_))
    }

    /// Returns whether the run ended with a proposal that our code accepted as finished.
    pub fn is_complete(&self) -> bool {
        self.phase == Phase::Over(End::Finished(Outcome::Propose))
    }

    /// Returns what was spent in all, before and after the last revision of the request.
    pub fn spent(&self) -> Amount {
        let mut all = Budget { spent: self.spent_before, ..self.budget };
        all.debit(&self.budget.spent);
        all.spent
    }

    /// Returns whether the pending question was asked too long ago to be answered.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        now.duration_since(self.last.at) > EXPIRY
    }

    /// Returns when people are to be reminded of the pending question, and the number of the event
    /// that asked it.
    pub fn reminder(&self) -> Option<(Timestamp, u64)> {
        let is_waiting = matches!(self.phase, Phase::Waiting { .. });
        let at = self.last.at.checked_add(PATIENCE).unwrap_or(Timestamp::MAX);
        is_waiting.then_some((at, self.last.seq))
    }

    /// Decides on the next step.
    pub fn next(&self, now: Timestamp) -> Step {
        let step = match &self.phase {
            Phase::Over(_) => return Step::Rest,
            Phase::Closing(how) => return Step::Close(how.clone()),
            Phase::Waiting { .. } => return Step::Wait,
            Phase::Parked { until } if now < *until => return Step::Park(*until),
            Phase::Doing { call: Call::PlanPreview {}, .. } => Step::Plan,
            Phase::Doing { call, .. } => Step::Do(call.clone()),
            Phase::Parked { .. } | Phase::Asked { .. } => Step::Ask,
            Phase::Open => match self.queue.front() {
                Some((_, call)) => Step::Decide(call.clone()),
                None => Step::Ask,
            },
        };
        let (of_loop, of_all) = self.elapsed(now);
        let limits = self.budget.limits;
        let is_over = |time: SignedDuration, limit: u64| {
            time.as_secs() > i64::try_from(limit).unwrap_or(i64::MAX)
        };
        if is_over(of_loop, limits.loop_seconds) {
            return Step::Close(End::Exhausted(Limit::LoopTime));
        }
        if is_over(of_all, limits.seconds) {
            return Step::Close(End::Exhausted(Limit::Time));
        }
        step
    }

    /// Returns how often this call was made at this revision.
    pub fn times(&self, call: &Call) -> u32 {
        self.seen.get(&self.key(call)).copied().unwrap_or(0)
    }

    fn key(&self, call: &Call) -> Digest {
        Digest::sha256(format!("{} {}", self.rev(), call.canonical()).as_bytes())
    }

    fn elapsed(&self, now: Timestamp) -> (SignedDuration, SignedDuration) {
        let step = now.duration_since(self.last.at).clamp(SignedDuration::ZERO, LONGEST_STEP);
        let (mut of_loop, mut of_all) = (self.loop_time, self.time);
        if !matches!(self.phase, Phase::Waiting { .. } | Phase::Parked { .. } | Phase::Over(_)) {
            of_all += step;
            let is_plan = matches!(&self.phase, Phase::Doing { call: Call::PlanPreview {}, .. });
            of_loop += if is_plan { SignedDuration::ZERO } else { step };
        }
        (of_loop, of_all)
    }

    fn apply(&mut self, entry: &Entry) {
        (self.loop_time, self.time) = self.elapsed(entry.at);
        match &entry.event {
            Event::Started { .. } => {}
            Event::Asked { debit, .. } => {
                self.budget.debit(debit);
                self.phase = Phase::Asked { debit: *debit };
            }
            Event::Answered { turn, used } => {
                self.settle(used);
                self.absences = 0;
                self.answered(turn);
            }
            Event::Garbled { .. } => {
                self.phase = Phase::Open;
                self.useless();
            }
            Event::Failed { until, .. } => {
                self.settle(&Amount::default());
                self.absences += 1;
                self.phase = Phase::Parked { until: *until };
                if self.absences >= ABSENCES {
                    self.phase = Phase::Closing(End::Away);
                }
            }
            Event::Rejected { why } => {
                self.settle(&Amount::default());
                self.phase = Phase::Closing(End::Rejected(why.clone()));
            }
            Event::Exhausted { limit } => self.phase = Phase::Closing(End::Exhausted(*limit)),
            Event::Called { decision, debit } => {
                self.budget.debit(debit);
                self.called(decision);
            }
            Event::Returned { content, accepted, planned } => {
                self.returned(content, *accepted, planned.as_ref());
            }
            Event::Chosen { by, choice, .. } => {
                self.join(by);
                self.chosen(*choice);
            }
            Event::Revised { by, text, .. } | Event::Reviewed { by, text, .. } => {
                self.join(by);
                self.revised(text);
            }
            Event::PlanFailed { why, .. } => {
                self.planned = None;
                self.reopen(prompt::plan_failed(why));
            }
            Event::Ended { how, published } => self.ended(how, published.as_ref()),
        }
        self.last = entry.clone();
    }

    fn settle(&mut self, used: &Amount) {
        if let Phase::Asked { debit } = &self.phase {
            self.budget.settle(debit, used);
        }
    }

    fn join(&mut self, person: &Actor) {
        if !self.people.iter().any(|other| other.id == person.id) {
            self.people.push(person.clone());
        }
    }

    fn useless(&mut self) {
        self.unusable += 1;
        if self.unusable >= REPEATS {
            self.phase = Phase::Closing(End::Unusable);
        }
    }

    fn answered(&mut self, turn: &super::event::Turn) {
        self.phase = Phase::Open;
        match turn.stop {
            Stop::Refused => {
                self.phase = Phase::Closing(End::Refused);
            }
            Stop::Cut => {
                self.conversation
                    .push(Message::Assistant { text: turn.text.clone(), calls: Vec::new() });
                self.conversation.push(prompt::cut());
                self.useless();
            }
            _ if turn.calls.is_empty() => {
                self.conversation
                    .push(Message::Assistant { text: turn.text.clone(), calls: Vec::new() });
                self.conversation.push(prompt::no_call());
                self.useless();
            }
            Stop::Done | Stop::Unknown => {
                // The server's ids are not used: they may be missing or occur twice.
                let calls: Vec<(String, RawCall)> = turn
                    .calls
                    .iter()
                    .enumerate()
                    .map(|(i, call)| (format!("call_{}_{i}", self.turns), call.clone()))
                    .collect();
                let text = turn.text.clone();
                self.conversation.push(Message::Assistant { text, calls: calls.clone() });
                self.queue.extend(calls);
            }
        }
        self.turns += 1;
    }

    fn called(&mut self, decision: &Decision) {
        let Some((id, _)) = self.queue.pop_front() else { return };
        match decision {
            Decision::Refused(problem) => {
                self.answer(id, &json!(problem));
                self.phase = Phase::Open;
                self.useless();
            }
            Decision::Allowed(call) => {
                self.unusable = 0;
                if self.is_repeated(call) {
                    self.answer(id, &json!(repeated()));
                } else {
                    self.proceed(id, call.clone());
                }
            }
            Decision::Asked(call, question) => {
                self.unusable = 0;
                let held = question.is_ours.then(|| call.clone());
                self.phase = Phase::Waiting { id, question: question.clone(), held };
            }
        }
    }

    fn is_repeated(&mut self, call: &Call) -> bool {
        let times = self.seen.entry(self.key(call)).or_default();
        *times += 1;
        let is_repeated = *times >= REPEATS;
        if is_repeated {
            self.phase = Phase::Closing(End::Repeating);
        }
        is_repeated
    }

    /// Makes an allowed call the next thing to do. `finish` is done at once: it only ends the run.
    fn proceed(&mut self, id: String, call: Call) {
        if let Call::Finish { outcome, summary, unmet } = call {
            self.answer(id, &json!({ "accepted": true }));
            self.note = Some(Note { summary, unmet });
            self.phase = Phase::Closing(End::Finished(outcome));
        } else {
            self.phase = Phase::Doing { id, call };
        }
    }

    fn returned(&mut self, content: &Value, accepted: bool, planned: Option<&Planned>) {
        let Phase::Doing { id, call } = std::mem::replace(&mut self.phase, Phase::Open) else {
            return;
        };
        self.answer(id, content);
        if let Some((edit, _)) = call.edit().filter(|_| accepted) {
            self.accept(edit);
        }
        if let Some(planned) = planned {
            self.failed_plans += u32::from(planned.digest.is_none());
            self.planned = Some(planned.clone());
        }
    }

    fn accept(&mut self, edit: Edit) {
        self.change_set.0.push(edit);
    }

    fn chosen(&mut self, choice: u64) {
        let Phase::Waiting { id, question, held } = std::mem::replace(&mut self.phase, Phase::Open)
        else {
            return;
        };
        match held {
            Some(call) if choice == 1 => {
                if matches!(call, Call::PlanPreview {}) {
                    self.failed_plans = 0;
                }
                self.proceed(id, call);
            }
            Some(_) => {
                let problem = Problem::new("denied", "", "a person does not want this");
                self.answer(id, &json!(problem));
            }
            None => {
                let index = usize::try_from(choice).unwrap_or(usize::MAX).wrapping_sub(1);
                let text = question.choices.get(index).cloned().unwrap_or_default();
                self.answer(id, &json!({ "choice": choice, "text": text }));
            }
        }
    }

    fn reopen(&mut self, message: Message) {
        self.conversation.push(message);
        self.phase = Phase::Open;
        self.unusable = 0;
        self.absences = 0;
        self.seen.clear();
    }

    /// Records what people want changed, and gives the run a new budget.
    fn revised(&mut self, text: &str) {
        self.spent_before = self.spent();
        self.budget.spent = Amount::default();
        (self.loop_time, self.time) = Default::default();
        self.reopen(prompt::revision(text));
    }

    fn ended(&mut self, how: &End, published: Option<&Published>) {
        if let Some(published) = published {
            self.published = Some(published.clone());
            let is_finished = *how == End::Finished(Outcome::Propose);
            self.unfinished = (!is_finished).then(|| how.clone());
        }
        for (id, _) in std::mem::take(&mut self.queue) {
            self.conversation.push(Message::tool(id, &json!({ "code": "over" })));
        }
        self.phase = Phase::Over(how.clone());
    }

    fn answer(&mut self, id: String, content: &Value) {
        self.conversation.push(Message::tool(id, content));
    }
}

fn repeated() -> Problem {
    Problem::new("repeated", "", "this very call was made before, with the same result")
}

#[cfg(test)]
mod tests;
