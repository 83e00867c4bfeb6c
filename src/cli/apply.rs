//! `planwright apply`, and what it shares with `destroy`: show the plan, ask, apply, report.

use std::{
    collections::BTreeSet,
    io::{IsTerminal as _, Write as _},
    process::ExitCode,
};

use anyhow::Context as _;
use serde_json::{Value, json};

use planwright_core::names::StackId;
use planwright_engine::{Mode, Outcome as StepOutcome, Step};
use planwright_view::{Block, Doc, code, terminal, text};

use super::{
    Output,
    engine::{EngineArguments, drive},
    output::{CANCELLED, REFUSED},
    plan::{Plans, documents, has_failed, print},
    terminal::{about, changes, failure, outputs, outputs_json},
};
use crate::checkout::{
    Checkout, Error, Session,
    apply::{End, Outcome, apply, may_apply},
    plan::plan,
};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Stacks to apply.
    stacks: Vec<String>,
    #[command(flatten)]
    consent: Consent,
    #[command(flatten)]
    engine: EngineArguments,
}

/// What a person agrees to before they have seen the plan.
#[derive(Debug, clap::Args)]
pub struct Consent {
    /// Do not ask before doing what the plan says.
    #[arg(long)]
    auto_approve: bool,
    /// A protected resource that may be deleted or replaced; can be given several times.
    #[arg(long, value_name = "ADDRESS")]
    allow: Vec<String>,
}

pub fn run(
    arguments: &Arguments,
    checkout: &Checkout,
    output: &mut Output,
) -> Result<ExitCode, Error> {
    let next = "look at `planwright plan` first, then give `--auto-approve`";
    arguments.consent.can_be_given(output, next)?;
    drive(&arguments.engine, checkout, async |session| {
        let plans = plan(session, &arguments.stacks).await?;
        carry_out(session, plans, &arguments.consent, output).await
    })
}

impl Consent {
    /// Checks, before anything is planned, that the user can be asked or has agreed in advance. The
    /// error ends with `next`, the advice.
    pub fn can_be_given(&self, output: &Output, next: &str) -> Result<(), Error> {
        if self.auto_approve || (std::io::stdin().is_terminal() && !output.is_json) {
            return Ok(());
        }
        let why = if output.is_json { "JSON is no question" } else { "this is no terminal" };
        Err(Error::Usage(format!("nobody can be asked before anything is done ({why}); {next}")))
    }

    async fn ask(&self, session: &Session<'_>, plans: &Plans) -> Result<(), Error> {
        let all = || plans.iter().flat_map(|(_, plan)| plan);
        if self.auto_approve || all().all(|plan| plan.plan().is_empty()) {
            return Ok(());
        }
        let is_destroy = all().any(|plan| plan.mode == Mode::Destroy);
        let what = if is_destroy { "Destroy all of this?" } else { "Do what is shown above?" };
        print!("\n{what} Only `yes` is a yes: ");
        std::io::stdout().flush().context("the question cannot be asked")?;
        let line = tokio::task::spawn_blocking(|| {
            let mut line = String::new();
            std::io::stdin().read_line(&mut line).map(|_| line)
        });
        let line = tokio::select! {
            () = session.cancel.cancelled() => return Err(Error::Cancelled),
            line = line => line.context("the answer was lost")?.context("no answer can be read")?,
        };
        match line.trim() {
            "yes" => Ok(()),
            _ => Err(Error::Refused("that was no `yes`; nothing was done".into())),
        }
    }
}

