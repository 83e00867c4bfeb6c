//! The bot as a process: its start, a pull request that is opened, and the same head planned again.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use planwright_fakehub::Person;

use crate::{
    case::Case,
    round::{BRANCH, Round},
    row::Row,
    support::{
        bot::{CONFIG, REPO, borrowed, edit},
        process::Process,
    },
};

pub async fn rows(case: &Case, bare: Duration) -> Vec<Row> {
    let dir = TempDir::new().unwrap();
    let round = Round::start(dir.path(), &[("planwright.yaml", CONFIG)]).await;
    let head = round.alice.push(REPO, BRANCH, &edit(&borrowed(&case.files))).unwrap();
    let start = Instant::now();
    let process = started(&round, case, dir.path(), &[]);
    let ready = start.elapsed();
    round.hub.set_webhook(&format!("http://{}/webhook", process.address));
    round.silence().await;
    let idle = round.row(process.id(), (ready, 0));

    let is_planned = |number: i64| {
        let checks = round.hub.check_runs(REPO, &head).unwrap();
        let comments = round.hub.comments(REPO, number).unwrap();
        checks.iter().any(|check| check.conclusion.as_deref() == Some("action_required"))
            && comments.iter().any(|comment| comment.body.contains("to add"))
    };
    let until = (process.id(), &is_planned as &dyn Fn(i64) -> bool);
    let open = |alice: &Person| alice.open_pull(REPO, BRANCH, "Bench").unwrap();
    let (opened, number) = round.measured(until, case.stacks, open).await;
    let opened = Row { bare_s: Some(bare.as_secs_f64()), ..opened };
    round.alice.close(REPO, number).unwrap();
    round.silence().await;
    let reopen = |alice: &Person| {
        alice.reopen(REPO, number).unwrap();
        number
    };
    let (again, _) = round.measured(until, case.stacks, reopen).await;
    round.hub.stop();
    [("started", idle), ("opened", opened), ("same head again", again)]
        .map(|(name, row)| Row { name: format!("{}, {name}", case.package), ..row })
        .into()
}

/// Starts the bot with the settings that it needs and those in `more`.
pub fn started(round: &Round, case: &Case, dir: &Path, more: &[(&str, String)]) -> Process {
    let hub = &round.hub;
    let app = hub.app();
    let file = |name: &str, text: &str| {
        let path = dir.join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let names: Vec<&str> =
        case.env.keys().map(String::as_str).filter(|name| name.starts_with("AWS_")).collect();
    let args = [
        ("--data", dir.join("bot").display().to_string()),
        ("--github-url", format!("{}/api/v3", hub.url())),
        ("--app-id", app.app_id.to_string()),
        ("--private-key-file", file("key.pem", &app.private_key_pem)),
        ("--webhook-secret-file", file("secret", &app.webhook_secret)),
        ("--engine", round.starts.engine.display().to_string()),
        ("--provider-cache", case.provider_cache.display().to_string()),
        ("--plan-env", names.join(",")),
    ];
    let args: Vec<String> = args
        .iter()
        .chain(more)
        .flat_map(|(flag, value)| [(*flag).to_owned(), value.clone()])
        .collect();
    Process::start(&args, &case.env, &dir.join("bot.log"))
}
