//! The header of the PROXY protocol, versions 1 and 2, as bytes: no socket is read here.
//!
//! <https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt>, sections 2.1 and 2.2.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The longest header of version 1, with its CR LF.
const LONGEST_TEXT: usize = 107;
/// What a header of version 2 may carry behind its first 16 bytes. Balancers add some hundred
/// bytes of their own (TLS, the id of an endpoint); the protocol would allow 64 KiB.
const LONGEST_BINARY: usize = 4096;
/// Begins every header of version 1.
const WORD: &[u8] = b"PROXY ";
/// Begins every header of version 2.
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family and transport, length.
const FIXED: usize = 16;

/// What the bytes of a connection begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parsed {
    /// A part of a header; all of the bytes belong to it.
    Incomplete,
    /// A header.
    Header {
        /// Its bytes.
        length: usize,
        /// Whom the balancer speaks for; none where for itself (a health check) or for somebody
        /// without an address.
        source: Option<SocketAddr>,
    },
}

/// Why bytes are no header that this program takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("no PROXY header came first")]
    Absent,
    #[error("its PROXY header is too long")]
    TooLong,
    #[error("its PROXY header is malformed")]
    Garbled,
    #[error("its PROXY header is of an unknown version or command")]
    Unknown,
    #[error("its PROXY header does not speak of TCP")]
    Transport,
}

/// Reads the header that `bytes` begin with.
pub(crate) fn parse(bytes: &[u8]) -> Result<Parsed, Malformed> {
    match (begins(bytes, SIGNATURE), begins(bytes, WORD)) {
        (Begins::With, _) => binary(bytes),
        (_, Begins::With) => text(bytes),
        (Begins::Perhaps, _) | (_, Begins::Perhaps) => Ok(Parsed::Incomplete),
        _ => Err(Malformed::Absent),
    }
}

enum Begins {
    With,
    Perhaps,
    Otherwise,
}

fn begins(bytes: &[u8], mark: &[u8]) -> Begins {
    if bytes.starts_with(mark) {
        Begins::With
    } else if mark.starts_with(bytes) {
        Begins::Perhaps
    } else {
        Begins::Otherwise
    }
}

/// Version 1: one line of text.
fn text(bytes: &[u8]) -> Result<Parsed, Malformed> {
    let within = bytes.get(..LONGEST_TEXT).unwrap_or(bytes);
    let Some(end) = within.iter().position(|byte| *byte == b'\n') else {
        return match bytes.len() < LONGEST_TEXT {
            true => Ok(Parsed::Incomplete),
            false => Err(Malformed::TooLong),
        };
    };
    let line = within.get(..end).and_then(|line| line.strip_suffix(b"\r"));
    let line = line.and_then(|line| std::str::from_utf8(line).ok());
    let source = line.map_or(Err(Malformed::Garbled), text_source)?;
    Ok(Parsed::Header {
        length: end + 1,
        source,
    })
}

fn text_source(line: &str) -> Result<Option<SocketAddr>, Malformed> {
    let words: Vec<&str> = line.split(' ').collect();
    let (source, port) = match words.as_slice() {
        // Whatever follows it is to be ignored.
        ["PROXY", "UNKNOWN", ..] => return Ok(None),
        ["PROXY", "TCP4", source, target, port, other] => {
            let (source, _) = (address::<Ipv4Addr>(source)?, address::<Ipv4Addr>(target)?);
            (IpAddr::from(source), (*port, *other))
        }
        ["PROXY", "TCP6", source, target, port, other] => {
            let (source, _) = (address::<Ipv6Addr>(source)?, address::<Ipv6Addr>(target)?);
            (IpAddr::from(source), (*port, *other))
        }
        _ => return Err(Malformed::Garbled),
    };
    let (port, _) = (number(port.0)?, number(port.1)?);
    Ok(Some(SocketAddr::new(source.to_canonical(), port)))
}

fn address<A: std::str::FromStr>(text: &str) -> Result<A, Malformed> {
    text.parse().map_err(|_| Malformed::Garbled)
}

fn number(text: &str) -> Result<u16, Malformed> {
    // Rust takes a sign as well.
    match text.bytes().all(|byte| byte.is_ascii_digit()) {
        true => text.parse().map_err(|_| Malformed::Garbled),
        false => Err(Malformed::Garbled),
    }
}

