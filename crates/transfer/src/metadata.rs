//! What an object says of itself: its transfer, and the attributes known when it was written.

use model::{
    BucketName, InstallationId, Location, ObjectKey, Timestamp, TransferId, UserId, VirtualPath,
};
use storage::{Metadata, ObjectHead};

use crate::transfers::Core;

/// What names begin with that say something to Pierhead alone.
const OURS: &str = "pierhead-";
/// Names the upload that made the object: the proof after a lost answer.
const TRANSFER: &str = "pierhead-transfer";
/// Which of a temporary file's contents was given its final name: it may be gone on with in between.
const CONTENT: &str = "pierhead-content";
/// Which installation made a staging object, for whom, and at which key and path he sees it.
const INSTALLATION: &str = "pierhead-installation";
const OWNER: &str = "pierhead-owner";
const BUCKET: &str = "pierhead-bucket";
const KEY: &str = "pierhead-key";
const PATH: &str = "pierhead-path";
/// Longer keys and paths are left out, in bytes: stores hold 2 KiB of metadata.
const LONGEST: usize = 400;
/// Last modified, in seconds since 1970 with a fraction, as rclone reads and writes it.
const MTIME: &str = "mtime";
/// Type and permission bits in octal, as rclone writes them.
const MODE: &str = "mode";
const REGULAR_FILE: u32 = 0o100_000;
const PERMISSIONS: u32 = 0o7777;

/// Attributes of a file as a client set them; absent where none did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Attributes {
    /// Last modified.
    pub mtime: Option<Timestamp>,
    /// Last read.
    pub atime: Option<Timestamp>,
    /// Permission bits.
    pub mode: Option<u32>,
}

impl Attributes {
    /// Whether nothing is set.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// These, and the others' where these are absent.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            mtime: self.mtime.or(other.mtime),
            atime: self.atime.or(other.atime),
            mode: self.mode.or(other.mode),
        }
    }

    /// What an object's own metadata says, whoever wrote it. What does not read is left out.
    pub fn of_metadata(metadata: &Metadata) -> Self {
        Self {
            mtime: metadata.get(MTIME).and_then(|text| parse_seconds(text)),
            atime: None,
            mode: metadata
                .get(MODE)
                .and_then(|text| u32::from_str_radix(text, 8).ok())
                .map(|mode| mode & PERMISSIONS),
        }
    }

    /// Writes them into an object's metadata.
    pub fn write_to(&self, metadata: &mut Metadata) {
        if let Some(mtime) = self.mtime {
            metadata.insert(MTIME.to_owned(), print_seconds(mtime));
        }
        if let Some(mode) = self.mode {
            let mode = REGULAR_FILE | (mode & PERMISSIONS);
            metadata.insert(MODE.to_owned(), format!("{mode:07o}"));
        }
    }
}

impl Core {
    /// What clients set of an object that stands: its row, and what its metadata says besides.
    pub(crate) async fn attributes_of(
        &self,
        location: &Location,
        head: &ObjectHead,
    ) -> Result<Attributes, database::Error> {
        let row = self.database.attributes().of(location).await?;
        let transfer = transfer_of(&head.metadata);
        // A directory's row belongs to its key, whatever stands there.
        let is_directory = location.key.as_str().ends_with('/');
        let is_its = |row: &database::Attributes| {
            is_directory || row.describe(&head.etag, head.last_modified, transfer)
        };
        let set = row.filter(is_its).map(|row| Attributes {
            mtime: row.mtime,
            atime: row.atime,
            mode: row.mode,
        });
        Ok(set
            .unwrap_or_default()
            .or(Attributes::of_metadata(&head.metadata)))
    }
}

/// Metadata of an object that `transfer` makes.
pub(crate) fn of_transfer(transfer: TransferId, attributes: &Attributes) -> Metadata {
    let mut metadata = Metadata::from([(TRANSFER.to_owned(), transfer.to_string())]);
    attributes.write_to(&mut metadata);
    metadata
}

/// Names whose a staging object is and what for, so that it can be told from others' whatever
/// becomes of its row.
pub(crate) fn name_owner(metadata: &mut Metadata, owner: &StagedFor) {
    metadata.insert(INSTALLATION.to_owned(), owner.installation.to_string());
    metadata.insert(OWNER.to_owned(), owner.owner.to_string());
    let Location { bucket, key } = &owner.location;
    metadata.insert(BUCKET.to_owned(), bucket.to_string());
    for (name, value) in [(KEY, key.as_str()), (PATH, owner.path.as_str())] {
        if value.len() <= LONGEST {
            metadata.insert(name.to_owned(), value.to_owned());
        }
    }
}

/// Whose a staging object is, and what for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StagedFor {
    pub(crate) installation: InstallationId,
    pub(crate) owner: UserId,
    /// Where he sees it.
    pub(crate) location: Location,
    pub(crate) path: VirtualPath,
}

