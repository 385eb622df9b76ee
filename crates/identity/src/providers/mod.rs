//! Identity providers outside that are reached over HTTP: an API as AWS Transfer asks one, a
//! Lambda function, a DynamoDB table. Each speaks its protocol and no more: deadlines, bounds,
//! caches and the breaker are around all of them.

mod access;
mod contract;
pub mod dynamodb;
mod endpoint;
mod fault;
pub mod http;
pub mod lambda;
mod transport;

pub use access::{AwsAccess, AwsCredentials};
pub use endpoint::{Endpoint, InvalidEndpoint};
pub use transport::{InvalidRoots, Roots};
