//! LDAP messages (RFC 4511 section 4): what is asked, and what comes back.

use model::Secret;

use super::ber::{BOOLEAN, ENUMERATED, INTEGER, OCTETS, Reader, SEQUENCE, SET, Writer};
use super::entry::Entry;
use super::fault::Malformed;
use crate::providers::ldap::filter::{Filter, Values};

/// StartTLS (RFC 4511 section 4.14).
const START_TLS: &str = "1.3.6.1.4.1.1466.20037";
/// The directory hangs up (RFC 4511 section 4.4.1).
const NOTICE_OF_DISCONNECTION: &str = "1.3.6.1.4.1.1466.20036";
/// The password policy control (draft-behera-ldap-password-policy).
pub(crate) const PASSWORD_POLICY: &str = "1.3.6.1.4.1.42.2.27.8.5.1";

/// What is asked.
#[derive(Debug)]
pub(crate) enum Request<'a> {
    /// A simple bind.
    Bind {
        dn: &'a str,
        password: &'a Secret<String>,
    },
    /// A search.
    Search(&'a Search<'a>),
    /// Begin TLS.
    StartTls,
    /// Good bye.
    Unbind,
}

/// A search: where, for what, and how much of it.
#[derive(Debug)]
pub(crate) struct Search<'a> {
    /// Where.
    pub(crate) base: &'a str,
    /// That entry alone, or everything below it as well.
    pub(crate) scope: Scope,
    /// For what.
    pub(crate) filter: &'a Filter,
    /// What stands in the filter's variables.
    pub(crate) values: Values<'a>,
    /// What of the entries; nothing but their names where empty.
    pub(crate) attributes: &'a [&'a str],
    /// The most entries.
    pub(crate) size_limit: i32,
    /// The most seconds that the directory may look.
    pub(crate) time_limit: i32,
}

/// How far a search goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// The entry alone.
    Base = 0,
    /// It and everything below.
    Subtree = 2,
}

/// What comes back.
#[derive(Debug)]
pub(crate) enum Response {
    /// To a bind.
    Bind(Outcome),
    /// An entry that was found.
    Entry(Entry),
    /// Other directories that may hold more.
    Reference,
    /// The end of a search.
    Done(Outcome),
    /// To StartTLS.
    Extended(Outcome),
    /// It hangs up.
    Disconnection(Outcome),
}

/// How an operation ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Outcome {
    /// The result code (RFC 4511 section 4.1.9).
    pub(crate) code: i32,
    /// What the directory says to it.
    pub(crate) text: String,
    /// The value of the password policy control, where one came along.
    pub(crate) password_policy: Option<Vec<u8>>,
}

impl Outcome {
    /// Done.
    pub(crate) const SUCCESS: i32 = 0;
    /// More entries than asked for.
    pub(crate) const SIZE_LIMIT_EXCEEDED: i32 = 4;
    /// It is somewhere else.
    pub(crate) const REFERRAL: i32 = 10;
    /// No such object.
    pub(crate) const NO_SUCH_OBJECT: i32 = 32;
    /// A wrong password, or something that is not told apart from it.
    pub(crate) const INVALID_CREDENTIALS: i32 = 49;
    /// Against a rule: the account was tried too often.
    pub(crate) const CONSTRAINT_VIOLATION: i32 = 19;
    /// The entry holds no password.
    pub(crate) const NO_PASSWORD: i32 = 48;
    /// The entry may not log in as it is.
    pub(crate) const UNWILLING: i32 = 53;
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = match self.code {
            0 => "success",
            1 => "operations error",
            2 => "protocol error",
            3 => "time limit exceeded",
            4 => "size limit exceeded",
            8 => "stronger authentication required",
            10 => "referral",
            11 => "administrative limit exceeded",
            13 => "confidentiality required",
            32 => "no such object",
            34 => "invalid DN",
            48 => "inappropriate authentication",
            49 => "invalid credentials",
            50 => "insufficient access",
            51 => "busy",
            52 => "unavailable",
            53 => "unwilling to perform",
            _ => "result",
        };
        write!(f, "{name} ({})", self.code)?;
        let said: String = self.text.chars().take(200).collect();
        match said.trim_end_matches('\0') {
            "" => Ok(()),
            said => write!(f, ", {said:?}"),
        }
    }
}

/// The bytes of a request under this message id.
pub(crate) fn encode(id: i32, request: &Request<'_>) -> Vec<u8> {
    let mut message = Writer::default();
    message.nest(SEQUENCE, |message| {
        message.integer(INTEGER, id);
        match request {
            Request::Bind { dn, password } => bind(message, dn, password),
            Request::Search(asked) => search(message, asked),
            Request::StartTls => {
                message.nest(0x77, |it| it.bytes(0x80, START_TLS.as_bytes()));
            }
            Request::Unbind => message.bytes(0x42, &[]),
        }
    });
    message.into_bytes()
}

fn bind(message: &mut Writer, dn: &str, password: &Secret<String>) {
    message.nest(0x60, |bind| {
        bind.integer(INTEGER, 3);
        bind.bytes(OCTETS, dn.as_bytes());
        bind.bytes(0x80, password.expose().as_bytes());
    });
    // Not critical: a directory that does not know it binds as ever.
    message.nest(0xa0, |controls| {
        controls.nest(SEQUENCE, |it| it.bytes(OCTETS, PASSWORD_POLICY.as_bytes()));
    });
}

