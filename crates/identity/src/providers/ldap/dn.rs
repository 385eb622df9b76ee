//! Distinguished names (RFC 4514), read so that two spellings of one name are equal.

/// A name of an entry: its parts from the entry upwards. Types and values are compared without
/// regard to case and to white space at their ends, as directories do for names of groups.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Dn(Vec<Vec<(String, String)>>);

impl Dn {
    /// Reads a name. None where it is not one, or empty.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = Vec::new();
        for part in split(text, &[',', ';']) {
            let mut values = Vec::new();
            for pair in split(part, &['+']) {
                let (kind, value) = pair.split_once('=')?;
                let kind = kind.trim().to_ascii_lowercase();
                if kind.is_empty() {
                    return None;
                }
                values.push((kind, unescape(value)?.to_lowercase()));
            }
            values.sort();
            parts.push(values);
        }
        Some(Self(parts))
    }
}

/// Splits where one of `marks` stands that is neither escaped nor quoted.
fn split<'a>(text: &'a str, marks: &[char]) -> Vec<&'a str> {
    let (mut parts, mut start) = (Vec::new(), 0);
    let (mut escaped, mut quoted) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            c if !quoted && marks.contains(&c) => {
                parts.push(text.get(start..at).unwrap_or_default());
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(text.get(start..).unwrap_or_default());
    parts
}

/// The value itself. A space at an end counts only where it is escaped, and two names that
/// differ in nothing else are equal all the same.
fn unescape(value: &str) -> Option<String> {
    let value = value.trim();
    let value = value
        .strip_prefix('"')
        .and_then(|it| it.strip_suffix('"'))
        .unwrap_or(value);
    let (mut bytes, mut rest) = (Vec::new(), value);
    while let Some(c) = rest.chars().next() {
        let behind = rest.split_at(c.len_utf8()).1;
        if c != '\\' {
            bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            rest = behind;
            continue;
        }
        let hex = behind
            .get(..2)
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (hex, behind.chars().next()) {
            (Some(byte), _) => {
                bytes.push(byte);
                rest = behind.get(2..)?;
            }
            (None, Some(c)) => {
                bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                rest = behind.split_at(c.len_utf8()).1;
            }
            (None, None) => return None,
        }
    }
    Some(String::from_utf8(bytes).ok()?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_name_are_equal() {
        for (one, other) in [
            (
                "cn=sftp,dc=example,dc=test",
                "CN=SFTP, DC=Example , dc=test",
            ),
            ("cn=a\\2cb,dc=x", "cn=a\\,b,dc=x"),
            ("cn=\"a,b\",dc=x", "cn=a\\,b,dc=x"),
            ("cn=a+ou=b,dc=x", "ou=b+cn=a,dc=x"),
            ("cn=J\\C3\\BCrgen,dc=x", "cn=jürgen,dc=x"),
        ] {
            assert_eq!(Dn::parse(one), Dn::parse(other), "{one}");
            assert!(Dn::parse(one).is_some(), "{one}");
        }
    }

    #[test]
    fn names_that_look_alike_are_not_equal() {
        for (one, other) in [
            ("cn=sftp,dc=x", "cn=sftp2,dc=x"),
            ("cn=sftp,dc=x", "cn=sftp,ou=a,dc=x"),
            ("cn=a\\,dc=b,dc=x", "cn=a,dc=b,dc=x"),
            ("cn=a+ou=b,dc=x", "cn=a\\+ou\\=b,dc=x"),
        ] {
            assert_ne!(Dn::parse(one), Dn::parse(other), "{one}");
        }
    }

    #[test]
    fn what_is_no_name_is_none() {
        for wrong in ["", "sftp", "cn=a,", "=a", "cn=a\\"] {
            assert_eq!(Dn::parse(wrong), None, "{wrong}");
        }
    }
}
