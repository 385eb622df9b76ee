//! Where an object is: a bucket and a key in it.

use std::fmt;

/// A bucket name or key that no store could hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLocation {
    /// Bucket names have 1 to 255 bytes of letters, digits, `.`, `-` and `_`, and are not made of
    /// dots alone. (S3's own rules are narrower; other stores' are not.)
    #[error(
        "bucket name {0:?} is not valid: letters, digits, '.', '-' and '_' only, 1 to 255 bytes"
    )]
    Bucket(String),
    /// Keys have 1 to 1,024 bytes (S3's limit).
    #[error("key of {0} bytes is not valid: 1 to 1024 bytes")]
    KeyLength(usize),
}

/// The name of a bucket (for the local store: of a folder).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BucketName(String);

impl BucketName {
    /// Reads a name.
    ///
    /// # Errors
    /// [`InvalidLocation::Bucket`] where it is not one.
    pub fn parse(name: &str) -> Result<Self, InvalidLocation> {
        let byte = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        let dots_only = name.bytes().all(|b| b == b'.');
        if name.is_empty() || name.len() > 255 || dots_only || !name.bytes().all(byte) {
            return Err(InvalidLocation::Bucket(name.to_owned()));
        }
        Ok(Self(name.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The key of an object: any text of 1 to 1,024 bytes. Nothing in it is special to us but `/`,
/// which delimits listings; `a//b` and `a/b` are two keys, and so are `a` and `a/`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey(String);

impl ObjectKey {
    /// S3's limit for keys, in bytes.
    pub const MAX_BYTES: usize = 1024;

    /// Reads a key.
    ///
    /// # Errors
    /// [`InvalidLocation::KeyLength`] where it is empty or longer than [`Self::MAX_BYTES`].
    pub fn parse(key: impl Into<String>) -> Result<Self, InvalidLocation> {
        let key = key.into();
        if key.is_empty() || key.len() > Self::MAX_BYTES {
            return Err(InvalidLocation::KeyLength(key.len()));
        }
        Ok(Self(key))
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An object's place: bucket and key.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Location {
    /// The bucket.
    pub bucket: BucketName,
    /// The key in it.
    pub key: ObjectKey,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.bucket, self.key)
    }
}

macro_rules! text {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:?})"), self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

text!(BucketName);
text!(ObjectKey);
