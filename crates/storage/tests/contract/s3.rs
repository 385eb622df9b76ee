//! The S3 backend keeps the contract against the testkit's server: complete, with versions,
//! with a customer's key, and where the server ignores every condition.

use std::sync::Arc;

use model::{BucketName, Secret};
use storage::s3::{Credentials, S3Client, S3Settings, S3Store};
use storage::{Capabilities, Encryption};
use testkit::s3::{Options, S3Server};

use crate::fixture::Fixture;

/// Small parts, so that a case takes kilobytes and not megabytes.
const PART: u64 = 4096;

fn options() -> Options {
    Options {
        buckets: vec!["inbox".to_owned(), "archive".to_owned()],
        min_part_size: PART,
        ..Options::default()
    }
}

pub(crate) async fn open_bucket(client: &S3Client, name: &str) -> S3Store {
    let bucket = BucketName::parse(name).unwrap();
    let opened = S3Store::open(client, bucket).await;
    opened.unwrap_or_else(|error| panic!("{}", crate::fixture::chain(&error)))
}

async fn fixture(options: Options, encryption: Encryption) -> Fixture {
    let server = S3Server::start(options).await.unwrap();
    let client = S3Client::new(S3Settings {
        endpoint: Some(server.endpoint()),
        path_style: true,
        credentials: Credentials::Static {
            access_key: server.access_key().to_owned(),
            secret_key: Secret::new(server.secret_key().to_owned()),
            session_token: None,
        },
        encryption,
        min_part_size: PART,
        ..S3Settings::default()
    });
    let (store, other) = (
        open_bucket(&client, "inbox").await,
        open_bucket(&client, "archive").await,
    );
    assert!(server.keys("inbox").is_empty(), "the probe cleans up");
    assert!(server.uploads("inbox").is_empty(), "the probe cleans up");
    let mut fixture = Fixture::new(Arc::new(store), Arc::new(other), server);
    fixture.many = 3_000;
    fixture
}

fn conditions(able: &Capabilities) -> [bool; 5] {
    [
        able.put_conditions,
        able.complete_conditions,
        able.copy_conditions,
        able.delete_conditions,
        able.part_copy,
    ]
}

mod complete {
    use super::*;

    async fn open() -> Fixture {
        let fixture = fixture(options(), Encryption::BucketDefault).await;
        assert_eq!(conditions(fixture.store.capabilities()), [true; 5]);
        assert!(!fixture.store.capabilities().versions);
        fixture
    }

    suite!(super::open);
}

mod with_versions {
    use super::*;

    async fn open() -> Fixture {
        let options = Options {
            versions: true,
            ..options()
        };
        let fixture = fixture(options, Encryption::BucketDefault).await;
        assert!(fixture.store.capabilities().versions);
        fixture
    }

    suite!(super::open);
}

mod with_a_customers_key {
    use super::*;

    async fn open() -> Fixture {
        let key = Secret::new(*b"0123456789abcdef0123456789abcdef");
        fixture(options(), Encryption::Customer { key }).await
    }

    suite!(super::open);
}

mod lesser {
    use super::*;

    async fn open() -> Fixture {
        let options = Options {
            put_conditions: false,
            complete_conditions: false,
            copy_conditions: false,
            delete_conditions: false,
            part_copy: false,
            page: 7,
            ..options()
        };
        let mut fixture = fixture(options, Encryption::BucketDefault).await;
        fixture.page = 7;
        assert_eq!(conditions(fixture.store.capabilities()), [false; 5]);
        fixture.many = 300;
        fixture
    }

    suite!(super::open);
}
