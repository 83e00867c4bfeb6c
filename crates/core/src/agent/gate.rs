//! Decides whether a call is carried out, refused, or put to a person.
//!
//! The decision depends only on the state of the run, the call, and the stacks and settings of the
//! base commit. The checks always come in this order: syntax, the tools of the run, secrets, scope,
//! package, revision, consent of people, budget.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    budget::{Amount, Limit},
    call::{self, Call, Outcome, RawCall},
    event::{Decision, Question},
    problem::Problem,
    run::{FAILED_PLANS, Run},
    scope::Scope,
};
use crate::{change_set::MOST, names::StackId};

/// The number of stacks that one run may change.
pub const STACKS: usize = 3;

/// What a decision depends on besides the run.
pub struct Facts<'a> {
    /// The stacks of the base commit with the edits of the run applied.
    pub stacks: &'a BTreeSet<StackId>,
    /// The packages that the settings of the base commit allow.
    pub packages: &'a BTreeSet<String>,
    /// The stacks that a run may change, by the same settings.
    pub scope: &'a Scope,
    /// Returns whether a text contains one of our secrets, or what looks like a secret.
    pub is_secret: &'a (dyn Fn(&str) -> bool + Sync),
}

/// Decides on a call, and returns the decision with what is debited for it. Fails if the budget
/// does not suffice.
pub fn decide(run: &Run, raw: &RawCall, facts: &Facts<'_>) -> Result<(Decision, Amount), Limit> {
    let mut debit = Amount { tool_calls: 1, ..Amount::default() };
    run.budget.affords(&debit)?;
    let decision = match Call::read(raw).and_then(|call| passed(run, call, facts)) {
        Err(problem) => Decision::Refused(problem),
        Ok((call, None)) => Decision::Allowed(call),
        Ok((call, Some(question))) => Decision::Asked(call, question),
    };
    match &decision {
        Decision::Asked(..) => debit.questions = 1,
        Decision::Allowed(Call::PlanPreview {}) => debit.plans = 1,
        _ => {}
    }
    run.budget.affords(&debit)?;
    Ok((decision, debit))
}

fn passed(run: &Run, call: Call, facts: &Facts<'_>) -> Result<(Call, Option<Question>), Problem> {
    if run.tools != call::tools_digest() {
        let message = "the tools of this run are not those of this version; begin a new run";
        return Err(Problem::new("other_tools", "", message));
    }
    let value = serde_json::to_value(&call).unwrap_or_default();
    if call::texts(&value).iter().any(|text| (facts.is_secret)(text)) {
        let message =
            "this holds what is, or looks like, a credential; those are never written here";
        return Err(Problem::new("secret", "", message));
    }
    in_scope(run, &call, facts)?;
    package_allowed(&call, facts)?;
    if let Some((_, expected)) = call.edit()
        && expected != run.rev()
    {
        let message = format!("the edits are at revision {}, not {expected}", run.rev());
        return Err(Problem::new("stale_revision", "/expected_rev", message)
            .fix("read_stack, and decide anew"));
    }
    let question = policy(run, &call)?;
    Ok((call, question))
}

fn in_scope(run: &Run, call: &Call, facts: &Facts<'_>) -> Result<(), Problem> {
    if let Call::ReadStack { stack } = call {
        return known(stack, facts);
    }
    let Some((edit, _)) = call.edit() else { return Ok(()) };
    let stack = edit.stack();
    if !facts.scope.allows(stack) {
        let message = format!("planwright.yaml lets no run change `{stack}`");
        return Err(Problem::new("out_of_scope", "/stack", message)
            .allowed(facts.scope.patterns(), &stack.to_string()));
    }
    if !matches!(call, Call::AddStack { .. }) {
        known(stack, facts)?;
    }
    let touched: BTreeSet<&StackId> =
        run.change_set.0.iter().chain([&edit]).map(|edit| edit.stack()).collect();
    if touched.len() > STACKS {
        let message = format!("one run changes at most {STACKS} stacks");
        return Err(Problem::new("too_many_stacks", "/stack", message));
    }
    if run.change_set.0.len() >= MOST {
        let message = format!("one run makes at most {MOST} edits");
        return Err(Problem::new("too_many_edits", "", message));
    }
    Ok(())
}

