//! The condition keys that requests here can have, and what kind of values they hold.

use std::fmt;
use std::net::IpAddr;

use model::Timestamp;

use crate::context::Context;
use crate::variables::Variables;

/// A key that conditions may ask for, written in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ConditionKey {
    /// `s3:prefix`: of listings; the directory's key with its slash.
    Prefix,
    /// `s3:delimiter`: of listings.
    Delimiter,
    /// `s3:max-keys`: of listings.
    MaxKeys,
    /// `s3:x-amz-server-side-encryption`: of writes.
    Encryption,
    /// `s3:x-amz-server-side-encryption-aws-kms-key-id`: of writes.
    KmsKey,
    /// `aws:SourceIp`.
    SourceIp,
    /// `aws:CurrentTime`.
    CurrentTime,
    /// `aws:EpochTime`: the same, in seconds since 1970.
    EpochTime,
    /// `aws:SecureTransport`.
    SecureTransport,
    /// `aws:username`.
    UserName,
}

/// What a request holds under a key.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'a> {
    Text(&'a str),
    Number(f64),
    Time(Timestamp),
    Address(IpAddr),
    Bool(bool),
}

impl ConditionKey {
    /// Every key.
    pub const ALL: [Self; 10] = [
        Self::Prefix,
        Self::Delimiter,
        Self::MaxKeys,
        Self::Encryption,
        Self::KmsKey,
        Self::SourceIp,
        Self::CurrentTime,
        Self::EpochTime,
        Self::SecureTransport,
        Self::UserName,
    ];

    /// The name as AWS writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prefix => "s3:prefix",
            Self::Delimiter => "s3:delimiter",
            Self::MaxKeys => "s3:max-keys",
            Self::Encryption => "s3:x-amz-server-side-encryption",
            Self::KmsKey => "s3:x-amz-server-side-encryption-aws-kms-key-id",
            Self::SourceIp => "aws:SourceIp",
            Self::CurrentTime => "aws:CurrentTime",
            Self::EpochTime => "aws:EpochTime",
            Self::SecureTransport => "aws:SecureTransport",
            Self::UserName => "aws:username",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|key| key.as_str().eq_ignore_ascii_case(name))
    }

    /// Whether only listings have it.
    pub(crate) fn is_of_listings(self) -> bool {
        matches!(self, Self::Prefix | Self::Delimiter | Self::MaxKeys)
    }

    pub(crate) fn value<'a>(
        self,
        context: &Context<'a>,
        variables: &'a Variables,
    ) -> Option<Value<'a>> {
        match self {
            Self::Prefix => context.prefix.map(Value::Text),
            Self::Delimiter => context.delimiter.map(Value::Text),
            Self::MaxKeys => context.max_keys.map(|keys| Value::Number(keys.into())),
            Self::Encryption => context.encryption.map(Value::Text),
            Self::KmsKey => context.kms_key.map(Value::Text),
            Self::SourceIp => variables.source_ip().map(Value::Address),
            Self::CurrentTime | Self::EpochTime => Some(Value::Time(context.now)),
            Self::SecureTransport => Some(Value::Bool(variables.secure_transport())),
            Self::UserName => Some(Value::Text(variables.user_name())),
        }
    }
}

impl fmt::Display for ConditionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Time(time) => write!(f, "{} s since 1970", time.as_seconds()),
            Self::Address(address) => write!(f, "{address}"),
            Self::Bool(value) => write!(f, "{value}"),
        }
    }
}
