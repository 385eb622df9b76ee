//! Users of a CSV file (RFC 4180), whose first line names the fields of [`FIELDS`].

use model::ErrorKind;

use super::arrivals::Arrivals;
use super::row::{FIELDS, Row};
use crate::{Error, Result};

/// The most users of one file.
const MOST: usize = 1_000_000;

/// Reads a file's text. `home` is the home of those who name none.
///
/// # Errors
/// `Invalid` where the first line does not name fields, or a line is no CSV. A line whose user is
/// wrong is a finding.
pub fn read(text: &str, home: Option<&str>) -> Result<Arrivals> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if !text.matches('"').count().is_multiple_of(2) {
        let reason = "a quote is not closed: it was cut off, or a field that holds one is not written \
                      as \"a \"\"quoted\"\" word\"";
        return Err(invalid("the file", reason.to_owned()));
    }
    let mut reader = ::csv::ReaderBuilder::new();
    let mut reader = reader
        .delimiter(delimiter(text))
        .trim(::csv::Trim::Headers)
        .from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| broken(&error))?;
    let fields: Vec<String> = header.iter().map(str::to_ascii_lowercase).collect();
    check(&fields)?;
    let mut arrivals = Arrivals::default();
    for record in reader.records() {
        let record = record.map_err(|error| broken(&error))?;
        if arrivals.users().len() >= MOST {
            return Err(invalid(
                "the file",
                format!("it has more than {MOST} users"),
            ));
        }
        let line = record.position().map_or(0, ::csv::Position::line);
        let mut row = Row::at(format!("line {line}"));
        for (field, text) in fields.iter().zip(&record) {
            row.set(field.as_str(), text);
        }
        let mut findings = Vec::new();
        let user = row.read(home, &mut findings);
        arrivals.findings.append(&mut findings);
        arrivals.push_or_tell(user);
    }
    Ok(arrivals)
}

/// `,`, or `;` as spreadsheets write it where a comma is in numbers: whichever the first line has
/// more of.
fn delimiter(text: &str) -> u8 {
    let first = text.lines().next().unwrap_or_default();
    let count = |delimiter| first.matches(delimiter).count();
    match count(';') > count(',') {
        true => b';',
        false => b',',
    }
}

/// Checks the names of fields: a slip in one would move users without it.
pub(crate) fn check(fields: &[String]) -> Result<()> {
    let known = |field: &String| FIELDS.iter().any(|(name, _)| name == field);
    if let Some(unknown) = fields.iter().find(|field| !known(field)) {
        let names: Vec<&str> = FIELDS.iter().map(|(name, _)| *name).collect();
        let short: String = unknown.chars().take(40).collect();
        let reason = format!("{short:?} is not a field: {}", names.join(", "));
        return Err(invalid("the first line", reason));
    }
    let twice = fields.iter().enumerate();
    let mut twice = twice.filter(|(at, field)| fields.iter().skip(at + 1).any(|it| it == *field));
    if let Some((_, field)) = twice.next() {
        return Err(invalid(
            "the first line",
            format!("{field} stands there twice"),
        ));
    }
    match fields.iter().any(|field| field == "name") {
        true => Ok(()),
        false => Err(invalid(
            "the first line",
            "it does not name the field `name`".to_owned(),
        )),
    }
}

fn broken(error: &::csv::Error) -> Error {
    let line = error.position().map_or(0, ::csv::Position::line);
    let why = match error.kind() {
        ::csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => {
            format!("it has {len} fields, and the first line has {expected_len}")
        }
        ::csv::ErrorKind::Utf8 { .. } => "it is not UTF-8".to_owned(),
        _ => "it is not CSV".to_owned(),
    };
    invalid(&format!("line {line}"), why)
}

fn invalid(place: &str, reason: String) -> Error {
    Error::new(ErrorKind::Invalid, "read CSV,", place, reason)
}
