//! Search filters (RFC 4515), read once from the configuration. A variable is a piece of the
//! tree and never of the text, so no user name can change what a filter asks.

use super::client::Writer;

/// A text that is not a filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("filter `{text}` is not usable: {fault}")]
pub(crate) struct InvalidFilter {
    text: String,
    fault: &'static str,
}

/// A search filter with variables in its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Filter {
    /// All of them.
    And(Vec<Filter>),
    /// One of them at least.
    Or(Vec<Filter>),
    /// Not that one.
    Not(Box<Filter>),
    /// An attribute is there.
    Present(String),
    /// An attribute compared with a value: `=`, `>=`, `<=`, `~=`, by the tag of its choice.
    Compare(u8, String, Value),
    /// An attribute whose text has these pieces, in this order.
    Substrings(String, Vec<(u8, Value)>),
    /// A comparison by a matching rule: `attribute:rule:=value`.
    Matching {
        /// The attribute; all that the rule takes where empty.
        attribute: String,
        /// The rule's OID; the attribute's own where empty.
        rule: String,
        /// With what.
        value: Value,
        /// Whether the parts of the entry's name count as well (`:dn`).
        dn: bool,
    },
}

/// A value: bytes and variables.
pub(crate) type Value = Vec<Piece>;

/// A piece of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// As it is written.
    Bytes(Vec<u8>),
    /// `{username}`.
    Username,
    /// `{dn}`.
    Dn,
}

/// What the variables stand for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Values<'a> {
    /// The name that somebody logs in with.
    pub(crate) username: &'a str,
    /// The name of an entry.
    pub(crate) dn: &'a str,
}

/// How deep filters may be nested.
const MAX_DEPTH: usize = 16;

const EQUAL: u8 = 0xa3;
const GREATER: u8 = 0xa5;
const LESS: u8 = 0xa6;
const LIKE: u8 = 0xa8;

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    /// [`InvalidFilter`] says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidFilter> {
        let mut parser = Parser { rest: text.trim() };
        let filter = parser.filter(0).and_then(|filter| match parser.rest {
            "" => Ok(filter),
            _ => Err("there is something behind its last parenthesis"),
        });
        filter.map_err(|fault| InvalidFilter {
            text: text.to_owned(),
            fault,
        })
    }

    /// Whether a variable stands in it.
    pub(crate) fn uses(&self, variable: &Piece) -> bool {
        match self {
            Self::And(list) | Self::Or(list) => list.iter().any(|it| it.uses(variable)),
            Self::Not(inner) => inner.uses(variable),
            Self::Present(_) => false,
            Self::Compare(_, _, value) | Self::Matching { value, .. } => value.contains(variable),
            Self::Substrings(_, parts) => parts.iter().any(|(_, value)| value.contains(variable)),
        }
    }

    /// Writes it as a search sends it.
    pub(super) fn write(&self, out: &mut Writer, values: Values<'_>) {
        match self {
            Self::And(list) => out.nest(0xa0, |out| write_all(list, out, values)),
            Self::Or(list) => out.nest(0xa1, |out| write_all(list, out, values)),
            Self::Not(inner) => out.nest(0xa2, |out| inner.write(out, values)),
            Self::Present(attribute) => out.bytes(0x87, attribute.as_bytes()),
            Self::Compare(tag, attribute, value) => out.nest(*tag, |out| {
                out.bytes(0x04, attribute.as_bytes());
                out.bytes(0x04, &values.fill(value));
            }),
            Self::Substrings(attribute, parts) => out.nest(0xa4, |out| {
                out.bytes(0x04, attribute.as_bytes());
                out.nest(0x30, |out| {
                    for (tag, value) in parts {
                        out.bytes(*tag, &values.fill(value));
                    }
                });
            }),
            Self::Matching {
                attribute,
                rule,
                value,
                dn,
            } => out.nest(0xa9, |out| {
                if !rule.is_empty() {
                    out.bytes(0x81, rule.as_bytes());
                }
                if !attribute.is_empty() {
                    out.bytes(0x82, attribute.as_bytes());
                }
                out.bytes(0x83, &values.fill(value));
                out.boolean(0x84, *dn);
            }),
        }
    }
}

fn write_all(list: &[Filter], out: &mut Writer, values: Values<'_>) {
    for filter in list {
        filter.write(out, values);
    }
}

