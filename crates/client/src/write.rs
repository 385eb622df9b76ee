//! `FileWriter`: a file in order, with writes under way within a window.

use bytes::Bytes;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use sftp::{Attributes, Request, Write};

use crate::sftp_session::done;
use crate::{Result, Sftp};

/// A file that is written in order. It is whole once [`Self::finish`] says so.
pub struct FileWriter {
    sftp: Sftp,
    handle: Bytes,
    path: String,
    next: u64,
    under_way: FuturesUnordered<BoxFuture<'static, Result<()>>>,
}

impl FileWriter {
    pub(crate) fn new(sftp: Sftp, handle: Bytes, path: String) -> Self {
        Self {
            sftp,
            handle,
            path,
            next: 0,
            under_way: FuturesUnordered::new(),
        }
    }

    /// Bytes that were given to it.
    pub fn len(&self) -> u64 {
        self.next
    }

    /// Whether none were.
    pub fn is_empty(&self) -> bool {
        self.next == 0
    }

    /// Appends bytes; waits while as many as the window holds are not acknowledged.
    ///
    /// # Errors
    /// What the server said to these or earlier ones.
    pub async fn write(&mut self, mut bytes: Bytes) -> Result<()> {
        let piece = self.sftp.pieces().write;
        let window = (self.sftp.window() / piece).max(1);
        while !bytes.is_empty() {
            while self.under_way.len() >= window {
                self.acknowledged().await?;
            }
            let data = bytes.split_to(piece.min(bytes.len()));
            let offset = self.next;
            self.next += data.len() as u64;
            let (sftp, path) = (self.sftp.clone(), self.path.clone());
            let handle = self.handle.clone();
            self.under_way.push(Box::pin(async move {
                let write = Write {
                    handle,
                    offset,
                    data,
                };
                done("write", &path, sftp.exchange().write(&path, &write).await?)
            }));
        }
        Ok(())
    }

    async fn acknowledged(&mut self) -> Result<()> {
        self.under_way.next().await.unwrap_or(Ok(()))
    }

    /// Waits until everything is acknowledged, sets `attributes` unless they are empty, and closes
    /// the file.
    ///
    /// # Errors
    /// What the server said to any of that; the file cannot be relied upon then.
    pub async fn finish(mut self, attributes: Attributes) -> Result<()> {
        while !self.under_way.is_empty() {
            self.acknowledged().await?;
        }
        let exchange = self.sftp.exchange();
        if !attributes.is_empty() {
            let request = Request::Fsetstat {
                handle: self.handle.clone(),
                attributes,
            };
            let operation = "set attributes of";
            let reply = exchange.call(operation, &self.path, &request).await?;
            done(operation, &self.path, reply)?;
        }
        let handle = self.handle.clone();
        let reply = exchange
            .call("close", &self.path, &Request::Close { handle })
            .await?;
        done("close", &self.path, reply)
    }
}

impl std::fmt::Debug for FileWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileWriter")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
