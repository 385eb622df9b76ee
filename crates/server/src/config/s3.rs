//! `[storage.s3]`, and the same of further connections: an S3 endpoint and how it is spoken to.

use serde::{Deserialize, Serialize};

use super::load::Fault;
use super::secrets::check_key;
use super::{Hidden, Span};

/// `[storage.s3]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct S3Config {
    /// The endpoint's URL; Amazon's own where absent.
    pub endpoint: Option<String>,
    /// The URL of STS, for roles that name IAM roles; `endpoint`, else Amazon's own where absent.
    pub sts_endpoint: Option<String>,
    /// How long the keys of an IAM role are asked for.
    pub role_duration: Span,
    /// The region; from the environment or the instance where absent.
    pub region: Option<String>,
    /// Buckets in the path instead of the host name. On where an endpoint is given.
    pub path_style: Option<bool>,
    /// Static credentials; the AWS credential chain where absent.
    pub access_key_id: Hidden,
    /// See `access_key_id`.
    pub secret_access_key: Hidden,
    /// Encryption at rest by the store.
    pub encryption: EncryptionKind,
    /// For `kms`: the key's id, ARN or alias.
    pub kms_key_id: Option<String>,
    /// For `customer`: 32 bytes in base64.
    pub customer_key: Hidden,
    /// CRC64NVME on every part and object.
    pub checksums: bool,
    /// The bucket for staging; the bucket of each upload where absent.
    pub staging_bucket: Option<String>,
}

/// Encryption at rest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EncryptionKind {
    /// As the bucket says.
    #[default]
    Bucket,
    /// SSE-S3.
    S3,
    /// SSE-KMS.
    Kms,
    /// SSE-C.
    Customer,
}

impl Default for S3Config {
    fn default() -> Self {
        Self {
            endpoint: None,
            sts_endpoint: None,
            role_duration: Span::minutes(60),
            region: None,
            path_style: None,
            access_key_id: Hidden::default(),
            secret_access_key: Hidden::default(),
            encryption: EncryptionKind::default(),
            kms_key_id: None,
            customer_key: Hidden::default(),
            checksums: true,
            staging_bucket: None,
        }
    }
}

impl S3Config {
    /// Whether keys and encryption of `[storage.s3]` go together.
    pub(super) fn check(&self) -> Result<(), Fault> {
        if self.access_key_id.secret().is_some() != self.secret_access_key.secret().is_some() {
            return Err((
                "storage.s3.access_key_id",
                "goes with storage.s3.secret_access_key: give both, or neither for the AWS chain"
                    .to_owned(),
            ));
        }
        if let Some(objection) = self.role_duration_objection() {
            return Err(("storage.s3.role_duration", objection));
        }
        check_key("storage.s3.customer_key", &self.customer_key)?;
        if self.encryption == EncryptionKind::Customer && self.customer_key.secret().is_none() {
            return Err((
                "storage.s3.encryption",
                "\"customer\" needs storage.s3.customer_key".to_owned(),
            ));
        }
        Ok(())
    }

    /// What is wrong with `role_duration`, if anything is: STS hands out keys for 15 minutes to 12
    /// hours.
    pub(crate) fn role_duration_objection(&self) -> Option<String> {
        let minutes = self.role_duration.duration().as_secs() / 60;
        let fits = (15..=12 * 60).contains(&minutes);
        (!fits).then(|| "must be 15m to 12h: STS hands out keys for no other time".to_owned())
    }
}
