//! `Buffer`: the bytes of one slot while they are being collected, in pooled chunks.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use crate::pool::Chunk;
use crate::ranges::RangeSet;
use crate::{Body, ChunkPool};

/// Bytes of one slot; offsets count from the slot's start. Only covered bytes are ever given
/// out: the chunks hold what their last user left in them.
pub(super) struct Buffer {
    pool: Arc<ChunkPool>,
    chunks: Vec<Option<Chunk>>,
    covered: RangeSet,
    held: u64,
}

impl Buffer {
    pub(super) fn new(pool: Arc<ChunkPool>) -> Self {
        Self {
            pool,
            chunks: Vec::new(),
            covered: RangeSet::default(),
            held: 0,
        }
    }

    /// Takes `piece` at `at`.
    pub(super) fn write(&mut self, at: u64, piece: &[u8]) {
        let mut rest = piece;
        for (index, within) in self.split(at..at + piece.len() as u64) {
            let (now, later) = rest.split_at(within.len());
            self.chunk(index).write(within.start, now);
            rest = later;
        }
        self.covered.insert(at..at + piece.len() as u64);
    }

    /// Makes `range` zeros.
    pub(super) fn write_zeros(&mut self, range: Range<u64>) {
        const ZEROS: [u8; 4096] = [0; 4096];
        let mut at = range.start;
        while at < range.end {
            let len = (range.end - at).min(ZEROS.len() as u64);
            self.write(at, &ZEROS[..len as usize]);
            at += len;
        }
    }

    /// Forgets everything at and behind `len`.
    pub(super) fn clip(&mut self, len: u64) {
        let chunks = len.div_ceil(self.chunk_size()) as usize;
        for chunk in self.chunks.drain(chunks.min(self.chunks.len())..) {
            self.held -= chunk.map_or(0, |_| self.pool.chunk_size() as u64);
        }
        self.covered.clip(len);
    }

    /// How many bytes of memory a write of `range` would add.
    pub(super) fn growth(&self, range: Range<u64>) -> u64 {
        let size = self.chunk_size();
        let touched = (range.start / size) as usize..range.end.div_ceil(size) as usize;
        let absent = |index: &usize| self.chunks.get(*index).is_none_or(Option::is_none);
        touched.filter(absent).count() as u64 * size
    }

    /// The bytes of memory it holds.
    pub(super) fn held(&self) -> u64 {
        self.held
    }

    /// What is covered.
    pub(super) fn covered(&self) -> &RangeSet {
        &self.covered
    }

    /// Whether the first `len` bytes are all there.
    pub(super) fn is_full(&self, len: u64) -> bool {
        self.covered.covers(&(0..len))
    }

    /// A copy of `range`, all of it covered.
    pub(super) fn copy(&self, range: Range<u64>) -> Bytes {
        let mut copy = Vec::with_capacity((range.end - range.start) as usize);
        for (index, within) in self.split(range) {
            if let Some(chunk) = &self.chunks[index] {
                copy.extend_from_slice(chunk.bytes(within));
            }
        }
        copy.into()
    }

    /// Its first `len` bytes, all of them covered, as a body.
    pub(super) fn into_body(self, len: u64) -> Body {
        debug_assert!(self.is_full(len));
        let mut left = len as usize;
        let size = self.pool.chunk_size();
        let frozen = self.chunks.into_iter().flatten().map_while(|chunk| {
            let now = left.min(size);
            left -= now;
            (now > 0).then(|| chunk.freeze(now))
        });
        Body::from_chunks(frozen.collect())
    }

    fn chunk(&mut self, index: usize) -> &mut Chunk {
        if self.chunks.len() <= index {
            self.chunks.resize_with(index + 1, || None);
        }
        self.chunks[index].get_or_insert_with(|| {
            self.held += self.pool.chunk_size() as u64;
            self.pool.take()
        })
    }

    /// The chunks that `range` touches, each with the range inside it.
    fn split(&self, range: Range<u64>) -> impl Iterator<Item = (usize, Range<usize>)> + use<> {
        let size = self.chunk_size();
        (range.start / size..range.end.div_ceil(size)).map(move |index| {
            let start = range.start.max(index * size) - index * size;
            let end = range.end.min((index + 1) * size) - index * size;
            (index as usize, start as usize..end as usize)
        })
    }

    fn chunk_size(&self) -> u64 {
        self.pool.chunk_size() as u64
    }
}

impl std::fmt::Debug for Buffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Buffer({:?} in {} bytes)", self.covered, self.held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(body: &Body) -> Vec<u8> {
        body.chunks().concat()
    }

    #[test]
    fn pieces_in_any_order_become_the_body() {
        let pool = ChunkPool::with_chunk_size(4, 64);
        let mut buffer = Buffer::new(pool.clone());
        buffer.write(6, b"ghij");
        assert_eq!((buffer.held(), buffer.growth(0..10)), (8, 4));
        assert!(!buffer.is_full(10));
        buffer.write(0, b"abcdef");
        assert!(buffer.is_full(10));
        assert_eq!(buffer.copy(3..8), "defgh");
        let body = buffer.into_body(9);
        assert_eq!(joined(&body), b"abcdefghi");
        assert_eq!((body.chunks().len(), pool.buffered()), (3, 12));
        drop(body);
        assert_eq!(pool.buffered(), 0);
    }

    #[test]
    fn clipped_bytes_are_gone_and_their_chunks_returned() {
        let pool = ChunkPool::with_chunk_size(4, 64);
        let mut buffer = Buffer::new(pool.clone());
        buffer.write(0, b"abcdefghij");
        buffer.clip(5);
        assert_eq!((buffer.held(), pool.buffered()), (8, 8));
        assert!(buffer.is_full(5) && !buffer.is_full(6));
        buffer.write_zeros(5..7);
        assert_eq!(joined(&buffer.into_body(7)), b"abcde\0\0");
    }

    #[test]
    fn what_the_last_user_left_is_never_given_out() {
        let pool = ChunkPool::with_chunk_size(4, 64);
        let mut secret = Buffer::new(pool.clone());
        secret.write(0, b"pass");
        drop(secret);
        let mut buffer = Buffer::new(pool);
        buffer.write(2, b"x");
        assert!(!buffer.is_full(3));
        assert!(buffer.covered().iter().eq(std::iter::once(2..3)));
    }
}
