//! Comparing two servers as a partner would: the same user logs in to both, and whatever he would
//! notice is told.

mod contents;
mod notice;
mod partner;
mod server;
mod tree;
mod users;

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

pub use notice::{Notice, Notices, Weight};
pub use server::Door;
pub use users::Partner;

use crate::Result;
use partner::compare_partner;
use server::compare_servers;

/// How much is compared.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Partners at the same time. Default 4.
    pub partners: usize,
    /// Files of each partner whose contents are compared. Default 20.
    pub sample: usize,
    /// Bytes of each of those: longer ones are compared up to there. Default 16 MiB.
    pub sample_bytes: u64,
    /// Entries of each partner that are looked at. Default 100,000.
    pub entries: usize,
    /// Notices of each partner that are told; the rest is counted. Default 100.
    pub notices: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            partners: 4,
            sample: 20,
            sample_bytes: 16 << 20,
            entries: 100_000,
            notices: 100,
        }
    }
}

/// Compares the servers behind two doors, for these partners. What is told comes in the order of
/// partners, the servers themselves first.
///
/// # Errors
/// Where one of the servers cannot be reached, or shows a host key that is not taken.
pub async fn compare(
    old: Door,
    new: Door,
    partners: Vec<Partner>,
    settings: Settings,
) -> Result<Notices> {
    let ((old, new), mut all) = Box::pin(compare_servers(&old, &new)).await?;
    let places = Arc::new(Semaphore::new(settings.partners.max(1)));
    let shared = Arc::new((old, new, settings));
    let mut tasks = JoinSet::new();
    for (position, partner) in partners.into_iter().enumerate() {
        let (places, shared) = (Arc::clone(&places), Arc::clone(&shared));
        tasks.spawn(async move {
            let _place = places.acquire_owned().await;
            let (old, new, settings) = &*shared;
            (
                position,
                Box::pin(compare_partner(old, new, &partner, settings)).await,
            )
        });
    }
    let mut told: Vec<_> = tasks.join_all().await;
    told.sort_by_key(|(position, _)| *position);
    for (_, notices) in told {
        all.extend(notices);
    }
    Ok(all)
}
