//! `RangeReader`: the bytes of a range of one object state, taken up again where a body breaks off.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use model::{ErrorKind, ObjectKey};

use crate::{BodyStream, Error, ObjectHead, ObjectStore, Pin, Result};

/// The pause after the first body that broke off; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// How often a body may break off in a row without having brought a byte.
pub(crate) const DEFAULT_ATTEMPTS: u32 = 3;

/// One state of one object, to read ranges of.
#[derive(Debug, Clone)]
pub(crate) struct Original {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) key: ObjectKey,
    pub(crate) pin: Pin,
}

impl Original {
    /// Reads `range`, which lies inside the object.
    pub(crate) fn reader(&self, range: Range<u64>, attempts: u32) -> RangeReader {
        RangeReader {
            original: self.clone(),
            at: range.start,
            end: range.end,
            body: None,
            attempts,
            failures: 0,
        }
    }

    /// All bytes of `range`.
    pub(crate) async fn fetch(&self, range: Range<u64>) -> Result<Vec<Bytes>> {
        let mut reader = self.reader(range, DEFAULT_ATTEMPTS);
        let mut chunks = Vec::new();
        while let Some(bytes) = reader.next().await? {
            chunks.push(bytes);
        }
        Ok(chunks)
    }

    fn changed(&self, cause: Error) -> Error {
        let reason = "the object was changed while being read; open it again";
        Error::new(ErrorKind::Conflict, "read", self.key.as_str(), reason).caused_by(cause)
    }
}

/// Brings the bytes of a range in order.
pub(crate) struct RangeReader {
    original: Original,
    at: u64,
    end: u64,
    body: Option<BodyStream>,
    attempts: u32,
    failures: u32,
}

impl RangeReader {
    /// Opens the object in whatever state it is, to read its first `len` bytes. The reader goes
    /// on in that state.
    pub(crate) async fn open(
        store: Arc<dyn ObjectStore>,
        key: ObjectKey,
        len: u64,
        attempts: u32,
    ) -> Result<(ObjectHead, Self)> {
        let fetched = store.get(&key, Some(0..len), None).await?;
        let pin = fetched.head.pin();
        let reader = Self {
            original: Original { store, key, pin },
            at: 0,
            end: len.min(fetched.head.size),
            body: Some(fetched.body),
            attempts,
            failures: 0,
        };
        Ok((fetched.head, reader))
    }

    /// The object.
    pub(crate) fn original(&self) -> &Original {
        &self.original
    }

    /// Where it stops.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// The next bytes; none at the end of the range.
    ///
    /// # Errors
    /// `Conflict` where the object is in another state now, and what the store ran into more
    /// often than it may.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>> {
        while self.at < self.end {
            let body = match &mut self.body {
                Some(body) => body,
                None => {
                    let body = self.begin().await?;
                    self.body.insert(body)
                }
            };
            match body.next().await {
                Some(Ok(mut bytes)) => {
                    let wanted = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
                    bytes.truncate(wanted);
                    if !bytes.is_empty() {
                        self.failures = 0;
                        self.at += bytes.len() as u64;
                        return Ok(Some(bytes));
                    }
                }
                Some(Err(error)) => self.broke_off(error).await?,
                None => self.broke_off(self.too_short()).await?,
            }
        }
        self.body = None;
        Ok(None)
    }

    async fn begin(&mut self) -> Result<BodyStream> {
        let Original { store, key, pin } = &self.original;
        match store.get(key, Some(self.at..self.end), Some(pin)).await {
            Ok(fetched) => Ok(fetched.body),
            Err(error) => Err(match error.kind() {
                // Pinned: an object that is gone was another one's predecessor.
                ErrorKind::Conflict | ErrorKind::NotFound => self.original.changed(error),
                _ => error,
            }),
        }
    }

    async fn broke_off(&mut self, error: Error) -> Result<()> {
        self.body = None;
        self.failures += 1;
        match error.kind() {
            ErrorKind::Conflict | ErrorKind::NotFound => Err(self.original.changed(error)),
            ErrorKind::Denied => Err(error),
            _ if self.failures >= self.attempts => Err(error),
            _ => {
                let pause = FIRST_PAUSE * 2u32.saturating_pow(self.failures - 1);
                tokio::time::sleep(pause).await;
                Ok(())
            }
        }
    }

    fn too_short(&self) -> Error {
        let reason = format!(
            "the store sent nothing of bytes {} to {}",
            self.at,
            self.end - 1
        );
        Error::new(
            ErrorKind::Unavailable,
            "read",
            self.original.key.as_str(),
            reason,
        )
    }
}
