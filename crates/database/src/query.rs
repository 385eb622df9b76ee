//! One query: what it is for, its text, and its values, in the types that both engines share.

use std::net::IpAddr;

use model::{
    AuditId, BucketName, EventId, GroupId, InstallationId, KeyId, NodeId, ObjectKey, ServerId,
    SessionId, Timestamp, TransferId, UserId, UserName,
};
use sqlx::{SqlSafeStr, SqlStr};

/// A value to bind. There are two column types: BIGINT and TEXT.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// BIGINT: numbers, microseconds since 1970, 0 and 1 for no and yes.
    Integer(Option<i64>),
    /// TEXT: names, ids, JSON.
    Text(Option<String>),
}

/// A query to run, with the words for its failure.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    pub(crate) operation: &'static str,
    pub(crate) object: String,
    pub(crate) sql: SqlStr,
    pub(crate) values: Vec<Value>,
}

impl Query {
    /// `operation` and `object` are what an error will name: "look up user", "acme".
    pub(crate) fn new(
        operation: &'static str,
        object: impl ToString,
        sql: impl SqlSafeStr,
    ) -> Self {
        Self {
            operation,
            object: object.to_string(),
            sql: sql.into_sql_str(),
            values: Vec::new(),
        }
    }

    /// Adds the value of the next placeholder: `$1` first.
    pub(crate) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }
}

macro_rules! integer {
    ($($type:ty => |$value:ident| $convert:expr;)*) => { $(
        impl From<$type> for Value {
            fn from($value: $type) -> Self {
                Self::Integer(Some($convert))
            }
        }
        impl From<Option<$type>> for Value {
            fn from(value: Option<$type>) -> Self {
                Self::Integer(value.map(|$value| $convert))
            }
        }
    )* };
}

macro_rules! text {
    ($($type:ty),* $(,)?) => { $(
        impl From<$type> for Value {
            fn from(value: $type) -> Self {
                Self::Text(Some(value.to_string()))
            }
        }
        impl From<Option<$type>> for Value {
            fn from(value: Option<$type>) -> Self {
                Self::Text(value.map(|value| value.to_string()))
            }
        }
    )* };
}

integer! {
    i64 => |value| value;
    u32 => |value| i64::from(value);
    // Sizes and counters; no object reaches 2^63 bytes.
    u64 => |value| i64::try_from(value).unwrap_or(i64::MAX);
    bool => |value| i64::from(value);
    Timestamp => |value| value.as_micros();
}

text!(
    &str,
    String,
    &String,
    &ServerId,
    ServerId,
    UserId,
    GroupId,
    InstallationId,
    KeyId,
    NodeId,
    TransferId,
    SessionId,
    EventId,
    AuditId,
    &UserName,
    &BucketName,
    &ObjectKey,
    IpAddr,
    policy::Permissions
);
