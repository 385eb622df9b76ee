//! The base64 of crypt(3): its own alphabet, and the low bits first.

const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The six bits that a character stands for.
pub(super) fn six_bits(character: u8) -> Option<u8> {
    ALPHABET
        .iter()
        .zip(0_u8..)
        .find_map(|(known, bits)| (*known == character).then_some(bits))
}

/// The number that some characters stand for; at most five, so it fits.
pub(super) fn number(text: &[u8]) -> Option<u32> {
    debug_assert!(text.len() <= 5, "six bits each");
    text.iter().rev().try_fold(0_u32, |number, character| {
        Some(number << 6 | u32::from(six_bits(*character)?))
    })
}

/// The bytes that a text stands for. Bits that are left over are zero, else it is no text of
/// ours.
pub(super) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    for group in text.chunks(4) {
        let number = number(group)?;
        let count = match group.len() {
            1 => return None,
            length => length - 1,
        };
        let number = number.to_le_bytes();
        let (whole, rest) = number.split_at(count);
        if rest.iter().any(|byte| *byte != 0) {
            return None;
        }
        bytes.extend_from_slice(whole);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text for bytes: what [`decode`] undoes.
    fn encode(bytes: &[u8]) -> String {
        let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
        for group in bytes.chunks(3) {
            let number = group
                .iter()
                .rev()
                .fold(0_u32, |n, byte| n << 8 | u32::from(*byte));
            for place in 0..=group.len() {
                let bits = (number >> (6 * place)) & 63;
                text.push(char::from(ALPHABET[bits as usize]));
            }
        }
        text
    }

    proptest::proptest! {
        #[test]
        fn bytes_come_back(bytes: Vec<u8>) {
            proptest::prop_assert_eq!(decode(encode(&bytes).as_bytes()), Some(bytes));
        }

        #[test]
        fn texts_are_read_one_way(text in "[./0-9A-Za-z!]{0,20}") {
            if let Some(bytes) = decode(text.as_bytes()) {
                proptest::prop_assert_eq!(encode(&bytes), text);
            }
        }
    }
}
