//! What a server showed of itself before and while somebody logged in.

use crate::Fingerprint;

/// A host key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostKey {
    /// Its algorithm, such as `ssh-ed25519`.
    pub algorithm: String,
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
}

/// What both sides agreed on in the first key exchange, by its names on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Algorithms {
    /// Key exchange.
    pub key_exchange: String,
    /// The host key's signature.
    pub host_key: String,
    /// Cipher.
    pub cipher: String,
    /// Message authentication; said by the cipher itself where that is an AEAD.
    pub mac: String,
    /// Whether both sides keep sequence numbers strictly (Terrapin).
    pub strict: bool,
}

/// What a server showed of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seen {
    /// Its version line, such as `SSH-2.0-OpenSSH_9.2`.
    pub version: Option<String>,
    /// The host key that it proved to have.
    pub host_key: Option<HostKey>,
    /// The others that it says it has; not proven.
    pub announced: Vec<HostKey>,
    /// The algorithms of this connection.
    pub algorithms: Option<Algorithms>,
    /// The banner before the login, all of it; at most 64 KiB.
    pub banner: Option<String>,
}
