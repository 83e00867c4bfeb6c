//! The two databases behind one small interface: query rows, execute, begin, commit.
//!
//! Each statement is written once, as a constant with `$1` placeholders, and runs on both
//! databases. Only the real differences (opening, the kind of transaction, the clause that skips
//! locked rows) are handled per database, here, in `connect` and in `claim`. Nothing here depends
//! on a table other than `counters`.

use sqlx::{
    Database, Encode, PgPool, Postgres, Sqlite, SqlitePool, Transaction, Type, query::Query,
};

use super::{
    Error,
    column::{Cell, Row},
};

#[derive(Clone, Debug)]
pub(super) enum Db {
    /// `write` has a single connection, because SQLite has one writer at a time: waiting in the
    /// pool's queue is fair, waiting in SQLite's busy handler is not.
    Sqlite {
        write: SqlitePool,
        read: SqlitePool,
    },
    Postgres(PgPool),
}

/// A transaction that may write. It is rolled back when dropped without `commit`.
pub(super) enum Tx {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

/// The rows of the table `counters`.
#[derive(Clone, Copy)]
pub(super) enum Counter {
    Jobs,
    PlanSets,
    StackLocks,
    Journal,
    Audit,
}

fn bound<'q, DB: Database>(sql: &'static str, cells: Vec<Cell>) -> Query<'q, DB, DB::Arguments>
where
    Option<i64>: Encode<'q, DB> + Type<DB> + 'q,
    Option<String>: Encode<'q, DB> + Type<DB> + 'q,
{
    cells.into_iter().fold(sqlx::query(sql), |query, cell| match cell {
        Cell::Int(value) => query.bind(value),
        Cell::Text(value) => query.bind(value),
    })
}

impl Db {
    /// Begins a transaction that may write from its first statement on.
    pub(super) async fn begin(&self) -> Result<Tx, Error> {
        match self {
            // A transaction that reads first and writes later fails at once, without waiting, if
            // another process wrote in between. So the write lock is taken at the beginning.
            Self::Sqlite { write, .. } => write.begin_with("BEGIN IMMEDIATE").await.map(Tx::Sqlite),
            Self::Postgres(pool) => pool.begin().await.map(Tx::Postgres),
        }
        .map_err(Error::Transaction)
    }

    /// Returns the rows of a statement that only reads.
    pub(super) async fn rows(
        &self,
        sql: &'static str,
        cells: Vec<Cell>,
    ) -> Result<Vec<Row>, Error> {
        match self {
            Self::Sqlite { read, .. } => {
                bound(sql, cells).fetch_all(read).await.map(|rows| wrapped(rows, Row::Sqlite))
            }
            Self::Postgres(pool) => {
                bound(sql, cells).fetch_all(pool).await.map(|rows| wrapped(rows, Row::Postgres))
            }
        }
        .map_err(|cause| Error::Query { sql, cause })
    }

    /// Returns the first row, if any, of a statement that only reads.
    pub(super) async fn row(
        &self,
        sql: &'static str,
        cells: Vec<Cell>,
    ) -> Result<Option<Row>, Error> {
        Ok(self.rows(sql, cells).await?.into_iter().next())
    }

    /// Executes one writing statement in a transaction of its own; returns how many rows it
    /// changed.
    pub(super) async fn execute(&self, sql: &'static str, cells: Vec<Cell>) -> Result<u64, Error> {
        let mut tx = self.begin().await?;
        let touched = tx.execute(sql, cells).await?;
        tx.commit().await?;
        Ok(touched)
    }
}

impl Tx {
    pub(super) async fn commit(self) -> Result<(), Error> {
        match self {
            Self::Sqlite(tx) => tx.commit().await,
            Self::Postgres(tx) => tx.commit().await,
        }
        .map_err(Error::Transaction)
    }

    pub(super) async fn rows(
        &mut self,
        sql: &'static str,
        cells: Vec<Cell>,
    ) -> Result<Vec<Row>, Error> {
        match self {
            Self::Sqlite(tx) => {
                bound(sql, cells).fetch_all(&mut **tx).await.map(|rows| wrapped(rows, Row::Sqlite))
            }
            Self::Postgres(tx) => bound(sql, cells)
                .fetch_all(&mut **tx)
                .await
                .map(|rows| wrapped(rows, Row::Postgres)),
        }
        .map_err(|cause| Error::Query { sql, cause })
    }

    pub(super) async fn row(
        &mut self,
        sql: &'static str,
        cells: Vec<Cell>,
    ) -> Result<Option<Row>, Error> {
        Ok(self.rows(sql, cells).await?.into_iter().next())
    }

    pub(super) async fn execute(
        &mut self,
        sql: &'static str,
        cells: Vec<Cell>,
    ) -> Result<u64, Error> {
        match self {
            Self::Sqlite(tx) => {
                bound(sql, cells).execute(&mut **tx).await.map(|done| done.rows_affected())
            }
            Self::Postgres(tx) => {
                bound(sql, cells).execute(&mut **tx).await.map(|done| done.rows_affected())
            }
        }
        .map_err(|cause| Error::Query { sql, cause })
    }

    /// Returns the next number of a counter.
    ///
    /// Until this transaction ends, no other transaction gets a number of the same counter. So
    /// numbers rise in the order of commits, and on Postgres this also serves as the lock of a
    /// table family.
    pub(super) async fn next(&mut self, counter: Counter) -> Result<i64, Error> {
        const NEXT: &str = "UPDATE counters SET value = value + 1 WHERE name = $1 RETURNING value";
        let name = match counter {
            Counter::Jobs => "jobs",
            Counter::PlanSets => "plan_sets",
            Counter::StackLocks => "stack_locks",
            Counter::Journal => "journal",
            Counter::Audit => "audit",
        };
        let row = self.row(NEXT, vec![Cell::Text(Some(name.into()))]).await?;
        let why = || format!("no counter `{name}`");
        row.ok_or_else(|| Error::Column { column: "counters.name", why: why() })?.read("value")
    }
}

fn wrapped<R>(rows: Vec<R>, wrap: fn(R) -> Row) -> Vec<Row> {
    rows.into_iter().map(wrap).collect()
}
