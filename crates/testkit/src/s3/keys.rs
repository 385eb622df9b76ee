//! The key pairs that the server accepts.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use s3s::auth::{S3Auth, SecretKey};
use s3s::{S3Result, s3_error};

/// Key pairs, by their ids. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Keys(Arc<RwLock<HashMap<String, Pair>>>);

#[derive(Debug, Clone)]
struct Pair {
    secret: String,
    /// What requests that are signed with it may do; anything where there is none.
    policy: Option<String>,
}

impl Keys {
    /// Accepts a pair from now on.
    pub fn accept(&self, id: &str, secret: &str) {
        self.insert(id, secret, None);
    }

    /// The same, for what this session policy (JSON) allows.
    pub fn accept_for(&self, id: &str, secret: &str, policy: &str) {
        self.insert(id, secret, Some(policy.to_owned()));
    }

    /// Accepts it no more.
    pub fn refuse(&self, id: &str) {
        let mut pairs = self.0.write().unwrap_or_else(PoisonError::into_inner);
        pairs.remove(id);
    }

    pub(super) fn policy(&self, id: &str) -> Option<String> {
        let pairs = self.0.read().unwrap_or_else(PoisonError::into_inner);
        pairs.get(id)?.policy.clone()
    }

    fn insert(&self, id: &str, secret: &str, policy: Option<String>) {
        let secret = secret.to_owned();
        let mut pairs = self.0.write().unwrap_or_else(PoisonError::into_inner);
        pairs.insert(id.to_owned(), Pair { secret, policy });
    }
}

#[async_trait::async_trait]
impl S3Auth for Keys {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        let pairs = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let secret = pairs.get(access_key).map(|pair| pair.secret.clone());
        secret
            .map(SecretKey::from)
            .ok_or_else(|| s3_error!(InvalidAccessKeyId))
    }
}
