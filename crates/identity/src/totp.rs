//! One-time passwords from an authenticator app (RFC 6238), as a second factor.

use aws_lc_rs::hmac;
use data_encoding::BASE32_NOPAD;
use model::{Secret, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rand::Rng;
use subtle::ConstantTimeEq;

/// What is wrong with a secret or with the settings of one-time passwords.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read one-time password secret: {0}")]
pub struct InvalidTotp(&'static str);

/// The hash function below HMAC. Many apps know SHA-1 alone, where it is as safe as the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TotpAlgorithm {
    /// HMAC-SHA-1.
    #[default]
    Sha1,
    /// HMAC-SHA-256.
    Sha256,
    /// HMAC-SHA-512.
    Sha512,
}

impl TotpAlgorithm {
    fn hmac(self) -> hmac::Algorithm {
        match self {
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha512 => hmac::HMAC_SHA512,
        }
    }

    /// As `otpauth` URIs name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }
}

/// What a one-time password looks like. The default is what every app does without being told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TotpSettings {
    /// The hash function.
    pub algorithm: TotpAlgorithm,
    /// How many digits it has: 6 or 8.
    pub digits: u8,
    /// How many seconds each is shown: 30 or 60.
    pub period_seconds: u8,
}

impl Default for TotpSettings {
    fn default() -> Self {
        Self {
            algorithm: TotpAlgorithm::Sha1,
            digits: 6,
            period_seconds: 30,
        }
    }
}

/// A number of periods since 1970: which one a password was shown in. Who takes a password stores
/// its step, and takes none of that step or an earlier one again.
pub type TotpStep = i64;

/// Makes and verifies the one-time passwords of one secret.
#[derive(Debug, Clone)]
pub struct Totp {
    secret: Secret<Vec<u8>>,
    settings: TotpSettings,
}

/// What stands as it is in a URI (RFC 3986 section 2.3).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

impl Totp {
    /// The fewest bytes of a secret: what the oldest apps make.
    pub const MIN_BYTES: usize = 10;
    /// The most bytes of a secret.
    pub const MAX_BYTES: usize = 128;
    /// How many steps an app's clock may be off, in either direction.
    pub const WINDOW: TotpStep = 1;

    /// Reads a secret in base32. Letters of either size, spaces, hyphens and padding, as people
    /// copy them, mean the same.
    ///
    /// # Errors
    /// [`InvalidTotp`] where it is not base32, has fewer than [`Self::MIN_BYTES`] or more than
    /// [`Self::MAX_BYTES`] bytes, or where the settings are out of their bounds.
    pub fn from_base32(text: &Secret<String>, settings: TotpSettings) -> Result<Self, InvalidTotp> {
        let left_out = |letter: &char| matches!(letter, ' ' | '-' | '=');
        let letters = text.expose().chars().filter(|letter| !left_out(letter));
        let letters = Secret::new(letters.collect::<String>().to_ascii_uppercase());
        let secret = BASE32_NOPAD.decode(letters.expose().as_bytes());
        let secret = secret.map_err(|_| InvalidTotp("it is not base32"))?;
        Self::new(Secret::new(secret), settings)
    }

    /// A secret as bytes.
    ///
    /// # Errors
    /// As [`Self::from_base32`].
    pub fn new(secret: Secret<Vec<u8>>, settings: TotpSettings) -> Result<Self, InvalidTotp> {
        if !(Self::MIN_BYTES..=Self::MAX_BYTES).contains(&secret.expose().len()) {
            return Err(InvalidTotp("it does not have 10 to 128 bytes"));
        }
        if !matches!(settings.digits, 6 | 8) {
            return Err(InvalidTotp("passwords have 6 or 8 digits"));
        }
        if !matches!(settings.period_seconds, 30 | 60) {
            return Err(InvalidTotp("passwords change every 30 or 60 seconds"));
        }
        Ok(Self { secret, settings })
    }

    /// A new secret, of 160 bits.
    ///
    /// # Errors
    /// [`InvalidTotp`] where the settings are out of their bounds.
    pub fn generate(settings: TotpSettings) -> Result<Self, InvalidTotp> {
        let secret: [u8; 20] = rand::rng().random();
        Self::new(Secret::new(secret.to_vec()), settings)
    }

    /// The secret in base32, as it is stored and shown.
    pub fn base32(&self) -> Secret<String> {
        Secret::new(BASE32_NOPAD.encode(self.secret.expose()))
    }

