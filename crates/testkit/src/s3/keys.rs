//! The key pairs that the server accepts.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use s3s::auth::{S3Auth, SecretKey};
use s3s::{S3Result, s3_error};

/// Key pairs, by their ids. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Keys(Arc<RwLock<HashMap<String, String>>>);

impl Keys {
    /// Accepts a pair from now on.
    pub fn accept(&self, id: &str, secret: &str) {
        let mut pairs = self.0.write().unwrap_or_else(PoisonError::into_inner);
        pairs.insert(id.to_owned(), secret.to_owned());
    }

    /// Accepts it no more.
    pub fn refuse(&self, id: &str) {
        let mut pairs = self.0.write().unwrap_or_else(PoisonError::into_inner);
        pairs.remove(id);
    }
}

#[async_trait::async_trait]
impl S3Auth for Keys {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        let pairs = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let secret = pairs.get(access_key).cloned();
        secret
            .map(SecretKey::from)
            .ok_or_else(|| s3_error!(InvalidAccessKeyId))
    }
}
