//! The time from a webhook to the comment, beside that of the bare engine on the same stacks.
//!
//! `cargo bench --bench pull_request` prints a table and writes `target/bench/pull_request.json`:
//! a list of rows `{name, stacks, wall_s, bare_s, ratio, github_calls, engine_processes,
//! peak_rss_mb}`. Times are medians of three rounds, in each of which the bare engine goes first.
//! `github_calls` counts calls of REST and GraphQL, without those for tokens and git. `peak_rss_mb`
//! is the memory of the bot without its children. `PLANWRIGHT_BENCH=hello` selects the rows of that
//! package. `ATLANTIS=PATH` adds rows for that binary of Atlantis.

#![allow(clippy::disallowed_methods, reason = "a bench reads the clock and starts programs")]
#![allow(clippy::unwrap_used, reason = "a bench that cannot go on says why and ends")]

#[allow(dead_code, reason = "the tests need more of it")]
#[path = "../../tests/it/support/mod.rs"]
mod support;

mod atlantis;
mod bare;
mod bot;
mod case;
mod round;
mod row;

use case::Case;
use row::Row;

const ROUNDS: usize = 3;

#[tokio::main]
async fn main() {
    let only = std::env::var("PLANWRIGHT_BENCH").unwrap_or_default();
    let cases = [("hello", 1), ("hello", 20), ("aws-bucket", 1), ("aws-bucket", 5)];
    let mut rows = Vec::new();
    for (package, stacks) in cases.into_iter().filter(|(package, _)| package.contains(&only)) {
        let case = Case::new(package, stacks);
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            let bare = bare::plan(&case);
            let mut rows = bot::rows(&case, bare).await;
            rows.extend(atlantis::row(&case, bare).await);
            rounds.push(rows);
        }
        rows.extend(Row::medians(rounds));
    }
    print!("{}", row::table(&rows));
    row::write(&rows);
}
