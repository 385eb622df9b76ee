//! How directories write time.

use model::Timestamp;

/// Seconds between 1601, where Windows begins, and 1970.
const WINDOWS_EPOCH: i64 = 11_644_473_600;

/// A Windows file time: tenths of microseconds since 1601. None where it stands for "never".
pub(super) fn file_time(value: i64) -> Option<Timestamp> {
    if value <= 0 || value == i64::MAX {
        return None;
    }
    Some(Timestamp::from_micros(
        value / 10 - WINDOWS_EPOCH * 1_000_000,
    ))
}

/// GeneralizedTime in UTC (RFC 4517 section 3.3.13): `20261121145823.5Z`. None where it is
/// anything else.
pub(super) fn generalized(text: &str) -> Option<Timestamp> {
    let text = text.strip_suffix('Z')?;
    let whole = text.split(['.', ',']).next()?;
    if !matches!(whole.len(), 10 | 12 | 14) || !whole.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let field = |at: usize, length: usize| match whole.get(at..at + length) {
        Some(digits) => digits.parse::<i64>().ok(),
        None => Some(0),
    };
    let (year, month, day) = (field(0, 4)?, field(4, 2)?, field(6, 2)?);
    let (hour, minute, second) = (field(8, 2)?, field(10, 2)?, field(12, 2)?);
    let sane = (1..=12).contains(&month) && (1..=31).contains(&day);
    if !sane || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    Some(Timestamp::from_seconds(seconds))
}

/// Days since 1970 in the Gregorian calendar. Years begin in March here, so that the day that
/// leap years have more is the last one.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + (month * 153 + 2) / 5 + day - 719_469
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generalized_times_are_read() {
        for (text, seconds) in [
            ("19700101000000Z", 0),
            ("20000229120000Z", 951_825_600),
            ("20261121145823Z", 1_795_273_103),
            ("20261121145823.123Z", 1_795_273_103),
            ("202611211458Z", 1_795_273_080),
            ("2026112114Z", 1_795_269_600),
        ] {
            assert_eq!(
                generalized(text),
                Some(Timestamp::from_seconds(seconds)),
                "{text}"
            );
        }
    }

    #[test]
    fn others_are_not() {
        for text in [
            "",
            "Z",
            "20261121145823",
            "20261121145823+0100",
            "20261321145823Z",
            "2026112114582Z",
            "2026112125Z",
            "x0261121145823Z",
        ] {
            assert_eq!(generalized(text), None, "{text}");
        }
    }

    #[test]
    fn file_times_count_from_1601() {
        assert_eq!(
            file_time(116_444_736_000_000_000),
            Some(Timestamp::from_seconds(0))
        );
        for never in [0, -1, i64::MAX] {
            assert_eq!(file_time(never), None);
        }
    }
}
