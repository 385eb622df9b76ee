//! sha512-crypt (`$6$`) and sha256-crypt (`$5$`).
//!
//! Bounds: 1,000 to 1,000,000 rounds (the format goes to 999,999,999), and passwords of 512 bytes,
//! which are the longest that libxcrypt takes: every round hashes the whole password.

use sha_crypt::Params;
use subtle::ConstantTimeEq;

use super::crypt64;
use super::fault::{Fault, at_most, number};
use super::format::HashFormat;

/// The most rounds: half a second for a password as people have them.
const MAX_ROUNDS: u32 = 1_000_000;
/// The longest password, in bytes.
const MAX_PASSWORD: usize = 512;
/// The rounds where the text names none.
const ROUNDS: u32 = 5_000;

pub(super) struct ShaCrypt {
    wide: bool,
    rounds: u32,
    params: Params,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

/// `$6$salt$hash` or `$6$rounds=656000$salt$hash`.
pub(super) fn parse(text: &str) -> Result<(HashFormat, ShaCrypt), Fault> {
    const MALFORMED: Fault = Fault::Malformed("it is not `$6$rounds=..$salt$hash`");
    let wide = text.starts_with("$6$");
    let mut fields = text.split('$').skip(2).peekable();
    let rounds = fields.next_if(|field| field.starts_with("rounds="));
    let rounds = match rounds.and_then(|field| field.strip_prefix("rounds=")) {
        Some(rounds) => number(rounds)?,
        None => ROUNDS,
    };
    let (Some(salt), Some(hash), None) = (fields.next(), fields.next(), fields.next()) else {
        return Err(MALFORMED);
    };
    at_most("the number of rounds", rounds.into(), MAX_ROUNDS.into())?;
    let params =
        Params::new(rounds).map_err(|_| Fault::Malformed("it has fewer than 1000 rounds"))?;
    if salt.len() > 16 {
        return Err(Fault::Malformed("its salt has more than 16 characters"));
    }
    let hash = crypt64::decode(hash.as_bytes()).ok_or(MALFORMED)?;
    if hash.len() != if wide { 64 } else { 32 } {
        return Err(Fault::Malformed("its hash is of the wrong length"));
    }
    let format = match wide {
        true => HashFormat::Sha512Crypt,
        false => HashFormat::Sha256Crypt,
    };
    let salt = salt.as_bytes().to_vec();
    Ok((
        format,
        ShaCrypt {
            wide,
            rounds,
            params,
            salt,
            hash,
        },
    ))
}

impl ShaCrypt {
    pub(super) fn cost(&self) -> String {
        format!("rounds={}", self.rounds)
    }

    pub(super) fn verify(&self, password: &[u8]) -> bool {
        if password.len() > MAX_PASSWORD {
            return false;
        }
        let made = match self.wide {
            true => wide_order(&sha_crypt::sha512_crypt(password, &self.salt, self.params)),
            false => narrow_order(&sha_crypt::sha256_crypt(password, &self.salt, self.params)),
        };
        made.ct_eq(&self.hash).into()
    }
}

/// The bytes of a digest in the order that the text has them: triples that lie a third apart,
/// turned by one place from each to the next, then the last byte.
fn wide_order(digest: &[u8; 64]) -> Vec<u8> {
    let triple = |i: usize| {
        let mut places = [i, i + 21, i + 42];
        places.rotate_left(i % 3);
        places.reverse();
        places
    };
    let order = (0..21).flat_map(triple).chain([63]);
    order.map(|place| digest[place]).collect()
}

/// As [`wide_order`], turned the other way, with two bytes left over.
fn narrow_order(digest: &[u8; 32]) -> Vec<u8> {
    let triple = |i: usize| {
        let mut places = [i, i + 10, i + 20];
        places.rotate_right(i % 3);
        places.reverse();
        places
    };
    let order = (0..10).flat_map(triple).chain([30, 31]);
    order.map(|place| digest[place]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The beginnings of the orders, as the specification lists them.
    #[test]
    fn the_bytes_are_in_the_order_of_the_specification() {
        let wide = std::array::from_fn(|place| place as u8);
        let beginning = [42, 21, 0, 1, 43, 22, 23, 2, 44, 45, 24, 3];
        assert_eq!(wide_order(&wide)[..12], beginning);
        assert_eq!(wide_order(&wide)[60..], [41, 20, 62, 63][..]);
        let narrow = std::array::from_fn(|place| place as u8);
        let beginning = [20, 10, 0, 11, 1, 21, 2, 22, 12, 23, 13, 3];
        assert_eq!(narrow_order(&narrow)[..12], beginning);
        assert_eq!(narrow_order(&narrow)[27..], [29, 19, 9, 30, 31][..]);
    }
}