/// Version 2: sixteen bytes, then addresses and what the balancer adds.
fn binary(bytes: &[u8]) -> Result<Parsed, Malformed> {
    let Some(&[kind, family, high, low]) = bytes
        .get(SIGNATURE.len()..)
        .and_then(|rest| rest.first_chunk::<4>())
    else {
        return Ok(Parsed::Incomplete);
    };
    let for_itself = match kind {
        0x20 => true,
        0x21 => false,
        _ => return Err(Malformed::Unknown),
    };
    let carried = usize::from(u16::from_be_bytes([high, low]));
    if carried > LONGEST_BINARY {
        return Err(Malformed::TooLong);
    }
    let Some(body) = bytes.get(FIXED..FIXED + carried) else {
        return Ok(Parsed::Incomplete);
    };
    let source = match for_itself {
        true => None,
        false => binary_source(family, body)?,
    };
    Ok(Parsed::Header {
        length: FIXED + carried,
        source,
    })
}

fn binary_source(family: u8, body: &[u8]) -> Result<Option<SocketAddr>, Malformed> {
    match family {
        0x11 => {
            let addresses = body.first_chunk::<12>().ok_or(Malformed::Garbled)?;
            let [a, b, c, d, _, _, _, _, high, low, _, _] = *addresses;
            let port = u16::from_be_bytes([high, low]);
            Ok(Some(SocketAddr::from(([a, b, c, d], port))))
        }
        0x21 => {
            let (source, rest) = body.split_first_chunk::<16>().ok_or(Malformed::Garbled)?;
            let (_target, ports) = rest.split_first_chunk::<16>().ok_or(Malformed::Garbled)?;
            let &[high, low, _, _] = ports.first_chunk::<4>().ok_or(Malformed::Garbled)?;
            let address = Ipv6Addr::from(*source).to_canonical();
            Ok(Some(SocketAddr::new(
                address,
                u16::from_be_bytes([high, low]),
            )))
        }
        // Unspecified, or a socket of the balancer's own machine.
        0x00 | 0x31 => Ok(None),
        _ => Err(Malformed::Transport),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A header of version 2 with this command, family and body.
    fn version_2(kind: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).expect("short");
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend([kind, family]);
        bytes.extend(length.to_be_bytes());
        bytes.extend(body);
        bytes
    }

    fn header(length: usize, source: Option<&str>) -> Result<Parsed, Malformed> {
        let source = source.map(|text| text.parse().expect("an address"));
        Ok(Parsed::Header { length, source })
    }

    #[test]
    fn headers_of_version_1_are_read() {
        let check = |text: &str, expected: Result<Parsed, Malformed>| {
            assert_eq!(parse(text.as_bytes()), expected, "{text:?}");
        };
        let four = "PROXY TCP4 192.0.2.1 198.51.100.2 56324 22\r\n";
        check(four, header(four.len(), Some("192.0.2.1:56324")));
        check(
            &format!("{four}SSH-2.0-x\r\n"),
            header(four.len(), Some("192.0.2.1:56324")),
        );
        let six = "PROXY TCP6 2001:db8::1 2001:db8::2 1 22\r\n";
        check(six, header(six.len(), Some("[2001:db8::1]:1")));
        let mapped = "PROXY TCP6 ::ffff:192.0.2.1 ::1 1 22\r\n";
        check(mapped, header(mapped.len(), Some("192.0.2.1:1")));
        check("PROXY UNKNOWN\r\n", header(15, None));
        let unknown = "PROXY UNKNOWN ffff::1 what ever\r\n";
        check(unknown, header(unknown.len(), None));
        for garbled in [
            "PROXY TCP4 192.0.2.1 198.51.100.2 56324 22\n",
            "PROXY TCP4 192.0.2.1 198.51.100.2 56324\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.2 56324 22 \r\n",
            "PROXY TCP4  192.0.2.1 198.51.100.2 56324 22\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.2 +1 22\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.2 65536 22\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.2 1 \r\n",
            "PROXY TCP4 2001:db8::1 198.51.100.2 1 2\r\n",
            "PROXY TCP6 192.0.2.1 198.51.100.2 1 2\r\n",
            "PROXY TCP5 192.0.2.1 198.51.100.2 1 2\r\n",
            "PROXY \r\n",
        ] {
            check(garbled, Err(Malformed::Garbled));
        }
        check("SSH-2.0-OpenSSH_9.9\r\n", Err(Malformed::Absent));
        check("proxy TCP4", Err(Malformed::Absent));
        check(
            &format!("PROXY UNKNOWN {}", "x".repeat(LONGEST_TEXT)),
            Err(Malformed::TooLong),
        );
    }

    #[test]
    fn headers_of_version_2_are_read() {
        let four = [192, 0, 2, 1, 198, 51, 100, 2, 0xDC, 0x04, 0, 22];
        let check = |kind, family, body: &[u8], expected| {
            let bytes = version_2(kind, family, body);
            assert_eq!(parse(&bytes), expected, "{kind:x} {family:x} {body:?}");
        };
        check(0x21, 0x11, &four, header(28, Some("192.0.2.1:56324")));
        // With what the balancer adds, and what is the client's own behind it.
        let added = [&four[..], &[0x04, 0, 1, 0]].concat();
        check(0x21, 0x11, &added, header(32, Some("192.0.2.1:56324")));
        let mut six = [0_u8; 36];
        six[..16].copy_from_slice(&"2001:db8::1".parse::<Ipv6Addr>().expect("one").octets());
        six[33] = 1;
        check(0x21, 0x21, &six, header(52, Some("[2001:db8::1]:1")));
        check(0x20, 0x00, &[], header(16, None));
        check(0x20, 0x11, &four, header(28, None));
        check(0x21, 0x00, &[1, 2, 3], header(19, None));
        check(0x21, 0x31, &[0; 216], header(232, None));
        check(0x21, 0x11, &four[..11], Err(Malformed::Garbled));
        check(0x21, 0x21, &six[..35], Err(Malformed::Garbled));
        check(0x21, 0x12, &four, Err(Malformed::Transport));
        check(0x21, 0x77, &four, Err(Malformed::Transport));
        check(0x11, 0x11, &four, Err(Malformed::Unknown));
        check(0x22, 0x11, &four, Err(Malformed::Unknown));
        check(
            0x21,
            0x00,
            &[0; LONGEST_BINARY + 1],
            Err(Malformed::TooLong),
        );
    }

    fn any_header() -> impl Strategy<Value = (Vec<u8>, SocketAddr)> {
        let address = prop_oneof![
            any::<Ipv4Addr>().prop_map(IpAddr::from),
            any::<Ipv6Addr>().prop_map(IpAddr::from),
        ];
        let added = prop::collection::vec(any::<u8>(), 0..300);
        (address, any::<u16>(), any::<bool>(), added).prop_map(|(ip, port, old, added)| {
            let bytes = match (ip, old) {
                (IpAddr::V4(ip), true) => format!("PROXY TCP4 {ip} 0.0.0.0 {port} 22\r\n").into(),
                (IpAddr::V6(ip), true) => format!("PROXY TCP6 {ip} :: {port} 22\r\n").into(),
                (IpAddr::V4(ip), false) => {
                    let ports = [port.to_be_bytes(), [0, 22]].concat();
                    let body = [&ip.octets()[..], &[0; 4], &ports, &added].concat();
                    version_2(0x21, 0x11, &body)
                }
                (IpAddr::V6(ip), false) => {
                    let ports = [port.to_be_bytes(), [0, 22]].concat();
                    let body = [&ip.octets()[..], &[0; 16], &ports, &added].concat();
                    version_2(0x21, 0x21, &body)
                }
            };
            (bytes, SocketAddr::new(ip.to_canonical(), port))
        })
    }

    proptest! {
        /// Where a header ends does not depend on what follows it, and no part of it is refused.
        #[test]
        fn a_header_ends_where_it_ends(
            (header, source) in any_header(),
            rest in prop::collection::vec(any::<u8>(), 0..100),
        ) {
            let whole = [&header[..], &rest].concat();
            let expected = Parsed::Header { length: header.len(), source: Some(source) };
            prop_assert_eq!(parse(&whole), Ok(expected));
            for end in 0..header.len() {
                prop_assert_eq!(parse(&header[..end]), Ok(Parsed::Incomplete), "{}", end);
            }
        }

        /// Whatever comes, the parser ends, never asks for more than its bound, and never takes
        /// more than there is.
        #[test]
        fn no_bytes_upset_it(
            begin in prop_oneof![Just(&b""[..]), Just(WORD), Just(SIGNATURE)],
            rest in prop::collection::vec(any::<u8>(), 0..6000),
        ) {
            let bytes = [begin, &rest].concat();
            match parse(&bytes) {
                Ok(Parsed::Incomplete) => prop_assert!(bytes.len() < FIXED + LONGEST_BINARY),
                Ok(Parsed::Header { length, .. }) => prop_assert!(length <= bytes.len()),
                Err(_) => {}
            }
        }
    }
}