impl Values<'_> {
    fn fill(&self, value: &[Piece]) -> Vec<u8> {
        let pieces = value.iter().map(|piece| match piece {
            Piece::Bytes(bytes) => bytes.as_slice(),
            Piece::Username => self.username.as_bytes(),
            Piece::Dn => self.dn.as_bytes(),
        });
        pieces.collect::<Vec<_>>().concat()
    }
}

struct Parser<'a> {
    rest: &'a str,
}

type Parsed<T> = Result<T, &'static str>;

impl<'a> Parser<'a> {
    fn take(&mut self, token: &str) -> bool {
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn filter(&mut self, depth: usize) -> Parsed<Filter> {
        if depth > MAX_DEPTH {
            return Err("it is nested too deep");
        }
        if !self.take("(") {
            return Err("a filter begins with a parenthesis: `(uid={username})`");
        }
        let filter = if self.take("&") {
            Filter::And(self.list(depth)?)
        } else if self.take("|") {
            Filter::Or(self.list(depth)?)
        } else if self.take("!") {
            Filter::Not(Box::new(self.filter(depth + 1)?))
        } else {
            self.item()?
        };
        match self.take(")") {
            true => Ok(filter),
            false => Err("a parenthesis is not closed"),
        }
    }

    fn list(&mut self, depth: usize) -> Parsed<Vec<Filter>> {
        let mut list = Vec::new();
        while self.rest.starts_with('(') {
            list.push(self.filter(depth + 1)?);
        }
        match list.is_empty() {
            true => Err("`&` and `|` need a filter behind them"),
            false => Ok(list),
        }
    }

    fn item(&mut self) -> Parsed<Filter> {
        let end = self
            .rest
            .find(['(', ')'])
            .ok_or("a parenthesis is not closed")?;
        let (item, rest) = self.rest.split_at(end);
        self.rest = rest;
        let (left, right) = item
            .split_once('=')
            .ok_or("there is no `=` in a comparison")?;
        match left.chars().last() {
            Some(':') => matching(left.trim_end_matches(':'), right),
            Some('>') => compare(GREATER, left.trim_end_matches('>'), right),
            Some('<') => compare(LESS, left.trim_end_matches('<'), right),
            Some('~') => compare(LIKE, left.trim_end_matches('~'), right),
            _ if right == "*" => Ok(Filter::Present(attribute(left)?)),
            _ if right.contains('*') => substrings(left, right),
            _ => compare(EQUAL, left, right),
        }
    }
}

fn compare(tag: u8, left: &str, right: &str) -> Parsed<Filter> {
    Ok(Filter::Compare(tag, attribute(left)?, value(right)?))
}

fn substrings(left: &str, right: &str) -> Parsed<Filter> {
    let texts: Vec<&str> = right.split('*').collect();
    let last = texts.len() - 1;
    let mut parts = Vec::new();
    for (at, text) in texts
        .into_iter()
        .enumerate()
        .filter(|(_, text)| !text.is_empty())
    {
        let tag = match at {
            0 => 0x80,
            at if at == last => 0x82,
            _ => 0x81,
        };
        parts.push((tag, value(text)?));
    }
    match parts.is_empty() {
        true => Err("there is nothing between the asterisks"),
        false => Ok(Filter::Substrings(attribute(left)?, parts)),
    }
}

fn matching(left: &str, right: &str) -> Parsed<Filter> {
    let mut words = left.split(':');
    let attribute = match words.next() {
        None | Some("") => String::new(),
        Some(name) => attribute(name)?,
    };
    let (mut rule, mut dn) = (String::new(), false);
    for word in words {
        match word {
            "dn" if !dn && rule.is_empty() => dn = true,
            _ if rule.is_empty() => rule = self::attribute(word)?,
            _ => return Err("a matching rule is named twice"),
        }
    }
    Ok(Filter::Matching {
        attribute,
        rule,
        value: value(right)?,
        dn,
    })
}

fn attribute(name: &str) -> Parsed<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ';' | '_');
    match !name.is_empty() && name.chars().all(plain) {
        true => Ok(name.to_owned()),
        false => Err("the name of an attribute is none"),
    }
}

