//! The contract of the store: one set of cases, run on SQLite and on Postgres.
//!
//! A case is a function of a [`Database`]; `on_both!` at the end of each file makes two tests of
//! it. The case chooses the time, as a number, so nothing here sleeps.

mod agent_runs;
mod approvals;
mod approved_code;
mod files;
mod inbox;
mod issue_labels;
mod jobs;
mod locks;
mod old;
mod outbox;
mod plans;
mod queue;
mod retention;
mod runs;
mod state_keys;

use std::time::Duration;

use jiff::Timestamp;

use planwright_core::names::{Login, PrNumber, RepositoryId, Sha, StackId};
use planwright_store::{JobKind, NewJob, PullRequestId, RetryPolicy, Store};

use crate::support::postgres;

/// An empty database that disappears with the test.
pub enum Database {
    Sqlite(tempfile::TempDir),
    Postgres(String),
}

impl Database {
    fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().unwrap())
    }

    async fn postgres() -> Self {
        Self::Postgres(postgres::fresh_url().await)
    }

    fn url(&self) -> String {
        match self {
            Self::Sqlite(directory) => {
                format!("sqlite:{}", directory.path().join("planwright.db").display())
            }
            Self::Postgres(url) => url.clone(),
        }
    }

    /// A handle of its own, as another process would have.
    async fn store(&self) -> Store {
        Store::connect(&self.url()).await.unwrap()
    }
}

macro_rules! on_both {
    ($($case:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::$case(&crate::store::Database::sqlite()).await;
            })+
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::$case(&crate::store::Database::postgres().await).await;
            })+
        }
    };
}
use on_both;

const LEASE: Duration = Duration::from_secs(30);
const PR: PullRequestId = pull_request(7);

const fn pull_request(number: i64) -> PullRequestId {
    PullRequestId { repository: RepositoryId(1), number: PrNumber(number) }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn sha(digit: char) -> Sha {
    Sha::parse(digit.to_string().repeat(40)).unwrap()
}

fn login(name: &str) -> Login {
    Login::parse(name).unwrap()
}

fn stack(name: &str) -> StackId {
    StackId::parse(name).unwrap()
}

fn kind(word: &str) -> JobKind {
    JobKind::parse(word).unwrap()
}

/// Due from the beginning of time on, of kind `plan`, about no pull request.
fn job(key: &str) -> NewJob {
    NewJob {
        key: key.into(),
        kind: kind("plan"),
        payload: serde_json::json!({}),
        dedupe: None,
        pull_request: None,
        retry_policy: RetryPolicy::Freely,
        run_at: at(0),
        trace_parent: None,
    }
}
