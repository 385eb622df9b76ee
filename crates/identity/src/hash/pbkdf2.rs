//! PBKDF2 with HMAC-SHA-1, -256 and -512, in the five ways that it is written down.
//!
//! | Form | Salt and hash |
//! |---|---|
//! | `$pbkdf2-sha256$i=600000,l=32$salt$hash` (PHC) | base64 without padding |
//! | `$pbkdf2-sha256$600000$salt$hash` (passlib; `$pbkdf2$` is SHA-1) | the same, `.` for `+` |
//! | `$pbkdf2-sha256$600000$salt$hash==` (SFTPGo; also `-b64salt-`) | salt as it stands (or base64), hash in padded base64 |
//! | `pbkdf2_sha256$600000$salt$hash==` (Django) | salt as it stands, hash in padded base64 |
//! | `{PBKDF2-SHA256}600000$salt$hash` (OpenLDAP; `{PBKDF2}` is SHA-1) | as passlib |
//!
//! A hash of a whole digest always has padding in padded base64, so SFTPGo's are told from
//! passlib's by it. Bounds: 3,000,000 rounds for each digest of output, one to two seconds; hashes of 16 to
//! 64 bytes.

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use super::fault::{Fault, at_most, number};
use super::format::HashFormat;

/// The most rounds, times the digests that the hash is long.
const MAX_WORK: u64 = 3_000_000;

pub(super) struct Pbkdf2 {
    algorithm: pbkdf2::Algorithm,
    rounds: NonZeroU32,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

const MALFORMED: Fault = Fault::Malformed("it is not an algorithm, rounds, a salt and a hash");

/// `$pbkdf2-..$rounds$salt$hash`: PHC's, passlib's and SFTPGo's.
pub(super) fn parse_modular(text: &str) -> Result<(HashFormat, Pbkdf2), Fault> {
    let text = text.strip_prefix('$').ok_or(MALFORMED)?;
    let [name, rounds, salt, hash] = fields(text)?;
    let (name, salt_is_encoded) = match name {
        "pbkdf2-b64salt-sha256" => ("pbkdf2-sha256", true),
        name => (name, false),
    };
    let format = match name {
        "pbkdf2" | "pbkdf2-sha1" => HashFormat::Pbkdf2Sha1,
        "pbkdf2-sha256" => HashFormat::Pbkdf2Sha256,
        "pbkdf2-sha512" => HashFormat::Pbkdf2Sha512,
        _ => return Err(Fault::Malformed("its digest is not sha1, sha256 or sha512")),
    };
    let (salt, hash) = match (hash.ends_with('='), salt_is_encoded) {
        (true, false) => (salt.as_bytes().to_vec(), padded(hash)?),
        (true, true) => (padded(salt)?, padded(hash)?),
        (false, false) => (unpadded(salt)?, unpadded(hash)?),
        (false, true) => return Err(MALFORMED),
    };
    let rounds = match rounds.strip_prefix("i=") {
        Some(phc) => phc_rounds(phc, hash.len())?,
        None => number(rounds)?,
    };
    new(format, rounds, salt, hash)
}

/// `pbkdf2_sha256$rounds$salt$hash`.
pub(super) fn parse_django(text: &str) -> Result<(HashFormat, Pbkdf2), Fault> {
    let [name, rounds, salt, hash] = fields(text)?;
    let format = match name {
        "pbkdf2_sha1" => HashFormat::Pbkdf2Sha1,
        "pbkdf2_sha256" => HashFormat::Pbkdf2Sha256,
        _ => return Err(Fault::Malformed("its digest is not sha1 or sha256")),
    };
    new(
        format,
        number(rounds)?,
        salt.as_bytes().to_vec(),
        padded(hash)?,
    )
}

/// `{PBKDF2-SHA256}rounds$salt$hash`.
pub(super) fn parse_ldap(text: &str) -> Result<(HashFormat, Pbkdf2), Fault> {
    let (name, rest) = text.split_once('}').ok_or(MALFORMED)?;
    let format = match name {
        "{PBKDF2" | "{PBKDF2-SHA1" => HashFormat::Pbkdf2Sha1,
        "{PBKDF2-SHA256" => HashFormat::Pbkdf2Sha256,
        "{PBKDF2-SHA512" => HashFormat::Pbkdf2Sha512,
        _ => return Err(Fault::Malformed("its digest is not SHA1, SHA256 or SHA512")),
    };
    let [rounds, salt, hash] = fields(rest)?;
    new(format, number(rounds)?, unpadded(salt)?, unpadded(hash)?)
}

fn fields<const N: usize>(text: &str) -> Result<[&str; N], Fault> {
    let fields: Vec<&str> = text.split('$').collect();
    fields.try_into().map_err(|_| MALFORMED)
}

/// `600000,l=32`: the rounds, and the length that the hash must have.
fn phc_rounds(text: &str, length: usize) -> Result<u32, Fault> {
    let (rounds, named) = match text.split_once(",l=") {
        Some((rounds, named)) => (rounds, Some(number(named)?)),
        None => (text, None),
    };
    match named.is_none_or(|named| named as usize == length) {
        true => number(rounds),
        false => Err(Fault::Malformed("its hash is not as long as it says")),
    }
}

fn padded(text: &str) -> Result<Vec<u8>, Fault> {
    STANDARD.decode(text).map_err(|_| MALFORMED)
}

fn unpadded(text: &str) -> Result<Vec<u8>, Fault> {
    let text = text.replace('.', "+");
    STANDARD_NO_PAD.decode(text).map_err(|_| MALFORMED)
}

fn new(
    format: HashFormat,
    rounds: u32,
    salt: Vec<u8>,
    hash: Vec<u8>,
) -> Result<(HashFormat, Pbkdf2), Fault> {
    let (algorithm, digest) = match format {
        HashFormat::Pbkdf2Sha1 => (pbkdf2::PBKDF2_HMAC_SHA1, 20),
        HashFormat::Pbkdf2Sha512 => (pbkdf2::PBKDF2_HMAC_SHA512, 64),
        _ => (pbkdf2::PBKDF2_HMAC_SHA256, 32),
    };
    if !(16..=64).contains(&hash.len()) {
        return Err(Fault::Malformed("its hash does not have 16 to 64 bytes"));
    }
    let work = u64::from(rounds) * hash.len().div_ceil(digest) as u64;
    at_most(
        "the number of rounds, for each digest of output,",
        work,
        MAX_WORK,
    )?;
    let rounds = NonZeroU32::new(rounds).ok_or(Fault::Malformed("it has no rounds"))?;
    let pbkdf2 = Pbkdf2 {
        algorithm,
        rounds,
        salt,
        hash,
    };
    Ok((format, pbkdf2))
}

impl Pbkdf2 {
    pub(super) fn cost(&self) -> String {
        format!("rounds={}", self.rounds)
    }

    pub(super) fn verify(&self, password: &[u8]) -> bool {
        pbkdf2::verify(
            self.algorithm,
            self.rounds,
            &self.salt,
            password,
            &self.hash,
        )
        .is_ok()
    }
}
