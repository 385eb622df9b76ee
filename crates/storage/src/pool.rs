//! `ChunkPool`: the memory that upload bytes wait in, in chunks of one size that are used again.

use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use crate::metrics::UPLOAD_BUFFERED_BYTES;

/// A process-wide pool of chunks.
///
/// Chunks keep the allocator out of the data path: one large buffer per part costs far more, as
/// glibc maps and faults it in anew each time. Chunks that come back are kept up to a limit; what
/// is out is counted, half-full parts included. The pool's lock is taken once per chunk.
pub struct ChunkPool {
    chunk_size: usize,
    max_idle: usize,
    idle: Mutex<Vec<Box<[u8]>>>,
    out: AtomicUsize,
}

impl ChunkPool {
    /// The size of a chunk in bytes, unless another is asked for.
    pub const CHUNK_SIZE: usize = 256 << 10;

    /// A pool that keeps at most `max_idle` bytes for later.
    pub fn new(max_idle: usize) -> Arc<Self> {
        Self::with_chunk_size(Self::CHUNK_SIZE, max_idle)
    }

    /// The same with chunks of `chunk_size` bytes (at least 1).
    pub fn with_chunk_size(chunk_size: usize, max_idle: usize) -> Arc<Self> {
        let chunk_size = chunk_size.max(1);
        Arc::new(Self {
            chunk_size,
            max_idle: max_idle / chunk_size,
            idle: Mutex::default(),
            out: AtomicUsize::new(0),
        })
    }

    /// A chunk. What stands in it is left over from its last use: nobody may see a byte of it
    /// that he has not written.
    pub(crate) fn take(self: &Arc<Self>) -> Chunk {
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let memory = idle.unwrap_or_else(|| vec![0; self.chunk_size].into_boxed_slice());
        self.out.fetch_add(1, Relaxed);
        metrics::gauge!(UPLOAD_BUFFERED_BYTES).increment(self.chunk_size as f64);
        Chunk {
            memory,
            pool: self.clone(),
        }
    }

    /// The size of its chunks in bytes.
    pub fn chunk_size(&self) -> usize {
        self.chunk_size
    }

    /// The bytes that are out: in half-full parts, waiting for their turn, or on their way.
    pub fn buffered(&self) -> u64 {
        (self.out.load(Relaxed) * self.chunk_size) as u64
    }

    /// The bytes kept for later.
    pub fn idle(&self) -> u64 {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        (idle.len() * self.chunk_size) as u64
    }

    fn put_back(&self, memory: Box<[u8]>) {
        self.out.fetch_sub(1, Relaxed);
        metrics::gauge!(UPLOAD_BUFFERED_BYTES).decrement(self.chunk_size as f64);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < self.max_idle {
            idle.push(memory);
        }
    }
}

impl fmt::Debug for ChunkPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "ChunkPool({} bytes out, {} idle)",
            self.buffered(),
            self.idle()
        )
    }
}

/// One chunk; its memory returns to the pool when it, or the last `Bytes` made of it, is dropped.
pub(crate) struct Chunk {
    memory: Box<[u8]>,
    pool: Arc<ChunkPool>,
}

impl Chunk {
    /// Copies `piece` to `at`; it must fit.
    pub(crate) fn write(&mut self, at: usize, piece: &[u8]) {
        self.memory[at..at + piece.len()].copy_from_slice(piece);
    }

    /// The bytes of `range`.
    pub(crate) fn bytes(&self, range: Range<usize>) -> &[u8] {
        &self.memory[range]
    }

    /// Gives the chunk away as its first `len` bytes.
    pub(crate) fn freeze(self, len: usize) -> Bytes {
        Bytes::from_owner(self).slice(..len)
    }
}

impl AsRef<[u8]> for Chunk {
    fn as_ref(&self) -> &[u8] {
        &self.memory
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        self.pool.put_back(std::mem::take(&mut self.memory));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_returns_when_the_last_slice_is_dropped() {
        let pool = ChunkPool::with_chunk_size(8, 16);
        let mut chunk = pool.take();
        chunk.write(2, b"abc");
        assert_eq!(chunk.bytes(2..5), b"abc");
        let bytes = chunk.freeze(5);
        let tail = bytes.slice(2..);
        drop(bytes);
        assert_eq!((pool.buffered(), pool.idle()), (8, 0));
        assert_eq!(tail, "abc");
        drop(tail);
        assert_eq!((pool.buffered(), pool.idle()), (0, 8));
    }

    #[test]
    fn idle_stock_is_bounded() {
        let pool = ChunkPool::with_chunk_size(8, 16);
        let chunks: Vec<_> = (0..5).map(|_| pool.take()).collect();
        assert_eq!(pool.buffered(), 40);
        drop(chunks);
        assert_eq!((pool.buffered(), pool.idle()), (0, 16));
    }
}
