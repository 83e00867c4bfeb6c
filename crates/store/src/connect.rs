//! Opens a database by its URL and migrates it.
//!
//! A URL may hold a password, so messages show only the path, or the host and the name of the
//! database.

use std::{
    fs::{File, OpenOptions},
    os::unix::fs::OpenOptionsExt as _,
    str::FromStr,
    time::Duration,
};

use sqlx::{
    ConnectOptions as _, Connection as _, PgConnection,
    migrate::{MigrateError, Migrator},
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{Error, db::Db};

pub(super) static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations");

/// How long to wait for a connection or a lock. Longer than any transaction of Planwright: only
/// another process that hangs makes it run out.
const PATIENCE: Duration = Duration::from_secs(15);

/// How long the first connection to a server may take.
const FIRST: Duration = Duration::from_secs(5);

pub(super) const SQLITE: &str =
    "Is it a SQLite database, on a local disk, that this user may write?";
pub(super) const POSTGRES: &str =
    "Does the server run there, and do the user, password and database exist?";

pub(super) async fn open(url: &str) -> Result<Db, Error> {
    match url.split_once(':') {
        Some(("sqlite", path)) => open_sqlite(path.strip_prefix("//").unwrap_or(path)).await,
        Some(("postgres" | "postgresql", _)) => open_postgres(url).await,
        Some((scheme, _)) => Err(Error::Url { scheme: format!("{scheme}:") }),
        None => Err(Error::Url { scheme: String::new() }),
    }
}

async fn open_sqlite(path: &str) -> Result<Db, Error> {
    let place = format!("`{path}`");
    let open_error = |mend, cause| Error::Open { place: place.clone(), mend, cause };
    if path.is_empty() || path.starts_with(":memory:") || path.contains('?') {
        let mend = "Write `sqlite:` and the path of a file; a database in memory would forget.";
        return Err(open_error(mend, "this is not a path".into()));
    }
    let no_access = "Create the directory and let this user write to it.";
    let _opening =
        alone_in_opening(path.to_owned()).await.map_err(|e| open_error(no_access, e.into()))?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(PATIENCE)
        .journal_mode(SqliteJournalMode::Wal)
        // An acknowledged delivery must survive a power cut; `NORMAL` could lose the last commit.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .disable_statement_logging();
    let mend = SQLITE;
    let write = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(PATIENCE * 2)
        .connect_with(options.clone())
        .await
        .map_err(|e| open_error(mend, e.into()))?;
    MIGRATIONS.run(&write).await.map_err(|e| migrate_error(&place, e))?;
    let read = SqlitePoolOptions::new()
        .max_connections(4)
        .acquire_timeout(PATIENCE)
        .connect_with(options.read_only(true))
        .await
        .map_err(|e| open_error(mend, e.into()))?;
    Ok(Db::Sqlite { write, read })
}

/// Keeps other processes from opening the same file until the returned value is dropped, and
/// creates the file if it does not exist.
///
/// Without this, two processes that start together on a new file collide: one fails because the
/// file is locked (switching to WAL does not wait), and sqlx lets both create the tables. The lock
/// is on a separate file, because closing a handle of the database file would drop the locks that
/// SQLite holds on it in this process.
async fn alone_in_opening(path: String) -> std::io::Result<File> {
    let opening = tokio::task::spawn_blocking(move || {
        let lock = private().create(true).truncate(false).open(format!("{path}-opening"))?;
        lock.lock()?;
        match private().create_new(true).open(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Ok(lock),
            created => created.map(|_| lock),
        }
    });
    opening.await.map_err(std::io::Error::other)?
}

/// Returns options that make a file readable only by its owner, because it holds webhook bodies of
/// private repositories. SQLite gives its journal files the same mode.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    options
}

async fn open_postgres(url: &str) -> Result<Db, Error> {
    let (options, place) = postgres_options(url)?;
    // The pool would retry until its timeout, and then not say why it failed.
    let first = first_connection(&options, &place).await?;
    // A failure to close it is harmless.
    let _ = first.close().await;
    let pool = PgPoolOptions::new()
        .max_connections(12)
        .acquire_timeout(PATIENCE)
        .connect_with(options)
        .await
        .map_err(|e| Error::Open { place: place.clone(), mend: POSTGRES, cause: e.into() })?;
    MIGRATIONS.run(&pool).await.map_err(|e| migrate_error(&place, e))?;
    Ok(Db::Postgres(pool))
}

/// Returns the connection options and the name of the database to use in messages.
pub(super) fn postgres_options(url: &str) -> Result<(PgConnectOptions, String), Error> {
    let bad_url = |e: sqlx::Error| Error::Open {
        place: "named by the URL".into(),
        mend: "Write postgres://USER:PASSWORD@HOST:PORT/DATABASE, with special characters as %XX.",
        cause: e.into(),
    };
    let options = PgConnectOptions::from_str(url)
        .map_err(bad_url)?
        .application_name("planwright")
        // A replica that hangs inside a transaction must not block all the others.
        .options([("idle_in_transaction_session_timeout", "60s")])
        // When sqlx asks whether a statement is to be logged, per-layer log filters of `tracing`
        // lose the next log line of Planwright.
        .disable_statement_logging();
    let database = options.get_database().unwrap_or_else(|| options.get_username());
    let place = format!("`{database}` at {}:{}", options.get_host(), options.get_port());
    Ok((options, place))
}

/// Opens one connection, without retrying.
pub(super) async fn first_connection(
    options: &PgConnectOptions,
    place: &str,
) -> Result<PgConnection, Error> {
    let open_error = |cause| Error::Open { place: place.into(), mend: POSTGRES, cause };
    let first = tokio::time::timeout(FIRST, PgConnection::connect_with(options)).await;
    let first =
        first.map_err(|_| open_error(format!("no answer in {} s", FIRST.as_secs()).into()))?;
    first.map_err(|e| open_error(e.into()))
}

pub(super) fn migrate_error(place: &str, cause: MigrateError) -> Error {
    let mend = match cause {
        MigrateError::VersionMissing(_) => {
            "A newer version has been here; run that one, or restore the backup made before it."
        }
        MigrateError::VersionMismatch(_) => {
            "A released migration was edited; use the binary as it was released."
        }
        _ => "Nothing was changed; the cause stands above.",
    };
    Error::Migrate { place: place.into(), mend, cause }
}
