//! `Receipt`: when a WRITE may be answered.

use std::sync::Arc;

use crate::open_file::OpenFile;
use crate::{Error, Result};

/// Says when the bytes that a file had taken so far may be acknowledged: once no more of it than a
/// setting allows is in the memory of this node alone.
#[derive(Debug)]
pub struct Receipt {
    inner: storage::Receipt,
    file: Arc<OpenFile>,
}

impl Receipt {
    pub(crate) fn of(file: &Arc<OpenFile>) -> Self {
        Self {
            inner: file.transfer.receipt(),
            file: Arc::clone(file),
        }
    }

    /// What is to be answered, once it is due.
    pub fn answer(&self) -> Option<Result<()>> {
        let answer = self.inner.answer()?;
        Some(answer.map_err(|error| self.failed(error)))
    }

    /// Waits until it is due: for the store, never for the client.
    ///
    /// # Errors
    /// What an earlier part failed with.
    pub async fn due(&self) -> Result<()> {
        let due = self.inner.due().await;
        due.map_err(|error| self.failed(error))
    }

    fn failed(&self, error: storage::Error) -> Error {
        Error::store("write", &self.file.path(), error)
    }
}
