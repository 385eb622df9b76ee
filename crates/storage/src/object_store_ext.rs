//! What is convenient with every store, made of the port's own calls.

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use model::{ErrorKind, ObjectKey};

use crate::{Entry, Error, ListRequest, ObjectStore, PutOptions, Result, Written};

/// Conveniences on top of [`ObjectStore`].
#[async_trait]
pub trait ObjectStoreExt: ObjectStore {
    /// Stores `bytes` whole at `key`, without metadata or condition: one PUT.
    async fn put_bytes(&self, key: &ObjectKey, bytes: Bytes) -> Result<Written> {
        self.put(key, bytes.into(), &PutOptions::default()).await
    }

    /// Reads an object of at most `limit` bytes whole into memory: one GET.
    ///
    /// # Errors
    /// `Exhausted` where the object is larger than `limit`; what GET says otherwise.
    async fn read_whole(&self, key: &ObjectKey, limit: u64) -> Result<Bytes> {
        let fetched = self.get(key, None, None).await?;
        if fetched.head.size > limit {
            let reason = format!("it has {} bytes, more than {limit}", fetched.head.size);
            return Err(Error::new(
                ErrorKind::Exhausted,
                "read",
                key.as_str(),
                reason,
            ));
        }
        let gather = |mut all: BytesMut, chunk: Bytes| async move {
            all.extend_from_slice(&chunk);
            Ok(all)
        };
        let all = fetched.body.try_fold(BytesMut::new(), gather).await?;
        Ok(all.freeze())
    }

    /// Whether an object stands at `key`: one HEAD.
    async fn exists(&self, key: &ObjectKey) -> Result<bool> {
        match self.head(key).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The entries that `request` asks for and those of all pages behind it, in order; one page
    /// in memory at a time, the next asked for when it is wanted. Ends after an error.
    fn entries(&self, request: ListRequest) -> BoxStream<'_, Result<Entry>> {
        let pages = stream::try_unfold(Some(request), move |request| async move {
            let Some(mut request) = request else {
                return Ok(None);
            };
            let page = self.list(&request).await?;
            let next = page.continuation.map(|continuation| {
                request.continuation = Some(continuation);
                request
            });
            Ok::<_, Error>(Some((stream::iter(page.entries).map(Ok), next)))
        });
        pages.try_flatten().boxed()
    }
}

impl<S: ObjectStore + ?Sized> ObjectStoreExt for S {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{MemoryStore, Operation};
    use model::BucketName;

    fn store() -> MemoryStore {
        MemoryStore::new(BucketName::parse("inbox").unwrap())
    }

    fn key(key: &str) -> ObjectKey {
        ObjectKey::parse(key).unwrap()
    }

    #[tokio::test]
    async fn entries_cross_pages_and_ask_for_no_more_than_is_taken() {
        let store = store();
        for number in 0..25 {
            store
                .put_bytes(&key(&format!("{number:02}")), Bytes::new())
                .await
                .unwrap();
        }
        let request = ListRequest {
            max_entries: Some(10),
            ..ListRequest::default()
        };
        let all: Vec<Entry> = store.entries(request.clone()).try_collect().await.unwrap();
        assert_eq!(all.len(), 25);
        assert_eq!(store.requests().count(Operation::List), 3);
        store.reset_requests();
        let some: Vec<_> = store.entries(request).take(10).collect().await;
        assert_eq!(some.len(), 10);
        assert_eq!(store.requests().count(Operation::List), 1);
    }

    #[tokio::test]
    async fn what_is_too_large_is_not_read() {
        let store = store();
        store
            .put_bytes(&key("a"), Bytes::from_static(b"12345"))
            .await
            .unwrap();
        assert_eq!(store.read_whole(&key("a"), 5).await.unwrap(), "12345");
        let error = store.read_whole(&key("a"), 4).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Exhausted);
    }
}
