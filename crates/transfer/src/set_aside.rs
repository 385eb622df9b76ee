//! Uploads whose node died: what arrived of them is found out, and kept for their owners.

use database::PrivateFile;
use model::{ErrorKind, UserName, VirtualPath};
use storage::{Placement, Stores};

use crate::{Error, Intent, Leaving, Left, Result, Transfers, record};

impl Transfers {
    /// Takes an upload over whose node died, asks the store what it has of it, and leaves it
    /// unfinished for its owner; where nothing is safe it is given up. Fine on several nodes at
    /// once: one does it.
    ///
    /// # Errors
    /// `Conflict` where another session or node was first, and what store and database fail with.
    pub async fn set_aside(&self, file: &PrivateFile, stores: &Stores) -> Result<Left> {
        let intent = self.intent_of(file).await?;
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

    /// As the row tells it: the session that began it is named, its connection is gone.
    async fn intent_of(&self, file: &PrivateFile) -> Result<Intent> {
        let row = &file.transfer.intent;
        let path = record::imported(&row.path).unwrap_or(&row.path);
        let path = VirtualPath::parse(path.as_bytes(), &VirtualPath::root());
        let path = path.unwrap_or_else(|_| VirtualPath::root());
        let owner = self.core().database.users().by_id(row.owner).await;
        let owner = owner.map_err(|error| {
            let reason = "the database does not say whose it is";
            Error::new(error.kind(), "set aside", &path, reason).caused_by(error)
        })?;
        // Users may go; what they left stays until its time is over.
        let user = owner.map_or_else(nobody, |owner| owner.name);
        Ok(Intent {
            owner: row.owner,
            user,
            server: row.server.clone(),
            session: row.session,
            protocol: None,
            address: None,
            path,
            location: row.location.clone(),
            quota: database::Quota::default(),
        })
    }
}

fn nobody() -> UserName {
    UserName::parse("nobody").expect("a plain name")
}
