//! yescrypt: `$y$`, as Debian, Ubuntu and Fedora hash the passwords of their users.
//!
//! Taken are the settings that `crypt_gensalt` makes: the default flavour, a cost N, a block size
//! r, one lane. Bound: 256 MiB of memory (128 * N * r), which is `mkpasswd --rounds 9`.

use subtle::ConstantTimeEq;
use yescrypt::{Mode, Params};

use super::crypt64;
use super::fault::{Fault, at_most};
use super::format::HashFormat;
use super::scrypt::MAX_MEMORY;

pub(super) struct Yescrypt {
    params: Params,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

/// `$y$`, settings, `$`, salt, `$`, hash.
pub(super) fn parse(text: &str) -> Result<(HashFormat, Yescrypt), Fault> {
    const MALFORMED: Fault = Fault::Malformed("it is not `$y$settings$salt$hash`");
    let mut fields = text.split('$').skip(2);
    let (Some(settings), Some(salt), Some(hash), None) =
        (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Err(MALFORMED);
    };
    let params = settings_of(settings.as_bytes())?;
    let salt = crypt64::decode(salt.as_bytes()).ok_or(MALFORMED)?;
    let hash = crypt64::decode(hash.as_bytes()).ok_or(MALFORMED)?;
    if salt.len() > 64 || hash.len() != 32 {
        return Err(Fault::Malformed(
            "its salt or its hash is of the wrong length",
        ));
    }
    Ok((HashFormat::Yescrypt, Yescrypt { params, salt, hash }))
}

fn settings_of(settings: &[u8]) -> Result<Params, Fault> {
    const UNKNOWN: Fault = Fault::Malformed(
        "its settings are not of the kind that crypt_gensalt makes (flavour j, one lane)",
    );
    let rest = settings.strip_prefix(b"j").ok_or(UNKNOWN)?;
    // Each is written in a character as long as it is small; it counts from one.
    let [log_n, r] = rest else {
        return Err(UNKNOWN);
    };
    let small = |character: u8| match crypt64::six_bits(character) {
        Some(value @ 0..48) => Ok(u32::from(value) + 1),
        _ => Err(UNKNOWN),
    };
    let (log_n, r) = (small(*log_n)?, small(*r)?);
    at_most("the logarithm of N", log_n.into(), 21)?;
    at_most(
        "the memory (128 * N * r)",
        (u64::from(r) * 128) << log_n,
        MAX_MEMORY,
    )?;
    Params::new(Mode::default(), 1 << log_n, r, 1).map_err(|_| UNKNOWN)
}

impl Yescrypt {
    pub(super) fn cost(&self) -> String {
        format!("N={},r={}", self.params.n(), self.params.r())
    }

    pub(super) fn verify(&self, password: &[u8]) -> Result<bool, &'static str> {
        let mut made = [0; 32];
        yescrypt::yescrypt(password, &self.salt, &self.params, &mut made)
            .map_err(|_| "yescrypt failed")?;
        Ok(made[..].ct_eq(&self.hash).into())
    }
}
