//! Any bytes: no panic, a bounded buffer, and the same outcome however they are cut.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sftp::{DecodeError, Decoder, FromServer, Item, ReplyDecoder, limits};

fuzz_target!(|input: (u8, &[u8])| {
    let (size, bytes) = input;
    let size = usize::from(size).max(1);
    let whole = decode(bytes, bytes.len().max(1));
    assert_eq!(decode(bytes, size), whole);
    assert_eq!(replies(bytes, size), replies(bytes, bytes.len().max(1)));

    // Behind a valid INIT more of the bytes mean something.
    let started = [b"\0\0\0\x05\x01\0\0\0\x03", bytes].concat();
    assert_eq!(decode(&started, size), decode(&started, started.len()));
});

/// The items as text, the pieces of a WRITE joined, and how it ended.
fn decode(bytes: &[u8], size: usize) -> (Vec<String>, Vec<u8>, Option<DecodeError>) {
    let (mut decoder, mut items, mut payload) = (Decoder::new(), Vec::new(), Vec::new());
    for mut slice in bytes.chunks(size) {
        loop {
            match decoder.next(&mut slice) {
                Ok(Some(Item::WriteData(piece))) => payload.extend_from_slice(piece),
                Ok(Some(item)) => items.push(format!("{item:?}")),
                Ok(None) => break,
                Err(error) => return (items, payload, Some(error)),
            }
        }
        assert!(slice.is_empty());
        assert!(decoder.buffered() <= limits::MAX_REQUEST + 4);
    }
    (items, payload, None)
}

fn replies(bytes: &[u8], size: usize) -> (Vec<FromServer>, Option<DecodeError>) {
    let (mut decoder, mut seen) = (ReplyDecoder::new(), Vec::new());
    for mut slice in bytes.chunks(size) {
        loop {
            match decoder.next(&mut slice) {
                Ok(Some(found)) => seen.push(found),
                Ok(None) => break,
                Err(error) => return (seen, Some(error)),
            }
        }
    }
    (seen, None)
}