fn search(message: &mut Writer, asked: &Search<'_>) {
    message.nest(0x63, |search| {
        search.bytes(OCTETS, asked.base.as_bytes());
        search.integer(ENUMERATED, asked.scope as i32);
        // Aliases are never followed: they may lead anywhere.
        search.integer(ENUMERATED, 0);
        search.integer(INTEGER, asked.size_limit);
        search.integer(INTEGER, asked.time_limit);
        search.boolean(BOOLEAN, false);
        asked.filter.write(search, asked.values);
        search.nest(SEQUENCE, |list| {
            if asked.attributes.is_empty() {
                list.bytes(OCTETS, b"1.1");
            }
            for name in asked.attributes {
                list.bytes(OCTETS, name.as_bytes());
            }
        });
    });
}

/// Reads the content of a message: its id, and what it says.
pub(crate) fn decode(content: &[u8]) -> Result<(i32, Response), Malformed> {
    let mut message = Reader::new(content);
    let id = message.integer(INTEGER)?;
    let (tag, body) = message.element()?;
    let policy = match message.optional(0xa0)? {
        Some(controls) => password_policy(Reader::new(controls))?,
        None => None,
    };
    let response = match tag {
        0x61 => Response::Bind(outcome(body, policy)?),
        0x64 => Response::Entry(entry(body)?),
        0x65 => Response::Done(outcome(body, None)?),
        0x73 => Response::Reference,
        0x78 if id == 0 => Response::Disconnection(disconnection(body)?),
        0x78 => Response::Extended(outcome(body, None)?),
        _ => return Err(Malformed("a message is none that was asked for")),
    };
    Ok((id, response))
}

fn outcome(body: &[u8], password_policy: Option<Vec<u8>>) -> Result<Outcome, Malformed> {
    let mut body = Reader::new(body);
    let code = body.integer(ENUMERATED)?;
    let _matched = body.text()?;
    let text = body.text()?;
    Ok(Outcome {
        code,
        text,
        password_policy,
    })
}

/// Active Directory leaves the name out of the message's body.
fn disconnection(body: &[u8]) -> Result<Outcome, Malformed> {
    let mut outcome = outcome(body, None)?;
    if outcome.text.is_empty() {
        outcome.text = format!("notice of disconnection ({NOTICE_OF_DISCONNECTION})");
    }
    Ok(outcome)
}

fn entry(body: &[u8]) -> Result<Entry, Malformed> {
    let mut body = Reader::new(body);
    let name = std::str::from_utf8(body.expect(OCTETS)?);
    let name = name.map_err(|_| Malformed("the name of an entry is not UTF-8"))?;
    let mut entry = Entry::new(name);
    let mut attributes = Reader::new(body.expect(SEQUENCE)?);
    while !attributes.is_empty() {
        let mut attribute = Reader::new(attributes.expect(SEQUENCE)?);
        let kind = attribute.text()?;
        let mut set = Reader::new(attribute.expect(SET)?);
        let mut values = Vec::new();
        while !set.is_empty() {
            values.push(set.expect(OCTETS)?.to_vec());
        }
        entry.insert(&kind, values);
    }
    Ok(entry)
}

fn password_policy(mut controls: Reader<'_>) -> Result<Option<Vec<u8>>, Malformed> {
    let mut found = None;
    while !controls.is_empty() {
        let mut control = Reader::new(controls.expect(SEQUENCE)?);
        let kind = control.text()?;
        control.optional(BOOLEAN)?;
        let value = control.optional(OCTETS)?;
        if kind == PASSWORD_POLICY {
            found = value.map(<[u8]>::to_vec);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_bind_asks_for_the_password_policy() {
        let password = Secret::new("x".to_owned());
        let bytes = encode(
            1,
            &Request::Bind {
                dn: "cn=a",
                password: &password,
            },
        );
        let start = b"\x30\x30\x02\x01\x01\x60\x0c\x02\x01\x03\x04\x04cn=a\x80\x01x\xa0";
        assert!(bytes.starts_with(start), "{bytes:02x?}");
        let asked = PASSWORD_POLICY.as_bytes();
        assert!(bytes.ends_with(asked));
    }

    #[test]
    fn an_outcome_is_read_with_its_control() {
        let mut message = Writer::default();
        message.integer(INTEGER, 7);
        message.nest(0x61, |it| {
            it.integer(ENUMERATED, 49);
            it.bytes(OCTETS, b"");
            it.bytes(OCTETS, b"no");
        });
        message.nest(0xa0, |controls| {
            controls.nest(SEQUENCE, |it| {
                it.bytes(OCTETS, PASSWORD_POLICY.as_bytes());
                it.boolean(BOOLEAN, true);
                it.bytes(OCTETS, b"value");
            });
        });
        let (id, response) = decode(&message.into_bytes()).unwrap();
        assert_eq!(id, 7);
        let Response::Bind(outcome) = response else {
            panic!("{response:?}")
        };
        assert_eq!(outcome.to_string(), "invalid credentials (49), \"no\"");
        assert_eq!(outcome.password_policy.as_deref(), Some(&b"value"[..]));
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = decode(&bytes);
            let mut framed = vec![2, 1, 1, 0x64, bytes.len() as u8];
            framed.extend(&bytes);
            let _ = decode(&framed);
        }
    }
}
