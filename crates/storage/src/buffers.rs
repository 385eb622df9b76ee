//! `Buffers`: all memory that transfers of this process may use, made once and shared by clones.

use std::sync::Arc;

use crate::metrics::{
    READ_AHEAD_BYTES, UPLOAD_IN_FLIGHT_BYTES, UPLOAD_KEPT_BYTES, UPLOAD_UNSENT_BYTES,
};
use crate::upload::spill::Spills;
use crate::{Budget, ChunkPool};

/// Limits of [`Buffers`], in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BufferLimits {
    /// Upload bytes on their way to stores before sockets are no longer read.
    pub in_flight: u64,
    /// Upload bytes that wait for their part to fill, of all uploads. Beyond it those of the
    /// uploads that received nothing for the longest are put into staging until they are needed.
    pub unsent: u64,
    /// Chunks kept for later.
    pub idle: usize,
    /// What all downloads together fetch ahead of their readers.
    pub read_ahead: u64,
    /// First parts that uploads keep after sending them, so that a header patched at the end
    /// needs no detour.
    pub kept: u64,
}

impl Default for BufferLimits {
    fn default() -> Self {
        Self {
            in_flight: 64 << 20,
            unsent: 256 << 20,
            idle: 64 << 20,
            read_ahead: 128 << 20,
            kept: 64 << 20,
        }
    }
}

/// The memory of all transfers of a process.
#[derive(Debug, Clone)]
pub struct Buffers {
    /// Where upload bytes wait.
    pub chunks: Arc<ChunkPool>,
    /// Upload bytes on their way to stores; the gate of the sockets.
    pub in_flight: Arc<Budget>,
    /// Upload bytes that wait for their part to fill.
    pub unsent: Arc<Budget>,
    pub(crate) spills: Arc<Spills>,
    /// Bytes fetched ahead.
    pub read_ahead: Arc<Budget>,
    /// First parts kept after they were sent.
    pub kept: Arc<Budget>,
}

impl Buffers {
    /// Buffers within these limits.
    pub fn new(limits: &BufferLimits) -> Self {
        Self {
            chunks: ChunkPool::new(limits.idle),
            in_flight: Budget::with_gauge(limits.in_flight, UPLOAD_IN_FLIGHT_BYTES),
            unsent: Budget::with_gauge(limits.unsent, UPLOAD_UNSENT_BYTES),
            spills: Arc::default(),
            read_ahead: Budget::with_gauge(limits.read_ahead, READ_AHEAD_BYTES),
            kept: Budget::with_gauge(limits.kept, UPLOAD_KEPT_BYTES),
        }
    }
}

impl Default for Buffers {
    fn default() -> Self {
        Self::new(&BufferLimits::default())
    }
}