    /// What the QR code for an app holds: `otpauth://totp/Issuer:account?secret=..`.
    pub fn uri(&self, issuer: &str, account: &str) -> Secret<String> {
        // A colon parts the two, so neither may hold one that is not encoded.
        let encoded = |text| utf8_percent_encode(text, UNRESERVED);
        let (issuer, account) = (encoded(issuer), encoded(account));
        Secret::new(format!(
            "otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}&algorithm={}&digits={}&period={}",
            self.base32().expose(),
            self.settings.algorithm.as_str(),
            self.settings.digits,
            self.settings.period_seconds,
        ))
    }

    /// The step that this time lies in.
    pub fn step(&self, now: Timestamp) -> TotpStep {
        now.as_seconds()
            .div_euclid(i64::from(self.settings.period_seconds))
    }

    /// The step of this password, if it is one of now or of the steps beside, and of a later step
    /// than `used`, the last that was taken. The caller stores it before he lets anybody in, and
    /// in such a way that of two at the same time one fails. Spaces within the password do not
    /// count.
    pub fn verify(
        &self,
        password: &Secret<String>,
        now: Timestamp,
        used: Option<TotpStep>,
    ) -> Option<TotpStep> {
        let password: String = password.expose().split(' ').collect();
        let now = self.step(now);
        let mut found = None;
        // All are compared, so that the time says nothing.
        for step in now - Self::WINDOW..=now + Self::WINDOW {
            let right = self.at(step).as_bytes().ct_eq(password.as_bytes());
            if bool::from(right) && used.is_none_or(|used| step > used) {
                found = Some(step);
            }
        }
        found
    }

