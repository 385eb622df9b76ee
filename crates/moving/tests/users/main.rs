//! Sources, read as they come: good, odd and hostile; and what a plan makes of them.

mod aws;
mod csv;
mod directory;
mod dump;
mod hostile;
mod plan;
mod table;
mod unix;

use moving::users::{Arrivals, ArrivingPassword, ArrivingUser, Weight};

pub(crate) const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDtqJ7zOtqQtqYOo0CpvDXNlMhV3HeJDpjrASKGLWdop laptop";
/// sha512-crypt of `correct horse`, by `openssl passwd -6`.
pub(crate) const SHA512: &str = "$6$saltsalt$hRM5XZ86KXEw9UOmjigeVqFgULtFB2sgpC9lXQDfMib3Zgw7mEiUvBJI2EplzfAqxL5Vvwp2scFtv/uamSo5z0";

/// The user of this name.
pub(crate) fn user<'a>(arrivals: &'a Arrivals, name: &str) -> &'a ArrivingUser {
    let found = arrivals.users().iter();
    let mut found = found.filter(|user| user.name.as_str() == name);
    found
        .next()
        .unwrap_or_else(|| panic!("no {name}: {:?}", arrivals.findings))
}

pub(crate) fn names(arrivals: &Arrivals) -> Vec<&str> {
    let users = arrivals.users().iter();
    users.map(|user| user.name.as_str()).collect()
}

/// The hash that a user brings.
pub(crate) fn hash(user: &ArrivingUser) -> Option<&str> {
    match &user.password {
        ArrivingPassword::Hash(hash) => Some(hash.expose()),
        _ => None,
    }
}

/// What was found of this weight about something whose name begins so.
pub(crate) fn found<'a>(arrivals: &'a Arrivals, weight: Weight, about: &str) -> Vec<&'a str> {
    let findings = arrivals.findings.iter();
    let findings = findings.filter(|it| it.weight == weight && it.about.starts_with(about));
    findings.map(|finding| finding.what.as_str()).collect()
}
