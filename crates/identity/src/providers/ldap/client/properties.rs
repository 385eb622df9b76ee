//! What any directory might say, made up: sound entries, damaged ones, and noise.

use proptest::collection::vec;
use proptest::prelude::*;

use super::ber::{ENUMERATED, INTEGER, OCTETS, SEQUENCE, SET, Writer};
use super::message::{Outcome, PASSWORD_POLICY, Response, decode};
use crate::providers::ldap::account::told;

type Attributes = Vec<(String, Vec<Vec<u8>>)>;

fn attributes() -> impl Strategy<Value = Attributes> {
    let name = "[A-Za-z][A-Za-z0-9-]{0,20}(;binary)?";
    vec((name, vec(vec(any::<u8>(), 0..40), 0..5)), 0..6)
}

fn entry(id: i32, name: &str, attributes: &Attributes) -> Vec<u8> {
    let mut message = Writer::default();
    message.integer(INTEGER, id);
    message.nest(0x64, |entry| {
        entry.bytes(OCTETS, name.as_bytes());
        entry.nest(SEQUENCE, |list| {
            for (kind, values) in attributes {
                list.nest(SEQUENCE, |attribute| {
                    attribute.bytes(OCTETS, kind.as_bytes());
                    attribute.nest(SET, |set| {
                        values.iter().for_each(|value| set.bytes(OCTETS, value));
                    });
                });
            }
        });
    });
    message.into_bytes()
}

/// An answer to a bind, with the value of a password policy control.
fn bound(code: i32, text: &str, policy: &[u8]) -> Vec<u8> {
    let mut message = Writer::default();
    message.integer(INTEGER, 1);
    message.nest(0x61, |outcome| {
        outcome.integer(ENUMERATED, code);
        outcome.bytes(OCTETS, b"");
        outcome.bytes(OCTETS, text.as_bytes());
    });
    message.nest(0xa0, |controls| {
        controls.nest(SEQUENCE, |control| {
            control.bytes(OCTETS, PASSWORD_POLICY.as_bytes());
            control.bytes(OCTETS, policy);
        });
    });
    message.into_bytes()
}

proptest! {
    #[test]
    fn what_stands_in_an_entry_is_read(id in any::<i32>(), name in ".{0,40}", attributes in attributes()) {
        let (read, response) = decode(&entry(id, &name, &attributes)).unwrap();
        let Response::Entry(found) = response else {
            panic!("{response:?}");
        };
        prop_assert_eq!((read, found.dn()), (id, name.as_str()));
        for (kind, values) in &attributes {
            let held = found.values(kind.trim_end_matches(";binary"));
            prop_assert!(values.iter().all(|value| held.contains(value)));
        }
    }

    /// A directory that lies about lengths and kinds is refused or understood, and nothing else.
    #[test]
    fn damage_never_panics_and_never_makes_more_of_it(
        attributes in attributes(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = entry(1, "cn=acme", &attributes);
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let sent = bytes.len();
        if let Ok((_, Response::Entry(found))) = decode(&bytes) {
            let names = attributes.iter().map(|(kind, _)| kind.trim_end_matches(";binary"));
            let read: usize = names.flat_map(|kind| found.values(kind)).map(Vec::len).sum();
            prop_assert!(read <= sent * attributes.len().max(1));
        }
        bytes.truncate(cut.index(sent));
        let _ = decode(&bytes);
    }

    /// Whatever stands in a control, a bind that was refused never counts as one that was not.
    #[test]
    fn no_control_turns_a_refusal_into_a_success(
        code in 1..200_i32,
        text in ".{0,40}",
        policy in vec(any::<u8>(), 0..40),
    ) {
        let (_, response) = decode(&bound(code, &text, &policy)).unwrap();
        let Response::Bind(outcome) = response else {
            panic!("{response:?}");
        };
        prop_assert_eq!(outcome.code, code);
        prop_assert_ne!(outcome.code, Outcome::SUCCESS);
        prop_assert!(!matches!(told(&outcome), Ok(None)), "{}", outcome);
    }
}
