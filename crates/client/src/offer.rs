//! `Offer`: what a server offers before anything is agreed on, its version line and the lists of its
//! SSH_MSG_KEXINIT (RFC 4253, sections 4.2 and 7.1).

use bytes::{Buf as _, Bytes};
use model::ErrorKind;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use crate::connection::{reach, within};
use crate::{Endpoint, Error, Result, Settings};

const OPERATION: &str = "read the offer of";
const KEXINIT: u8 = 20;
const COOKIE: usize = 16;
/// Bytes of a line, and lines, that may come before the version (RFC 4253, section 4.2), and of the
/// packet (section 6.1).
const LINE: usize = 1024;
const LINES: usize = 64;
const PACKET: usize = 35_000;
/// What stands among key exchanges and is none.
const SIGNALS: [&str; 2] = ["ext-info-s", "kex-strict-s-v00@openssh.com"];

/// The lists are in the server's order, by the names on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Offer {
    /// The version line, such as `SSH-2.0-OpenSSH_9.2`.
    pub version: String,
    /// Key exchanges.
    pub key_exchanges: Vec<String>,
    /// Host keys and how they sign.
    pub host_keys: Vec<String>,
    /// Ciphers of what clients send.
    pub ciphers: Vec<String>,
    /// Message authentication of what clients send.
    pub macs: Vec<String>,
    /// Compression of what clients send.
    pub compressions: Vec<String>,
}

impl Offer {
    /// Asks a server. Nothing is agreed on and nobody logs in.
    ///
    /// # Errors
    /// `Unavailable` where it cannot be reached or does not answer, `Invalid` where it does not speak
    /// SSH.
    pub async fn of(endpoint: &Endpoint, settings: &Settings) -> Result<Self> {
        let server = endpoint.address();
        let asked = async {
            let mut tcp = BufReader::new(reach(endpoint, &server).await?);
            ask(&mut tcp).await.map_err(|why| why.into_error(&server))
        };
        within(settings.connect, OPERATION, &server, asked).await
    }
}

/// Why there is no offer.
enum Why {
    Broken(std::io::Error),
    NotSsh(&'static str),
}

impl From<std::io::Error> for Why {
    fn from(error: std::io::Error) -> Self {
        Self::Broken(error)
    }
}

impl Why {
    fn into_error(self, server: &str) -> Error {
        match self {
            Self::Broken(error) => {
                let reason = error.to_string();
                Error::new(ErrorKind::Unavailable, OPERATION, server, reason).caused_by(error)
            }
            Self::NotSsh(reason) => Error::new(ErrorKind::Invalid, OPERATION, server, reason),
        }
    }
}

async fn ask(tcp: &mut BufReader<TcpStream>) -> Result<Offer, Why> {
    tcp.write_all(b"SSH-2.0-Pierhead\r\n").await?;
    let version = version(tcp).await?;
    let length = tcp.read_u32().await? as usize;
    if !(COOKIE..=PACKET).contains(&length) {
        return Err(Why::NotSsh(
            "its first packet has a length that none may have",
        ));
    }
    let mut packet = vec![0; length];
    tcp.read_exact(&mut packet).await?;
    let offer = parse(Bytes::from(packet));
    let mut offer = offer.ok_or(Why::NotSsh("its first packet does not say what it offers"))?;
    offer.version = version;
    Ok(offer)
}

/// Reads lines up to the one that says the version.
async fn version(tcp: &mut BufReader<TcpStream>) -> Result<String, Why> {
    for _ in 0..LINES {
        let mut line = Vec::new();
        loop {
            match tcp.read_u8().await? {
                b'\n' => break,
                _ if line.len() >= LINE => return Err(Why::NotSsh("it says lines without an end")),
                byte => line.push(byte),
            }
        }
        if line.starts_with(b"SSH-") {
            return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
        }
    }
    Err(Why::NotSsh("it says no version"))
}

/// Reads a packet, without its length in front.
fn parse(mut packet: Bytes) -> Option<Offer> {
    let padding = usize::from(packet.try_get_u8().ok()?);
    packet.truncate(packet.len().checked_sub(padding)?);
    if packet.try_get_u8().ok()? != KEXINIT || packet.len() < COOKIE {
        return None;
    }
    packet.advance(COOKIE);
    let mut key_exchanges = names(&mut packet)?;
    key_exchanges.retain(|name| !SIGNALS.contains(&name.as_str()));
    let host_keys = names(&mut packet)?;
    let mut of_clients = || {
        let list = names(&mut packet);
        // The server's own direction stands behind it.
        names(&mut packet).and(list)
    };
    Some(Offer {
        version: String::new(),
        key_exchanges,
        host_keys,
        ciphers: of_clients()?,
        macs: of_clients()?,
        compressions: of_clients()?,
    })
}

fn names(packet: &mut Bytes) -> Option<Vec<String>> {
    let length = packet.try_get_u32().ok()? as usize;
    if length > packet.len() {
        return None;
    }
    let list = packet.split_to(length);
    let names = list
        .split(|byte| *byte == b',')
        .filter(|name| !name.is_empty());
    Some(
        names
            .map(|name| String::from_utf8_lossy(name).into_owned())
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(lists: &[&str]) -> Vec<u8> {
        let mut bytes = vec![3, KEXINIT];
        bytes.extend([7; COOKIE]);
        for list in lists {
            bytes.extend(u32::try_from(list.len()).expect("short").to_be_bytes());
            bytes.extend(list.as_bytes());
        }
        bytes.extend([0; 5 + 3]);
        bytes
    }

    #[test]
    fn lists_are_read_in_their_order() {
        let lists = [
            "b,a,ext-info-s",
            "k",
            "c1,c2",
            "s",
            "m",
            "s",
            "none",
            "s",
            "",
            "",
        ];
        let offer = parse(Bytes::from(packet(&lists))).expect("an offer");
        assert_eq!(offer.key_exchanges, ["b", "a"]);
        assert_eq!(
            (offer.host_keys, offer.ciphers),
            (vec!["k".to_owned()], vec!["c1".to_owned(), "c2".to_owned()])
        );
        assert_eq!(
            (offer.macs, offer.compressions),
            (vec!["m".to_owned()], vec!["none".to_owned()])
        );
    }

    #[test]
    fn what_is_cut_off_or_lies_about_its_lengths_is_refused() {
        let whole = packet(&["a", "k", "c", "c", "m", "m", "none", "none", "", ""]);
        for length in 0..40 {
            assert!(
                parse(Bytes::copy_from_slice(&whole[..length])).is_none(),
                "{length}"
            );
        }
        let mut lying = whole.clone();
        lying[18] = 0xff;
        assert!(parse(Bytes::from(lying)).is_none());
        let mut padded = whole;
        padded[0] = 0xff;
        assert!(parse(Bytes::from(padded)).is_none());
    }
}
