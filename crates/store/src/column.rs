//! How values of `core` are stored in columns: as integers and text, nothing else.
//!
//! One trait serves both directions and both databases, so a value that can be written can be read.
//! A value that cannot be read is an error that names the column. No SQL here.

use jiff::Timestamp;
use serde_json::Value as Json;
use sqlx::{Row as _, postgres::PgRow, sqlite::SqliteRow};

use planwright_core::{
    canonical::canonical,
    change::Change,
    digest::Digest,
    names::{
        BranchName, CommentId, DeliveryId, Login, PrNumber, RepositoryId, Sha, StackId, UserId,
    },
    plan::Plan,
};

use super::{Error, Subject, records};

/// A value to bind in a statement. A null keeps its type, because Postgres needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    Int(Option<i64>),
    Text(Option<String>),
}

/// The Rust types of the two column types, integer and text.
pub(super) trait Raw: Sized {
    fn cell(value: Option<Self>) -> Cell;
    fn read(row: &Row, column: &str) -> Result<Option<Self>, sqlx::Error>;
}

impl Raw for i64 {
    fn cell(value: Option<Self>) -> Cell {
        Cell::Int(value)
    }

    fn read(row: &Row, column: &str) -> Result<Option<Self>, sqlx::Error> {
        match row {
            Row::Sqlite(row) => row.try_get(column),
            Row::Postgres(row) => row.try_get(column),
        }
    }
}

impl Raw for String {
    fn cell(value: Option<Self>) -> Cell {
        // Postgres text cannot contain NUL. It is replaced for SQLite too, so that both databases
        // behave alike and the outcome of a job is not lost because a child process printed one.
        Cell::Text(value.map(|text| match text.contains('\0') {
            true => text.replace('\0', "\u{fffd}"),
            false => text,
        }))
    }

    fn read(row: &Row, column: &str) -> Result<Option<Self>, sqlx::Error> {
        match row {
            Row::Sqlite(row) => row.try_get(column),
            Row::Postgres(row) => row.try_get(column),
        }
    }
}

/// A value that can be stored in a column.
pub(super) trait Column: Sized {
    type Raw: Raw;

    fn raw(&self) -> Self::Raw;

    /// Fails, with the reason, if the column holds something else.
    fn parse(raw: Self::Raw) -> Result<Self, String>;
}

/// A value that can be bound in a statement: a column's value or null.
pub(super) trait Bind {
    fn cell(&self) -> Cell;
}

impl<T: Column> Bind for T {
    fn cell(&self) -> Cell {
        T::Raw::cell(Some(self.raw()))
    }
}

impl<T: Column> Bind for Option<T> {
    fn cell(&self) -> Cell {
        T::Raw::cell(self.as_ref().map(Column::raw))
    }
}

impl Bind for str {
    fn cell(&self) -> Cell {
        self.to_owned().cell()
    }
}

/// Builds the list of values for a statement, in the order of `$1`, `$2`, ….
macro_rules! binds {
    ($($value:expr),+ $(,)?) => {
        {
            use $crate::column::Bind as _;
            vec![$(($value).cell()),+]
        }
    };
}
pub(super) use binds;

/// One row of a result, from either database.
pub(super) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Row {
    /// Fails if the column is null or not a `T`.
    pub(super) fn read<T: Column>(&self, column: &'static str) -> Result<T, Error> {
        self.read_optional(column)?.ok_or_else(|| Error::Column { column, why: "null".into() })
    }

    /// Returns `None` for null. Fails if the column holds something else than a `T`.
    pub(super) fn read_optional<T: Column>(
        &self,
        column: &'static str,
    ) -> Result<Option<T>, Error> {
        T::Raw::read(self, column)
            .map_err(|e| e.to_string())
            .and_then(|raw| raw.map(T::parse).transpose())
            .map_err(|why| Error::Column { column, why })
    }
}

impl Column for i64 {
    type Raw = i64;
    fn raw(&self) -> i64 {
        *self
    }
    fn parse(raw: i64) -> Result<Self, String> {
        Ok(raw)
    }
}

impl Column for bool {
    type Raw = i64;
    fn raw(&self) -> i64 {
        i64::from(*self)
    }
    fn parse(raw: i64) -> Result<Self, String> {
        match raw {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(format!("{other} where 0 or 1 should be")),
        }
    }
}

