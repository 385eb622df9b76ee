//! OpenSSH's key revocation lists in binary (PROTOCOL.krl).

use std::ops::RangeInclusive;

use super::revocation::{OfAuthority, Revocations};

/// Why bytes are not a key revocation list that is understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("read key revocation list: {0}")]
pub struct InvalidKrl(&'static str);

const MAGIC: &[u8] = b"SSHKRL\n\0";
const SHORT: InvalidKrl = InvalidKrl("it is cut off");
/// The longest bitmap, in bytes; ssh-keygen makes none that are longer.
const MAX_BITMAP: usize = 32 * 1024;

pub(super) fn parse(list: &[u8]) -> Result<Revocations, InvalidKrl> {
    let rest = list.strip_prefix(MAGIC);
    let mut rest = rest.ok_or(InvalidKrl(
        "it does not begin as one made by `ssh-keygen -k`",
    ))?;
    if u32::from_be_bytes(array(&mut rest)?) != 1 {
        return Err(InvalidKrl("its format is of another version than 1"));
    }
    // Its own version, when it was made, and flags of which there are none.
    let _: [u8; 24] = array(&mut rest)?;
    let (_reserved, _comment) = (string(&mut rest)?, string(&mut rest)?);
    let mut revoked = Revocations::default();
    while let Some(kind) = byte(&mut rest) {
        let mut body = string(&mut rest)?;
        match kind {
            1 => revoked.revoke_certificates(certificates(body)?),
            2 => each(&mut body, |blob| {
                revoked.revoke_blob(blob);
                Ok(())
            })?,
            3 => each(&mut body, |hash| {
                revoked.revoke_sha1(hash.try_into().map_err(|_| SHORT)?);
                Ok(())
            })?,
            5 => each(&mut body, |hash| {
                revoked.revoke_sha256(hash.try_into().map_err(|_| SHORT)?);
                Ok(())
            })?,
            // Signatures: all that follows is more of them.
            4 => {}
            255 => extension(body)?,
            _ => return Err(InvalidKrl("it holds a section that is not understood")),
        }
    }
    Ok(revoked)
}

fn certificates(mut body: &[u8]) -> Result<OfAuthority, InvalidKrl> {
    let authority = string(&mut body)?;
    let _reserved = string(&mut body)?;
    let mut revoked = OfAuthority {
        authority: Some(authority)
            .filter(|key| !key.is_empty())
            .map(<[u8]>::to_vec),
        ..OfAuthority::default()
    };
    while let Some(kind) = byte(&mut body) {
        let mut part = string(&mut body)?;
        match kind {
            0x20 => {
                while !part.is_empty() {
                    let serial = u64::from_be_bytes(array(&mut part)?);
                    revoked.serials.push(serial..=serial);
                }
            }
            0x21 => {
                let first = u64::from_be_bytes(array(&mut part)?);
                let last = u64::from_be_bytes(array(&mut part)?);
                revoked.serials.push(first..=last);
            }
            0x22 => bitmap(part, &mut revoked.serials)?,
            0x23 => each(&mut part, |key_id| {
                let key_id = std::str::from_utf8(key_id);
                let key_id = key_id.map_err(|_| InvalidKrl("a key id is not UTF-8"))?;
                revoked.key_ids.insert(key_id.to_owned());
                Ok(())
            })?,
            0x39 => extension(part)?,
            _ => return Err(InvalidKrl("it holds a part that is not understood")),
        }
    }
    Ok(revoked)
}

/// A first number, and bits from it on; the highest stands first.
fn bitmap(mut part: &[u8], serials: &mut Vec<RangeInclusive<u64>>) -> Result<(), InvalidKrl> {
    let first = u64::from_be_bytes(array(&mut part)?);
    let bits = string(&mut part)?;
    if bits.len() > MAX_BITMAP {
        return Err(InvalidKrl("a bitmap is longer than 32 KiB"));
    }
    for (at, byte) in (0_u64..).zip(bits.iter().rev()) {
        for bit in (0..8).filter(|bit| byte >> bit & 1 == 1) {
            let serial = first.checked_add(at * 8 + bit);
            let serial = serial.ok_or(InvalidKrl("a serial number is too large"))?;
            match serials.last_mut() {
                Some(range) if range.end().checked_add(1) == Some(serial) => {
                    *range = *range.start()..=serial;
                }
                _ => serials.push(serial..=serial),
            }
        }
    }
    Ok(())
}

/// A name, whether it is critical, and what it says.
fn extension(mut body: &[u8]) -> Result<(), InvalidKrl> {
    let _name = string(&mut body)?;
    match byte(&mut body) {
        Some(0) => Ok(()),
        Some(_) => Err(InvalidKrl("it holds a critical extension")),
        None => Err(SHORT),
    }
}

fn each<'a>(
    body: &mut &'a [u8],
    mut take: impl FnMut(&'a [u8]) -> Result<(), InvalidKrl>,
) -> Result<(), InvalidKrl> {
    while !body.is_empty() {
        take(string(body)?)?;
    }
    Ok(())
}

fn byte(rest: &mut &[u8]) -> Option<u8> {
    let (byte, behind) = rest.split_first()?;
    *rest = behind;
    Some(*byte)
}

fn array<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], InvalidKrl> {
    let (array, behind) = rest.split_first_chunk().ok_or(SHORT)?;
    *rest = behind;
    Ok(*array)
}

/// A string of RFC 4251 section 5.
fn string<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], InvalidKrl> {
    let length = u32::from_be_bytes(array(rest)?) as usize;
    let (text, behind) = rest.split_at_checked(length).ok_or(SHORT)?;
    *rest = behind;
    Ok(text)
}
