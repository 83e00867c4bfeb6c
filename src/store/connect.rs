//! From a URL to an open, migrated database.
//!
//! Nothing of a URL but the place is ever shown: it may hold a password.

use std::{path::Path, str::FromStr, time::Duration};

use sqlx::{
    migrate::{MigrateError, Migrator},
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{Error, db::Db};

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Longer than any transaction of ours; only another process that hangs makes us wait that long.
const PATIENCE: Duration = Duration::from_secs(15);

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
    let open_error = |mend, source| Error::Open { place: place.clone(), mend, source };
    if path.is_empty() || path.starts_with(":memory:") || path.contains('?') {
        let mend = "Write `sqlite:` and the path of a file; a database in memory would forget.";
        return Err(open_error(mend, "this is not a path".into()));
    }
    create_private(Path::new(path))
        .map_err(|e| open_error("Create the directory and let this user write to it.", e.into()))?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(PATIENCE)
        .journal_mode(SqliteJournalMode::Wal)
        // A delivery that was acknowledged has to survive a power cut; NORMAL would lose the last.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true);
    let mend = "Is it a SQLite database, on a local disk, that this user may write?";
    let write = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(PATIENCE * 2)
        .connect_with(options.clone())
        .await
        .map_err(|e| open_error(mend, e.into()))?;
    migrate_sqlite(&write, &place).await?;
    let read = SqlitePoolOptions::new()
        .max_connections(4)
        .acquire_timeout(PATIENCE)
        .connect_with(options.read_only(true))
        .await
        .map_err(|e| open_error(mend, e.into()))?;
    Ok(Db::Sqlite { write, read })
}

/// The file holds bodies of private repositories: only its owner reads it (the journal files that
/// SQLite adds take over its mode).
fn create_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600).open(path).map(drop)
}

async fn migrate_sqlite(write: &sqlx::SqlitePool, place: &str) -> Result<(), Error> {
    // sqlx takes no lock for SQLite; two processes that start together would both create the tables.
    let mut tx = write.begin_with("BEGIN IMMEDIATE").await.map_err(Error::Transaction)?;
    MIGRATIONS.run(&mut *tx).await.map_err(|e| migrate_error(place, e))?;
    tx.commit().await.map_err(Error::Transaction)
}

async fn open_postgres(url: &str) -> Result<Db, Error> {
    let bad_url = |e: sqlx::Error| Error::Open {
        place: "named by the URL".into(),
        mend: "Write postgres://USER:PASSWORD@HOST:PORT/DATABASE, with special characters as %XX.",
        source: e.into(),
    };
    let options = PgConnectOptions::from_str(url)
        .map_err(bad_url)?
        .application_name("planwright")
        // A replica that hangs inside a transaction must not hold back all the others.
        .options([("idle_in_transaction_session_timeout", "60s")]);
    let database = options.get_database().unwrap_or_else(|| options.get_username());
    let place = format!("`{database}` at {}:{}", options.get_host(), options.get_port());
    let pool = PgPoolOptions::new()
        .max_connections(12)
        .acquire_timeout(PATIENCE)
        .connect_with(options)
        .await
        .map_err(|e| Error::Open {
            place: place.clone(),
            mend: "Does the server run there, and do the user, password and database exist?",
            source: e.into(),
        })?;
    MIGRATIONS.run(&pool).await.map_err(|e| migrate_error(&place, e))?;
    Ok(Db::Postgres(pool))
}

fn migrate_error(place: &str, source: MigrateError) -> Error {
    let mend = match source {
        MigrateError::VersionMissing(_) => {
            "A newer version has been here; run that one, or restore the backup made before it."
        }
        MigrateError::VersionMismatch(_) => {
            "A released migration was edited; use the binary as it was released."
        }
        _ => "Nothing was changed; the cause stands above.",
    };
    Error::Migrate { place: place.into(), mend, source }
}
