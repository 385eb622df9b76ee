//! A request: what is asked of which resource, and under which circumstances.

use model::Timestamp;

use crate::{Resource, S3Action};

/// One question: may this action be done to this resource?
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// What is to be done.
    pub action: S3Action,
    /// To what.
    pub resource: &'a Resource,
    /// Under which circumstances.
    pub context: Context<'a>,
}

/// The condition keys whose values change from request to request. What a request does not have is
/// missing, as in a request to S3: `s3:prefix` belongs to listings, encryption to writes.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    pub(crate) now: Timestamp,
    pub(crate) prefix: Option<&'a str>,
    pub(crate) delimiter: Option<&'a str>,
    pub(crate) max_keys: Option<u32>,
    pub(crate) encryption: Option<&'a str>,
    pub(crate) kms_key: Option<&'a str>,
}

impl<'a> Context<'a> {
    /// A request at this time, and nothing more.
    pub fn at(now: Timestamp) -> Self {
        Self {
            now,
            prefix: None,
            delimiter: None,
            max_keys: None,
            encryption: None,
            kms_key: None,
        }
    }

    /// The same listing the keys that begin with `prefix`, down to the next `/`.
    #[must_use]
    pub fn listing(self, prefix: &'a str) -> Self {
        Self {
            prefix: Some(prefix),
            delimiter: Some("/"),
            ..self
        }
    }

    /// The same with another delimiter, or none: `s3:delimiter`.
    #[must_use]
    pub fn delimited(self, delimiter: Option<&'a str>) -> Self {
        Self { delimiter, ..self }
    }

    /// The same asking for so many keys a page: `s3:max-keys`.
    #[must_use]
    pub fn paged(self, max_keys: u32) -> Self {
        Self {
            max_keys: Some(max_keys),
            ..self
        }
    }

    /// The same storing what is written encrypted in this way (`AES256`, `aws:kms`), with this
    /// KMS key where one is named.
    #[must_use]
    pub fn encrypted(self, algorithm: &'a str, kms_key: Option<&'a str>) -> Self {
        Self {
            encryption: Some(algorithm),
            kms_key,
            ..self
        }
    }
}
