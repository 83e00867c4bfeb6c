//! A database written by Planwright at commit 591a4c1: it opens, everything in it can be read, and
//! a bot continues with it.

use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection};

use planwright::queue;
use planwright_core::{
    agent::{event::Entry, run::Run},
    change::ChangeState,
    job::KINDS,
    names::{BranchName, DeliveryId, PrNumber, RepositoryId},
    people::{Push, PushKind},
    pull_request::PullRequestState,
};
use planwright_fakehub::{Hub, Person};
use planwright_store::{
    JobState, LockState, PullRequestId, PushedTo, RequestState, RunKind, RunState, Store,
    records::v1,
};

use super::{Database, at, on_both, stack};
use crate::support::bot::{Before, REPO, Setup, Story, borrowed, edit, hello};

const OLD: &str = include_str!("fixtures/591a4c1.sql");
/// What ends the tables and begins the rows.
const ROWS: &str = "-- The rows.\n";
const REPOSITORY: RepositoryId = RepositoryId(1005);

fn id(number: i64) -> PullRequestId {
    PullRequestId { repository: REPOSITORY, number: PrNumber(number) }
}

/// The old database as a file of SQLite.
async fn file(dir: &Path) -> PathBuf {
    let file = dir.join("planwright.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&file);
    let mut connection = options.create_if_missing(true).connect().await.unwrap();
    sqlx::raw_sql(OLD).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    file
}

/// The old rows, read by this version.
async fn opened(database: &Database) -> Store {
    match database {
        Database::Sqlite(dir) => {
            file(dir.path()).await;
            database.store().await
        }
        // The tables are those of the same migrations.
        Database::Postgres(url) => {
            let store = database.store().await;
            let rows = OLD.split_once(ROWS).unwrap().1;
            let mut connection = PgConnection::connect(url).await.unwrap();
            let sql = AssertSqlSafe(format!("DELETE FROM counters; {rows}"));
            sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
            store
        }
    }
}

async fn each_job_is_read(database: &Database) {
    let store = opened(database).await;
    let open = store.open_jobs().await.unwrap();
    let mut jobs = Vec::new();
    for job in &open {
        let name = job.payload["job"].as_str().unwrap();
        let read = queue::read(job).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(read.lane().to_string(), job.key);
        // The words of that version for kinds were those of roles.
        let (_, role) = KINDS.iter().find(|(kind, _)| *kind == read.kind()).unwrap();
        assert!(queue::kinds(&[*role]).unwrap().contains(&job.kind), "{name}: {}", job.kind);
        // It is written as it was, but for the version.
        let mut payload = job.payload.clone();
        payload["v"] = 1.into();
        assert_eq!(v1::Job::payload(&read), payload);
        jobs.push(name.to_owned());
    }
    jobs.sort();
    jobs.dedup();
    let kinds = [
        "acknowledge",
        "agent",
        "allow",
        "apply",
        "drift",
        "plan",
        "preview",
        "release",
        "remind",
        "request",
        "revise",
        "set",
        "tell",
        "verdict",
    ];
    assert_eq!(jobs, kinds);
    let running = open.iter().find(|job| job.state == JobState::Running).unwrap();
    assert_eq!((running.attempts, running.worker.as_deref()), (1, Some("dead")));
    assert_eq!(store.failed_jobs(9).await.unwrap().len(), 1);
}

async fn what_was_planned_approved_and_applied_is_read(database: &Database) {
    let store = opened(database).await;
    let mut states = Vec::new();
    for number in [1, 2, 3, 4, 5, 7] {
        let recorded = store.latest_plan_set(id(number)).await.unwrap().unwrap();
        let set = &recorded.plan_set;
        // An approval is bound to these: they must not depend on the version that reads them.
        assert_eq!(recorded.change.plan_set_digest(), set.digest, "{number}");
        for plan in &set.plans {
            assert_eq!(plan.plan.digest(), plan.plan_digest, "{number}");
        }
        assert!(recorded.posted_at.is_some(), "{number}");
        states.push(recorded.change.state);
        let run = store.newest_noted_run(id(number)).await.unwrap().unwrap();
        let noted = store.noted_run(run).await.unwrap().unwrap();
        assert_eq!(noted.run.state, RunState::Succeeded);
        assert_eq!(noted.plan_set.is_none(), noted.change.is_some(), "{number}");
        assert!(!noted.subject.title.is_empty());
        assert!(!store.run_steps(run).await.unwrap().is_empty());
    }
    let approval = ChangeState::AwaitingApproval;
    let all = [
        approval,
        ChangeState::Applied,
        approval,
        ChangeState::Blocked,
        ChangeState::Closed,
        approval,
    ];
    assert_eq!(states, all);

    let approvals = store.approvals(id(2)).await.unwrap();
    assert_eq!((approvals[0].login.as_str(), approvals.len()), ("bob", 1));
    let allowed = store.allowances(id(3)).await.unwrap();
    assert_eq!(allowed[0].address, "module.main.terraform_data.first");
    let stacks = store.applied_stacks(REPOSITORY).await.unwrap();
    assert_eq!((stacks[0].stack.to_string().as_str(), stacks[0].removed), ("kept", false));
    let runs = store.runs(id(2)).await.unwrap();
    let apply = runs.iter().find(|run| run.kind == RunKind::Apply).unwrap();
    let steps = store.steps(apply.id).await.unwrap();
    let steps: Vec<_> = steps.iter().map(|entry| entry.step.as_str()).collect();
    assert_eq!(steps, ["begun", "applying", "started", "applied", "verified"]);
    assert!(!store.run_lines(apply.id).await.unwrap().is_empty());
    let locks = store.stack_locks(REPOSITORY).await.unwrap();
    assert_eq!((locks.len(), locks[0].state), (2, LockState::Held));
    assert_eq!(store.waits(id(99)).await.unwrap()[0].stack, stack("locked"));
    assert_eq!(store.audit_entries(9).await.unwrap()[0].actor, "carol");
}

async fn what_people_and_github_said_is_read(database: &Database) {
    let store = opened(database).await;
    let first = store.pull_request(id(1)).await.unwrap().unwrap();
    assert_eq!((first.generation, first.state), (3, Some(PullRequestState::Open)));
    assert_eq!(store.generation(id(99)).await.unwrap(), 0);
    let merged = store.pull_requests_in(REPOSITORY, PullRequestState::Merged).await.unwrap();
    assert_eq!(merged.iter().map(|it| it.id).collect::<Vec<_>>(), [id(2)]);
    let delivery = DeliveryId::parse("281b6001-5b10-467e-afc2-cfd57e95d29e").unwrap();
    assert_eq!(store.delivery(&delivery).await.unwrap().unwrap().event, "installation");
    assert!(store.last_delivery_at().await.unwrap().is_some());
    let label = store.issue_label(REPOSITORY, at(1_795_958_951)).await.unwrap();
    assert_eq!(label.as_deref(), Some("planwright"));

    let branch = BranchName::parse("first").unwrap();
    let pushed_to = PushedTo {
        pull_request: id(1),
        repository: Some(REPOSITORY),
        branch: &branch,
        opened_at: at(4_000_000_000),
        commits: &[],
    };
    let pushes = store.pushes_to(&pushed_to).await.unwrap();
    let is_by_alice = |push: &Push| push.kind == PushKind::Push && push.login.as_str() == "alice";
    assert!(pushes.iter().any(is_by_alice), "{pushes:?}");

    let head = store.latest_plan_set(id(1)).await.unwrap().unwrap().plan_set.head;
    for (key, state) in [
        ("comment/1005/1/<!-- planwright:report -->".to_owned(), RequestState::Done),
        ("comment/1005/4/<!-- planwright:report -->".to_owned(), RequestState::Sending),
        ("comment/1005/5/<!-- planwright:report -->".to_owned(), RequestState::Pending),
        (format!("check/1005/1/{head}"), RequestState::Done),
        ("reaction/1005/1057/Seen".to_owned(), RequestState::Refused),
    ] {
        let request = store.request(&key).await.unwrap().unwrap();
        assert_eq!(request.state, state, "{key}");
        let read = v1::OutboxRequest::parse(&request.body).unwrap();
        let mut body = request.body.clone();
        body["v"] = 1.into();
        assert_eq!(read.to_json(), body, "{key}");
    }
    assert_eq!(store.unfinished_requests(at(4_000_000_000)).await.unwrap().len(), 2);
}

async fn the_log_of_an_agent_is_whole_and_goes_on(database: &Database) {
    let store = opened(database).await;
    let ended = store.agent_run_of_pull_request(id(7)).await.unwrap().unwrap();
    assert!(ended.facts.is_over && ended.facts.is_complete);
    let waiting = store.agent_runs(id(8)).await.unwrap().remove(0);
    for run in [&ended, &waiting] {
        let log = store.agent_log(run.id).await.unwrap();
        Entry::verify(&log).unwrap();
        assert_eq!(Run::from_log(&log).unwrap().is_over(), run.facts.is_over);
    }
    // Another event is chained to those of the old form.
    let log = store.agent_log(waiting.id).await.unwrap();
    let event = log[0].event.clone();
    let next = Entry::after(log.last(), event.clone(), v1::event_to_text(&event), at(1));
    let _ = store.append_agent_event(waiting.id, &next, &waiting.facts).await.unwrap();
    let log = store.agent_log(waiting.id).await.unwrap();
    assert_eq!(log.last(), Some(&next));
    Entry::verify(&log).unwrap();
}

on_both!(
    each_job_is_read,
    what_was_planned_approved_and_applied_is_read,
    what_people_and_github_said_is_read,
    the_log_of_an_agent_is_whole_and_goes_on,
);

/// Pull request 1 as the old bot knew it, and pushed to since.
fn first(hub: &Hub, alice: &Person) {
    for greeting in ["Hello", "Howdy"] {
        alice.push(REPO, "first", &edit(&borrowed(&hello("first", greeting)))).unwrap();
    }
    assert_eq!(alice.open_pull(REPO, "first", "Change first").unwrap(), 1);
    assert_eq!(RepositoryId(hub.repository_id(REPO).unwrap()), REPOSITORY);
}

#[tokio::test]
async fn a_bot_goes_on_where_the_old_one_died() {
    let dir = tempfile::tempdir().unwrap();
    let database = file(dir.path()).await;
    let before = Some(Before { database: &database, people: first });
    let story = Story::with(Setup { before, ..Setup::default() }).await;
    let open = story.store().open_jobs().await.unwrap();
    let left = open.iter().find(|job| job.state == JobState::Running).unwrap();
    // The lease of the worker that died has to run out.
    let wait = left.lease_until.unwrap().duration_since(story.app().now());
    story.pass(wait.max(SignedDuration::ZERO) + SignedDuration::from_secs(1));
    story.work().await;
    let done = story.store().job(left.id).await.unwrap().unwrap();
    assert_eq!((done.state, done.lost_leases), (JobState::Done, 1));
    assert!(story.report(1).contains("Howdy"), "{}", story.report(1));
    story.bob.approve(REPO, 1).unwrap();
    story.work().await;
    assert_eq!(story.conclusion(1), "success", "{}", story.report(1));
    story.merge(&story.bob, 1);
    story.work().await;
    story.assert_says(1, "Applied and verified");
    assert_eq!(story.output("first", "message"), "Howdy");
    story.bot.stop().await.unwrap();
    story.hub.stop();
}
