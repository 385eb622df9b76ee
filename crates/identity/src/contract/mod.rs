//! The contract between AWS Transfer and a custom identity provider, as values: what is asked
//! (through Lambda or API Gateway) and what an answer means. No I/O.
//!
//! An identity API that was written for AWS Transfer serves unchanged. Where AWS does not say what
//! an odd answer means, it is refused here: a user is let in if and only if the answer holds a
//! `Role` that is not blank and everything beside it is what the contract says.

mod home;
mod member;
mod request;
mod response;

pub use self::home::{Home, Mapping, MappingType};
pub use self::member::InvalidResponse;
pub use self::request::{GatewayRequest, IdentityRequest, NoPassword};
pub use self::response::{Admission, Asked, IdentityResponse, PosixProfile};
