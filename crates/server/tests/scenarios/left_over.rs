//! What scenarios leave in a store besides the objects of users, and which rows explain it.

use std::collections::BTreeSet;

use database::{Transfer, TransferState};
use model::{BucketName, Location, ObjectKey, TransferId};

use crate::world::{BUCKET, World};

impl World {
    /// Everything in the S3 server that is no object of a user, against the rows of transfers.
    pub(crate) async fn left_over(&self) -> LeftOver {
        let database = self.database().await;
        let transfers = database.transfers();
        let mut left = LeftOver::default();
        for (key, id) in self.s3().uploads(BUCKET) {
            // Of a node that was stopped while it looked what the store can do: the sweeper takes
            // it after an hour.
            if key.starts_with(".pierhead/probe/") {
                continue;
            }
            let location = Location {
                bucket: BucketName::parse(BUCKET).expect("a plain name"),
                key: ObjectKey::parse(key.clone()).expect("a key"),
            };
            let row = match staged_for(&key) {
                Some(id) => transfers.by_id(id).await.expect("read"),
                None => {
                    let rows = transfers.to_object(&location, 100).await.expect("read");
                    let named = |row: &Transfer| row.upload_id.as_ref() == Some(&id);
                    rows.into_iter().find(named)
                }
            };
            left.add(&format!("the multipart upload {id} to {key}"), row);
        }
        for key in self.s3().keys(BUCKET) {
            if let Some(id) = staged_for(&key) {
                left.add(&key, transfers.by_id(id).await.expect("read"));
            }
        }
        database.close().await;
        left
    }
}

/// What a store holds besides objects of users.
#[derive(Debug, Default)]
pub(crate) struct LeftOver {
    /// Paths of the user that are unfinished, or temporary, and have something in the store.
    pub(crate) unfinished: BTreeSet<String>,
    /// What no unfinished row accounts for, in words.
    pub(crate) unexplained: Vec<String>,
}

impl LeftOver {
    fn add(&mut self, what: &str, row: Option<Transfer>) {
        use TransferState::{Detached, Intended, Publishing, Staged};
        let Some(row) = row else {
            let text = format!("{what} is left, and no row names it");
            return self.unexplained.push(text);
        };
        let (id, state) = (row.intent.id, row.state);
        match state {
            Intended | Publishing | Detached | Staged => {
                let path = row.intent.path.trim_start_matches('/');
                self.unfinished.insert(path.to_owned());
            }
            _ => self
                .unexplained
                .push(format!("{what} is left, and transfer {id} is {state:?}")),
        }
    }
}

/// The transfer that a key in staging names.
fn staged_for(key: &str) -> Option<TransferId> {
    let rest = key.strip_prefix(".pierhead/staging/")?;
    rest.split('/').next()?.parse().ok()
}
