//! The line of `ls -l` for one entry, in the C locale, as clients parse it.
//!
//! FileZilla takes type and size from it, WinSCP type, permissions and owner; OpenSSH's `ls -l`,
//! lftp and curl print it.

use gateway::{FileAttributes, FileKind};
use jiff::tz::TimeZone;
use model::Timestamp;

/// `ls` shows the time of day for what is younger than half a Gregorian year.
const RECENT_SECONDS: i64 = 31_556_952 / 2;

/// The line for an entry called `name`. Times are UTC.
pub(super) fn longname(name: &str, attributes: &FileAttributes, now: Timestamp) -> String {
    let links = match attributes.kind {
        FileKind::File => 1,
        FileKind::Directory => 2,
    };
    format!(
        "{} {links:>4} {:<8} {:<8} {:>8} {} {name}",
        permissions(attributes),
        column(&attributes.owner),
        column(&attributes.group),
        attributes.size,
        date(attributes.mtime, now),
    )
}

fn permissions(attributes: &FileAttributes) -> String {
    let bit = |mask: u32, letter: char| {
        if attributes.mode & mask == 0 {
            '-'
        } else {
            letter
        }
    };
    // Execute joined with one of setuid, setgid and sticky.
    let execute = |mask: u32, special: u32, both: char, alone: char| match (
        attributes.mode & mask != 0,
        attributes.mode & special != 0,
    ) {
        (true, true) => both,
        (false, true) => alone,
        (true, false) => 'x',
        (false, false) => '-',
    };
    let kind = match attributes.kind {
        FileKind::File => '-',
        FileKind::Directory => 'd',
    };
    String::from_iter([
        kind,
        bit(0o400, 'r'),
        bit(0o200, 'w'),
        execute(0o100, 0o4000, 's', 'S'),
        bit(0o040, 'r'),
        bit(0o020, 'w'),
        execute(0o010, 0o2000, 's', 'S'),
        bit(0o004, 'r'),
        bit(0o002, 'w'),
        execute(0o001, 0o1000, 't', 'T'),
    ])
}

/// A column must not be empty or hold spaces, or those who count columns are lost.
fn column(name: &str) -> String {
    if name.is_empty() {
        return "-".to_owned();
    }
    name.replace(char::is_whitespace, "_")
}

fn date(time: Timestamp, now: Timestamp) -> String {
    let seconds = time.as_seconds();
    let age = now.as_seconds().saturating_sub(seconds);
    // A minute ahead is a clock that goes wrong; more is the future, which `ls` dates in full.
    let recent = (-60..RECENT_SECONDS).contains(&age);
    let moment = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let format = if recent { "%b %e %H:%M" } else { "%b %e  %Y" };
    moment.to_zoned(TimeZone::UTC).strftime(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::super::attributes::tests::file;
    use super::*;

    fn at(text: &str) -> Timestamp {
        let moment: jiff::Timestamp = text.parse().expect("time");
        Timestamp::from_seconds(moment.as_second())
    }

    #[test]
    fn lines_look_like_those_of_ls() {
        let now = at("2026-11-21T12:00:00Z");
        let entry = |time: &str| FileAttributes {
            mtime: at(time),
            ..file()
        };
        let check = |name: &str, attributes: &FileAttributes, line: &str| {
            assert_eq!(longname(name, attributes, now), line);
        };
        check(
            "a b.csv",
            &entry("2026-11-01T09:05:00Z"),
            "-rw-r--r--    1 acme     partners    12345 Nov  1 09:05 a b.csv",
        );
        check(
            "old",
            &entry("2026-01-31T09:05:00Z"),
            "-rw-r--r--    1 acme     partners    12345 Jan 31  2026 old",
        );
        check(
            "future",
            &entry("2027-12-24T18:00:00Z"),
            "-rw-r--r--    1 acme     partners    12345 Dec 24  2027 future",
        );
        let directory = FileAttributes {
            kind: FileKind::Directory,
            mode: 0o755,
            size: 0,
            ..entry("2026-11-21T11:59:59Z")
        };
        check(
            "in",
            &directory,
            "drwxr-xr-x    2 acme     partners        0 Nov 21 11:59 in",
        );
        let large = FileAttributes {
            size: 5_497_558_138_880,
            owner: "two words".to_owned(),
            group: String::new(),
            mode: 0o7000,
            ..entry("2026-11-21T11:59:59Z")
        };
        check(
            "big",
            &large,
            "---S--S--T    1 two_words -        5497558138880 Nov 21 11:59 big",
        );
    }
}
