//! The local store keeps the contract.

use std::sync::Arc;

use model::BucketName;
use storage::local::LocalStore;

use crate::fixture::Fixture;

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
        ..Fixture::new(Arc::new(store), Arc::new(other), folder)
    }
}

suite!(super::open);
