//! What users do, drawn at random.

use proptest::collection::vec;
use proptest::prelude::*;
use sftp::OpenFlags;

/// One deed of one of the two users.
#[derive(Debug, Clone)]
pub enum Deed {
    /// Opens a file for writing, works on it, closes it.
    Write(&'static str, Flags, Vec<Step>),
    /// Uploads so many bytes, of which so many are sent when the connection is cut; comes back,
    /// and goes on where the gateway shows what is safe.
    CutUpload(&'static str, usize, usize),
    /// Reads some bytes at an offset.
    Read(&'static str, u64, u32),
    /// Sets the time of modification.
    SetTime(&'static str, u32),
    /// Sets the permission bits.
    SetMode(&'static str, u32),
    /// Sets the size by path.
    Resize(&'static str, u64),
    /// RENAME; or posix-rename, which overwrites.
    Rename(&'static str, &'static str, bool),
    /// REMOVE.
    Remove(&'static str),
    /// MKDIR.
    Mkdir(&'static str),
    /// RMDIR.
    Rmdir(&'static str),
    /// Reads a directory to its end.
    List(&'static str),
}

/// How a file is opened for writing.
#[derive(Debug, Clone, Copy)]
pub struct Flags {
    /// CREAT.
    pub create: bool,
    /// TRUNC.
    pub truncate: bool,
    /// EXCL.
    pub exclusive: bool,
    /// APPEND.
    pub append: bool,
    /// READ, besides WRITE.
    pub read: bool,
}

/// Something done to an open file.
#[derive(Debug, Clone)]
pub enum Step {
    /// So many bytes of a value at an offset.
    Write(u64, usize, u8),
    /// FSETSTAT with a size.
    Resize(u64),
}

impl Flags {
    /// As they go over the wire.
    pub fn bits(self) -> OpenFlags {
        let mut bits = OpenFlags::WRITE;
        for (set, flag) in [
            (self.create, OpenFlags::CREATE),
            (self.truncate, OpenFlags::TRUNCATE),
            (self.exclusive, OpenFlags::EXCLUSIVE),
            (self.append, OpenFlags::APPEND),
            (self.read, OpenFlags::READ),
        ] {
            if set {
                bits = bits | flag;
            }
        }
        bits
    }
}

/// Few, so that deeds meet: files beside, above and below each other.
const PATHS: [&str; 9] = ["a", "b", "d", "d/a", "d/b", "d/s", "d/s/x", "e", "e/a"];

/// Sequences of deeds, each with the number of the user who does it.
pub fn deeds(most: usize) -> impl Strategy<Value = Vec<(usize, Deed)>> {
    vec((0..2_usize, deed()), 1..most)
}

fn path() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&PATHS[..])
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        8 => (path(), flags(), vec(step(), 0..6)).prop_map(|(at, how, steps)| Deed::Write(at, how, steps)),
        2 => (path(), 0..300_000_usize, any::<prop::sample::Index>())
            .prop_map(|(at, length, sent)| Deed::CutUpload(at, length, sent.index(length + 1))),
        3 => (path(), 0..50_000_u64, 0..70_000_u32).prop_map(|(at, from, length)| Deed::Read(at, from, length)),
        1 => (path(), any::<u32>()).prop_map(|(at, time)| Deed::SetTime(at, time)),
        1 => (path(), 0..0o1000_u32).prop_map(|(at, mode)| Deed::SetMode(at, mode)),
        1 => (path(), 0..60_000_u64).prop_map(|(at, size)| Deed::Resize(at, size)),
        4 => (path(), path(), any::<bool>()).prop_map(|(from, to, over)| Deed::Rename(from, to, over)),
        2 => path().prop_map(Deed::Remove),
        3 => path().prop_map(Deed::Mkdir),
        2 => path().prop_map(Deed::Rmdir),
        1 => path().prop_map(Deed::List),
    ]
}

fn flags() -> impl Strategy<Value = Flags> {
    (any::<[bool; 5]>(), 0..4_u8).prop_map(
        |([create, truncate, exclusive, append, read], usual)| {
            // EXCL means something together with CREAT alone (draft section 6.3); most clients say
            // CREAT and TRUNC.
            let exclusive = exclusive && create && usual == 0;
            Flags {
                create: create || usual > 1,
                truncate,
                exclusive,
                append: append && usual != 1,
                read,
            }
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..4_000_u64, 0..5_000_usize, any::<u8>()).prop_map(|(at, length, fill)| Step::Write(at, length, fill)),
        3 => (1..40_000_usize, any::<u8>()).prop_map(|(length, fill)| Step::Write(0, length, fill)),
        1 => (0..60_000_u64).prop_map(Step::Resize),
    ]
}