/// Shows the plans, asks, and applies exactly those, one stack after the other.
pub async fn carry_out(
    session: &Session<'_>,
    plans: Plans,
    consent: &Consent,
    output: &mut Output,
) -> Result<ExitCode, Error> {
    let planned = documents(&plans);
    if !output.is_json || has_failed(&plans) {
        print(&plans, output)?;
    }
    if has_failed(&plans) {
        if !output.is_json {
            eprintln!("error: not all could be planned; nothing was done");
        }
        return Ok(ExitCode::from(REFUSED));
    }
    may_apply(plans.iter().flat_map(|(_, plan)| plan), &consent.allow)?;
    consent.ask(session, &plans).await?;
    let mut outcomes = Vec::new();
    for (stack, plan) in plans {
        let Ok(plan) = plan else { continue };
        if session.cancel.is_cancelled() {
            break;
        }
        let verb = if plan.mode == Mode::Destroy { "destroyed" } else { "applied" };
        outcomes.push((stack, verb, apply(session, plan).await));
    }
    let (well, failed): (Vec<_>, Vec<_>) =
        outcomes.iter().partition(|(.., outcome)| outcome.is_well());
    let texts = |outcomes: &[&(StackId, &'static str, Outcome)]| -> String {
        outcomes.iter().map(|(stack, verb, outcome)| outcome_text(stack, verb, outcome)).collect()
    };
    let done = outcomes.iter().map(|(stack, _, outcome)| document(stack, outcome));
    let json = json!({ "plans": planned, "stacks": done.collect::<Vec<_>>() });
    output.print(&json, &format!("\n{}", texts(&well)))?;
    output.failures(&texts(&failed));
    Ok(match failed.is_empty() {
        _ if session.cancel.is_cancelled() => ExitCode::from(CANCELLED),
        true => ExitCode::SUCCESS,
        false => ExitCode::from(REFUSED),
    })
}

fn outcome_text(stack: &StackId, verb: &'static str, outcome: &Outcome) -> String {
    terminal(&end(stack, verb, outcome))
}

fn end(stack: &StackId, verb: &'static str, outcome: &Outcome) -> Doc {
    let outputs = (!outcome.outputs.is_empty()).then(|| Block::Details {
        summary: "outputs".into(),
        is_open: true,
        body: outputs(&outcome.outputs, false).into(),
    });
    let outputs = Vec::from_iter(outputs);
    match &outcome.end {
        End::Unchanged => about(stack, "nothing to do", outputs),
        End::Verified => {
            about(stack, text![verb, ", and verified: a second plan is empty"], outputs)
        }
        End::NotConverged(plan) => {
            let message = format!("{verb}, but it has not converged: a second plan is not empty");
            failure(stack, &message, vec![changes(plan, &BTreeSet::new())])
        }
        End::Unverified(why) => {
            let message = format!("{verb}, but that could not be verified: {why}");
            failure(stack, &message, Vec::new())
        }
        End::Failed(why) => {
            let command = if verb == "destroyed" { "destroy" } else { "apply" };
            let next = code(format_args!("planwright {command} {stack}"));
            let next = text!["once its cause is mended, ", next, " goes on from here"];
            failure(stack, why, vec![steps(outcome), Block::Paragraph(next)])
        }
    }
}

/// Returns what is known of each resource of a failed apply, unknown outcomes first.
fn steps(outcome: &Outcome) -> Block {
    let word = |outcome| match outcome {
        StepOutcome::Done => "done",
        StepOutcome::Failed => "failed",
        StepOutcome::Unknown => "begun, its end is not known",
    };
    let line = |step: &Step| format!("{} {}: {}", step.action, step.address, word(step.outcome));
    let rank = |outcome| match outcome {
        StepOutcome::Unknown => 0,
        StepOutcome::Failed => 1,
        StepOutcome::Done => 2,
    };
    let mut steps: Vec<&Step> = outcome.steps.iter().collect();
    steps.sort_by_key(|step| (rank(step.outcome), &step.address));
    match steps.is_empty() {
        true => Block::Paragraph("nothing was begun".into()),
        false => Block::Code(steps.into_iter().map(line).collect()),
    }
}

fn document(stack: &StackId, outcome: &Outcome) -> Value {
    let (end, error) = match &outcome.end {
        End::Unchanged => ("unchanged", None),
        End::Verified => ("verified", None),
        End::NotConverged(_) => ("not_converged", None),
        End::Unverified(why) => ("unverified", Some(why)),
        End::Failed(why) => ("failed", Some(why)),
    };
    let mut json = json!({
        "stack": stack,
        "end": end,
        "steps": outcome.steps,
        "outputs": outputs_json(&outcome.outputs, false),
    });
    if let Some(error) = error {
        json["error"] = error.as_str().into();
    }
    if let End::NotConverged(plan) = &outcome.end {
        json["left"] = json!(plan);
    }
    json
}
