//! One row of an answer, from either engine, read by the names of its columns.

use std::fmt::Display;
use std::str::FromStr;

use model::{ErrorKind, Timestamp};
use serde::de::DeserializeOwned;
use sqlx::Row as _;

use crate::{Error, Result};

/// A row. Columns are BIGINT or TEXT; everything else is read out of them here.
pub(crate) enum Row {
    Sqlite(sqlx::sqlite::SqliteRow),
    Postgres(sqlx::postgres::PgRow),
}

impl Row {
    /// A number that may be missing.
    pub(crate) fn integer_or_null(&self, column: &str) -> Result<Option<i64>> {
        match self {
            Self::Sqlite(row) => row.try_get(column),
            Self::Postgres(row) => row.try_get(column),
        }
        .map_err(|error| Error::from_engine("read column", column, error))
    }

    /// A text that may be missing.
    pub(crate) fn text_or_null(&self, column: &str) -> Result<Option<String>> {
        match self {
            Self::Sqlite(row) => row.try_get(column),
            Self::Postgres(row) => row.try_get(column),
        }
        .map_err(|error| Error::from_engine("read column", column, error))
    }

    pub(crate) fn integer(&self, column: &str) -> Result<i64> {
        self.integer_or_null(column)?.ok_or_else(|| missing(column))
    }

    pub(crate) fn text(&self, column: &str) -> Result<String> {
        self.text_or_null(column)?.ok_or_else(|| missing(column))
    }

    /// A number that is never negative, such as a size.
    pub(crate) fn unsigned(&self, column: &str) -> Result<u64> {
        unsigned(column, self.integer(column)?)
    }

    pub(crate) fn small_or_null(&self, column: &str) -> Result<Option<u32>> {
        self.integer_or_null(column)?
            .map(|number| u32::try_from(number).map_err(|error| corrupt(column, error)))
            .transpose()
    }

    pub(crate) fn boolean(&self, column: &str) -> Result<bool> {
        Ok(self.integer(column)? != 0)
    }

    pub(crate) fn time(&self, column: &str) -> Result<Timestamp> {
        self.integer(column).map(Timestamp::from_micros)
    }

    pub(crate) fn time_or_null(&self, column: &str) -> Result<Option<Timestamp>> {
        Ok(self.integer_or_null(column)?.map(Timestamp::from_micros))
    }

    /// A text that is read by its type, such as an id.
    pub(crate) fn parsed<T: FromStr<Err: Display>>(&self, column: &str) -> Result<T> {
        parse(column, &self.text(column)?)
    }

    pub(crate) fn parsed_or_null<T: FromStr<Err: Display>>(
        &self,
        column: &str,
    ) -> Result<Option<T>> {
        self.text_or_null(column)?
            .map(|text| parse(column, &text))
            .transpose()
    }

    /// A text that holds JSON.
    pub(crate) fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T> {
        serde_json::from_str(&self.text(column)?).map_err(|error| corrupt(column, error))
    }
}

/// Writes a value as the JSON of a TEXT column.
pub(crate) fn to_json<T: serde::Serialize>(column: &'static str, value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| {
        Error::new(
            ErrorKind::Internal,
            "write column",
            column,
            error.to_string(),
        )
    })
}

/// A value in the database that this program did not write, or wrote wrongly.
pub(crate) fn corrupt(column: &str, why: impl Display) -> Error {
    Error::new(ErrorKind::Internal, "read column", column, why.to_string())
}

fn parse<T: FromStr<Err: Display>>(column: &str, text: &str) -> Result<T> {
    text.parse().map_err(|error: T::Err| corrupt(column, error))
}

fn unsigned(column: &str, number: i64) -> Result<u64> {
    u64::try_from(number).map_err(|error| corrupt(column, error))
}

fn missing(column: &str) -> Error {
    corrupt(column, "it is empty and must not be")
}
