//! Warm plans beside cold ones, of the same stacks in the same run.
//!
//! `cargo bench --bench warm` prints a table and writes `target/bench/warm.json`: a list of rows
//! `{name, stacks, state, cold_s, warm_s, ratio, tree_peak_mb}`.
//!
//! A row `plan` is the time that the engine adapter needs for plans and their JSON in initialised
//! directories: cold, as many at a time as the machine has cores; warm, twice as many, with a
//! provider that has planned once. A row `/infra plan` is the time from webhook to comment, by a
//! bot that has planned these stacks once. `tree_peak_mb` is the resident memory while planning
//! warm, of the process and all its descendants together. `PLANWRIGHT_BENCH=20` selects the plans
//! of as many stacks.

#![allow(clippy::disallowed_methods, reason = "a bench reads the clock and starts programs")]
#![allow(clippy::unwrap_used, reason = "a bench that cannot go on says why and ends")]

#[allow(dead_code, reason = "the tests need more of it")]
#[path = "../../tests/it/support/mod.rs"]
mod support;

#[allow(dead_code, reason = "only its start is measured here")]
#[path = "../pull_request/bot.rs"]
mod bot;
#[path = "../pull_request/case.rs"]
mod case;
#[path = "../pull_request/round.rs"]
mod round;
#[allow(dead_code, reason = "of a row of the other bench only the time is read here")]
#[path = "../pull_request/row.rs"]
mod row;

mod comment;
mod peak;
mod plans;

use std::{fmt::Write as _, fs, path::Path};

use case::Case;
use serde_json::json;

/// A line of the table. Times are in seconds.
pub struct Line {
    pub name: &'static str,
    pub stacks: usize,
    pub state: bool,
    pub cold: f64,
    pub warm: f64,
    pub tree_peak_mb: f64,
}

#[tokio::main]
async fn main() {
    let mut lines = Vec::new();
    let only = std::env::var("PLANWRIGHT_BENCH").ok();
    let only: Option<usize> = only.and_then(|only| only.parse().ok());
    for stacks in [1, 8, 20].into_iter().filter(|stacks| only.is_none_or(|only| only == *stacks)) {
        lines.extend(plans::lines(&Case::new("aws-bucket", stacks)).await);
    }
    lines.push(comment::line(&Case::new("aws-bucket", 20)).await);
    print!("{}", table(&lines));
    write(&lines);
}

/// Returns the lines as a table in Markdown, as in the documentation.
fn table(lines: &[Line]) -> String {
    let mut table = String::from(
        "| | stacks | state | cold, s | warm, s | ratio | peak memory of all processes, MB |\n\
         | --- | ---: | --- | ---: | ---: | ---: | ---: |\n",
    );
    for line in lines {
        let Line { name, stacks, state, cold, warm, tree_peak_mb } = line;
        let state = if *state { "yes" } else { "no" };
        writeln!(
            table,
            "| {name} | {stacks} | {state} | {cold:.2} | {warm:.2} | {:.3} | {tree_peak_mb:.0} |",
            warm / cold
        )
        .unwrap();
    }
    table
}

fn write(lines: &[Line]) {
    let rounded = |value: f64| (value * 1000.0).round() / 1000.0;
    let rows: Vec<_> = lines
        .iter()
        .map(|line| {
            json!({
                "name": line.name,
                "stacks": line.stacks,
                "state": line.state,
                "cold_s": rounded(line.cold),
                "warm_s": rounded(line.warm),
                "ratio": rounded(line.warm / line.cold),
                "tree_peak_mb": rounded(line.tree_peak_mb),
            })
        })
        .collect();
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench");
    fs::create_dir_all(&dir).unwrap();
    let text = serde_json::to_string_pretty(&rows).unwrap() + "\n";
    fs::write(dir.join("warm.json"), text).unwrap();
}
