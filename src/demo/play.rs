//! The story of the demo, a line for each step.
//!
//! People act through fakehub; what is checked is what people see: comment, reply, check, and the
//! recorded state. A second play in the same directory goes on with another greeting.

use std::{
    io::{self, Write as _},
    time::Instant,
};

use anyhow::{Result, ensure};
use planwright_core::escape;
use planwright_fakehub::{Edit, MergeMethod};

use super::scene::{REPO, Scene, stack_files};

/// Tells steps as they pass and stops at the first that does not.
struct Teller {
    steps: usize,
    passed: usize,
    since: Instant,
}

impl Teller {
    fn tell(&mut self, what: &str, outcome: Result<String>) -> Option<()> {
        self.steps += 1;
        let seconds = self.since.elapsed().as_secs_f32();
        self.since = Instant::now();
        let (mark, text) = match &outcome {
            Ok(seen) => ("✓", seen.clone()),
            Err(error) => ("✗", format!("{error:#}")),
        };
        let line = format!("{mark} {what:<14} {text}  ({seconds:.1} s)");
        // Nobody reads on a closed terminal; the exit code still tells.
        let _ = writeln!(io::stdout(), "{line}");
        self.passed += usize::from(outcome.is_ok());
        outcome.ok().map(drop)
    }
}

/// Plays it; whether every step passed.
pub async fn play(scene: &Scene) -> bool {
    let mut teller = Teller { steps: 0, passed: 0, since: Instant::now() };
    // Unlike any earlier play's in the same directory.
    let before = scene.newest();
    let next = before + 1;
    let (first, second) = (format!("Hello {next}"), format!("Good morning {next}"));
    let told = story(scene, &mut teller, &first, &second).await;
    if told.is_none() && scene.newest() > before {
        show_comment(scene);
    }
    let Teller { steps, passed, .. } = teller;
    let _ = writeln!(io::stdout(), "story: {steps} steps, {passed} passed");
    told.is_some() && steps == passed
}

/// What stands in the comment when a step did not pass: that says why.
fn show_comment(scene: &Scene) {
    let number = scene.newest();
    let text = match scene.report(number) {
        Ok(report) => {
            let line = |line: &str| format!("  {}\n", escape::visible(line.trim_end()));
            format!("\nthe comment on #{number}:\n{}", report.lines().map(line).collect::<String>())
        }
        Err(error) => format!("\n#{number}: {error:#}\n"),
    };
    let _ = writeln!(io::stdout(), "{text}");
}

async fn story(scene: &Scene, teller: &mut Teller, first: &str, second: &str) -> Option<()> {
    let number = planned_change(scene, teller, first).await?;
    land(scene, teller, number, first).await?;
    let tampered = scene.tamper(first, "Boo");
    let tampered = tampered.map(|()| format!("`{first}` became `Boo` in the recorded state"));
    teller.tell("changed behind", tampered)?;
    let asked = scene.alice.comment(REPO, number, "/infra drift");
    let reply = settled(scene, asked).await.and_then(|_| drift(scene, number, first));
    teller.tell("/infra drift", reply)?;
    let next = planned_change(scene, teller, second).await?;
    let reverts = scene.report(next).and_then(|report| {
        ensure!(report.contains("reverts drift"), "the comment does not say what reverts drift");
        Ok("the comment labels which of these changes revert drift".into())
    });
    teller.tell("reverts drift", reverts)?;
    land(scene, teller, next, second).await
}

/// A pull request up to its plan; its number.
async fn planned_change(scene: &Scene, teller: &mut Teller, greeting: &str) -> Option<i64> {
    let opened = open(scene, greeting);
    let number = opened.as_ref().ok().copied();
    let told = opened.map(|number| format!("alice opens #{number}: greeting `{greeting}`"));
    teller.tell("open", told)?;
    let number = number?;
    let planned = scene.settle().await.and_then(|()| planned(scene, number));
    teller.tell("plan", planned)?;
    Some(number)
}

/// From the approval to the verification.
async fn land(scene: &Scene, teller: &mut Teller, number: i64, greeting: &str) -> Option<()> {
    let approved = scene.bob.approve(REPO, number);
    let approved = settled(scene, approved).await.and_then(|_| {
        conclusion(scene, number, "success")?;
        Ok("bob approves this plan; the check passes".into())
    });
    teller.tell("approve", approved)?;
    let merged = scene.bob.merge(REPO, number, MergeMethod::Squash);
    let told = merged.as_ref().map(|sha| format!("bob merges #{number} as {}", &sha[..7]));
    teller.tell("merge", told.map_err(|error| anyhow::anyhow!("{error}")))?;
    let applied = settled(scene, merged).await.and_then(|_| applied(scene, number, greeting));
    teller.tell("apply", applied)?;
    let verified = scene.report(number).and_then(|report| {
        ensure!(report.contains("a second plan is empty"), "the comment does not say verified");
        Ok("a second plan is empty".into())
    });
    teller.tell("verified", verified)
}

fn open(scene: &Scene, greeting: &str) -> Result<i64> {
    let branch = format!("greeting-{}", greeting.to_lowercase().replace(' ', "-"));
    let mut edit = Edit::new(format!("Greet with {greeting}"));
    for (path, text) in stack_files(greeting)? {
        edit = edit.write(path, text);
    }
    scene.alice.push(REPO, &branch, &edit)?;
    Ok(scene.alice.open_pull(REPO, &branch, &format!("Greet with {greeting}"))?)
}

fn planned(scene: &Scene, number: i64) -> Result<String> {
    let report = scene.report(number)?;
    let line = report.lines().find(|line| line.contains("**Plan:"));
    ensure!(line.is_some(), "the comment has no plan");
    conclusion(scene, number, "action_required")?;
    let line = line.unwrap_or_default().replace("**", "");
    Ok(format!("{}; the check waits for an approval", line.trim()))
}

fn applied(scene: &Scene, number: i64, greeting: &str) -> Result<String> {
    let report = scene.report(number)?;
    let line = report.lines().find(|line| line.contains("**Applied:"));
    ensure!(line.is_some(), "the comment does not say applied");
    ensure!(report.contains(greeting), "the outputs do not have the greeting");
    Ok(line.unwrap_or_default().replace("**", "").trim().to_owned())
}

fn drift(scene: &Scene, number: i64, applied: &str) -> Result<String> {
    let reply = scene.reply(number)?;
    let named = reply.lines().find(|line| line.contains(applied) && line.contains("Boo"));
    ensure!(named.is_some(), "the reply does not name what drifted:\n{reply}");
    Ok(named.unwrap_or_default().trim_start_matches('!').trim().to_owned())
}

fn conclusion(scene: &Scene, number: i64, wanted: &str) -> Result<()> {
    let check = scene.check(number)?;
    let found = check.conclusion.unwrap_or_else(|| check.status.clone());
    ensure!(found == wanted, "the check says `{found}`, not `{wanted}`");
    Ok(())
}

/// What a person did, and everything that came of it.
async fn settled<T, E: std::fmt::Display>(scene: &Scene, act: Result<T, E>) -> Result<T> {
    let done = act.map_err(|error| anyhow::anyhow!("{error}"))?;
    scene.settle().await?;
    Ok(done)
}
