//! `statvfs@openssh.com`.

use model::VirtualPath;
use policy::Operation;

use crate::mount::Resolved;
use crate::{Result, Session, Space};

/// What object stores have, as far as clients are concerned: 1 EiB.
const ENDLESS: u64 = 1 << 60;
const BLOCK: u64 = 4096;

impl Session {
    /// How much room there is. Object stores do not end, so these are large numbers for them.
    ///
    /// # Errors
    /// `Denied` outside the user's tree.
    pub async fn space(&self, path: &VirtualPath) -> Result<Space> {
        let resolved = self.reach("statvfs", path, Operation::Stat)?;
        let read_only = match &resolved {
            Resolved::Stored(place) => {
                !self.may(place, Operation::Create) && !self.may(place, Operation::Overwrite)
            }
            Resolved::Virtual => true,
        };
        Ok(Space {
            total_bytes: ENDLESS,
            free_bytes: ENDLESS,
            block_size: BLOCK,
            max_name_bytes: VirtualPath::MAX_NAME_BYTES as u64,
            read_only,
        })
    }
}
