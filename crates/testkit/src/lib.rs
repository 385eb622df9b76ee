//! What tests of several crates share; never part of the product.

pub mod balancer;
#[cfg(feature = "client")]
pub mod client;
pub mod dice;
#[cfg(feature = "web")]
pub mod functions;
pub mod moto;
pub mod node;
pub mod postgres;
pub mod proxy;
#[cfg(feature = "client")]
pub mod reference;
#[cfg(feature = "s3")]
pub mod s3;
#[cfg(feature = "web")]
pub mod web;
