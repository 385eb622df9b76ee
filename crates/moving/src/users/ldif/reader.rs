//! LDIF (RFC 2849): entries with their attributes. Changes are refused, and files are not opened.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::ErrorKind;

use crate::{Error, Result};

/// An entry. Attributes are known by small letters, without options (`;binary`).
#[derive(Debug, Default)]
pub(super) struct Entry {
    pub(super) dn: String,
    attributes: Vec<(String, String)>,
}

impl Entry {
    /// The first value of an attribute, as a text.
    pub(super) fn first(&self, attribute: &str) -> Option<String> {
        self.all(attribute).into_iter().next()
    }

    /// Every value of an attribute.
    pub(super) fn all(&self, attribute: &str) -> Vec<String> {
        let attribute = attribute.to_ascii_lowercase();
        let found = self
            .attributes
            .iter()
            .filter(|(name, _)| *name == attribute);
        found.map(|(_, value)| value.clone()).collect()
    }
}

/// Reads a text.
pub(super) fn read(text: &str) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    let mut entry = Entry::default();
    for (number, line) in unfolded(text) {
        if line.is_empty() {
            entries.extend(finished(std::mem::take(&mut entry)));
            continue;
        }
        if line.starts_with('#') {
            continue;
        }
        let (name, value) = pair(&line).ok_or_else(|| invalid(number, "it is no attribute"))?;
        match name.as_str() {
            "version" => {}
            "changetype" if value != "add" => {
                return Err(invalid(
                    number,
                    "it is a change: hand in entries as they are",
                ));
            }
            "changetype" => {}
            "dn" => {
                // Some programs leave out the empty line.
                entries.extend(finished(std::mem::take(&mut entry)));
                entry.dn = value;
            }
            _ => entry.attributes.push((name, value)),
        }
    }
    entries.extend(finished(entry));
    Ok(entries)
}

fn finished(entry: Entry) -> Option<Entry> {
    (!entry.dn.is_empty()).then_some(entry)
}

/// Lines with the number of their first one: those that begin with a blank belong to the one before.
fn unfolded(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim_end_matches('\r');
        match (line.strip_prefix(' '), lines.last_mut()) {
            (Some(rest), Some((_, before))) => before.push_str(rest),
            _ => lines.push((number, line.to_owned())),
        }
    }
    lines
}

/// `name: text` or `name:: base64`. What is no UTF-8 is no text: a picture, which nobody asks for.
fn pair(line: &str) -> Option<(String, String)> {
    let (name, rest) = line.split_once(':')?;
    let name = name.split(';').next().unwrap_or(name).trim();
    let name = name.to_ascii_lowercase();
    if name.is_empty() || name.contains(char::is_whitespace) {
        return None;
    }
    let value = match rest.strip_prefix(':') {
        Some(encoded) => {
            let bytes = STANDARD.decode(encoded.trim()).ok()?;
            String::from_utf8(bytes).unwrap_or_default()
        }
        // A URL: nobody has it read a file.
        None if rest.starts_with('<') => return None,
        None => rest.trim_start().to_owned(),
    };
    Some((name, value))
}

fn invalid(line: usize, reason: &str) -> Error {
    Error::new(
        ErrorKind::Invalid,
        "read LDIF,",
        format!("line {line}"),
        reason,
    )
}
