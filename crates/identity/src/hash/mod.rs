//! Stored password hashes of every format that users are migrated with.
//!
//! [`PasswordHash::parse`] tells the format by the text alone and refuses what it does not know,
//! what is cut off, and what would cost more than the bounds that each format's file names: an
//! imported row must not be able to stop a node. Texts that mean two things do not exist here:
//! where formats share a prefix their padding or their length tells them apart.

mod argon;
mod bcrypt;
mod crypt64;
mod digest;
mod fault;
mod format;
mod md5_crypt;
mod pbkdf2;
mod scrypt;
mod sha_crypt;
mod yescrypt;

use std::fmt;

use model::Secret;

pub use self::fault::InvalidHash;
pub use self::format::HashFormat;

use self::argon::Argon;
use self::bcrypt::Bcrypt;
use self::digest::Digested;
use self::fault::Fault;
use self::md5_crypt::Md5Crypt;
use self::pbkdf2::Pbkdf2;
use self::scrypt::Scrypt;
use self::sha_crypt::ShaCrypt;
use self::yescrypt::Yescrypt;
use crate::{Error, HashCost, Passwords, Result};

/// A password's hash, taken apart and found affordable. It prints as its format and cost alone.
pub struct PasswordHash {
    format: HashFormat,
    scheme: Scheme,
}

enum Scheme {
    Argon(Argon),
    Bcrypt(Bcrypt),
    Scrypt(Scrypt),
    Pbkdf2(Pbkdf2),
    Yescrypt(Yescrypt),
    ShaCrypt(ShaCrypt),
    Md5Crypt(Md5Crypt),
    Digested(Digested),
}

/// What a text begins with, and what reads the rest of it.
type Reader = fn(&str) -> Result<(HashFormat, Scheme), Fault>;

/// Longer prefixes stand before shorter ones that they begin with.
const READERS: [(&str, Reader); 20] = [
    ("$argon2", |text| {
        argon::parse(text).map(from(Scheme::Argon))
    }),
    ("$2", |text| bcrypt::parse(text).map(from(Scheme::Bcrypt))),
    ("$scrypt$", |text| {
        scrypt::parse_phc(text).map(from(Scheme::Scrypt))
    }),
    ("$7$", |text| {
        scrypt::parse_crypt(text).map(from(Scheme::Scrypt))
    }),
    ("$pbkdf2", |text| {
        pbkdf2::parse_modular(text).map(from(Scheme::Pbkdf2))
    }),
    ("pbkdf2_", |text| {
        pbkdf2::parse_django(text).map(from(Scheme::Pbkdf2))
    }),
    ("{PBKDF2", |text| {
        pbkdf2::parse_ldap(text).map(from(Scheme::Pbkdf2))
    }),
    ("$y$", |text| {
        yescrypt::parse(text).map(from(Scheme::Yescrypt))
    }),
    ("$5$", |text| {
        sha_crypt::parse(text).map(from(Scheme::ShaCrypt))
    }),
    ("$6$", |text| {
        sha_crypt::parse(text).map(from(Scheme::ShaCrypt))
    }),
    ("$1$", |text| {
        md5_crypt::parse(text).map(from(Scheme::Md5Crypt))
    }),
    ("$apr1$", |text| {
        md5_crypt::parse(text).map(from(Scheme::Md5Crypt))
    }),
    ("{SHA}", |text| {
        digest::parse(text).map(from(Scheme::Digested))
    }),
    ("{SSHA}", |text| {
        digest::parse(text).map(from(Scheme::Digested))
    }),
    ("{MD5}", |text| {
        digest::parse(text).map(from(Scheme::Digested))
    }),
    ("{SMD5}", |text| {
        digest::parse(text).map(from(Scheme::Digested))
    }),
    ("{SHA256}", |text| {
        digest::parse(text).map(from(Scheme::Digested))
    }),
    ("{SSHA256}", |text| {
        digest::parse(text).map(from(Scheme::Digested))
    }),
    ("{SHA512}", |text| {
        digest::parse(text).map(from(Scheme::Digested))
    }),
    ("{SSHA512}", |text| {
        digest::parse(text).map(from(Scheme::Digested))
    }),
];

fn from<T>(scheme: fn(T) -> Scheme) -> impl FnOnce((HashFormat, T)) -> (HashFormat, Scheme) {
    move |(format, hash)| (format, scheme(hash))
}

