//! What tests of several crates share; never part of the product.

#[cfg(feature = "client")]
pub mod client;
pub mod moto;
pub mod postgres;
#[cfg(feature = "s3")]
pub mod s3;
