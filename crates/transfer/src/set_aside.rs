//! Uploads whose node died: what arrived of them is found out, and kept for their owners.

use database::PrivateFile;
use model::{ErrorKind, Location, Protocol, UserName, VirtualPath};
use storage::{Placement, Stores};

use crate::{Intent, Leaving, Left, Result, Transfers};

impl Transfers {
    /// Takes an upload over whose node died, asks the store what it has of it, and leaves it
    /// unfinished for its owner; where nothing is safe it is given up. Fine on several nodes at
    /// once: one does it.
    ///
    /// # Errors
    /// `Conflict` where another session or node was first, and what store and database fail with.
    pub async fn set_aside(&self, file: &PrivateFile, stores: &Stores) -> Result<Left> {
        let intent = intent(file);
        let path = intent.path.clone();
        let resumed = self.resume(file, intent, Placement::Direct, stores).await;
        let resumed = match resumed {
            Ok(resumed) => resumed,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Left::Nothing),
            Err(error) => return Err(error),
        };
        let leaving = Leaving {
            reason: "its node ended before the file was closed".to_owned(),
            attributes: resumed.attributes,
            path,
        };
        Ok(resumed.transfer.detach(leaving).await)
    }
}

/// As the row tells it: the session that began it is named, and its connection is not known.
fn intent(file: &PrivateFile) -> Intent {
    let row = &file.transfer.intent;
    let location: Location = row.location.clone();
    let path = VirtualPath::parse(row.path.as_bytes(), &VirtualPath::root());
    Intent {
        owner: row.owner,
        user: UserName::parse("unknown").expect("a plain name"),
        server: row.server.clone(),
        session: row.session,
        protocol: Protocol::Sftp,
        address: std::net::Ipv4Addr::UNSPECIFIED.into(),
        path: path.unwrap_or_else(|_| VirtualPath::root()),
        location,
    }
}
