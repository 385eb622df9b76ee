//! What is nobody's business but its owner's: files of another user, and objects and uploads that
//! nobody put there through the gateway.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::{Context as _, Result, ensure};
use model::ObjectKey;
use storage::{ObjectStoreExt as _, PutOptions};
use testkit::client::{Credential, Session};

use crate::content::{Content, Hash};
use crate::expected::Expected;
use crate::inspector::{Found, Inspector};

/// By key: how the store shows it, and the hash of what it holds, where it is an object.
pub(crate) type Things = BTreeMap<String, (Found, Option<Hash>)>;

/// Where they are.
const NEIGHBOUR: &str = "neighbour/";
pub(crate) const FOREIGN: &str = "foreign/";

/// Puts them there.
pub(crate) async fn leave(
    address: SocketAddr,
    credential: &Credential,
    inspector: &Inspector,
    expected: &Expected,
) -> Result<()> {
    let mut session = Session::open(address, "neighbour", credential).await?;
    for (number, size) in [(1, 0), (2, 5_000), (3, 9 << 20)] {
        let content = Content::new(u64::MAX - number, size);
        let name = format!("w{number}");
        expected.add(&format!("{NEIGHBOUR}{name}"), &content);
        let handle = session.create(&name, true).await?;
        let block = |offset| content.block(offset);
        session.write(&handle, 0, size, block).await?;
        session.close(&handle).await?;
        let key = format!("{FOREIGN}{number}");
        expected.add(&key, &content);
        let mut whole = Vec::new();
        while (whole.len() as u64) < size {
            whole.extend_from_slice(&content.block(whole.len() as u64));
        }
        let key = ObjectKey::parse(key)?;
        inspector.store().put_bytes(&key, whole.into()).await?;
    }
    let pending = ObjectKey::parse(format!("{FOREIGN}pending"))?;
    let options = PutOptions::default();
    inspector.store().create_upload(&pending, &options).await?;
    Ok(())
}

impl Inspector {
    /// All of them, read to their ends.
    ///
    /// # Errors
    /// The store fails, or the bucket has keys that are nobody's at all.
    pub(crate) async fn things_of_others(&self) -> Result<Things> {
        let mut things = Things::new();
        for (key, found) in self.objects("").await? {
            if key.starts_with("partner/") || key.starts_with(".pierhead/") {
                continue;
            }
            let is_known = key.starts_with(NEIGHBOUR) || key.starts_with(FOREIGN);
            ensure!(is_known, "nobody ever asked for {key}");
            let read = self.read(&key).await?;
            things.insert(key, (found, Some(read.hash)));
        }
        let pending = self.store().list_uploads(FOREIGN).await;
        for pending in pending.context("list uploads")? {
            let found = Found {
                size: 0,
                etag: pending.upload.id.0,
            };
            things.insert(pending.upload.key.as_str().to_owned(), (found, None));
        }
        Ok(things)
    }
}
