//! Database errors, worded for the operator.
//!
//! Expected outcomes (a duplicate, a lost lease, a place in a queue) are values, not errors. The
//! message of an error includes its cause, which is therefore no `source()`: printing the chain
//! would show it twice.

use super::PullRequestId;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "the database URL begins with `{scheme}`; write `sqlite:PATH` for one machine or \
         `postgres://USER:PASSWORD@HOST:PORT/DATABASE` for several"
    )]
    Url { scheme: String },
    #[error("opening the database {place}: {cause}. {mend}")]
    Open { place: String, mend: &'static str, cause: Box<dyn std::error::Error + Send + Sync> },
    #[error("bringing the tables of the database {place} up to date: {cause}. {mend}")]
    Migrate { place: String, mend: &'static str, cause: sqlx::migrate::MigrateError },
    #[error("the database, asked `{}`: {cause}", squeezed(.sql))]
    Query { sql: &'static str, cause: sqlx::Error },
    #[error("beginning or ending a transaction of the database: {0}")]
    Transaction(sqlx::Error),
    #[error(
        "the column `{column}` holds what this version cannot read: {why}. Was the row written by \
         a newer version, or by hand?"
    )]
    Column { column: &'static str, why: String },
    #[error("a kind of job is lower-case letters and `-`, not `{0}`")]
    JobKind(String),
    #[error("job {0} may not be repeated; look at what it did, then finish it as done or failed")]
    NeverRepeated(i64),
    #[error("{0} is not in the queue of stack {1}; queue it before taking the lock")]
    NotQueued(PullRequestId, String),
    #[error("a lock on no stack at all protects nothing; name the stacks")]
    NoStacks,
}

/// Returns the SQL on one line and shortened, to fit into a sentence.
fn squeezed(sql: &str) -> String {
    let mut words = sql.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = words.char_indices().nth(90) {
        words.truncate(end);
        words.push('…');
    }
    words
}
