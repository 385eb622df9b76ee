//! Instants as condition values write them: ISO 8601 as the W3C's note on dates narrows it, or
//! seconds since 1970.

use model::Timestamp;

/// Reads `2026-11-21`, `2026-11-21T13:05Z`, `2026-11-21T13:05:07.25+01:00` or `1795266307`. A
/// date alone is its first instant in UTC; a time of day needs its offset.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let micros = text.parse::<i64>().ok()?.checked_mul(1_000_000)?;
        return Some(Timestamp::from_micros(micros));
    }
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let mut fields = date.split('-');
    let (year, month, day) = (fields.next()?, fields.next()?, fields.next()?);
    if fields.next().is_some() {
        return None;
    }
    let days = days(number(year, 4)?, number(month, 2)?, number(day, 2)?)?;
    let of_day = time.map_or(Some(0), time_of_day)?;
    Some(Timestamp::from_micros(days * 86_400_000_000 + of_day))
}

/// Microseconds since midnight in UTC; negative or beyond a day where the offset makes them so.
fn time_of_day(text: &str) -> Option<i64> {
    let (clock, offset) = match text.strip_suffix('Z') {
        Some(clock) => (clock, 0),
        None => {
            let (clock, offset) = text.split_at_checked(text.len().checked_sub(6)?)?;
            (clock, offset_minutes(offset)?)
        }
    };
    let mut fields = clock.split(':');
    let (hours, minutes) = (number(fields.next()?, 2)?, number(fields.next()?, 2)?);
    let (seconds, fraction) = match fields.next() {
        Some(seconds) => match seconds.split_once('.') {
            Some((whole, fraction)) => (number(whole, 2)?, micros(fraction)?),
            None => (number(seconds, 2)?, 0),
        },
        None => (0, 0),
    };
    if fields.next().is_some() || hours > 23 || minutes > 59 || seconds > 59 {
        return None;
    }
    let minutes = hours * 60 + minutes - offset;
    Some((minutes * 60 + seconds) * 1_000_000 + fraction)
}

fn offset_minutes(text: &str) -> Option<i64> {
    let (sign, clock) = match text.split_at_checked(1)? {
        ("+", clock) => (1, clock),
        ("-", clock) => (-1, clock),
        _ => return None,
    };
    let (hours, minutes) = clock.split_once(':')?;
    let (hours, minutes) = (number(hours, 2)?, number(minutes, 2)?);
    (hours <= 14 && minutes <= 59).then_some(sign * (hours * 60 + minutes))
}

fn micros(fraction: &str) -> Option<i64> {
    if fraction.is_empty() || fraction.len() > 9 {
        return None;
    }
    let nanos = number(fraction, fraction.len())?;
    let missing = 9 - u32::try_from(fraction.len()).ok()?;
    Some(nanos * 10_i64.pow(missing) / 1_000)
}

/// A number of exactly so many digits.
fn number(text: &str, digits: usize) -> Option<i64> {
    let fits = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| text.parse().ok()).flatten()
}

/// Days since 1970-01-01 in the Gregorian calendar, counted in years that begin with March, so
/// that a leap day is the last of its year.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let before = 365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    Some(before + (153 * month + 2) / 5 + day - 1 - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_written_forms_name_their_instants() {
        for (text, seconds) in [
            ("1970-01-01", 0),
            ("2000-02-29", 951_782_400),
            ("2000-03-01T00:00Z", 951_868_800),
            ("2038-01-19T03:14:07Z", 2_147_483_647),
            ("2026-11-21T13:05:07+01:00", 1_795_262_707),
            ("2026-11-21T00:30:00+01:00", 1_795_217_400),
            ("1969-12-31T23:59:59Z", -1),
            ("1795262707", 1_795_262_707),
            ("-1", -1),
        ] {
            assert_eq!(
                parse(text),
                Some(Timestamp::from_seconds(seconds)),
                "{text}"
            );
        }
        let quarter = parse("1970-01-01T00:00:00.25Z").unwrap();
        assert_eq!(quarter.as_micros(), 250_000);
    }

    #[test]
    fn what_is_no_instant_is_refused() {
        for text in [
            "",
            "-",
            "x",
            "2026-13-01",
            "2026-02-29",
            "2026-11-31",
            "2026-1-1",
            "2026-11-21T13:05",
            "2026-11-21T24:00Z",
            "2026-11-21T13:60Z",
            "2026-11-21 13:05Z",
            "2026-11-21T13:05:07.Z",
            "2026-11-21T13:05\u{fc}:00",
            "99999999999999999999",
            "2026-11-21T13:05+99:00",
            "+2026-11-21",
            "2026-11-21T13Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
