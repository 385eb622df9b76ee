//! CRC64NVME, the checksum that S3 keeps by default, in the base64 form that it travels in.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crc_fast::{CrcAlgorithm, Digest, checksum_combine};

/// A running CRC64NVME.
pub(crate) struct Crc64(Digest);

impl Crc64 {
    /// Of nothing yet.
    pub(crate) fn new() -> Self {
        Self(Digest::new(CrcAlgorithm::Crc64Nvme))
    }

    /// Takes the next bytes in.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The checksum so far.
    pub(crate) fn value(&self) -> u64 {
        self.0.finalize()
    }
}

/// The checksum of these pieces, one after the other.
pub(crate) fn of<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> u64 {
    let mut crc = Crc64::new();
    for piece in pieces {
        crc.update(piece);
    }
    crc.value()
}

/// The checksum of `left` and then `right`, which is `right_len` bytes long.
pub(crate) fn combine(left: u64, right: u64, right_len: u64) -> u64 {
    checksum_combine(CrcAlgorithm::Crc64Nvme, left, right, right_len)
}

/// As S3 writes it: big-endian, base64.
pub(crate) fn to_base64(crc: u64) -> String {
    STANDARD.encode(crc.to_be_bytes())
}

/// What [`to_base64`] wrote; none where the text is no CRC64NVME.
pub(crate) fn from_base64(text: &str) -> Option<u64> {
    Some(u64::from_be_bytes(
        STANDARD.decode(text).ok()?.try_into().ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_is_the_published_one() {
        // CRC catalogue, CRC-64/NVME.
        assert_eq!(of([b"123456789".as_slice()]), 0xae8b_1486_0a79_9888);
    }

    #[test]
    fn pieces_combine_to_the_whole() {
        let whole = of([b"partner file".as_slice()]);
        let (left, right) = (of([b"partner".as_slice()]), of([b" file".as_slice()]));
        assert_eq!(combine(left, right, 5), whole);
        assert_eq!(to_base64(0xae8b_1486_0a79_9888), "rosUhgp5mIg=");
        assert_eq!(from_base64("rosUhgp5mIg="), Some(0xae8b_1486_0a79_9888));
        assert_eq!(from_base64("rosU"), None);
    }
}
