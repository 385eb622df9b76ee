//! The local store keeps the contract.

use std::sync::Arc;

use model::BucketName;
use storage::local::LocalStore;

use crate::fixture::{Fixture, Quirks};

async fn open() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let open = async |name| {
        let bucket = BucketName::parse(name).unwrap();
        LocalStore::open(folder.path(), bucket).await.unwrap()
    };
    let (store, other) = (open("inbox").await, open("archive").await);
    let plain = Some(folder.path().join("inbox"));
    Fixture {
        plain,
        quirks: Quirks {
            // It does not look at the bytes that it copies.
            names_no_checksum_of_copies: true,
            ..Quirks::default()
        },
        ..Fixture::new(Arc::new(store), Arc::new(other), folder)
    }
}

suite!(super::open);
