//! What a directory might say: no panic, nothing larger than what it sent, and what is read of an entry
//! is what stands in it. The decoder is taken in by its files, since nobody else has business with it.
#![no_main]
#![allow(dead_code, reason = "a part of a crate, of which a part is asked for")]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/identity/src/providers/ldap/client/ber.rs"]
mod ber;
#[path = "../../crates/identity/src/providers/ldap/client/entry.rs"]
mod entry;
#[path = "../../crates/identity/src/providers/ldap/client/fault.rs"]
mod fault;
#[path = "../../crates/identity/src/providers/ldap/filter.rs"]
mod filter;
#[path = "../../crates/identity/src/providers/ldap/client/message.rs"]
mod message;
#[path = "../../crates/identity/src/providers/ldap/client/url.rs"]
mod url;

/// As those files call each other.
mod client {
    pub(crate) use crate::ber::Writer;
}
mod providers {
    pub(crate) mod ldap {
        pub(crate) use crate::filter;
    }
}

use ber::{OCTETS, Reader, SEQUENCE, SET, Writer};
use message::{Response, decode};

fuzz_target!(|input: (&[u8], i32, &str, Vec<(&str, Vec<&[u8]>)>)| {
    let (bytes, id, name, attributes) = input;
    let mut reader = Reader::new(bytes);
    while let Ok((_, content)) = reader.element() {
        assert!(content.len() <= bytes.len());
    }
    for tag in [0x61, 0x64, 0x65, 0x73, 0x78] {
        let mut framed = Writer::default();
        framed.integer(ber::INTEGER, id);
        framed.bytes(tag, bytes);
        let _ = decode(&framed.into_bytes());
    }
    let _ = decode(bytes);

    let mut message = Writer::default();
    message.integer(ber::INTEGER, id);
    message.nest(0x64, |entry| {
        entry.bytes(OCTETS, name.as_bytes());
        entry.nest(SEQUENCE, |list| {
            for (kind, values) in &attributes {
                list.nest(SEQUENCE, |attribute| {
                    attribute.bytes(OCTETS, kind.as_bytes());
                    attribute.nest(SET, |set| {
                        values.iter().for_each(|it| set.bytes(OCTETS, it))
                    });
                });
            }
        });
    });
    let Ok((read, Response::Entry(entry))) = decode(&message.into_bytes()) else {
        panic!("an entry is not read");
    };
    assert_eq!((read, entry.dn()), (id, name));
    for (kind, values) in &attributes {
        let kind = kind.split(';').next().unwrap_or(kind);
        let held = entry.values(kind);
        assert!(values.iter().all(|value| held.iter().any(|it| it == value)));
    }
});
