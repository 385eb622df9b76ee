//! Sealing: private keys are encrypted before they are stored, where a key is configured.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::{ErrorKind, Secret};

use crate::{Error, Result};

/// A text that is not a sealing key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the sealing key is not valid: it is 32 random bytes in base64 (`openssl rand -base64 32`)"
)]
pub struct InvalidSealingKey;

/// Begins every sealed text; the number is the format's version.
const MARK: &str = "sealed:1:";

/// Seals secrets for the database: AES-256-GCM with a random nonce, bound to the row it is for,
/// so that a sealed text cannot be moved to another row. Without a key texts are stored as they
/// are. What was stored plain before there was a key can still be read.
pub struct Sealer {
    key: Option<LessSafeKey>,
}

impl Sealer {
    /// No key: secrets are stored as they are, and the database file must be guarded.
    pub fn plain() -> Self {
        Self { key: None }
    }

    /// Seals with this key: 32 bytes in base64.
    ///
    /// # Errors
    /// [`InvalidSealingKey`] where it is anything else.
    pub fn with_key(key: &Secret<String>) -> Result<Self, InvalidSealingKey> {
        let bytes = Secret::new(
            STANDARD
                .decode(key.expose().trim())
                .map_err(|_| InvalidSealingKey)?,
        );
        let key = UnboundKey::new(&AES_256_GCM, bytes.expose()).map_err(|_| InvalidSealingKey)?;
        Ok(Self {
            key: Some(LessSafeKey::new(key)),
        })
    }

    /// The text to store for `secret` in the row that `place` names.
    pub(crate) fn seal(&self, place: &str, secret: &Secret<String>) -> Result<String> {
        let Some(key) = &self.key else {
            return Ok(secret.expose().clone());
        };
        let failed = |_| Error::new(ErrorKind::Internal, "seal", place, "encryption failed");
        let mut nonce = [0; NONCE_LEN];
        rand::fill(&mut nonce).map_err(failed)?;
        let mut sealed = secret.expose().as_bytes().to_vec();
        key.seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(place),
            &mut sealed,
        )
        .map_err(failed)?;
        let sealed = [&nonce[..], &sealed].concat();
        Ok(format!("{MARK}{}", STANDARD.encode(sealed)))
    }

    /// The secret that `stored` holds in the row that `place` names.
    pub(crate) fn open(&self, place: &str, stored: String) -> Result<Secret<String>> {
        let Some(sealed) = stored.strip_prefix(MARK) else {
            return Ok(Secret::new(stored));
        };
        let Some(key) = &self.key else {
            let reason = "it is sealed, and no sealing key is configured";
            return Err(Error::new(ErrorKind::Invalid, "unseal", place, reason));
        };
        decrypt(key, place, sealed).ok_or_else(|| {
            let reason = "the configured sealing key does not open it: \
                          it is another key, or the row was changed";
            Error::new(ErrorKind::Invalid, "unseal", place, reason)
        })
    }
}

fn decrypt(key: &LessSafeKey, place: &str, sealed: &str) -> Option<Secret<String>> {
    let sealed = STANDARD.decode(sealed).ok()?;
    let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut opened = sealed.to_vec();
    let length = key
        .open_in_place(nonce, Aad::from(place), &mut opened)
        .ok()?
        .len();
    opened.truncate(length);
    String::from_utf8(opened).ok().map(Secret::new)
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.key.is_some() {
            "Sealer(aes-256-gcm)"
        } else {
            "Sealer(plain)"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer(byte: u8) -> Sealer {
        Sealer::with_key(&Secret::new(STANDARD.encode([byte; 32]))).expect("32 bytes")
    }

    #[test]
    fn a_sealed_text_opens_in_its_own_row_with_its_own_key_only() {
        let sealed = sealer(1)
            .seal("a", &Secret::new("text".to_owned()))
            .expect("sealed");
        assert!(!sealed.contains("text"));
        assert_eq!(
            sealer(1).open("a", sealed.clone()).expect("open").expose(),
            "text"
        );
        for (sealer, place) in [(sealer(1), "b"), (sealer(2), "a"), (Sealer::plain(), "a")] {
            let error = sealer
                .open(place, sealed.clone())
                .expect_err("stays closed");
            assert_eq!(error.kind(), ErrorKind::Invalid);
        }
        let mut changed = sealed;
        changed.replace_range(20..21, if &changed[20..21] == "A" { "B" } else { "A" });
        assert!(sealer(1).open("a", changed).is_err());
    }

    #[test]
    fn two_seals_of_one_text_differ() {
        let text = Secret::new("text".to_owned());
        let sealer = sealer(1);
        assert_ne!(
            sealer.seal("a", &text).expect("sealed"),
            sealer.seal("a", &text).expect("sealed")
        );
    }

    #[test]
    fn plain_texts_stay_readable_when_a_key_comes() {
        let plain = Sealer::plain().seal("a", &Secret::new("text".to_owned()));
        let opened = sealer(1).open("a", plain.expect("stored")).expect("open");
        assert_eq!(opened.expose(), "text");
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for wrong in [
            "",
            "short",
            &STANDARD.encode([0; 31]),
            &STANDARD.encode([0; 33]),
        ] {
            assert!(Sealer::with_key(&Secret::new(wrong.to_owned())).is_err());
        }
    }
}
