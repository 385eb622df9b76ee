//! SSH public keys, as OpenSSH writes them: `ssh-ed25519 AAAA.. comment`.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::{Digest, Sha256};

/// Why a text is not a public key that we take. Shown to the person who handed it in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read public key: {0}")]
pub struct InvalidPublicKey(&'static str);

/// A public key: its algorithm, its blob (RFC 4253 section 6.6), and what its owner wrote behind
/// it. The blob is whole and of the algorithm that it names; RSA keys have 2,048 bits or more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    algorithm: &'static str,
    blob: Vec<u8>,
    comment: String,
}

/// What can stand in a key's blob.
const ALGORITHMS: [&str; 7] = [
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "ssh-rsa",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
];

impl PublicKey {
    /// The longest text, in bytes (AWS Transfer's is 2,048; an RSA key of 16,384 bits is longer).
    pub const MAX_BYTES: usize = 4096;

    /// Reads one line as in `authorized_keys` or a `.pub` file, without options in front.
    ///
    /// # Errors
    /// [`InvalidPublicKey`] says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, InvalidPublicKey> {
        let text = text.trim();
        if text.len() > Self::MAX_BYTES {
            return Err(InvalidPublicKey("it is longer than 4096 bytes"));
        }
        if text.contains("PRIVATE KEY") {
            return Err(InvalidPublicKey(
                "this is a private key: keep it, and hand in the file that ends in .pub",
            ));
        }
        if text.starts_with("---- BEGIN SSH2") || text.starts_with("-----BEGIN") {
            return Err(InvalidPublicKey(
                "it is not in OpenSSH's one-line format: convert it with `ssh-keygen -i`",
            ));
        }
        if text.contains(['\n', '\r']) {
            return Err(InvalidPublicKey("it has more than one line"));
        }
        let mut words = text.split_ascii_whitespace();
        let (Some(named), Some(body)) = (words.next(), words.next()) else {
            return Err(InvalidPublicKey(
                "expected an algorithm and a key: `ssh-ed25519 AAAA.. comment`",
            ));
        };
        let Some(algorithm) = ALGORITHMS.into_iter().find(|known| *known == named) else {
            return Err(unknown_algorithm(named));
        };
        let comment = words.collect::<Vec<_>>().join(" ");
        if comment.chars().any(char::is_control) {
            return Err(InvalidPublicKey("the comment holds a control character"));
        }
        let blob = STANDARD
            .decode(body)
            .map_err(|_| InvalidPublicKey("the key is not whole base64"))?;
        let key = Self::from_blob(&blob)?;
        if key.algorithm != algorithm {
            return Err(InvalidPublicKey(
                "the key is of another algorithm than the word in front says",
            ));
        }
        Ok(Self { comment, ..key })
    }

    /// Reads a key as it travels in SSH.
    ///
    /// # Errors
    /// [`InvalidPublicKey`] says what is wrong with it.
    pub fn from_blob(blob: &[u8]) -> Result<Self, InvalidPublicKey> {
        let mut rest = blob;
        let name = string(&mut rest)?;
        let algorithm = ALGORITHMS
            .into_iter()
            .find(|known| known.as_bytes() == name)
            .ok_or(InvalidPublicKey(
                "its algorithm is not one of those we take",
            ))?;
        match algorithm {
            "ssh-ed25519" => ed25519(&mut rest)?,
            "ecdsa-sha2-nistp256" => ecdsa(&mut rest, b"nistp256", 32)?,
            "ecdsa-sha2-nistp384" => ecdsa(&mut rest, b"nistp384", 48)?,
            "ecdsa-sha2-nistp521" => ecdsa(&mut rest, b"nistp521", 66)?,
            "ssh-rsa" => rsa(&mut rest)?,
            "sk-ssh-ed25519@openssh.com" => {
                ed25519(&mut rest)?;
                application(&mut rest)?;
            }
            _ => {
                ecdsa(&mut rest, b"nistp256", 32)?;
                application(&mut rest)?;
            }
        }
        if !rest.is_empty() {
            return Err(InvalidPublicKey("there are bytes behind the key"));
        }
        Ok(Self {
            algorithm,
            blob: blob.to_vec(),
            comment: String::new(),
        })
    }

    /// The algorithm, as SSH names the key: `ssh-ed25519`, `ssh-rsa`.
    pub fn algorithm(&self) -> &'static str {
        self.algorithm
    }

    /// The key as it travels in SSH.
    pub fn blob(&self) -> &[u8] {
        &self.blob
    }

    /// The key in base64, as rows and `authorized_keys` hold it.
    pub fn body(&self) -> String {
        STANDARD.encode(&self.blob)
    }

    /// What its owner wrote behind it.
    pub fn comment(&self) -> &str {
        &self.comment
    }

    /// `SHA256:` and the digest in base64, as `ssh-keygen -l` shows it.
    pub fn fingerprint(&self) -> String {
        format!(
            "SHA256:{}",
            STANDARD_NO_PAD.encode(Sha256::digest(&self.blob))
        )
    }
}

