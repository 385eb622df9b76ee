//! bcrypt: `$2a$`, `$2b$` and `$2y$`, which mean the same since their makers' mistakes were mended.
//!
//! Bounds: cost 4 to 14. As everywhere bytes behind the 72nd of a password do not count.

use super::fault::{Fault, at_most};
use super::format::HashFormat;

/// The highest cost: 2^14 rounds, a good second.
const MAX_COST: u32 = 14;

pub(super) struct Bcrypt {
    text: String,
    cost: u32,
}

pub(super) fn parse(text: &str) -> Result<(HashFormat, Bcrypt), Fault> {
    if text.starts_with("$2x$") {
        return Err(Fault::Malformed(
            "$2x$ marks hashes of a faulty bcrypt; set the password again",
        ));
    }
    if !["$2a$", "$2b$", "$2y$"]
        .iter()
        .any(|start| text.starts_with(start))
    {
        return Err(Fault::Malformed("it is not `$2b$cost$salt-and-hash`"));
    }
    // The crate reads `+4` as 4.
    if !text
        .bytes()
        .skip(4)
        .take(2)
        .all(|byte| byte.is_ascii_digit())
    {
        return Err(Fault::Malformed("its cost is not a number of two digits"));
    }
    let parts: bcrypt::HashParts = text
        .parse()
        .map_err(|_| Fault::Malformed("it does not have bcrypt's 60 characters"))?;
    let cost = parts.get_cost();
    if cost < 4 {
        return Err(Fault::Malformed("its cost is below 4"));
    }
    at_most("the cost", cost.into(), MAX_COST.into())?;
    let text = text.to_owned();
    Ok((HashFormat::Bcrypt, Bcrypt { text, cost }))
}

impl Bcrypt {
    pub(super) fn cost(&self) -> String {
        format!("cost={}", self.cost)
    }

    pub(super) fn verify(&self, password: &[u8]) -> bool {
        // C's crypt stops at a zero byte, so nobody has one in his password.
        !password.contains(&0) && bcrypt::verify(password, &self.text).unwrap_or(false)
    }
}
