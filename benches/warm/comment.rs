//! The time from the comment `/infra plan` to the answer, by a bot that keeps providers and by one
//! that does not.

use tempfile::TempDir;

use planwright_fakehub::Person;

use crate::{
    Line,
    bot::started,
    case::Case,
    peak::Peak,
    round::{BRANCH, Round},
    support::bot::{CONFIG, REPO, borrowed, edit},
};

pub async fn line(case: &Case) -> Line {
    let (cold, _) = measured(case, "off").await;
    let (warm, tree_peak_mb) = measured(case, "auto").await;
    let (name, stacks) = ("`/infra plan`, from webhook to comment", case.stacks);
    Line { name, stacks, state: false, cold, warm, tree_peak_mb }
}

/// Returns the seconds until the answer, and the peak memory in MiB.
async fn measured(case: &Case, warm: &str) -> (f64, f64) {
    let dir = TempDir::new().unwrap();
    let round = Round::start(dir.path(), &[("planwright.yaml", CONFIG)]).await;
    let head = round.alice.push(REPO, BRANCH, &edit(&borrowed(&case.files))).unwrap();
    let process = started(&round, case, dir.path(), &[("--warm", warm.to_owned())]);
    round.hub.set_webhook(&format!("http://{}/webhook", process.address));
    let has_ended = |_: i64| {
        let checks = round.hub.check_runs(REPO, &head).unwrap();
        checks.iter().any(|check| check.conclusion.as_deref() == Some("action_required"))
    };
    let until = (process.id(), &has_ended as &dyn Fn(i64) -> bool);
    let open = |alice: &Person| alice.open_pull(REPO, BRANCH, "Bench").unwrap();
    let (_, number) = round.measured(until, case.stacks, open).await;
    let peak = Peak::of(process.id());
    let ask = |alice: &Person| {
        alice.comment(REPO, number, "/infra plan").unwrap();
        number
    };
    let (row, _) = round.measured(until, case.stacks, ask).await;
    let megabytes = peak.megabytes();
    round.hub.stop();
    (row.wall_s, megabytes)
}
