//! `DownloadSettings`: how far and in which pieces a download runs ahead.

use std::sync::Arc;

use crate::fetch::DEFAULT_ATTEMPTS;
use crate::{Budget, Buffers};

/// How a download goes about its work. Sizes in bytes.
#[derive(Debug, Clone)]
pub struct DownloadSettings {
    /// What all downloads of the process together fetch ahead.
    pub read_ahead: Arc<Budget>,
    /// The first GET, and the first window: what a small file needs at most.
    pub initial_window: u64,
    /// The furthest that one download runs ahead of its reader. Besides that it holds at most
    /// two fetches behind.
    pub max_window: u64,
    /// The smallest range that is fetched ahead.
    pub min_fetch: u64,
    /// The largest range that is fetched ahead by one GET.
    pub max_fetch: u64,
    /// How often a body may break off in a row without having brought a byte before the read
    /// fails.
    pub attempts: u32,
}

impl DownloadSettings {
    /// The defaults: 512 KiB at first, growing to 16 MiB ahead in GETs of 1 to 4 MiB.
    pub fn new(buffers: &Buffers) -> Self {
        Self {
            read_ahead: buffers.read_ahead.clone(),
            initial_window: 512 << 10,
            max_window: 16 << 20,
            min_fetch: 1 << 20,
            max_fetch: 4 << 20,
            attempts: DEFAULT_ATTEMPTS,
        }
    }
}
