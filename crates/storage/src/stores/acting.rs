//! The buckets of a session that acts as an IAM role.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use model::{BucketName, Clock, ErrorKind};

use super::connections::{Backend, Opened};
use crate::{Error, ObjectStore, Result, RoleSession};

/// The role at each connection, and the buckets that were asked for.
#[derive(Debug, Default)]
pub(super) struct Acting {
    #[cfg(feature = "s3")]
    roles: HashMap<String, crate::s3::RoleClient>,
    open: Mutex<HashMap<BucketName, Arc<dyn ObjectStore>>>,
}

impl Acting {
    /// Assumes the role at one more connection.
    ///
    /// # Errors
    /// `Unsupported` where it has no roles, and what STS says.
    #[cfg_attr(
        not(feature = "s3"),
        expect(clippy::unused_async, unused_variables, reason = "only S3 has roles")
    )]
    pub(super) async fn assume(
        &mut self,
        name: &str,
        backend: &Backend,
        session: &RoleSession,
        clock: &Arc<dyn Clock>,
    ) -> Result<()> {
        match backend {
            #[cfg(feature = "s3")]
            Backend::S3(client) => {
                let role = Box::pin(client.assume(session, clock)).await?;
                self.roles.insert(name.to_owned(), role);
                Ok(())
            }
            Backend::Local(_) | Backend::Memory(_) => {
                let reason = format!("the store {name} is no S3, and knows no IAM roles");
                let role = &session.role;
                Err(Error::new(
                    ErrorKind::Unsupported,
                    "assume role",
                    role,
                    reason,
                ))
            }
        }
    }

    /// A bucket of the connection `name`.
    ///
    /// # Errors
    /// `Denied` where the role was not assumed there.
    pub(super) fn bucket(
        &self,
        bucket: &BucketName,
        name: &str,
        opened: &Opened,
    ) -> Result<Arc<dyn ObjectStore>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = open.get(bucket) {
            return Ok(Arc::clone(store));
        }
        let store = self.act(name, opened).ok_or_else(|| {
            let reason = format!("no role was assumed at the store {name}");
            Error::new(ErrorKind::Denied, "open bucket", bucket.as_str(), reason)
        })?;
        open.insert(bucket.clone(), Arc::clone(&store));
        Ok(store)
    }

    #[cfg_attr(
        not(feature = "s3"),
        expect(clippy::unused_self, unused_variables, reason = "only S3 has roles")
    )]
    fn act(&self, name: &str, opened: &Opened) -> Option<Arc<dyn ObjectStore>> {
        match opened {
            #[cfg(feature = "s3")]
            Opened::S3(own) => Some(Arc::new(self.roles.get(name)?.bucket(own))),
            Opened::Plain(_) => None,
        }
    }
}