impl std::fmt::Display for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.algorithm, self.body())?;
        match self.comment.as_str() {
            "" => Ok(()),
            comment => write!(f, " {comment}"),
        }
    }
}

fn unknown_algorithm(word: &str) -> InvalidPublicKey {
    InvalidPublicKey(match word {
        "ssh-dss" => "DSA keys are not safe any more: make an ed25519 key",
        word if word.contains("-cert-v0") => "certificates are not taken here",
        word if word.contains(['=', ',', '"']) => "options in front of the key are not taken here",
        "no-pty" | "restrict" => "options in front of the key are not taken here",
        _ => "its algorithm is not one of those we take: ed25519, ecdsa, rsa, and their sk- forms",
    })
}

/// Cuts a string (RFC 4251 section 5) off the front.
fn string<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], InvalidPublicKey> {
    const SHORT: InvalidPublicKey = InvalidPublicKey("the key is cut off");
    let (length, behind) = rest.split_first_chunk::<4>().ok_or(SHORT)?;
    let length = u32::from_be_bytes(*length) as usize;
    let (text, behind) = behind.split_at_checked(length).ok_or(SHORT)?;
    *rest = behind;
    Ok(text)
}

fn ed25519(rest: &mut &[u8]) -> Result<(), InvalidPublicKey> {
    match string(rest)?.len() {
        32 => Ok(()),
        _ => Err(InvalidPublicKey("an ed25519 key has 32 bytes")),
    }
}

/// An uncompressed point (RFC 5656 section 3.1): 4, then two coordinates of `length` bytes.
fn ecdsa(rest: &mut &[u8], curve: &[u8], length: usize) -> Result<(), InvalidPublicKey> {
    if string(rest)? != curve {
        return Err(InvalidPublicKey("the key is on another curve than it says"));
    }
    match string(rest)? {
        [4, point @ ..] if point.len() == 2 * length => Ok(()),
        _ => Err(InvalidPublicKey(
            "the key is not an uncompressed point on its curve",
        )),
    }
}

fn rsa(rest: &mut &[u8]) -> Result<(), InvalidPublicKey> {
    let exponent = positive(string(rest)?)?;
    let modulus = positive(string(rest)?)?;
    if bits(exponent) > 64 || exponent.last().is_none_or(|byte| byte & 1 == 0) || exponent == [1] {
        return Err(InvalidPublicKey(
            "the RSA exponent is not an odd number of 3 or more",
        ));
    }
    match bits(modulus) {
        0..2048 => Err(InvalidPublicKey("RSA keys must have 2048 bits or more")),
        2048..=16384 => Ok(()),
        _ => Err(InvalidPublicKey("RSA keys must have 16384 bits or less")),
    }
}

/// A positive mpint without the zero that keeps it positive.
fn positive(number: &[u8]) -> Result<&[u8], InvalidPublicKey> {
    match number {
        [0, digits @ ..] if digits.first().is_some_and(|byte| *byte >= 128) => Ok(digits),
        [1..128, ..] => Ok(number),
        _ => Err(InvalidPublicKey(
            "a number in the key is not written as it must be",
        )),
    }
}

fn bits(number: &[u8]) -> usize {
    let leading = number.first().map_or(0, |byte| byte.leading_zeros());
    number.len() * 8 - leading as usize
}

/// The application that a security key was made for; `ssh:` and what follows.
fn application(rest: &mut &[u8]) -> Result<(), InvalidPublicKey> {
    match string(rest)? {
        [] => Err(InvalidPublicKey("the security key names no application")),
        _ => Ok(()),
    }
}
