//! Encryption at rest: what each request says of it.

use aws_sdk_s3::types::ServerSideEncryption;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use model::Secret;

use crate::Encryption;

/// The headers of an [`Encryption`], computed once.
#[derive(Debug, Default)]
pub(super) struct Sealing {
    /// On requests that make an object, and `None` with SSE-C.
    pub(super) mode: Option<ServerSideEncryption>,
    pub(super) kms_key_id: Option<String>,
    /// On every request that touches an object's bytes or attributes, with SSE-C.
    pub(super) customer: Option<CustomerKey>,
}

/// The three SSE-C headers.
#[derive(Debug)]
pub(super) struct CustomerKey {
    key: Secret<String>,
    md5: String,
}

impl Sealing {
    pub(super) fn of(encryption: &Encryption) -> Self {
        match encryption {
            Encryption::BucketDefault => Self::default(),
            Encryption::S3Managed => Self {
                mode: Some(ServerSideEncryption::Aes256),
                ..Self::default()
            },
            Encryption::Kms { key_id } => Self {
                mode: Some(ServerSideEncryption::AwsKms),
                kms_key_id: key_id.clone(),
                ..Self::default()
            },
            Encryption::Customer { key } => Self {
                customer: Some(CustomerKey {
                    key: Secret::new(STANDARD.encode(key.expose())),
                    md5: STANDARD.encode(Md5::digest(key.expose())),
                }),
                ..Self::default()
            },
        }
    }

    pub(super) fn algorithm(&self) -> Option<String> {
        self.customer.as_ref().map(|_| "AES256".to_owned())
    }

    pub(super) fn key(&self) -> Option<String> {
        self.customer
            .as_ref()
            .map(|customer| customer.key.expose().clone())
    }

    pub(super) fn key_md5(&self) -> Option<String> {
        self.customer.as_ref().map(|customer| customer.md5.clone())
    }
}

/// Sets the SSE-C headers of a request builder.
macro_rules! with_customer_key {
    ($request:expr, $sealing:expr) => {
        $request
            .set_sse_customer_algorithm($sealing.algorithm())
            .set_sse_customer_key($sealing.key())
            .set_sse_customer_key_md5($sealing.key_md5())
    };
}

/// Sets the SSE-C headers for the source of a copy.
macro_rules! with_source_key {
    ($request:expr, $sealing:expr) => {
        $request
            .set_copy_source_sse_customer_algorithm($sealing.algorithm())
            .set_copy_source_sse_customer_key($sealing.key())
            .set_copy_source_sse_customer_key_md5($sealing.key_md5())
    };
}

/// Sets how the object that a request makes is encrypted.
macro_rules! sealed {
    ($request:expr, $sealing:expr) => {
        with_customer_key!($request, $sealing)
            .set_server_side_encryption($sealing.mode.clone())
            .set_ssekms_key_id($sealing.kms_key_id.clone())
    };
}

pub(super) use {sealed, with_customer_key, with_source_key};
