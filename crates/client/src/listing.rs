//! `Listing`: a directory page by page, however large it is.

use bytes::Bytes;
use sftp::{Name, Reply, Request, StatusCode};

use crate::{Error, Result, Sftp};

/// An open directory. Close it with [`Self::close`]; one that is read to its end needs none.
#[derive(Debug)]
pub struct Listing {
    sftp: Sftp,
    handle: Option<Bytes>,
    path: String,
}

impl Listing {
    pub(crate) fn new(sftp: Sftp, handle: Bytes, path: String) -> Self {
        Self {
            sftp,
            handle: Some(handle),
            path,
        }
    }

    /// The next entries, as many as the server sends at once, `.` and `..` left out; none at the
    /// end.
    ///
    /// # Errors
    /// What the server says; the directory is closed then.
    pub async fn next_page(&mut self) -> Result<Option<Vec<Name>>> {
        let Some(handle) = self.handle.clone() else {
            return Ok(None);
        };
        let request = Request::Readdir { handle };
        let answer = self
            .sftp
            .exchange()
            .call("list", &self.path, &request)
            .await;
        match answer {
            Ok(Reply::Name(mut names)) => {
                names.retain(|entry| !matches!(&entry.name[..], b"." | b".."));
                Ok(Some(names))
            }
            Ok(Reply::Status(status)) if status.code == StatusCode::Eof => {
                self.end().await?;
                Ok(None)
            }
            Ok(reply) => {
                self.end().await?;
                Err(Error::unexpected("list", &self.path, &reply))
            }
            Err(error) => Err(error),
        }
    }

    /// Closes it before its end.
    ///
    /// # Errors
    /// What the server says.
    pub async fn close(mut self) -> Result<()> {
        self.end().await
    }

    async fn end(&mut self) -> Result<()> {
        let Some(handle) = self.handle.take() else {
            return Ok(());
        };
        let request = Request::Close { handle };
        let closed = self
            .sftp
            .exchange()
            .call("list", &self.path, &request)
            .await;
        closed.map(drop)
    }
}
