//! The story of the demo, printed as a line per step.
//!
//! People act through fakehub. The checks look at the bot's stored change, the check run, and the
//! values in a reply. A second play in the same directory continues with another greeting.

use std::{
    io::{self, Write as _},
    time::Instant,
};

use anyhow::{Result, ensure};

use planwright_core::{
    change::{ChangeState, DriftCheck, StackChange, StackProgress},
    drift, escape,
};
use planwright_fakehub::{Edit, MergeMethod};
use planwright_view::{difference_text, headline, plain, value_text};

use super::sandbox::{REPO, Sandbox, TAMPERED, stack_files};

/// The attribute that holds the greeting, in the resource of that name.
const GREETING: &str = "triggers_replace[0]";

/// Prints steps as they pass.
struct Reporter {
    steps: usize,
    passed: usize,
    since: Instant,
}

impl Reporter {
    fn report(&mut self, what: &str, outcome: Result<String>) -> Option<()> {
        self.steps += 1;
        let seconds = self.since.elapsed().as_secs_f32();
        self.since = Instant::now();
        let (mark, text) = match &outcome {
            Ok(what_came_out) => ("✓", what_came_out.clone()),
            Err(error) => ("✗", format!("{error:#}")),
        };
        let line = format!("{mark} {what:<14} {text}  ({seconds:.1} s)");
        // The output may be closed; the exit code still shows the result.
        let _ = writeln!(io::stdout(), "{line}");
        self.passed += usize::from(outcome.is_ok());
        outcome.ok().map(drop)
    }
}

/// Plays the story; returns whether every step passed.
pub async fn play(sandbox: &Sandbox) -> bool {
    let mut reporter = Reporter { steps: 0, passed: 0, since: Instant::now() };
    // Greetings differ from those of earlier plays in the same directory.
    let before = sandbox.newest();
    let next = before + 1;
    let (first, second) = (format!("Hello {next}"), format!("Good morning {next}"));
    let finished = story(sandbox, &mut reporter, &first, &second).await;
    if finished.is_none() && sandbox.newest() > before {
        show_comment(sandbox);
    }
    let Reporter { steps, passed, .. } = reporter;
    let _ = writeln!(io::stdout(), "story: {steps} steps, {passed} passed");
    finished.is_some() && steps == passed
}

/// Prints the bot's comment, which shows why a step did not pass.
fn show_comment(sandbox: &Sandbox) {
    let number = sandbox.newest();
    let text = match sandbox.report(number) {
        Ok(report) => {
            let line = |line: &str| format!("  {}\n", escape::visible(line.trim_end()));
            format!("\nthe comment on #{number}:\n{}", report.lines().map(line).collect::<String>())
        }
        Err(error) => format!("\n#{number}: {error:#}\n"),
    };
    let _ = writeln!(io::stdout(), "{text}");
}

async fn story(
    sandbox: &Sandbox,
    reporter: &mut Reporter,
    first: &str,
    second: &str,
) -> Option<()> {
    let number = planned_change(sandbox, reporter, first).await?;
    land(sandbox, reporter, number, first).await?;
    let tampered = sandbox.tamper(first, TAMPERED);
    let tampered =
        tampered.map(|()| format!("`{first}` became `{TAMPERED}` in the recorded state"));
    reporter.report("changed behind", tampered)?;
    let asked = sandbox.alice.comment(REPO, number, "/infra drift");
    let reply = settled(sandbox, asked).await.and_then(|asked| sandbox.reply(number, asked));
    reporter.report("/infra drift", reply.and_then(|reply| drifted(&reply, first)))?;
    let next = planned_change(sandbox, reporter, second).await?;
    let reverts = sandbox.change(next).await.and_then(|change| {
        ensure!(change.stacks.iter().any(reverts_drift), "nothing of the plan reverts drift");
        Ok("the comment labels which of these changes revert drift".into())
    });
    reporter.report("reverts drift", reverts)?;
    land(sandbox, reporter, next, second).await
}

/// Opens a pull request and waits for its plan; returns its number.
async fn planned_change(sandbox: &Sandbox, reporter: &mut Reporter, greeting: &str) -> Option<i64> {
    let opened = open(sandbox, greeting);
    let number = opened.as_ref().ok().copied();
    let line = opened.map(|number| format!("alice opens #{number}: greeting `{greeting}`"));
    reporter.report("open", line)?;
    let number = number?;
    let planned = match sandbox.settle().await {
        Ok(()) => planned(sandbox, number).await,
        Err(error) => Err(error),
    };
    reporter.report("plan", planned)?;
    Some(number)
}

