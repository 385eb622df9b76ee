//! The names of the formats of password hashes.

use std::fmt;

/// A format of password hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HashFormat {
    /// `$argon2id$` (RFC 9106): what is made here.
    Argon2id,
    /// `$argon2i$`.
    Argon2i,
    /// `$argon2d$`.
    Argon2d,
    /// `$2a$`, `$2b$`, `$2y$`.
    Bcrypt,
    /// `$scrypt$` and `$7$` (RFC 7914).
    Scrypt,
    /// PBKDF2 with HMAC-SHA-1 (RFC 8018).
    Pbkdf2Sha1,
    /// PBKDF2 with HMAC-SHA-256.
    Pbkdf2Sha256,
    /// PBKDF2 with HMAC-SHA-512.
    Pbkdf2Sha512,
    /// `$y$`, the default of current Linux distributions.
    Yescrypt,
    /// `$6$`.
    Sha512Crypt,
    /// `$5$`.
    Sha256Crypt,
    /// `$1$`.
    Md5Crypt,
    /// `$apr1$`, as `htpasswd` writes it.
    Apr1,
    /// `{MD5}`.
    Md5,
    /// `{SMD5}`.
    SaltedMd5,
    /// `{SHA}` (RFC 2307).
    Sha1,
    /// `{SSHA}`.
    SaltedSha1,
    /// `{SHA256}`.
    Sha256,
    /// `{SSHA256}`.
    SaltedSha256,
    /// `{SHA512}`.
    Sha512,
    /// `{SSHA512}`.
    SaltedSha512,
    /// SHA-224 in base64 with nothing around it.
    Sha224,
}

impl HashFormat {
    /// As logs, metrics and staff name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Argon2id => "argon2id",
            Self::Argon2i => "argon2i",
            Self::Argon2d => "argon2d",
            Self::Bcrypt => "bcrypt",
            Self::Scrypt => "scrypt",
            Self::Pbkdf2Sha1 => "pbkdf2-sha1",
            Self::Pbkdf2Sha256 => "pbkdf2-sha256",
            Self::Pbkdf2Sha512 => "pbkdf2-sha512",
            Self::Yescrypt => "yescrypt",
            Self::Sha512Crypt => "sha512-crypt",
            Self::Sha256Crypt => "sha256-crypt",
            Self::Md5Crypt => "md5-crypt",
            Self::Apr1 => "apr1",
            Self::Md5 => "md5",
            Self::SaltedMd5 => "salted-md5",
            Self::Sha1 => "sha1",
            Self::SaltedSha1 => "salted-sha1",
            Self::Sha256 => "sha256",
            Self::SaltedSha256 => "salted-sha256",
            Self::Sha512 => "sha512",
            Self::SaltedSha512 => "salted-sha512",
            Self::Sha224 => "sha224",
        }
    }
}

impl fmt::Display for HashFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
