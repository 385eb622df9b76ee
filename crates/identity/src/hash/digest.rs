//! Plain digests of passwords: `{SSHA}` and its kin of LDAP directories (RFC 2307), and SHA-224
//! in base64 with nothing around it, as some keep in DynamoDB.
//!
//! `{MD5}` and the like are read in base64, as LDAP has them, and in hexadecimal, as SFTPGo does;
//! their lengths tell which it is. A salt has 1 to 64 bytes.

use aws_lc_rs::digest as sha;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use data_encoding::HEXLOWER_PERMISSIVE;
use md5::Digest as _;
use subtle::ConstantTimeEq;

use super::fault::Fault;
use super::format::HashFormat;

pub(super) struct Digested {
    function: Function,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Function {
    Md5,
    Sha(&'static sha::Algorithm),
}

struct Scheme {
    name: &'static str,
    format: HashFormat,
    function: Function,
    salted: bool,
}

const fn scheme(
    name: &'static str,
    format: HashFormat,
    function: Function,
    salted: bool,
) -> Scheme {
    Scheme {
        name,
        format,
        function,
        salted,
    }
}

const SHA1: Function = Function::Sha(&sha::SHA1_FOR_LEGACY_USE_ONLY);
const SHA256: Function = Function::Sha(&sha::SHA256);
const SHA512: Function = Function::Sha(&sha::SHA512);

static SCHEMES: [Scheme; 8] = [
    scheme("{MD5}", HashFormat::Md5, Function::Md5, false),
    scheme("{SMD5}", HashFormat::SaltedMd5, Function::Md5, true),
    scheme("{SHA}", HashFormat::Sha1, SHA1, false),
    scheme("{SSHA}", HashFormat::SaltedSha1, SHA1, true),
    scheme("{SHA256}", HashFormat::Sha256, SHA256, false),
    scheme("{SSHA256}", HashFormat::SaltedSha256, SHA256, true),
    scheme("{SHA512}", HashFormat::Sha512, SHA512, false),
    scheme("{SSHA512}", HashFormat::SaltedSha512, SHA512, true),
];

/// A scheme in braces, then the digest and the salt behind it.
pub(super) fn parse(text: &str) -> Result<(HashFormat, Digested), Fault> {
    const MALFORMED: Fault = Fault::Malformed("what follows is not whole base64");
    let found = SCHEMES.iter().find_map(|scheme| {
        let rest = text.strip_prefix(scheme.name)?;
        Some((scheme, rest))
    });
    let (scheme, rest) = found.ok_or(MALFORMED)?;
    let length = scheme.function.length();
    let mut hash = match !scheme.salted && rest.len() == 2 * length {
        true => HEXLOWER_PERMISSIVE
            .decode(rest.as_bytes())
            .map_err(|_| MALFORMED)?,
        false => STANDARD.decode(rest).map_err(|_| MALFORMED)?,
    };
    let salts = if scheme.salted { 1..=64 } else { 0..=0 };
    let salt = hash.len().checked_sub(length);
    if !salt.is_some_and(|salt| salts.contains(&salt)) {
        return Err(Fault::Malformed("what follows is of the wrong length"));
    }
    let salt = hash.split_off(length);
    let function = scheme.function;
    Ok((
        scheme.format,
        Digested {
            function,
            salt,
            hash,
        },
    ))
}

/// 28 bytes in base64: 38 characters and two of padding.
pub(super) fn parse_sha224(text: &str) -> Option<Digested> {
    let hash = STANDARD.decode(text).ok().filter(|hash| hash.len() == 28)?;
    let function = Function::Sha(&sha::SHA224);
    Some(Digested {
        function,
        salt: Vec::new(),
        hash,
    })
}

impl Digested {
    pub(super) fn verify(&self, password: &[u8]) -> bool {
        let made = self.function.digest(password, &self.salt);
        made.ct_eq(&self.hash).into()
    }
}

impl Function {
    fn length(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha(algorithm) => algorithm.output_len(),
        }
    }

    fn digest(self, password: &[u8], salt: &[u8]) -> Vec<u8> {
        match self {
            Self::Md5 => {
                let salted = md5::Md5::new().chain_update(password).chain_update(salt);
                salted.finalize().to_vec()
            }
            Self::Sha(algorithm) => {
                let mut context = sha::Context::new(algorithm);
                context.update(password);
                context.update(salt);
                context.finish().as_ref().to_vec()
            }
        }
    }
}
