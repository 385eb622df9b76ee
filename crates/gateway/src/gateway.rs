//! The gateway of a node: opens sessions and counts them.

use std::net::IpAddr;

use model::Protocol;

/// Who is at the other end of a connection.
#[derive(Debug, Clone)]
pub struct Peer {
    /// His address.
    pub address: IpAddr,
    /// What he speaks.
    pub protocol: Protocol,
}

/// Opens sessions. One per node.
#[derive(Debug)]
pub struct Gateway {}
