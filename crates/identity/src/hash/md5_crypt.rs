//! md5-crypt: `$1$` of old Unix systems, and `$apr1$` of Apache's `htpasswd`.
//!
//! It always takes 1,000 rounds of MD5: cheap for those who guess, so it is made again at the
//! first login like all others.

use md5::{Digest, Md5};
use subtle::ConstantTimeEq;

use super::crypt64;
use super::fault::Fault;
use super::format::HashFormat;

pub(super) struct Md5Crypt {
    magic: &'static [u8],
    salt: Vec<u8>,
    hash: Vec<u8>,
}

/// `$1$salt$hash` or `$apr1$salt$hash`.
pub(super) fn parse(text: &str) -> Result<(HashFormat, Md5Crypt), Fault> {
    const MALFORMED: Fault = Fault::Malformed("it is not `$1$salt$hash` or `$apr1$salt$hash`");
    let (format, magic): (_, &[u8]) = match text.starts_with("$1$") {
        true => (HashFormat::Md5Crypt, b"$1$"),
        false => (HashFormat::Apr1, b"$apr1$"),
    };
    let mut fields = text.split('$').skip(2);
    let (Some(salt), Some(hash), None) = (fields.next(), fields.next(), fields.next()) else {
        return Err(MALFORMED);
    };
    if salt.len() > 8 {
        return Err(Fault::Malformed("its salt has more than 8 characters"));
    }
    let hash = crypt64::decode(hash.as_bytes()).ok_or(MALFORMED)?;
    if hash.len() != 16 {
        return Err(Fault::Malformed("its hash does not have 22 characters"));
    }
    let salt = salt.as_bytes().to_vec();
    Ok((format, Md5Crypt { magic, salt, hash }))
}

impl Md5Crypt {
    pub(super) fn verify(&self, password: &[u8]) -> bool {
        const ORDER: [usize; 16] = [12, 6, 0, 13, 7, 1, 14, 8, 2, 15, 9, 3, 5, 10, 4, 11];
        let digest = self.digest(password);
        ORDER.map(|place| digest[place])[..]
            .ct_eq(&self.hash)
            .into()
    }

    fn digest(&self, password: &[u8]) -> [u8; 16] {
        let mut digest = self.first(password);
        for round in 0..1000 {
            let mut next = Md5::new();
            let (before, behind) = match round % 2 {
                0 => (&digest[..], password),
                _ => (password, &digest[..]),
            };
            next.update(before);
            if round % 3 != 0 {
                next.update(&self.salt);
            }
            if round % 7 != 0 {
                next.update(password);
            }
            next.update(behind);
            digest = next.finalize().into();
        }
        digest
    }

    fn first(&self, password: &[u8]) -> [u8; 16] {
        let turned: [u8; 16] = Md5::new()
            .chain_update(password)
            .chain_update(&self.salt)
            .chain_update(password)
            .finalize()
            .into();
        let mut first = Md5::new()
            .chain_update(password)
            .chain_update(self.magic)
            .chain_update(&self.salt);
        for piece in password.chunks(turned.len()) {
            first.update(&turned[..piece.len()]);
        }
        let mut length = password.len();
        while length > 0 {
            // The zero is a slip of the first implementation, and part of the format since.
            let byte = if length % 2 == 1 { 0 } else { password[0] };
            first.update([byte]);
            length /= 2;
        }
        first.finalize().into()
    }
}
