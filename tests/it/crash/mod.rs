//! Kills the bot with `kill -9` after each outside effect of the main story, and starts it again.
//!
//! Nothing may be lost and nothing may happen twice, on either database. With
//! `PLANWRIGHT_CRASH_STEP=2` the bot is killed after every second effect: on SQLite after the first,
//! the third and so on, on Postgres after the others. A run of the agent is killed likewise.

mod effects;
mod engine;
mod missed;
mod retry;
mod story;

use std::{io::Write as _, time::Instant};

use futures::StreamExt as _;
use story::{Ended, Story};

use crate::support::postgres;

/// Stories at a time: they wait as much as they work.
const AT_A_TIME: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn a_bot_that_is_killed_after_any_effect_loses_and_doubles_nothing_on_sqlite() {
    killed_after_each_effect("SQLite", false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn a_bot_that_is_killed_after_any_effect_loses_and_doubles_nothing_on_postgres() {
    killed_after_each_effect("Postgres", true).await;
}

async fn killed_after_each_effect(database: &str, on_postgres: bool) {
    let start = Instant::now();
    let unharmed = play(None, on_postgres).await;
    assert!(told(&[&unharmed]).is_empty(), "unharmed:\n{}", told(&[&unharmed]));
    let step = step();
    let first = if on_postgres { 1 + step / 2 } else { 1 };
    let deaths: Vec<usize> = (first..=unharmed.effects.len()).step_by(step).collect();
    let kills = deaths.len();
    let ended: Vec<Ended> = futures::stream::iter(deaths)
        .map(|k| play(Some(k), on_postgres))
        .buffer_unordered(AT_A_TIME)
        .collect()
        .await;
    let killed = ended.iter().filter(|ended| ended.killed_after.is_some()).count();
    let lost = ended.iter().filter(|ended| !ended.lost.is_empty()).count();
    let doubled = ended.iter().filter(|ended| !ended.doubled.is_empty()).count();
    let seconds = start.elapsed().as_secs();
    // Past the capture of test output: whoever runs the tests is to see it.
    let line =
        format!("{database}: {killed} kills, {lost} lost, {doubled} doubled ({seconds} s)\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
    let ended: Vec<&Ended> = ended.iter().collect();
    assert!(lost + doubled == 0, "{line}{}", told(&ended));
    assert_eq!(killed, kills, "some stories had fewer effects than the one without a death");
}

/// The bot is killed after every n-th effect, by default after each.
pub fn step() -> usize {
    std::env::var("PLANWRIGHT_CRASH_STEP").map_or(1, |step| step.parse().unwrap())
}

async fn play(kill_after: Option<usize>, on_postgres: bool) -> Ended {
    let url = if on_postgres { Some(postgres::fresh_url().await) } else { None };
    Story::play(kill_after, url).await
}

/// What went wrong, with the log of the bot and the effects up to then.
fn told(ended: &[&Ended]) -> String {
    let wrong = ended.iter().filter(|ended| !(ended.lost.is_empty() && ended.doubled.is_empty()));
    wrong
        .map(|Ended { effects, killed_after, lost, doubled, log }| {
            format!(
                "=== killed after {killed_after:?}\nlost: {lost:#?}\ndoubled: {doubled:#?}\n\
                 effects: {effects:#?}\nlog:\n{log}\n"
            )
        })
        .collect()
}
