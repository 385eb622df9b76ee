//! Durations and sizes as people write them: `30s`, `5m`, `24h`, `256MiB`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A duration: a whole number and `ms`, `s`, `m`, `h` or `d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span(Duration);

impl Span {
    /// So many seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// So many milliseconds.
    pub const fn milliseconds(milliseconds: u64) -> Self {
        Self(Duration::from_millis(milliseconds))
    }

    /// So many minutes.
    pub const fn minutes(minutes: u64) -> Self {
        Self(Duration::from_secs(minutes * 60))
    }

    /// As the standard library says it.
    pub const fn duration(self) -> Duration {
        self.0
    }
}

/// A size in bytes: a whole number and `B`, `KiB`, `MiB`, `GiB` or `TiB` (or `KB`, `MB`, `GB`,
/// `TB` in powers of ten).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct ByteSize(u64);

impl ByteSize {
    /// So many MiB.
    pub const fn mebibytes(mebibytes: u64) -> Self {
        Self(mebibytes * 1024 * 1024)
    }

    /// In bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

const SPANS: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

const SIZES: [(&str, u64); 9] = [
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
];

fn parse(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let factor = units.iter().find(|(name, _)| *name == unit.trim_start())?.1;
    number.parse::<u64>().ok()?.checked_mul(factor)
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse(text, &SPANS)
            .map(|millis| Self(Duration::from_millis(millis)))
            .ok_or_else(|| format!("{text:?} is not a duration: write 500ms, 30s, 5m, 24h or 7d"))
    }
}

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse(text, &SIZES)
            .map(Self)
            .ok_or_else(|| format!("{text:?} is not a size: write 512KiB, 64MiB or 2GiB"))
    }
}

fn largest(value: u64, units: &[(&'static str, u64)]) -> String {
    let (unit, factor) = units
        .iter()
        .filter(|(_, factor)| value != 0 && value.is_multiple_of(*factor))
        .max_by_key(|(_, factor)| *factor)
        .unwrap_or(&units[0]);
    format!("{}{unit}", value / factor)
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        f.write_str(&largest(millis, &SPANS))
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&largest(self.0, &SIZES[..5]))
    }
}

macro_rules! as_text {
    ($name:ident) => {
        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }
    };
}

as_text!(Span);
as_text!(ByteSize);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_read_back_what_they_print() {
        for text in ["500ms", "30s", "5m", "24h", "7d"] {
            assert_eq!(
                text.parse::<Span>().map(|s| s.duration()),
                text.parse::<Span>()
                    .map(|s| s.to_string())
                    .and_then(|t| t.parse::<Span>())
                    .map(|s| s.duration())
            );
        }
        assert_eq!(
            "90s".parse::<Span>().map(|s| s.to_string()),
            Ok("90s".to_owned())
        );
        assert_eq!(
            "256MiB".parse::<ByteSize>().map(ByteSize::bytes),
            Ok(268_435_456)
        );
        assert_eq!(
            "2GB".parse::<ByteSize>().map(ByteSize::bytes),
            Ok(2_000_000_000)
        );
    }

    #[test]
    fn what_is_no_unit_is_refused() {
        for text in [
            "",
            "5",
            "s",
            "-1s",
            "5 parsecs",
            "99999999999999999999s",
            "18446744073709551615d",
        ] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
        assert!("5m".parse::<ByteSize>().is_err());
    }
}
