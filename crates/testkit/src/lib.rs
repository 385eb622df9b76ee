//! What tests of several crates share; never part of the product.

pub mod balancer;
#[cfg(feature = "client")]
pub mod client;
pub mod dice;
#[cfg(feature = "web")]
pub mod functions;
#[cfg(feature = "ldap")]
pub mod ldap;
pub mod moto;
pub mod node;
pub mod postgres;
pub mod proxy;
#[cfg(feature = "client")]
pub mod reference;
#[cfg(feature = "s3")]
pub mod s3;
#[cfg(feature = "sshd")]
pub mod sshd;
#[cfg(feature = "sts")]
pub mod sts;
#[cfg(feature = "web")]
pub mod web;
