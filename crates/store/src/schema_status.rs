//! Inspects the schema of a database without creating or changing anything.

use std::path::Path;

use sqlx::{
    Connection as _, FromRow, PgConnection, SqliteConnection, migrate::MigrateError,
    sqlite::SqliteConnectOptions,
};

use planwright_core::diagnosis::Tables;

use super::{
    Error,
    connect::{MIGRATIONS, POSTGRES, SQLITE, first_connection, migrate_error, postgres_options},
};

/// A row of sqlx's own table of migrations.
#[derive(FromRow)]
struct Applied {
    version: i64,
    checksum: Vec<u8>,
    success: bool,
}

const APPLIED: &str = "SELECT version, checksum, success FROM _sqlx_migrations";

/// Fails if the database does not answer, or a newer version has migrated it.
pub(super) async fn schema_status(url: &str) -> Result<Tables, Error> {
    match url.split_once(':') {
        Some(("sqlite", path)) => {
            let path = path.strip_prefix("//").unwrap_or(path);
            if !Path::new(path).exists() {
                return Ok(Tables::None);
            }
            let place = format!("`{path}`");
            let open_error = |e: sqlx::Error| Error::Open {
                place: place.clone(),
                mend: SQLITE,
                cause: e.into(),
            };
            tables(&sqlite(path).await.map_err(open_error)?).map_err(|e| migrate_error(&place, e))
        }
        Some(("postgres" | "postgresql", _)) => {
            let (options, place) = postgres_options(url)?;
            let connection = first_connection(&options, &place).await?;
            let open_error = |e: sqlx::Error| Error::Open {
                place: place.clone(),
                mend: POSTGRES,
                cause: e.into(),
            };
            let applied = postgres(connection).await.map_err(open_error)?;
            tables(&applied).map_err(|e| migrate_error(&place, e))
        }
        Some((scheme, _)) => Err(Error::Url { scheme: format!("{scheme}:") }),
        None => Err(Error::Url { scheme: String::new() }),
    }
}

async fn sqlite(path: &str) -> Result<Vec<Applied>, sqlx::Error> {
    let options = SqliteConnectOptions::new().filename(path).read_only(true);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let has_tables = "SELECT 1 FROM sqlite_master WHERE name = '_sqlx_migrations'";
    match sqlx::query(has_tables).fetch_optional(&mut connection).await? {
        Some(_) => sqlx::query_as(APPLIED).fetch_all(&mut connection).await,
        None => Ok(Vec::new()),
    }
}

async fn postgres(mut connection: PgConnection) -> Result<Vec<Applied>, sqlx::Error> {
    let has_tables = "SELECT 1 WHERE to_regclass('_sqlx_migrations') IS NOT NULL";
    match sqlx::query(has_tables).fetch_optional(&mut connection).await? {
        Some(_) => sqlx::query_as(APPLIED).fetch_all(&mut connection).await,
        None => Ok(Vec::new()),
    }
}

/// Compares the applied migrations with those of this binary.
fn tables(applied: &[Applied]) -> Result<Tables, MigrateError> {
    let ours = |version: i64| MIGRATIONS.iter().find(|migration| migration.version == version);
    for Applied { version, checksum, success } in applied {
        let migration = ours(*version).ok_or(MigrateError::VersionMissing(*version))?;
        if !success {
            return Err(MigrateError::Dirty(*version));
        }
        if *migration.checksum != *checksum.as_slice() {
            return Err(MigrateError::VersionMismatch(*version));
        }
    }
    Ok(match (applied.len(), MIGRATIONS.iter().count()) {
        (0, _) => Tables::None,
        (done, all) if done < all => Tables::Behind,
        _ => Tables::Current,
    })
}