fn known(stack: &StackId, facts: &Facts<'_>) -> Result<(), Problem> {
    if facts.stacks.contains(stack) {
        return Ok(());
    }
    let names: BTreeMap<String, ()> = facts.stacks.iter().map(|id| (id.to_string(), ())).collect();
    let problem = Problem::new("unknown_stack", "/stack", "there is no such stack");
    Err(problem.allowed(names.keys().map(String::as_str), &stack.to_string()))
}

fn package_allowed(call: &Call, facts: &Facts<'_>) -> Result<(), Problem> {
    let (Call::AddStack { package, .. } | Call::DescribePackage { package }) = call else {
        return Ok(());
    };
    if facts.packages.contains(package) {
        return Ok(());
    }
    let message = "planwright.yaml does not allow this package";
    Err(Problem::new("package_not_allowed", "/package", message)
        .allowed(facts.packages.iter().map(String::as_str), package))
}

/// Returns the question that a person has to answer first, if any. Fails if nobody can allow the
/// call.
fn policy(run: &Run, call: &Call) -> Result<Option<Question>, Problem> {
    match call {
        Call::RemoveStack { stack, .. } => Ok(Some(ours(&format!(
            "Remove the stack {stack}? After the merge everything in it is destroyed."
        )))),
        Call::AskHuman { question, choices } => {
            Ok(Some(Question { text: question.clone(), choices: choices.clone(), is_ours: false }))
        }
        Call::PlanPreview {} if run.change_set.0.is_empty() => {
            Err(Problem::new("nothing_to_plan", "", "there are no edits"))
        }
        Call::PlanPreview {} if run.failed_plans >= FAILED_PLANS => {
            Ok(Some(ours("The plan failed twice. Plan once more?")))
        }
        Call::Finish { outcome, .. } => finish(run, *outcome),
        _ => Ok(further_environment(run, call)),
    }
}

/// Returns a question if the run would change a second environment, which a request rarely means.
fn further_environment(run: &Run, call: &Call) -> Option<Question> {
    let (edit, _) = call.edit()?;
    let environments: BTreeSet<&str> =
        run.change_set.0.iter().filter_map(|edit| edit.stack().environment()).collect();
    let environment = edit.stack().environment()?;
    if environments.is_empty() || environments.contains(environment) {
        return None;
    }
    let stack = edit.stack();
    Some(ours(&format!("Change {stack}, too? It is a further environment.")))
}

fn finish(run: &Run, outcome: Outcome) -> Result<Option<Question>, Problem> {
    let has_edits = !run.change_set.0.is_empty();
    match outcome {
        Outcome::Propose if !has_edits => {
            Err(Problem::new("nothing_to_propose", "/outcome", "there are no edits"))
        }
        Outcome::Propose => {
            let planned = run.planned.as_ref().filter(|planned| planned.rev == run.rev());
            match planned {
                Some(planned) if planned.digest.is_some() && planned.destroys > 0 => {
                    Ok(Some(ours(&format!(
                        "The plan deletes or replaces {} resource{}. Propose it?",
                        planned.destroys,
                        if planned.destroys == 1 { "" } else { "s" },
                    ))))
                }
                Some(planned) if planned.digest.is_some() => Ok(None),
                _ => Err(Problem::new(
                    "not_planned",
                    "/outcome",
                    "propose needs a successful plan of exactly these edits",
                )
                .fix("plan_preview")),
            }
        }
        Outcome::NoChangeNeeded | Outcome::AnswerOnly if has_edits => {
            let message = "there are edits, so this is not so";
            Err(Problem::new("has_edits", "/outcome", message))
        }
        _ => Ok(None),
    }
}

fn ours(text: &str) -> Question {
    let choices = vec!["Yes".to_owned(), "No".to_owned()];
    Question { text: text.to_owned(), choices, is_ours: true }
}

#[cfg(test)]
mod tests;