impl StagedFor {
    /// As [`name_owner`] wrote it; none where that is not all there.
    pub(crate) fn of(metadata: &Metadata) -> Option<Self> {
        let path = metadata.get(PATH)?.as_bytes();
        Some(Self {
            installation: metadata.get(INSTALLATION)?.parse().ok()?,
            owner: metadata.get(OWNER)?.parse().ok()?,
            location: Location {
                bucket: BucketName::parse(metadata.get(BUCKET)?.as_str()).ok()?,
                key: ObjectKey::parse(metadata.get(KEY)?.as_str()).ok()?,
            },
            path: VirtualPath::parse(path, &VirtualPath::root()).ok()?,
        })
    }
}

/// The upload that made an object, where it was one of ours.
pub fn transfer_of(metadata: &Metadata) -> Option<TransferId> {
    metadata.get(TRANSFER)?.parse().ok()
}

/// What an object says of itself that holds for a copy of its content too: not whose it is, nor who
/// made it.
pub(crate) fn for_others(original: &ObjectHead, attributes: &Attributes) -> Metadata {
    let mut metadata = original.metadata.clone();
    metadata.retain(|name, _| !name.starts_with(OURS));
    attributes.write_to(&mut metadata);
    metadata
}

/// Whose write an object is to be proof of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Maker {
    transfer: TransferId,
    content: Option<String>,
}

impl Maker {
    /// The naming of a temporary file whose object stands at `staged`. Each time that somebody goes
    /// on with it, it gets another one, so the key tells its contents apart.
    pub(crate) fn naming(transfer: TransferId, staged: &ObjectKey) -> Self {
        let name = staged.as_str().rsplit('/').next();
        Self {
            transfer,
            content: name.map(str::to_owned),
        }
    }

    /// Whether it made the object that says this of itself. Earlier versions wrote no content.
    pub(crate) fn made(&self, metadata: &Metadata) -> bool {
        let differs = match (&self.content, metadata.get(CONTENT)) {
            (Some(content), Some(found)) => content != found,
            _ => false,
        };
        transfer_of(metadata) == Some(self.transfer) && !differs
    }

    /// Metadata of an object that it makes.
    pub(crate) fn metadata(&self, attributes: &Attributes) -> Metadata {
        let mut metadata = of_transfer(self.transfer, attributes);
        if let Some(content) = &self.content {
            metadata.insert(CONTENT.to_owned(), content.clone());
        }
        metadata
    }
}

impl From<TransferId> for Maker {
    fn from(transfer: TransferId) -> Self {
        Self {
            transfer,
            content: None,
        }
    }
}

/// Names an object's maker anew: a copy is not the upload that it was copied from.
pub fn mark(metadata: &mut Metadata, transfer: TransferId) {
    metadata.remove(CONTENT);
    metadata.insert(TRANSFER.to_owned(), transfer.to_string());
}

fn print_seconds(time: Timestamp) -> String {
    let micros = time.as_micros();
    let (seconds, fraction) = (micros / 1_000_000, (micros % 1_000_000).abs());
    let sign = if micros < 0 { "-" } else { "" };
    let seconds = seconds.abs();
    match fraction {
        0 => format!("{sign}{seconds}"),
        fraction => format!("{sign}{seconds}.{fraction:06}"),
    }
}

fn parse_seconds(text: &str) -> Option<Timestamp> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let micros: String = fraction.chars().chain("000000".chars()).take(6).collect();
    let micros = whole
        .parse::<i64>()
        .ok()?
        .checked_mul(1_000_000)?
        .checked_add(micros.parse().ok()?)?;
    Some(Timestamp::from_micros(if negative {
        -micros
    } else {
        micros
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_rclone_reads_them() {
        for (micros, text) in [
            (0, "0"),
            (1_354_040_105_123_456, "1354040105.123456"),
            (1_354_040_105_000_000, "1354040105"),
            (5, "0.000005"),
            (-1_500_000, "-1.500000"),
        ] {
            let time = Timestamp::from_micros(micros);
            assert_eq!(print_seconds(time), text);
            assert_eq!(parse_seconds(text), Some(time), "{text}");
        }
    }

    #[test]
    fn what_others_wrote_is_read_or_left_out() {
        for (text, micros) in [
            ("1354040105.123456789", Some(1_354_040_105_123_456)),
            ("1354040105.1", Some(1_354_040_105_100_000)),
            ("1354040105.", Some(1_354_040_105_000_000)),
            ("", None),
            ("-", None),
            (".5", None),
            ("2012-11-27T18:15:05Z", None),
            ("99999999999999999999", None),
            ("9999999999999999", None),
        ] {
            let time = parse_seconds(text).map(Timestamp::as_micros);
            assert_eq!(time, micros, "{text:?}");
        }
    }

    #[test]
    fn attributes_come_back_from_metadata() {
        let attributes = Attributes {
            mtime: Some(Timestamp::from_micros(1_700_000_000_250_000)),
            atime: None,
            mode: Some(0o640),
        };
        let transfer = TransferId::generate();
        let metadata = of_transfer(transfer, &attributes);
        assert_eq!(metadata["mode"], "0100640");
        assert_eq!(Attributes::of_metadata(&metadata), attributes);
        assert_eq!(transfer_of(&metadata), Some(transfer));
        assert_eq!(transfer_of(&Metadata::new()), None);
    }
}
