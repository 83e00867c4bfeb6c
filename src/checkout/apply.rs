//! `planwright apply` and `destroy`: carry out exactly the plan that was shown, then verify with a
//! second plan that nothing is left to do.
//!
//! `cli` asks the person. Nothing is retried: a failure says what is known of each resource.

use std::collections::{BTreeMap, BTreeSet};

use planwright_core::plan::Plan;
use planwright_engine as engine;
use planwright_engine::{Control, Mode, Output, Step};

use super::{
    Error, Session,
    plan::{StackPlan, plan_work},
};

/// The result of applying one stack.
pub struct Outcome {
    /// What is known of each resource.
    pub steps: Vec<Step>,
    pub outputs: BTreeMap<String, Output>,
    pub end: End,
}

pub enum End {
    /// There was nothing to do.
    Unchanged,
    /// Applied, and a second plan is empty.
    Verified,
    /// Applied, but a second plan still has changes.
    NotConverged(Plan),
    /// Applied, but it could not be verified or recorded.
    Unverified(String),
    Failed(String),
}

impl Outcome {
    pub fn is_well(&self) -> bool {
        matches!(self.end, End::Unchanged | End::Verified)
    }
}

/// Fails if plans delete or replace protected resources that are not in `allowed`.
pub fn may_apply<'a>(
    plans: impl IntoIterator<Item = &'a StackPlan>,
    allowed: &[String],
) -> Result<(), Error> {
    let protected: BTreeSet<String> = plans.into_iter().flat_map(StackPlan::protected).collect();
    let unnamed: Vec<&String> =
        protected.iter().filter(|address| !allowed.contains(address)).collect();
    if unnamed.is_empty() {
        return Ok(());
    }
    let flags: Vec<String> =
        unnamed.iter().map(|address| format!("  --allow '{address}'")).collect();
    Err(Error::Refused(format!(
        "this would delete or replace {} that the package protects, so nothing is applied. To have it \
         done all the same, name {}:\n{}",
        if unnamed.len() == 1 { "a resource" } else { "resources" },
        if unnamed.len() == 1 { "it" } else { "each of them" },
        flags.join("\n")
    )))
}

/// Applies one plan and verifies it.
pub async fn apply(session: &Session<'_>, plan: StackPlan) -> Outcome {
    let StackPlan { work, mode, planned } = plan;
    let is_destroyed = mode == Mode::Destroy;
    let log = session.log(&work.stack);
    let control = Control { cancel: session.cancel.clone(), log: Some(&log), on_start: None };
    let ended = |steps, outputs, end| Outcome { steps, outputs, end };
    if planned.plan.is_empty() {
        // A plan holds the lock of the work directory, which reading the outputs needs.
        drop(planned);
        let outputs = match is_destroyed {
            true => Ok(BTreeMap::new()),
            false => session.engine.outputs(&session.root(&work), &control).await,
        };
        let recorded = session.record(&work, is_destroyed);
        return match outputs.and_then(|outputs| recorded.map(|()| outputs)) {
            Ok(outputs) => ended(Vec::new(), outputs, End::Unchanged),
            Err(error) => ended(Vec::new(), BTreeMap::new(), End::Failed(error.to_string())),
        };
    }
    let applied = match session.engine.apply(&session.root(&work), planned, &control).await {
        Ok(applied) => applied,
        Err(failed) => {
            let end = End::Failed(failed.error.to_string());
            return ended(failed.steps, BTreeMap::new(), end);
        }
    };
    let end = match session.record(&work, is_destroyed) {
        Ok(()) => verified(plan_work(session, &work, mode).await),
        Err(error) => End::Unverified(error.to_string()),
    };
    ended(applied.steps, applied.outputs, end)
}

fn verified(second: Result<engine::Planned, engine::Error>) -> End {
    match second {
        Ok(second) if second.plan.has_converged() => End::Verified,
        Ok(second) => End::NotConverged(second.plan.clone()),
        Err(error) => End::Unverified(error.to_string()),
    }
}
