//! Providers outside, asked over their own protocols.

mod asked;
mod dynamodb;
mod http;
mod lambda;
mod tls;
