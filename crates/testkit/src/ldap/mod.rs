//! Throwaway directories: [`Slapd`], an OpenLDAP, and [`DomainController`], Samba's Active Directory.
//!
//! Both listen on loopback alone, with certificates of an [`Authority`] of their own, know the same
//! kinds of people, and end with the test that started them. All people have the same password
//! and the same public key until a test changes that.

mod authority;
mod domain_controller;
mod process;
mod slapd;

pub use authority::Authority;
pub use domain_controller::DomainController;
pub use slapd::Slapd;