/// Approves and merges a pull request, and waits until it is applied and verified.
async fn land(
    sandbox: &Sandbox,
    reporter: &mut Reporter,
    number: i64,
    greeting: &str,
) -> Option<()> {
    let approved = sandbox.bob.approve(REPO, number);
    let approved = settled(sandbox, approved).await.and_then(|_| {
        conclusion(sandbox, number, "success")?;
        Ok("bob approves this plan; the check passes".into())
    });
    reporter.report("approve", approved)?;
    let merged = sandbox.bob.merge(REPO, number, MergeMethod::Squash);
    let line = merged.as_ref().map(|sha| format!("bob merges #{number} as {}", &sha[..7]));
    reporter.report("merge", line.map_err(|error| anyhow::anyhow!("{error}")))?;
    let applied = match settled(sandbox, merged).await {
        Ok(_) => applied(sandbox, number, greeting).await,
        Err(error) => Err(error),
    };
    reporter.report("apply", applied)?;
    let verified = sandbox.change(number).await.and_then(|change| {
        ensure!(change.state == ChangeState::Applied, "it is not verified: {:?}", change.state);
        Ok("a second plan is empty".into())
    });
    reporter.report("verified", verified)
}

fn open(sandbox: &Sandbox, greeting: &str) -> Result<i64> {
    let branch = format!("greeting-{}", greeting.to_lowercase().replace(' ', "-"));
    let mut edit = Edit::new(format!("Greet with {greeting}"));
    for (path, text) in stack_files(greeting)? {
        edit = edit.write(path, text);
    }
    sandbox.alice.push(REPO, &branch, &edit)?;
    Ok(sandbox.alice.open_pull(REPO, &branch, &format!("Greet with {greeting}"))?)
}

async fn planned(sandbox: &Sandbox, number: i64) -> Result<String> {
    let change = sandbox.change(number).await?;
    ensure!(change.state == ChangeState::AwaitingApproval, "it is {:?}", change.state);
    conclusion(sandbox, number, "action_required")?;
    Ok(format!("{}; the check waits for an approval", plain(&headline(&change))))
}

async fn applied(sandbox: &Sandbox, number: i64, greeting: &str) -> Result<String> {
    let change = sandbox.change(number).await?;
    ensure!(change.state == ChangeState::Applied, "it is not applied: {:?}", change.state);
    let has_greeting = |stack: &StackChange| match &stack.progress {
        Some(StackProgress::Applied { outputs }) => {
            outputs.values().any(|value| value_text(value).contains(greeting))
        }
        _ => false,
    };
    ensure!(change.stacks.iter().any(has_greeting), "the outputs do not have the greeting");
    Ok(plain(&headline(&change)))
}

/// Returns whether the plan of a stack reverts what was changed outside its configuration.
fn reverts_drift(stack: &StackChange) -> bool {
    match (stack.plan.plan(), &stack.drift) {
        (Some(plan), DriftCheck::Checked(found)) => !drift::reverts_drift(plan, found).is_empty(),
        _ => false,
    }
}

/// Returns the drifted attribute with both values. They are only in the reply: requested drift
/// checks are not stored.
fn drifted(reply: &str, applied: &str) -> Result<String> {
    let values = difference_text(&applied.into(), &TAMPERED.into());
    let named = format!("{GREETING}: {values}");
    ensure!(reply.contains(&named), "the reply does not have {named}:\n{reply}");
    Ok(named)
}

fn conclusion(sandbox: &Sandbox, number: i64, wanted: &str) -> Result<()> {
    let check = sandbox.check(number)?;
    let found = check.conclusion.unwrap_or_else(|| check.status.clone());
    ensure!(found == wanted, "the check says `{found}`, not `{wanted}`");
    Ok(())
}

/// Waits until everything that a person's action caused is done; returns the result of the action.
async fn settled<T, E: std::fmt::Display>(sandbox: &Sandbox, act: Result<T, E>) -> Result<T> {
    let done = act.map_err(|error| anyhow::anyhow!("{error}"))?;
    sandbox.settle().await?;
    Ok(done)
}
