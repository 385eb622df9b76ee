//! `copy-data`: bytes from one handle into another, without their passing the client.

use std::future::poll_fn;
use std::ops::Range;

use model::ErrorKind;
use transfer::Attributes;

use crate::handles::{FileHandle, Opened, Writing};
use crate::reading::Reading;
use crate::{Error, HandleId, Result, Session};

const OPERATION: &str = "copy data to";
const FROM: &str = "copy data from";
/// Read and written in one step, in bytes.
const STEP: u32 = 1 << 20;

impl Session {
    /// Copies bytes from a file that is open for reading into one that is open for writing,
    /// without their passing the client. `len` 0 means up to the end; where the source ends
    /// earlier, so does the copy.
    ///
    /// Whole parts do not pass the gateway either: the store copies them when the target is closed, in
    /// the state that the source was opened in. So it does with all that makes the beginning of a new
    /// file, range by range. The copy of a whole file into a new one takes over what else was known
    /// of it.
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
        let source = self.handle(FROM, from)?;
        let FileHandle::Reading(reading) = &source.file else {
            return Err(source.file.cannot(FROM));
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
        let range = from_offset..end;
        if range.is_empty() {
            return Ok(());
        }
        let target: (&Opened, &Writing) = (&target, writing);
        if to_offset == 0 && writing.file.transfer.is_empty() && range == (0..size) {
            inherit(reading, writing);
        }
        let taken = self.copy_inside(reading, range.clone(), writing, to_offset)?;
        let before = range.start..range.start + (taken.start - to_offset);
        let behind = range.start + (taken.end - to_offset)..range.end;
        let source: (&Opened, &Reading) = (&source, reading);
        self.stream(source, before, target, to_offset).await?;
        self.stream(source, behind, target, taken.end).await
    }

    /// Lets the store copy what it can: returns where that goes.
    fn copy_inside(
        &self,
        reading: &Reading,
        range: Range<u64>,
        writing: &Writing,
        to_offset: u64,
    ) -> Result<Range<u64>> {
        let nothing = to_offset..to_offset;
        // What is added goes to the end, wherever that is when its turn comes.
        let adds = writing.append && !writing.file.transfer.is_empty();
        let len = range.end - range.start;
        let Some(copied) = reading.copied(range).filter(|_| !adds) else {
            return Ok(nothing);
        };
        let to = writing.file.place.bucket();
        if !self.shared.stores.are_together(copied.bucket(), to) {
            return Ok(nothing);
        }
        writing.file.copy(&copied, to_offset, len)
    }

    /// Reads and writes what the store does not copy.
    async fn stream(
        &self,
        (source, reading): (&Opened, &Reading),
        range: Range<u64>,
        (target, writing): (&Opened, &Writing),
        to_offset: u64,
    ) -> Result<()> {
        let gate = self.shared.transfers.buffers().in_flight.gate();
        let mut at = range.start;
        while at < range.end {
            // Nobody else slows this down: there is no client whose bytes would pile up.
            poll_fn(|context| gate.poll_open(context)).await;
            let step = u32::try_from(range.end - at).unwrap_or(STEP).min(STEP);
            self.check_grant(FROM, &source.grant)?;
            self.check_grant(OPERATION, &target.grant)?;
            let pieces = reading.bytes(at, step).await?;
            if pieces.is_empty() {
                break;
            }
            for piece in pieces {
                let offset = to_offset.checked_add(at - range.start);
                let offset = offset.ok_or_else(|| too_far(&target.file))?;
                writing.write(offset, &piece)?;
                at += piece.len() as u64;
            }
        }
        Ok(())
    }
}

/// A copy of the whole file is as old as the file, unless its client says otherwise; so are what
/// its object says of itself, and its mode.
fn inherit(reading: &Reading, writing: &Writing) {
    let source = &reading.attributes;
    let kept = Attributes {
        mtime: Some(source.mtime),
        atime: None,
        mode: Some(source.mode),
    };
    let set = writing.file.attributes();
    writing.file.set_attributes(set.or(kept));
    let transfer = &writing.file.transfer;
    transfer.inherit(reading.download.head(), &set.or(kept));
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
