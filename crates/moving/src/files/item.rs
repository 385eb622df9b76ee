//! What a source holds, as the walk through it finds it.

use model::Timestamp;

/// A file or directory of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its name, relative to where the job begins, with `/` between names.
    pub name: Vec<u8>,
    /// Whether it is a directory.
    pub is_directory: bool,
    /// Bytes; 0 for a directory.
    pub size: u64,
    /// Last modified.
    pub mtime: Timestamp,
    /// Permission bits, where the source has such.
    pub mode: Option<u32>,
    /// What else tells one state from another: the ETag of an object.
    pub version: Option<String>,
}

impl Item {
    /// Whether these are one state of a file, as far as can be seen without reading it.
    pub(crate) fn is_as(&self, other: &Self) -> bool {
        self.size == other.size && self.mtime == other.mtime && self.version == other.version
    }
}

/// One step of the walk.
#[derive(Debug)]
pub enum Found {
    /// A file or directory.
    Item(Item),
    /// Something that cannot move, and why.
    Refused {
        /// Its name.
        name: Vec<u8>,
        /// Why.
        why: String,
    },
    /// Something that could not be looked at, so that what is in it is not known.
    Unreadable {
        /// Its name; empty for the beginning itself.
        name: Vec<u8>,
        /// Why.
        why: String,
    },
}

/// A name as text: bytes that are no plain text become `\xNN`, and a backslash `\\`, so that no
/// two names become one.
pub(crate) fn printed(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                '\\' => text.push_str("\\\\"),
                letter if letter.is_control() => {
                    let mut bytes = [0; 4];
                    escape(letter.encode_utf8(&mut bytes).as_bytes(), &mut text);
                }
                letter => text.push(letter),
            }
        }
        escape(chunk.invalid(), &mut text);
    }
    text
}

fn escape(bytes: &[u8], text: &mut String) {
    for byte in bytes {
        text.push_str(&format!("\\x{byte:02x}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_printed_without_loss() {
        for (name, text) in [
            (&b"a/b c"[..], "a/b c"),
            ("käse".as_bytes(), "käse"),
            (b"a\\x00", "a\\\\x00"),
            (b"a\0\n", "a\\x00\\x0a"),
            (b"\xff\xc3", "\\xff\\xc3"),
        ] {
            assert_eq!(printed(name), text);
        }
    }
}