impl Column for Timestamp {
    type Raw = i64;
    fn raw(&self) -> i64 {
        self.as_millisecond()
    }
    fn parse(raw: i64) -> Result<Self, String> {
        Self::from_millisecond(raw).map_err(|e| e.to_string())
    }
}

/// Implements `Column` for newtypes around GitHub's numeric ids.
macro_rules! id_columns {
    ($($name:ty),*) => {$(
        impl Column for $name {
            type Raw = i64;
            fn raw(&self) -> i64 {
                self.0
            }
            fn parse(raw: i64) -> Result<Self, String> {
                Ok(Self(raw))
            }
        }
    )*};
}
id_columns!(CommentId, UserId, RepositoryId, PrNumber);

impl Column for String {
    type Raw = String;
    fn raw(&self) -> String {
        self.clone()
    }
    fn parse(raw: String) -> Result<Self, String> {
        Ok(raw)
    }
}

impl Column for Digest {
    type Raw = String;
    fn raw(&self) -> String {
        self.to_string()
    }
    fn parse(raw: String) -> Result<Self, String> {
        Ok(Self::from_text(raw))
    }
}

/// Implements `Column` for names with a syntax, which are parsed again when read.
macro_rules! name_columns {
    ($($name:ty),*) => {$(
        impl Column for $name {
            type Raw = String;
            fn raw(&self) -> String {
                self.to_string()
            }
            fn parse(raw: String) -> Result<Self, String> {
                Self::try_from(raw).map_err(|e| e.to_string())
            }
        }
    )*};
}
name_columns!(BranchName, DeliveryId, Login, Sha, StackId);

/// JSON that no SQL statement looks into.
impl Column for Json {
    type Raw = String;
    fn raw(&self) -> String {
        canonical(self)
    }
    fn parse(raw: String) -> Result<Self, String> {
        serde_json::from_str(&raw).map_err(|e| e.to_string())
    }
}

/// Implements `Column` for types that have a record of the same name in `records::v1`.
macro_rules! record_columns {
    ($($name:ident),*) => {$(
        impl Column for $name {
            type Raw = String;
            fn raw(&self) -> String {
                records::to_text::<Self, records::v1::$name>(self)
            }
            fn parse(raw: String) -> Result<Self, String> {
                records::from_text::<Self, records::v1::$name>(&raw).map_err(|e| e.to_string())
            }
        }
    )*};
}
record_columns!(Plan, Change, Subject);

/// Defines an enum whose variants are stored and shown as words.
macro_rules! text_enum {
    ($($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant),*
        }

        impl $name {
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),*
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl $crate::column::Column for $name {
            type Raw = String;
            fn raw(&self) -> String {
                self.as_str().to_owned()
            }
            fn parse(raw: String) -> Result<Self, String> {
                match raw.as_str() {
                    $($word => Ok(Self::$variant),)*
                    other => Err(format!("`{other}` where one of {} should be", [$($word),*].join(", "))),
                }
            }
        }
    )*};
}
pub(super) use text_enum;

#[cfg(test)]
mod tests {
    use super::*;

    text_enum! {
        Light { Red = "red", Green = "green" }
    }

    #[test]
    fn a_word_that_is_not_in_the_list_is_an_error_that_lists_them() {
        assert_eq!(Light::parse("green".into()), Ok(Light::Green));
        let error = Light::parse("blue".into()).unwrap_err();
        assert_eq!(error, "`blue` where one of red, green should be");
    }

    #[test]
    fn a_null_has_the_type_of_its_column() {
        assert_eq!(None::<Sha>.cell(), Cell::Text(None));
        assert_eq!(None::<Timestamp>.cell(), Cell::Int(None));
    }

    #[test]
    fn what_is_no_name_any_more_is_not_read_as_one() {
        assert!(StackId::parse("../etc").is_err());
        assert!(<Sha as Column>::parse("main".into()).is_err());
        assert!(bool::parse(2).is_err());
    }

    #[test]
    fn a_nul_becomes_visible_instead_of_an_error_on_one_database() {
        assert_eq!("a\0b".to_owned().cell(), Cell::Text(Some("a\u{fffd}b".into())));
    }
}
