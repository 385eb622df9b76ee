//! Attributes between the gateway's words and those of SFTP version 3.

use gateway::{AttributeChanges, FileAttributes, FileKind, OpenOptions};
use model::Timestamp;
use sftp::{Attributes, OpenFlags, Owner, Times};

/// What a reply says of a file: everything, since clients depend on all of it (lftp and rclone on
/// the type bits, paramiko on the size, FileZilla on the times).
pub(super) fn reply(attributes: &FileAttributes) -> Attributes {
    Attributes {
        size: Some(attributes.size),
        owner: Some(Owner {
            uid: attributes.uid,
            gid: attributes.gid,
        }),
        permissions: Some(mode(attributes)),
        times: Some(Times {
            accessed: seconds(attributes.atime),
            modified: seconds(attributes.mtime),
        }),
        extended: Vec::new(),
    }
}

/// Type and permission bits.
pub(super) fn mode(attributes: &FileAttributes) -> u32 {
    let kind = match attributes.kind {
        FileKind::File => sftp::FileKind::File,
        FileKind::Directory => sftp::FileKind::Directory,
    };
    kind.bits() | (attributes.mode & 0o7777)
}

/// What a client wants changed.
pub(super) fn changes(attributes: &Attributes) -> AttributeChanges {
    let time = |seconds: u32| Timestamp::from_seconds(i64::from(seconds));
    AttributeChanges {
        size: attributes.size,
        mode: attributes.permissions.map(|mode| mode & 0o7777),
        mtime: attributes.times.map(|times| time(times.modified)),
        atime: attributes.times.map(|times| time(times.accessed)),
        owner: attributes.owner.map(|owner| (owner.uid, owner.gid)),
    }
}

/// What OPEN asks for. Flags without READ and WRITE mean reading, as OpenSSH takes them.
pub(super) fn open_options(flags: OpenFlags, attributes: &Attributes) -> OpenOptions {
    let write = flags.contains(OpenFlags::WRITE) || flags.contains(OpenFlags::APPEND);
    OpenOptions {
        read: flags.contains(OpenFlags::READ) || !write,
        write,
        create: flags.contains(OpenFlags::CREATE),
        truncate: flags.contains(OpenFlags::TRUNCATE),
        exclusive: flags.contains(OpenFlags::EXCLUSIVE),
        append: flags.contains(OpenFlags::APPEND),
        attributes: changes(attributes),
    }
}

/// Version 3 has unsigned seconds of 32 bits: times outside of 1970 to 2106 are cut to it.
fn seconds(time: Timestamp) -> u32 {
    u32::try_from(time.as_seconds().max(0)).unwrap_or(u32::MAX)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::subsystem) fn file() -> FileAttributes {
        FileAttributes {
            kind: FileKind::File,
            size: 12_345,
            mode: 0o644,
            mtime: Timestamp::from_seconds(1_700_000_000),
            atime: Timestamp::from_seconds(1_700_000_001),
            owner: "acme".to_owned(),
            group: "partners".to_owned(),
            uid: 1000,
            gid: 1001,
        }
    }

    #[test]
    fn replies_carry_type_bits_and_all_fields() {
        let attributes = reply(&file());
        assert_eq!(attributes.permissions, Some(0o100_644));
        assert_eq!(attributes.size, Some(12_345));
        let times = attributes.times.expect("times");
        assert_eq!(
            (times.modified, times.accessed),
            (1_700_000_000, 1_700_000_001)
        );
        let directory = FileAttributes {
            kind: FileKind::Directory,
            mode: 0o755,
            mtime: Timestamp::from_seconds(-5),
            atime: Timestamp::from_seconds(1 << 40),
            ..file()
        };
        let attributes = reply(&directory);
        assert_eq!(attributes.permissions, Some(0o040_755));
        let times = attributes.times.expect("times");
        assert_eq!((times.modified, times.accessed), (0, u32::MAX));
    }

    #[test]
    fn the_type_in_a_changed_mode_is_cut_off() {
        let wanted = Attributes {
            permissions: Some(0o100_600),
            ..Attributes::default()
        };
        assert_eq!(changes(&wanted).mode, Some(0o600));
        assert_eq!(changes(&Attributes::default()), AttributeChanges::default());
    }

    #[test]
    fn open_flags_keep_their_meaning() {
        let none = Attributes::default();
        let read = open_options(OpenFlags::from_bits(0), &none);
        assert!(read.read && !read.write);
        let append = open_options(OpenFlags::APPEND | OpenFlags::CREATE, &none);
        assert!(append.write && append.append && append.create && !append.read);
    }
}