/// A value: `\2a` is a byte, `{username}` and `{dn}` are variables, other braces are refused.
fn value(text: &str) -> Parsed<Value> {
    let (mut pieces, mut bytes) = (Vec::new(), Vec::new());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let variable = [("{username}", Piece::Username), ("{dn}", Piece::Dn)]
            .into_iter()
            .find_map(|(name, piece)| Some((rest.strip_prefix(name)?, piece)));
        if let Some((behind, piece)) = variable {
            if !bytes.is_empty() {
                pieces.push(Piece::Bytes(std::mem::take(&mut bytes)));
            }
            pieces.push(piece);
            rest = behind;
            continue;
        }
        let behind = rest.split_at(next.len_utf8()).1;
        match next {
            '{' | '}' => {
                return Err("the only variables are {username} and {dn}; write \\7b for {");
            }
            '\\' => {
                let (digits, behind) = behind
                    .split_at_checked(2)
                    .ok_or("`\\` needs two hex digits")?;
                let byte = u8::from_str_radix(digits, 16);
                bytes.push(byte.map_err(|_| "`\\` needs two hex digits")?);
                rest = behind;
            }
            _ => {
                bytes.extend_from_slice(next.encode_utf8(&mut [0; 4]).as_bytes());
                rest = behind;
            }
        }
    }
    if !bytes.is_empty() {
        pieces.push(Piece::Bytes(bytes));
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(filter: &str, username: &str) -> Vec<u8> {
        let mut out = Writer::default();
        let values = Values {
            username,
            dn: "cn=x",
        };
        Filter::parse(filter).unwrap().write(&mut out, values);
        out.into_bytes()
    }

    #[test]
    fn filters_are_written_as_rfc_4511_says() {
        for (filter, bytes) in [
            ("(uid={username})", &b"\xa3\x0a\x04\x03uid\x04\x03a*)"[..]),
            ("(uid=*)", b"\x87\x03uid"),
            ("(a>=1)", b"\xa5\x06\x04\x01a\x04\x011"),
            ("(!(a=\\2a))", b"\xa2\x08\xa3\x06\x04\x01a\x04\x01*"),
            (
                "(a=x*{dn}*y)",
                b"\xa4\x11\x04\x01a\x30\x0c\x80\x01x\x81\x04cn=x\x82\x01y",
            ),
            ("(|(a=*)(b=*))", b"\xa1\x06\x87\x01a\x87\x01b"),
            (
                "(member:1.2.3:={dn})",
                b"\xa9\x18\x81\x051.2.3\x82\x06member\x83\x04cn=x\x84\x01\x00",
            ),
            ("(:dn:2.4:=u)", b"\xa9\x0b\x81\x032.4\x83\x01u\x84\x01\xff"),
        ] {
            assert_eq!(written(filter, "a*)"), bytes, "{filter}");
        }
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for wrong in [
            "",
            "uid={username}",
            "(uid={username}",
            "(uid={username}))",
            "(uid={user})",
            "(uid=${username})}",
            "(&)",
            "(uid)",
            "(=x)",
            "(u id=x)",
            "(uid=\\zz)",
            "(uid=\\2)",
            "(uid=**)",
            &format!("{}(a=*){}", "(!".repeat(40), ")".repeat(40)),
        ] {
            assert!(Filter::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn variables_are_found_anywhere() {
        let filter = Filter::parse("(&(a=*)(|(b=x)(!(c=x*{username}))))").unwrap();
        assert!(filter.uses(&Piece::Username));
        assert!(!filter.uses(&Piece::Dn));
    }

    proptest! {
        /// Whatever a name holds, it stays one value of the length that it has.
        #[test]
        fn a_name_never_leaves_its_value(name in "\\PC{0,60}") {
            let bytes = written("(&(objectClass=person)(uid={username}))", &name);
            let mut expected = Writer::default();
            expected.nest(0xa0, |out| {
                out.nest(0xa3, |out| { out.bytes(4, b"objectClass"); out.bytes(4, b"person"); });
                out.nest(0xa3, |out| { out.bytes(4, b"uid"); out.bytes(4, name.as_bytes()); });
            });
            prop_assert_eq!(bytes, expected.into_bytes());
        }

        #[test]
        fn parsing_never_panics(text in "[(){}*=&|!:\\\\a-c]{0,24}") {
            let _ = Filter::parse(&text);
        }
    }
}
