//! The S3 backend when the store fails: what is repeated, what is not, and what is known then.

#![cfg(feature = "s3")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod copying;
mod faults;
mod metadata;
mod opening;
mod roles;

use std::time::Duration;

use bytes::Bytes;
use model::{BucketName, ObjectKey, Secret};
use storage::s3::{Credentials, Deadlines, Retries, S3Client, S3Settings, S3Store};
use storage::{Body, Precondition, PutOptions, Result};
use testkit::s3::{Options, S3Server};

/// A patient connection with short pauses.
fn settings(server: &S3Server) -> S3Settings {
    S3Settings {
        endpoint: Some(server.endpoint()),
        path_style: true,
        credentials: Credentials::Static {
            access_key: server.access_key().to_owned(),
            secret_key: Secret::new(server.secret_key().to_owned()),
            session_token: None,
        },
        retries: Retries {
            first_pause: Duration::from_millis(1),
            longest_pause: Duration::from_millis(5),
            ..Retries::default()
        },
        ..S3Settings::default()
    }
}

/// Waits no longer than a second for more of a body.
fn impatient(server: &S3Server) -> S3Settings {
    S3Settings {
        deadlines: Deadlines {
            idle: Duration::from_secs(1),
            ..Deadlines::default()
        },
        ..settings(server)
    }
}

async fn server() -> S3Server {
    S3Server::start(Options::default()).await.unwrap()
}

async fn open(settings: S3Settings) -> Result<S3Store> {
    let bucket = BucketName::parse("inbox").unwrap();
    S3Store::open(&S3Client::new(settings), bucket).await
}

/// A server and its bucket, opened before anything breaks, requests counted from here.
async fn opened() -> (S3Server, S3Store) {
    let server = server().await;
    let store = open(settings(&server)).await.unwrap();
    server.reset_requests();
    (server, store)
}

fn key(key: &str) -> ObjectKey {
    ObjectKey::parse(key).unwrap()
}

fn body(pieces: &[&'static str]) -> Body {
    Body::from_chunks(
        pieces
            .iter()
            .map(|piece| Bytes::from_static(piece.as_bytes()))
            .collect(),
    )
}

fn absent() -> PutOptions {
    PutOptions {
        precondition: Some(Precondition::Absent),
        ..PutOptions::default()
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
