//! The memory store keeps the contract, with versions and without, and whatever is taken away.

use std::sync::Arc;

use model::BucketName;
use storage::Capabilities;
use storage::memory::MemoryStore;

use crate::fixture::Fixture;

fn fixture(change: impl FnOnce(&mut Capabilities)) -> Fixture {
    let bucket = |name| BucketName::parse(name).unwrap();
    let store = MemoryStore::new(bucket("inbox")).with_capabilities(change);
    let other = store.sibling(bucket("archive"));
    Fixture::new(Arc::new(store), Arc::new(other), ())
}

mod complete {
    async fn open() -> crate::fixture::Fixture {
        super::fixture(|_| {})
    }

    suite!(super::open);
}

mod with_versions {
    async fn open() -> crate::fixture::Fixture {
        super::fixture(|able| able.versions = true)
    }

    suite!(super::open);
}

mod with_renames {
    async fn open() -> crate::fixture::Fixture {
        super::fixture(|able| able.rename = true)
    }

    suite!(super::open);
}

mod lesser {
    async fn open() -> crate::fixture::Fixture {
        super::fixture(|able| {
            able.put_conditions = false;
            able.complete_conditions = false;
            able.copy_conditions = false;
            able.delete_conditions = false;
            able.part_copy = false;
            able.uniform_parts = true;
            able.min_part_size = 4096;
            able.max_name_bytes = Some(255);
        })
    }

    suite!(super::open);
}