impl PasswordHash {
    /// The longest text, in bytes.
    pub const MAX_BYTES: usize = 1024;

    /// Reads a stored hash. `{CRYPT}` in front of one, as LDAP directories write it, is taken off;
    /// letters between braces may be small. White space around it is not part of it.
    ///
    /// # Errors
    /// [`InvalidHash`] names the format, and what is wrong with it or too dear. It never holds the
    /// text.
    pub fn parse(text: &str) -> Result<Self, InvalidHash> {
        let text = text.trim();
        if text.len() > Self::MAX_BYTES {
            return Err(InvalidHash::TooLong);
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidHash::Unknown);
        }
        let braced = upper_braces(text);
        let text = braced.strip_prefix("{CRYPT}").unwrap_or(&braced);
        let text = text.strip_prefix("{ARGON2}").unwrap_or(text);
        let reader = READERS.iter().find(|(start, _)| text.starts_with(start));
        let (format, scheme) = match reader {
            Some((start, read)) => read(text).map_err(|fault| fault.of(start))?,
            None => match digest::parse_sha224(text) {
                Some(bare) => (HashFormat::Sha224, Scheme::Digested(bare)),
                None => return Err(InvalidHash::Unknown),
            },
        };
        Ok(Self { format, scheme })
    }

    /// Which format it is of.
    pub fn format(&self) -> HashFormat {
        self.format
    }

    /// What it costs, in the format's own words: `m=19456,t=2,p=1`, `rounds=5000`. Nothing for
    /// formats that have no cost to choose.
    pub fn cost(&self) -> String {
        match &self.scheme {
            Scheme::Argon(hash) => hash.cost(),
            Scheme::Bcrypt(hash) => hash.cost(),
            Scheme::Scrypt(hash) => hash.cost(),
            Scheme::Pbkdf2(hash) => hash.cost(),
            Scheme::Yescrypt(hash) => hash.cost(),
            Scheme::ShaCrypt(hash) => hash.cost(),
            Scheme::Md5Crypt(_) | Scheme::Digested(_) => String::new(),
        }
    }

    /// Whether it is the hash of this password; compared in constant time. Takes a core, up to
    /// 256 MiB and a second or two for the dearest that are taken: not on an async thread.
    /// Passwords of more than [`Passwords::MAX_BYTES`] bytes are never right.
    ///
    /// # Errors
    /// `Internal` where the hashing could not be done.
    pub fn verify(&self, password: &Secret<String>) -> Result<bool> {
        let password = password.expose().as_bytes();
        if password.len() > Passwords::MAX_BYTES {
            return Ok(false);
        }
        match &self.scheme {
            Scheme::Argon(hash) => hash.verify(password),
            Scheme::Bcrypt(hash) => Ok(hash.verify(password)),
            Scheme::Scrypt(hash) => hash.verify(password),
            Scheme::Pbkdf2(hash) => Ok(hash.verify(password)),
            Scheme::Yescrypt(hash) => hash.verify(password),
            Scheme::ShaCrypt(hash) => Ok(hash.verify(password)),
            Scheme::Md5Crypt(hash) => Ok(hash.verify(password)),
            Scheme::Digested(hash) => Ok(hash.verify(password)),
        }
        .map_err(Error::Hash)
    }

    /// Whether it is to be made again at the next right password: all but argon2id at this cost.
    pub fn needs_rehash(&self, today: HashCost) -> bool {
        match &self.scheme {
            Scheme::Argon(hash) => !hash.is_ours(today),
            _ => true,
        }
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PasswordHash({}", self.format)?;
        match self.cost().as_str() {
            "" => f.write_str(")"),
            cost => write!(f, " {cost})"),
        }
    }
}

/// Whether hashes of this cost could be verified again: settings are held to the same bounds as
/// what is imported.
pub(crate) fn affordable(cost: HashCost) -> Result<(), String> {
    argon::affordable(cost.memory_kib, cost.passes, cost.lanes)
}

/// LDAP writes the scheme in letters of either size; what follows is left as it is.
fn upper_braces(text: &str) -> String {
    match text.split_once('}') {
        Some((scheme, rest)) if scheme.starts_with('{') => {
            format!("{}}}{rest}", scheme.to_ascii_uppercase())
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
