//! What conditions on encryption find: how the store of a bucket is told to encrypt.

use model::{BucketName, Timestamp};
use policy::Context;
use storage::{Encryption, Stores};

/// A request at this time to a bucket that may be written to by it.
pub(crate) fn context<'a>(now: Timestamp, bucket: &BucketName, stores: &'a Stores) -> Context<'a> {
    let context = Context::at(now);
    match stores.encryption_of(bucket) {
        Encryption::S3Managed => context.encrypted("AES256", None),
        Encryption::Kms { key_id } => context.encrypted("aws:kms", key_id.as_deref()),
        // Neither is named by the header that the keys are about.
        Encryption::BucketDefault | Encryption::Customer { .. } => context,
    }
}
