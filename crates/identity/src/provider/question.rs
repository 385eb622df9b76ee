//! What a provider is asked.

use std::net::IpAddr;

use model::{Protocol, Secret, ServerId, UserName};

/// Which question is put.
#[derive(Debug, Clone)]
pub enum Credential {
    /// Which keys he may sign by. Nothing is known of him yet but his name.
    Keys,
    /// Whether he is a user, and with what: a certificate has proved that it is he. Put as
    /// [`Self::Keys`] is, and an answer without keys will do.
    Certificate,
    /// Whether this is his password. Never empty.
    Password(Secret<String>),
}

/// A question about one user.
#[derive(Debug, Clone)]
pub struct Question {
    /// The server that he wants to log in to.
    pub server_id: ServerId,
    /// His name, without `@@provider`.
    pub user: UserName,
    /// Where he comes from.
    pub source: IpAddr,
    /// What he speaks. Whether SFTP or SCP is known only when he is in: it says SFTP until then.
    pub protocol: Protocol,
    /// Which question is put.
    pub credential: Credential,
}
