//! Contents that cannot be mistaken: every block of 32 KiB says whose it is and where it belongs.

use std::sync::LazyLock;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use testkit::dice::Dice;

/// SHA-256 of a whole file.
pub(crate) type Hash = [u8; 32];

/// Bytes of one WRITE.
pub(crate) const BLOCK: usize = 32 << 10;

/// What one file holds. Two contents of different numbers share no block of 8 bytes or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Content {
    number: u64,
    size: u64,
    hash: Hash,
}

/// Noise that every content is cut from; the stamps tell them apart.
static NOISE: LazyLock<Bytes> = LazyLock::new(|| {
    let mut dice = Dice::seeded(0);
    let words = (0..(1 << 20) / 8).map(|_| dice.roll().to_le_bytes());
    words.flatten().collect::<Vec<u8>>().into()
});

impl Content {
    /// The content of this number, of so many bytes.
    pub(crate) fn new(number: u64, size: u64) -> Self {
        let mut hasher = Sha256::new();
        let mut content = Self {
            number,
            size,
            hash: [0; 32],
        };
        for offset in (0..size).step_by(BLOCK) {
            hasher.update(content.block(offset));
        }
        content.hash = hasher.finalize().into();
        content
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn hash(&self) -> Hash {
        self.hash
    }

    /// The bytes from `offset` to the end of its block.
    pub(crate) fn block(&self, offset: u64) -> Bytes {
        let index = offset / BLOCK as u64;
        let begin = index * BLOCK as u64;
        let length = (self.size - begin).min(BLOCK as u64) as usize;
        let blocks = (NOISE.len() / BLOCK) as u64;
        let from = (self.number.wrapping_mul(31).wrapping_add(index) % blocks) as usize * BLOCK;
        let mut block = NOISE[from..from + length].to_vec();
        let stamp = [self.number.to_le_bytes(), index.to_le_bytes()].concat();
        let stamped = length.min(stamp.len());
        block[..stamped].copy_from_slice(&stamp[..stamped]);
        Bytes::from(block).slice((offset - begin) as usize..)
    }
}

/// The hash of what was read.
pub(crate) fn hash(chunks: &[Bytes]) -> Hash {
    let mut hasher = Sha256::new();
    chunks.iter().for_each(|chunk| hasher.update(chunk));
    hasher.finalize().into()
}

/// A size as partners have them: many small files, some of several parts, now and then nothing.
pub(crate) fn draw_size(dice: &mut Dice) -> u64 {
    match dice.below(20) {
        0..2 => 0,
        2..9 => 1 + dice.below(64 << 10),
        9..14 => dice.below(1 << 20),
        14..17 => (1 << 20) + dice.below(8 << 20),
        _ => (9 << 20) + dice.below(31 << 20),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_is_the_same_from_any_offset() {
        let content = Content::new(7, 100_000);
        let mut whole = Vec::new();
        while whole.len() < 100_000 {
            whole.extend_from_slice(&content.block(whole.len() as u64));
        }
        assert_eq!(hash(&[whole.clone().into()]), content.hash());
        assert_eq!(content.block(40_000), whole[40_000..65_536]);
    }

    #[test]
    fn contents_differ() {
        assert_ne!(Content::new(1, 500).hash(), Content::new(2, 500).hash());
        assert_ne!(Content::new(1, 500).hash(), Content::new(1, 499).hash());
    }
}
