//! The checksum of an object, combined from those of its parts.

use model::{ErrorKind, ObjectKey};

use crate::{Error, Part, Result, Written, crc64};

/// CRC64NVME of `parts`, one after the other, in base64; none where one of them has none.
pub(super) fn of_parts(parts: &[Part]) -> Option<String> {
    let combine = |whole: u64, part: &Part| {
        let crc = crc64::from_base64(part.crc64nvme.as_deref()?)?;
        Some(crc64::combine(whole, crc, part.size))
    };
    parts
        .iter()
        .try_fold(crc64::of([]), combine)
        .map(crc64::to_base64)
}

/// Holds the store's checksum of the whole against that of its parts, and fills it in where the
/// store gave none.
///
/// # Errors
/// `Internal` where they differ. The object stands: its outcome counts as unknown.
pub(super) fn check(key: &ObjectKey, parts: &[Part], written: Written) -> Result<Written> {
    let combined = of_parts(parts);
    match (&written.crc64nvme, &combined) {
        (Some(whole), Some(combined)) if whole != combined => {
            let reason = format!("its checksum {whole} is not that of its parts, {combined}");
            let error = Error::new(ErrorKind::Internal, "finish", key.as_str(), reason);
            Err(error.with_unknown_outcome())
        }
        _ => Ok(Written {
            crc64nvme: written.crc64nvme.or(combined),
            ..written
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PartNumber;

    fn part(number: u16, bytes: &[u8]) -> Part {
        Part {
            number: PartNumber::new(number).unwrap(),
            etag: String::new(),
            size: bytes.len() as u64,
            crc64nvme: Some(crc64::to_base64(crc64::of([bytes]))),
        }
    }

    #[test]
    fn parts_give_the_checksum_of_the_whole() {
        let key = ObjectKey::parse("a").unwrap();
        let parts = [part(1, b"one "), part(2, b"whole "), part(3, b"object")];
        let whole = crc64::to_base64(crc64::of([b"one whole object".as_slice()]));
        let written = check(&key, &parts, Written::default()).unwrap();
        assert_eq!(written.crc64nvme.as_deref(), Some(whole.as_str()));

        let other = Written {
            crc64nvme: Some(crc64::to_base64(7)),
            ..Written::default()
        };
        let error = check(&key, &parts, other).unwrap_err();
        assert_eq!(
            (error.kind(), error.outcome_unknown()),
            (ErrorKind::Internal, true)
        );
    }

    #[test]
    fn a_part_without_checksum_leaves_the_whole_without_one() {
        let parts = [
            part(1, b"one"),
            Part {
                crc64nvme: None,
                ..part(2, b"two")
            },
        ];
        assert_eq!(of_parts(&parts), None);
    }
}
