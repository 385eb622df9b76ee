//! Identity providers outside: an API as AWS Transfer asks one, a Lambda function, a DynamoDB
//! table, a directory. Each speaks its protocol and no more: deadlines, bounds, caches and the
//! breaker are around all of them.

#[cfg(feature = "cloud")]
mod access;
#[cfg(feature = "cloud")]
mod contract;
#[cfg(feature = "cloud")]
pub mod dynamodb;
#[cfg(feature = "cloud")]
mod endpoint;
#[cfg(feature = "cloud")]
mod fault;
#[cfg(feature = "cloud")]
pub mod http;
#[cfg(feature = "cloud")]
pub mod lambda;
pub mod ldap;
#[cfg(feature = "cloud")]
mod transport;

#[cfg(feature = "cloud")]
pub use access::{AwsAccess, AwsCredentials};
#[cfg(feature = "cloud")]
pub use endpoint::{Endpoint, InvalidEndpoint};
#[cfg(feature = "cloud")]
pub use transport::{InvalidRoots, Roots};
