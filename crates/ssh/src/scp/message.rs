//! The lines of the protocol.

use model::Timestamp;

/// A line that the sending side sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Message {
    /// `T<mtime> 0 <atime> 0`: times of what comes next.
    Times { mtime: Timestamp, atime: Timestamp },
    /// `C<mode> <size> <name>`: a file, whose bytes follow.
    File { mode: u32, size: u64, name: String },
    /// `D<mode> 0 <name>`: a directory begins.
    Directory { mode: u32, name: String },
    /// `E`: it ends.
    EndOfDirectory,
    /// `\x01..`: something was left out; it goes on.
    Warning(String),
    /// `\x02..`: it is over.
    Fatal(String),
}

impl Message {
    /// Reads a line without its newline; none where it is not one of the protocol, or names
    /// something outside the directory it is in.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        let (kind, rest) = line.split_first()?;
        let text = || String::from_utf8_lossy(rest).into_owned();
        match kind {
            1 => return Some(Self::Warning(text())),
            2 => return Some(Self::Fatal(text())),
            _ => {}
        }
        let rest = std::str::from_utf8(rest).ok()?;
        match kind {
            b'E' if rest.is_empty() => Some(Self::EndOfDirectory),
            b'T' => times(rest),
            b'C' => {
                let (mode, size, name) = entry(rest)?;
                Some(Self::File { mode, size, name })
            }
            b'D' => {
                let (mode, _, name) = entry(rest)?;
                Some(Self::Directory { mode, name })
            }
            _ => None,
        }
    }
}

fn times(text: &str) -> Option<Message> {
    let mut numbers = text.split(' ').map(|number| number.parse::<i64>().ok());
    let (mtime, _, atime, _) = (
        numbers.next()??,
        numbers.next()??,
        numbers.next()??,
        numbers.next()??,
    );
    let end = numbers.next().is_none();
    end.then_some(Message::Times {
        mtime: Timestamp::from_seconds(mtime),
        atime: Timestamp::from_seconds(atime),
    })
}

fn entry(text: &str) -> Option<(u32, u64, String)> {
    let mut fields = text.splitn(3, ' ');
    let mode = u32::from_str_radix(fields.next()?, 8)
        .ok()
        .filter(|mode| *mode <= 0o7777)?;
    let size = fields.next()?.parse().ok()?;
    let name = fields.next()?;
    let inside = !name.is_empty() && name != "." && name != ".." && !name.contains('/');
    inside.then(|| (mode, size, name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read() {
        let file = |name: &str| Message::File {
            mode: 0o644,
            size: 5,
            name: name.to_owned(),
        };
        assert_eq!(Message::parse(b"C0644 5 a b.txt"), Some(file("a b.txt")));
        assert_eq!(
            Message::parse(b"D0755 0 d"),
            Some(Message::Directory {
                mode: 0o755,
                name: "d".to_owned()
            })
        );
        assert_eq!(Message::parse(b"E"), Some(Message::EndOfDirectory));
        let (mtime, atime) = (Timestamp::from_seconds(1), Timestamp::from_seconds(2));
        assert_eq!(
            Message::parse(b"T1 0 2 0"),
            Some(Message::Times { mtime, atime })
        );
        assert_eq!(
            Message::parse(b"\x01scp: x"),
            Some(Message::Warning("scp: x".to_owned()))
        );
    }

    #[test]
    fn what_is_not_the_protocol_is_refused() {
        for line in [
            &b""[..],
            b"X",
            b"C",
            b"C0644",
            b"C0644 5",
            b"C0644 5 ",
            b"C0644 -5 a",
            b"C9 5 a",
            b"C0644 5 ..",
            b"C0644 5 .",
            b"C0644 5 ../a",
            b"C0644 5 /etc/passwd",
            b"D0755 0 a/b",
            b"C0644 99999999999999999999 a",
            b"C77777 5 a",
            b"T1 0 2",
            b"T1 0 2 0 3",
            b"Ex",
            b"C0644 5 \xff",
        ] {
            assert_eq!(Message::parse(line), None, "{line:?}");
        }
    }
}
