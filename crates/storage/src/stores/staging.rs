//! Where uploads stage: in the bucket that they go to, or in one of their connection's own.

use std::sync::Arc;

use model::BucketName;

use super::connections::Named;
use super::{DEFAULT_STORE, StoreConflict, Stores};
use crate::{ObjectStore, Result};

impl Stores {
    /// The same, with a bucket for what the uploads into the buckets of one connection stage; it is
    /// reached through that connection, and nobody else may use it. Without one they stage in the
    /// bucket that they go to. Call it behind all [`Self::with_store`].
    ///
    /// # Errors
    /// Where there is no such connection, or another one names the bucket.
    pub fn with_staging(self, name: &str, bucket: BucketName) -> Result<Self, StoreConflict> {
        let mut connections = self.connections.anew();
        let holder = self.name_of(&bucket).to_owned();
        let whole = |named: &Named| named.buckets.iter().any(|one| one == bucket.as_str());
        let is_anothers = connections.named(&bucket).is_some_and(whole);
        if holder != name && (name == DEFAULT_STORE || is_anothers) {
            return Err(StoreConflict::Bucket(bucket.to_string(), holder));
        }
        if name == DEFAULT_STORE {
            connections.staging = Some(bucket);
            return Ok(Self::own(connections));
        }
        let mut all = connections.named.iter_mut();
        let named = all.find(|named| named.name == name);
        let named = named.ok_or_else(|| StoreConflict::Unknown(name.to_owned()))?;
        if holder != name {
            named.buckets.push(bucket.to_string());
        }
        named.staging = Some(bucket);
        Ok(Self::own(connections))
    }

    /// Where uploads into a bucket stage: a bucket of its own, or that bucket.
    pub fn staging_of<'a>(&'a self, bucket: &'a BucketName) -> &'a BucketName {
        let staging = match self.connections.named(bucket) {
            Some(named) => &named.staging,
            None => &self.connections.staging,
        };
        staging.as_ref().unwrap_or(bucket)
    }

    /// The buckets that are for staging alone, which no client may reach.
    pub fn staging_buckets(&self) -> impl Iterator<Item = &BucketName> {
        let connections = &self.connections;
        let named = connections.named.iter();
        let named = named.filter_map(|named| named.staging.as_ref());
        connections.staging.iter().chain(named)
    }

    /// [`Self::staging_of`] a bucket, opened.
    ///
    /// # Errors
    /// As [`Self::bucket`].
    pub async fn staging(&self, bucket: &BucketName) -> Result<Arc<dyn ObjectStore>> {
        self.bucket(self.staging_of(bucket)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Connection;

    fn bucket(name: &str) -> BucketName {
        BucketName::parse(name).unwrap()
    }

    #[test]
    fn each_connection_may_have_a_bucket_for_staging() {
        let stores = || {
            let names = ["cold".to_owned(), "archive-*".to_owned()];
            Stores::new(Connection::Memory)
                .with_store("archive", &names, Connection::Memory)
                .unwrap()
        };
        let none = stores();
        assert_eq!(none.staging_of(&bucket("inbox")).as_str(), "inbox");
        assert_eq!(none.staging_buckets().count(), 0);
        let both = stores()
            .with_staging("default", bucket("waiting"))
            .unwrap()
            .with_staging("archive", bucket("colder"))
            .unwrap();
        for (name, staging) in [
            ("inbox", "waiting"),
            ("cold", "colder"),
            ("archive-1", "colder"),
        ] {
            let name = bucket(name);
            let found = both.staging_of(&name);
            assert_eq!(found.as_str(), staging, "{name}");
            assert!(both.are_together(&name, found), "{name}");
        }
        let names: Vec<_> = both.staging_buckets().map(BucketName::as_str).collect();
        assert_eq!(names, ["waiting", "colder"]);
        let refused = |store: &str, name: &str| stores().with_staging(store, bucket(name)).err();
        let taken = |name: &str| StoreConflict::Bucket(name.to_owned(), "archive".to_owned());
        assert_eq!(refused("default", "cold"), Some(taken("cold")));
        assert_eq!(refused("default", "archive-9"), Some(taken("archive-9")));
        assert_eq!(refused("archive", "archive-9"), None);
        let unknown = StoreConflict::Unknown("other".to_owned());
        assert_eq!(refused("other", "waiting"), Some(unknown));
    }
}
