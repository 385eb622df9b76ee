//! How keys and metadata travel in headers, addresses and listings.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::{BucketName, ErrorKind, ObjectKey};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::{Error, Metadata, Pin, Result};

/// All but RFC 3986's unreserved characters and the slash.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

/// The value of `x-amz-copy-source`.
pub(super) fn copy_source(bucket: &BucketName, key: &ObjectKey, pin: Option<&Pin>) -> String {
    let key = utf8_percent_encode(key.as_str(), PATH);
    let version = pin.and_then(|pin| pin.version.as_deref());
    match version {
        Some(version) => {
            let version = utf8_percent_encode(version, PATH);
            format!("{bucket}/{key}?versionId={version}")
        }
        None => format!("{bucket}/{key}"),
    }
}

/// A key of a listing that was asked for with `encoding-type=url`: percent signs, and `+` for a
/// space. `encoded` is what the answer says; a store that ignores the wish sends keys as they are.
pub(super) fn listed_key(key: &str, encoded: bool) -> Option<String> {
    if !encoded {
        return Some(key.to_owned());
    }
    let spaced = key.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8().ok()?;
    Some(decoded.into_owned())
}

/// Bare, as the port has it.
pub(super) fn bare_etag(etag: &str) -> String {
    etag.trim_start_matches("W/").trim_matches('"').to_owned()
}

/// Quoted, as `If-Match` wants it.
pub(super) fn quoted(etag: &str) -> String {
    format!("\"{etag}\"")
}

const WORD_START: &str = "=?UTF-8?";
/// Bytes of text in one encoded word: RFC 2047 allows words of 75 characters.
const WORD_BYTES: usize = 45;

/// Metadata as headers. Values that are not plain ASCII travel as RFC 2047 words, the form that S3
/// itself answers with.
///
/// # Errors
/// `Invalid` where a name is no HTTP token in lower case.
pub(super) fn to_headers(metadata: &Metadata, object: &str) -> Result<Vec<(String, String)>> {
    let token =
        |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&b);
    let header = |(name, value): (&String, &String)| {
        if name.is_empty() || !name.bytes().all(token) {
            let reason = format!("metadata name {name:?} is not valid in lower-case HTTP headers");
            return Err(Error::new(
                ErrorKind::Invalid,
                "write metadata of",
                object,
                reason,
            ));
        }
        Ok((name.clone(), encode_value(value)))
    };
    metadata.iter().map(header).collect()
}

/// Metadata from headers.
pub(super) fn from_headers<'a>(
    headers: impl IntoIterator<Item = (&'a String, &'a String)>,
) -> Metadata {
    headers
        .into_iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), decode_value(value)))
        .collect()
}

fn encode_value(value: &str) -> String {
    let plain = value.bytes().all(|b| (b' '..=b'~').contains(&b))
        && value.trim() == value
        && !value.contains("  ")
        && !value.contains("=?");
    if plain {
        return value.to_owned();
    }
    let mut words = Vec::new();
    let mut rest = value;
    while !rest.is_empty() {
        let mut end = rest.len().min(WORD_BYTES);
        while !rest.is_char_boundary(end) {
            end -= 1;
        }
        let (word, behind) = rest.split_at(end);
        words.push(format!("{WORD_START}B?{}?=", STANDARD.encode(word)));
        rest = behind;
    }
    words.join(" ")
}

/// Words become text, and blanks between two words vanish (RFC 2047, section 6.2). What is not
/// such a word stays as it is.
fn decode_value(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(start) = rest.find("=?") {
        let (before, from) = rest.split_at(start);
        let Some((decoded, behind)) = decode_word(from) else {
            let (literal, behind) = rest.split_at(start + 2);
            text.push_str(literal);
            rest = behind;
            continue;
        };
        text.push_str(before);
        text.push_str(&decoded);
        let next = behind.trim_start();
        rest = if next.starts_with("=?") && decode_word(next).is_some() {
            next
        } else {
            behind
        };
    }
    text.push_str(rest);
    text
}

/// The text of the word that `from` begins with, and what follows it.
fn decode_word(from: &str) -> Option<(String, &str)> {
    let head = from.get(..WORD_START.len())?;
    if !head.eq_ignore_ascii_case(WORD_START) {
        return None;
    }
    let (encoding, rest) = from.get(WORD_START.len()..)?.split_once('?')?;
    let (payload, behind) = rest.split_once("?=")?;
    let bytes = match encoding {
        "B" | "b" => STANDARD.decode(payload).ok()?,
        "Q" | "q" => {
            let percent = payload
                .replace('%', "%25")
                .replace('=', "%")
                .replace('_', " ");
            percent_decode_str(&percent).collect()
        }
        _ => return None,
    };
    Some((String::from_utf8(bytes).ok()?, behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_the_journey() {
        let long = "Überweisung für Müller & Söhne, 12 €".repeat(9);
        for value in [
            "plain",
            "",
            " ends in blanks ",
            "a  b",
            "=?UTF-8?B?eA==?=",
            "tab\there",
            "100% =? sure",
            "Grüße",
            &long,
        ] {
            let encoded = encode_value(value);
            assert!(encoded.is_ascii(), "{encoded}");
            assert!(
                encoded
                    .split(' ')
                    .all(|word| word.len() <= 75 || word == value)
            );
            assert_eq!(decode_value(&encoded), value, "{encoded}");
        }
    }

    #[test]
    fn the_stores_own_quoted_form_is_read() {
        assert_eq!(
            decode_value("=?UTF-8?Q?Gr=C3=BC=C3=9Fe_100%?="),
            "Grüße 100%"
        );
        assert_eq!(decode_value("a =?UTF-8?X?eA?= b"), "a =?UTF-8?X?eA?= b");
    }

    #[test]
    fn copy_sources_are_encoded() {
        let bucket = BucketName::parse("inbox").unwrap();
        let key = ObjectKey::parse("a+b c/ü?x#%.csv").unwrap();
        let pin = Pin {
            etag: "e".to_owned(),
            version: Some("v/1+".to_owned()),
        };
        assert_eq!(
            copy_source(&bucket, &key, Some(&pin)),
            "inbox/a%2Bb%20c/%C3%BC%3Fx%23%25.csv?versionId=v/1%2B"
        );
    }

    #[test]
    fn listed_keys_are_decoded() {
        assert_eq!(listed_key("a%2Bb+c%01", true).unwrap(), "a+b c\u{1}");
        assert_eq!(listed_key("a+b%20", false).unwrap(), "a+b%20");
    }

    #[test]
    fn names_that_are_no_tokens_are_refused() {
        let metadata = Metadata::from([("Größe".to_owned(), "1".to_owned())]);
        let error = to_headers(&metadata, "a.csv").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }
}
