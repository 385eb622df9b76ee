//! argon2id, argon2i and argon2d, as PHC strings.
//!
//! Bounds: 256 MiB of memory, 64 lanes, and memory times passes of 1 GiB (64 MiB sixteen times).

use argon2::password_hash::PasswordVerifier;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, Params};

use super::fault::{Fault, at_most};
use super::format::HashFormat;
use crate::HashCost;

/// The most memory, in KiB.
const MAX_MEMORY_KIB: u32 = 256 * 1024;
/// The most memory times passes, in KiB.
const MAX_WORK_KIB: u64 = 1024 * 1024;
/// The most lanes.
const MAX_LANES: u32 = 64;

pub(super) struct Argon {
    // Boxed, since it has room for the longest of its kind.
    hash: Box<PasswordHash>,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    id: bool,
}

pub(super) fn parse(text: &str) -> Result<(HashFormat, Argon), Fault> {
    const MALFORMED: Fault =
        Fault::Malformed("it is not `$argon2id$v=19$m=..,t=..,p=..$salt$hash`");
    let hash = PasswordHash::new(text).map_err(|_| MALFORMED)?;
    let format = match hash.algorithm.as_str() {
        "argon2id" => HashFormat::Argon2id,
        "argon2i" => HashFormat::Argon2i,
        "argon2d" => HashFormat::Argon2d,
        _ => return Err(MALFORMED),
    };
    if hash.hash.is_none() || hash.salt.is_none() {
        return Err(MALFORMED);
    }
    if hash
        .version
        .is_some_and(|version| version != 0x10 && version != 0x13)
    {
        return Err(Fault::Malformed("its version is neither 16 nor 19"));
    }
    let params = Params::try_from(&hash).map_err(|_| MALFORMED)?;
    let argon = Argon {
        memory_kib: params.m_cost(),
        passes: params.t_cost(),
        lanes: params.p_cost(),
        id: format == HashFormat::Argon2id,
        hash: Box::new(hash),
    };
    affordable(argon.memory_kib, argon.passes, argon.lanes).map_err(Fault::TooDear)?;
    Ok((format, argon))
}

pub(super) fn affordable(memory_kib: u32, passes: u32, lanes: u32) -> Result<(), String> {
    let work = u64::from(memory_kib) * u64::from(passes);
    let checked = at_most(
        "memory (m, in KiB)",
        memory_kib.into(),
        MAX_MEMORY_KIB.into(),
    )
    .and_then(|()| at_most("memory times passes (m * t)", work, MAX_WORK_KIB))
    .and_then(|()| at_most("the number of lanes (p)", lanes.into(), MAX_LANES.into()));
    match checked {
        Err(Fault::TooDear(why)) => Err(why),
        _ => Ok(()),
    }
}

impl Argon {
    pub(super) fn cost(&self) -> String {
        format!("m={},t={},p={}", self.memory_kib, self.passes, self.lanes)
    }

    pub(super) fn is_ours(&self, today: HashCost) -> bool {
        let cost = HashCost {
            memory_kib: self.memory_kib,
            passes: self.passes,
            lanes: self.lanes,
        };
        self.id && cost == today && self.hash.version == Some(0x13)
    }

    pub(super) fn verify(&self, password: &[u8]) -> Result<bool, &'static str> {
        use argon2::password_hash::Error;
        match Argon2::default().verify_password(password, &*self.hash) {
            Ok(()) => Ok(true),
            Err(Error::PasswordInvalid) => Ok(false),
            Err(_) => Err("argon2 failed"),
        }
    }
}
