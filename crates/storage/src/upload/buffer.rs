//! `Buffer`: the bytes of one slot while they are being collected, in pooled chunks.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use crate::pool::Chunk;
use crate::ranges::RangeSet;
use crate::{Body, Budget, BudgetPermit, ChunkPool};

/// Bytes of one slot; offsets count from the slot's start. Only covered bytes are ever given
/// out: the chunks hold what their last user left in them.
pub(super) struct Buffer {
    pool: Arc<ChunkPool>,
    chunks: Vec<Option<Chunk>>,
    covered: RangeSet,
    held: u64,
    /// Counts its memory, process-wide.
    counted: BudgetPermit,
}

impl Buffer {
    pub(super) fn new(pool: Arc<ChunkPool>, unsent: &Arc<Budget>) -> Self {
        Self {
            pool,
            counted: unsent.take(0),
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

    /// Forgets everything at and behind `len`.
    pub(super) fn clip(&mut self, len: u64) {
        let chunks = len.div_ceil(self.chunk_size()) as usize;
        for chunk in self.chunks.drain(chunks.min(self.chunks.len())..) {
            let freed = chunk.map_or(0, |_| self.pool.chunk_size() as u64);
            self.held -= freed;
            self.counted.release(freed);
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

    /// Gives its memory away as the ranges that are covered, with what counts it.
    pub(super) fn freeze(self) -> (Vec<(Range<u64>, Body)>, BudgetPermit) {
        let size = self.pool.chunk_size();
        let split = |range: Range<u64>| self.split(range).collect::<Vec<_>>();
        let parts: Vec<_> = self
            .covered
            .iter()
            .map(|range| (range.clone(), split(range)))
            .collect();
        let freeze = |chunk: Option<Chunk>| chunk.map(|chunk| chunk.freeze(size));
        let chunks: Vec<Option<Bytes>> = self.chunks.into_iter().map(freeze).collect();
        let body = |split: Vec<(usize, Range<usize>)>| {
            let slice = |(index, within): (usize, Range<usize>)| {
                chunks[index].as_ref().map(|chunk| chunk.slice(within))
            };
            Body::from_chunks(split.into_iter().filter_map(slice).collect())
        };
        let frozen = parts
            .into_iter()
            .map(|(range, split)| (range, body(split)))
            .collect();
        (frozen, self.counted)
    }

    fn chunk(&mut self, index: usize) -> &mut Chunk {
        if self.chunks.len() <= index {
            self.chunks.resize_with(index + 1, || None);
        }
        self.chunks[index].get_or_insert_with(|| {
            let size = self.pool.chunk_size() as u64;
            self.held += size;
            self.counted.add(size);
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

    fn new(pool: &Arc<ChunkPool>) -> Buffer {
        Buffer::new(pool.clone(), &Budget::new(1 << 20))
    }

    fn joined(body: &Body) -> Vec<u8> {
        body.chunks().concat()
    }

    #[test]
    fn pieces_in_any_order_become_the_body() {
        let pool = ChunkPool::with_chunk_size(4, 64);
        let mut buffer = new(&pool);
        buffer.write(6, b"ghij");
        assert_eq!((buffer.held(), buffer.growth(0..10)), (8, 4));
        assert!(!buffer.is_full(10));
        buffer.write(0, b"abcdef");
        assert!(buffer.is_full(10));
        assert_eq!(buffer.copy(3..8), "defgh");
        let (mut frozen, counted) = buffer.freeze();
        assert_eq!((frozen.len(), counted.bytes()), (1, 12));
        let (range, body) = frozen.remove(0);
        assert_eq!((range, joined(&body)), (0..10, b"abcdefghij".to_vec()));
        assert_eq!((body.chunks().len(), pool.buffered()), (3, 12));
        drop(body);
        assert_eq!(pool.buffered(), 0);
    }

    #[test]
    fn clipped_bytes_are_gone_and_their_chunks_returned() {
        let (pool, budget) = (ChunkPool::with_chunk_size(4, 64), Budget::new(1 << 20));
        let mut buffer = Buffer::new(pool.clone(), &budget);
        buffer.write(0, b"abcdefghij");
        assert_eq!(budget.in_flight(), 12);
        buffer.clip(5);
        assert_eq!(
            (buffer.held(), pool.buffered(), budget.in_flight()),
            (8, 8, 8)
        );
        assert!(buffer.is_full(5) && !buffer.is_full(6));
    }

    #[test]
    fn what_the_last_user_left_is_never_given_out() {
        let pool = ChunkPool::with_chunk_size(4, 64);
        let mut secret = new(&pool);
        secret.write(0, b"pass");
        drop(secret);
        let mut buffer = new(&pool);
        buffer.write(2, b"x");
        buffer.write(5, b"yz");
        assert!(!buffer.is_full(3));
        let frozen = buffer.freeze().0;
        let found: Vec<_> = frozen
            .iter()
            .map(|(range, body)| (range.clone(), joined(body)))
            .collect();
        assert_eq!(found, [(2..3, b"x".to_vec()), (5..7, b"yz".to_vec())]);
    }
}
