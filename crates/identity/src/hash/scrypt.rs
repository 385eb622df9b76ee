//! scrypt: PHC strings (`$scrypt$ln=17,r=8,p=1$salt$hash`), and `$7$` of crypt(3).
//!
//! Bounds: 256 MiB of memory (128 * N * r), and N * r * p of 2^21, a good second.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use subtle::ConstantTimeEq;

use super::crypt64;
use super::fault::{Fault, at_most, number};
use super::format::HashFormat;

/// The most memory, in bytes.
pub(super) const MAX_MEMORY: u64 = 256 << 20;
/// The most work: N * r * p.
const MAX_WORK: u64 = 1 << 21;

pub(super) struct Scrypt {
    params: scrypt::Params,
    cost: String,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

/// `$scrypt$ln=17,r=8,p=1$salt$hash`, both in base64 without padding.
pub(super) fn parse_phc(text: &str) -> Result<(HashFormat, Scrypt), Fault> {
    const MALFORMED: Fault = Fault::Malformed("it is not `$scrypt$ln=..,r=..,p=..$salt$hash`");
    let rest = text.strip_prefix("$scrypt$").ok_or(MALFORMED)?;
    let mut fields = rest.split('$');
    let (Some(costs), Some(salt), Some(hash), None) =
        (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Err(MALFORMED);
    };
    let mut costs = costs.split(',');
    let mut cost = |name: &str| {
        let value = costs.next().and_then(|cost| cost.strip_prefix(name));
        number(value.ok_or(MALFORMED)?)
    };
    let (log_n, r, p) = (cost("ln=")?, cost("r=")?, cost("p=")?);
    if costs.next().is_some() {
        return Err(MALFORMED);
    }
    let decode = |text: &str| STANDARD_NO_PAD.decode(text).map_err(|_| MALFORMED);
    new(log_n, r, p, decode(salt)?, decode(hash)?)
}

/// `$7$`, a character for N, five each for r and p, the salt as it stands, `$` and the hash.
pub(super) fn parse_crypt(text: &str) -> Result<(HashFormat, Scrypt), Fault> {
    const MALFORMED: Fault = Fault::Malformed("it is not crypt(3)'s `$7$` form");
    let rest = text.strip_prefix("$7$").ok_or(MALFORMED)?;
    let (settings, hash) = rest.rsplit_once('$').ok_or(MALFORMED)?;
    let (costs, salt) = settings.as_bytes().split_at_checked(11).ok_or(MALFORMED)?;
    let cost = |characters: &[u8]| crypt64::number(characters).ok_or(MALFORMED);
    let (log_n, r, p) = (cost(&costs[..1])?, cost(&costs[1..6])?, cost(&costs[6..])?);
    let hash = crypt64::decode(hash.as_bytes()).ok_or(MALFORMED)?;
    new(log_n, r, p, salt.to_vec(), hash)
}

fn new(
    log_n: u32,
    r: u32,
    p: u32,
    salt: Vec<u8>,
    hash: Vec<u8>,
) -> Result<(HashFormat, Scrypt), Fault> {
    if log_n == 0 || r == 0 || p == 0 {
        return Err(Fault::Malformed("one of its costs is 0"));
    }
    if !(16..=64).contains(&hash.len()) {
        return Err(Fault::Malformed("its hash does not have 16 to 64 bytes"));
    }
    at_most("the logarithm of N", log_n.into(), 21)?;
    at_most(
        "the memory (128 * N * r)",
        (u64::from(r) * 128) << log_n,
        MAX_MEMORY,
    )?;
    // r is bounded by the memory now, so this cannot overflow.
    let work = (u64::from(r) << log_n).saturating_mul(p.into());
    at_most("the work (N * r * p)", work, MAX_WORK)?;
    let log = u8::try_from(log_n).unwrap_or(u8::MAX);
    let params = scrypt::Params::new(log, r, p)
        .map_err(|_| Fault::Malformed("its costs do not go together"))?;
    let cost = format!("ln={log_n},r={r},p={p}");
    let scrypt = Scrypt {
        params,
        cost,
        salt,
        hash,
    };
    Ok((HashFormat::Scrypt, scrypt))
}

impl Scrypt {
    pub(super) fn cost(&self) -> String {
        self.cost.clone()
    }

    pub(super) fn verify(&self, password: &[u8]) -> Result<bool, &'static str> {
        let mut made = vec![0; self.hash.len()];
        scrypt::scrypt(password, &self.salt, &self.params, &mut made)
            .map_err(|_| "scrypt failed")?;
        Ok(made.ct_eq(&self.hash).into())
    }
}
