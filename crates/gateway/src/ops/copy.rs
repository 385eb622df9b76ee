//! `copy-data`: bytes from one handle into another, without their passing the client.

use std::future::poll_fn;

use model::ErrorKind;

use crate::handles::FileHandle;
use crate::{Error, HandleId, Result, Session};

const OPERATION: &str = "copy data to";
/// Read and written in one step, in bytes.
const STEP: u32 = 1 << 20;

impl Session {
    /// Copies bytes from a file that is open for reading into one that is open for writing,
    /// without their passing the client. `len` 0 means up to the end; where the source ends
    /// earlier, so does the copy.
    ///
    /// # Errors
    /// `Invalid` for handles that are not open that way, and what reading and writing fail with.
    pub async fn copy_data(
        &self,
        from: HandleId,
        from_offset: u64,
        len: u64,
        to: HandleId,
        to_offset: u64,
    ) -> Result<()> {
        let source = self.handle("copy data from", from)?;
        let FileHandle::Reading(reading) = &source.file else {
            return Err(source.file.cannot("copy data from"));
        };
        let target = self.handle(OPERATION, to)?;
        let (FileHandle::Writing(writing) | FileHandle::ReadingWriting(writing)) = &target.file
        else {
            return Err(target.file.cannot(OPERATION));
        };
        let size = reading.download.head().size;
        let end = match len {
            0 => size,
            len => from_offset.saturating_add(len).min(size),
        };
        let gate = self.shared.transfers.buffers().in_flight.gate();
        let mut at = from_offset;
        while at < end {
            // Nobody else slows this down: there is no client whose bytes would pile up.
            poll_fn(|context| gate.poll_open(context)).await;
            let step = u32::try_from(end - at).unwrap_or(STEP).min(STEP);
            self.check_grant("copy data from", &source.grant)?;
            self.check_grant(OPERATION, &target.grant)?;
            let pieces = reading.read(at, step).await?;
            if pieces.is_empty() {
                break;
            }
            for piece in pieces {
                let offset = to_offset.checked_add(at - from_offset);
                let offset = offset.ok_or_else(|| too_far(&target.file))?;
                writing.write(offset, &piece)?;
                at += piece.len() as u64;
            }
        }
        Ok(())
    }
}

fn too_far(target: &FileHandle) -> Error {
    Error::new(
        ErrorKind::Invalid,
        format!(
            "{OPERATION} {}: the offset is beyond any file",
            target.path()
        ),
    )
}