    /// The password of a step (RFC 4226 section 5.3), as an app shows it.
    pub fn at(&self, step: TotpStep) -> String {
        let key = hmac::Key::new(self.settings.algorithm.hmac(), self.secret.expose());
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let tag = tag.as_ref();
        let offset = usize::from(tag[tag.len() - 1] & 15);
        let number = tag[offset..offset + 4]
            .iter()
            .fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
        let digits = usize::from(self.settings.digits);
        let number = (number & 0x7fff_ffff) % 10_u32.pow(self.settings.digits.into());
        format!("{number:0digits$}")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use model::{Clock, ManualClock};
    use proptest::prelude::*;

    use super::*;

    fn secret(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    fn totp(settings: TotpSettings) -> Totp {
        let bytes = b"12345678901234567890".to_vec();
        Totp::new(Secret::new(bytes), settings).expect("secret")
    }

    /// RFC 6238, appendix B.
    #[test]
    fn the_passwords_are_those_of_the_rfc() {
        use TotpAlgorithm::*;
        for (seconds, algorithm, password) in [
            (59, Sha1, "94287082"),
            (59, Sha256, "46119246"),
            (59, Sha512, "90693936"),
            (1_111_111_109, Sha1, "07081804"),
            (1_111_111_109, Sha256, "68084774"),
            (1_111_111_109, Sha512, "25091201"),
            (1_111_111_111, Sha1, "14050471"),
            (1_111_111_111, Sha256, "67062674"),
            (1_111_111_111, Sha512, "99943326"),
            (1_234_567_890, Sha1, "89005924"),
            (1_234_567_890, Sha256, "91819424"),
            (1_234_567_890, Sha512, "93441116"),
            (2_000_000_000, Sha1, "69279037"),
            (2_000_000_000, Sha256, "90698825"),
            (2_000_000_000, Sha512, "38618901"),
            (20_000_000_000, Sha1, "65353130"),
            (20_000_000_000, Sha256, "77737706"),
            (20_000_000_000, Sha512, "47863826"),
        ] {
            let length = match algorithm {
                Sha1 => 20,
                Sha256 => 32,
                Sha512 => 64,
            };
            let bytes = b"1234567890".iter().copied().cycle().take(length).collect();
            let settings = TotpSettings {
                algorithm,
                digits: 8,
                period_seconds: 30,
            };
            let totp = Totp::new(Secret::new(bytes), settings).expect("secret");
            let now = Timestamp::from_seconds(seconds);
            assert_eq!(
                totp.verify(&secret(password), now, None),
                Some(seconds / 30),
                "{password}"
            );
        }
    }

    #[test]
    fn a_password_is_taken_one_step_early_or_late_and_no_more() {
        let clock = ManualClock::new(Timestamp::from_seconds(1_790_000_010));
        let totp = totp(TotpSettings::default());
        let step = totp.step(clock.now());
        let password = secret(&totp.at(step));
        let mut taken = Vec::new();
        let early = ManualClock::new(Timestamp::from_seconds(1_790_000_010 - 60));
        for _ in 0..5 {
            taken.push(totp.verify(&password, early.now(), None));
            early.advance(Duration::from_secs(30));
        }
        assert_eq!(taken, [None, Some(step), Some(step), Some(step), None]);
    }

    #[test]
    fn a_password_is_taken_once() {
        let clock = ManualClock::new(Timestamp::from_seconds(1_790_000_010));
        let totp = totp(TotpSettings {
            period_seconds: 60,
            ..TotpSettings::default()
        });
        let first = secret(&totp.at(totp.step(clock.now())));
        let used = totp.verify(&first, clock.now(), None);
        assert!(used.is_some());
        assert_eq!(totp.verify(&first, clock.now(), used), None);
        clock.advance(Duration::from_secs(60));
        assert_eq!(totp.verify(&first, clock.now(), used), None);
        let second = secret(&totp.at(totp.step(clock.now())));
        assert_eq!(
            totp.verify(&second, clock.now(), used),
            used.map(|step| step + 1)
        );
    }

    #[test]
    fn wrong_passwords_are_refused() {
        let now = Timestamp::from_seconds(59);
        let totp = totp(TotpSettings::default());
        assert!(totp.verify(&secret("287082"), now, None).is_some());
        assert!(totp.verify(&secret("287 082"), now, None).is_some());
        for wrong in [
            "",
            "94287082",
            "28708",
            "287083",
            "2870820",
            "-87082",
            "٢٨٧٠٨٢",
            "287082\0",
        ] {
            assert_eq!(totp.verify(&secret(wrong), now, None), None, "{wrong:?}");
        }
    }

    #[test]
    fn secrets_are_read_as_people_copy_them() {
        let totp = totp(TotpSettings::default());
        for text in [
            "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
            "gezd gnbv gy3t qojq gezd gnbv gy3t qojq",
            "GEZDGNBV-GY3TQOJQ-GEZDGNBV-GY3TQOJQ====",
        ] {
            let read = Totp::from_base32(&secret(text), TotpSettings::default()).expect(text);
            assert_eq!(read.base32().expose(), totp.base32().expose());
        }
        let digits = |digits| TotpSettings {
            digits,
            ..TotpSettings::default()
        };
        let period_seconds = TotpSettings {
            period_seconds: 0,
            ..TotpSettings::default()
        };
        let good = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
        for (text, settings) in [
            ("", TotpSettings::default()),
            ("GEZDGNBV", TotpSettings::default()),
            ("GEZDGNBVGY3TQOJQ1EZDGNBVGY3TQOJQ", TotpSettings::default()),
            (good, digits(7)),
            (good, digits(0)),
            (good, period_seconds),
        ] {
            assert!(
                Totp::from_base32(&secret(text), settings).is_err(),
                "{text:?}"
            );
        }
    }

    #[test]
    fn the_uri_is_one_that_apps_read() {
        let uri = totp(TotpSettings::default()).uri("Acme & Co: files", "bob@acme");
        assert_eq!(
            uri.expose(),
            "otpauth://totp/Acme%20%26%20Co%3A%20files:bob%40acme\
             ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Acme%20%26%20Co%3A%20files\
             &algorithm=SHA1&digits=6&period=30"
        );
    }

    #[test]
    fn generated_secrets_are_long_differ_and_do_not_print() {
        let one = Totp::generate(TotpSettings::default()).expect("made");
        let two = Totp::generate(TotpSettings::default()).expect("made");
        assert_eq!(one.base32().expose().len(), 32);
        assert_ne!(one.base32().expose(), two.base32().expose());
        assert!(format!("{one:?}").contains("[redacted]"));
    }

    proptest! {
        #[test]
        fn whatever_is_typed_and_whenever_there_is_no_panic(text in "\\PC{0,20}", micros: i64) {
            let now = Timestamp::from_micros(micros);
            prop_assert_eq!(
                totp(TotpSettings::default()).verify(&secret(&format!("x{text}")), now, None),
                None
            );
        }
    }
}
