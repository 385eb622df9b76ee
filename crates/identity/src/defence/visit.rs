//! One connection under the eyes of the guard.

use std::net::IpAddr;
use std::time::Duration;

use model::Secret;
use tokio::sync::OwnedSemaphorePermit;

use super::chronicle::{Case, Sort};
use super::{Decision, Guard, Offence, Refusal};
use crate::{Authenticated, Refused, Routing};

/// One connection. What it tries is judged and counted by where it comes from.
#[derive(Debug)]
pub struct Visit {
    guard: Guard,
    /// None where it is nobody's own: then nothing counts against it.
    address: Option<IpAddr>,
}

/// A refusal that is held back: a place among the few that are, and for how long.
#[derive(Debug)]
pub struct Hold {
    /// How long.
    pub time: Duration,
    _place: OwnedSemaphorePermit,
}

impl Visit {
    pub(super) fn new(guard: Guard, address: Option<IpAddr>) -> Self {
        Self { guard, address }
    }

    /// Whether a key that is offered under this name may be looked up.
    ///
    /// # Errors
    /// [`Refusal`] says why not. Nobody is to be asked then.
    pub fn offer(&self, name: &str) -> Result<(), Refusal> {
        let offered = self.guard.defence().offer(self.address, plain(name));
        match &offered {
            Ok(()) => self.guard.decided("offer", "proceed"),
            Err(refusal) => {
                self.guard.decided("offer", refusal.reason());
                self.note(Sort::Refused, name, "publickey", refusal.reason());
            }
        }
        offered
    }

    /// Whether a credential may be looked at, and after how long.
    ///
    /// # Errors
    /// [`Refusal`] says why not. Nobody is to be asked then.
    pub fn attempt(&self, name: &str, method: &str) -> Result<Duration, Refusal> {
        match self.guard.defence().attempt(self.address, plain(name)) {
            Decision::Proceed { wait } => {
                match wait.is_zero() {
                    true => self.guard.decided("attempt", "proceed"),
                    false => {
                        self.guard.decided("attempt", "slowed");
                        self.note(Sort::Slowed, name, method, "too_many_attempts");
                    }
                }
                Ok(wait)
            }
            Decision::Refuse(refusal) => {
                self.guard.decided("attempt", refusal.reason());
                self.note(Sort::Refused, name, method, refusal.reason());
                if refusal == Refusal::DeniedName {
                    self.offended(Offence::DeniedName);
                }
                Err(refusal)
            }
        }
    }

    /// Notes who got in.
    pub fn succeeded(&self, name: &str, authenticated: &Authenticated) {
        if let Some(address) = self.address {
            self.guard.defence().succeeded(address, plain(name));
        }
        let user = authenticated.user();
        self.guard.note(Case {
            sort: Sort::Login,
            address: self.address,
            name: None,
            user: Some((user.id, user.name.clone())),
            subject: Some(authenticated.method().as_str().to_owned()),
            reason: "success".to_owned(),
        });
    }

    /// Notes that a credential was refused. `credential` is a password that was shown, so that the
    /// same again is known for what it is. What nobody could decide counts against nobody.
    pub fn refused(
        &self,
        name: &str,
        method: &str,
        credential: Option<&Secret<String>>,
        refused: &Refused,
    ) {
        self.note(Sort::Refused, name, method, refused.reason());
        if !refused.counts() {
            return;
        }
        let Some(address) = self.address else {
            return;
        };
        let defence = self.guard.defence();
        if let Some(ban) = defence.refused(address, plain(name), credential) {
            self.guard.banned(&ban, address);
        }
    }

    /// Counts an offence that is no refused login.
    pub fn offended(&self, offence: Offence) {
        let Some(address) = self.address else {
            return;
        };
        self.guard.decided("offence", offence.as_str());
        if let Some(ban) = self.guard.defence().offended(address, offence) {
            self.guard.banned(&ban, address);
        }
    }

    /// A place in the tarpit for a refusal of this address: none where it has behaved, or where all
    /// places are taken. Whoever gets one waits, and holds nothing but a timer meanwhile.
    pub fn hold(&self) -> Option<Hold> {
        let time = self.guard.defence().tarpit(self.address?);
        if time.is_zero() {
            return None;
        }
        let place = self.guard.places().clone().try_acquire_owned().ok()?;
        Some(Hold {
            time,
            _place: place,
        })
    }

    /// Returns once staff keep the address out: what is open has to end then.
    pub async fn kept_out(&self) {
        let Some(address) = self.address else {
            return std::future::pending().await;
        };
        let mut changes = self.guard.kept_out();
        while !self.guard.defence().is_kept_out(address) {
            // The guard outlives his visits.
            if changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Notes that there is no place for the connection: too many are open, or have not logged in.
    /// `reason` is a word for metrics labels and audit rows.
    pub fn crowded_out(&self, reason: &'static str) {
        self.guard.decided("admission", reason);
        self.guard.note(Case {
            sort: Sort::Refused,
            address: self.address,
            name: None,
            user: None,
            subject: Some("connection".to_owned()),
            reason: reason.to_owned(),
        });
    }

    fn note(&self, sort: Sort, name: &str, method: &str, reason: &str) {
        self.guard.note(Case {
            sort,
            address: self.address,
            name: Some(name.to_owned()),
            user: None,
            subject: Some(method.to_owned()),
            reason: reason.to_owned(),
        });
    }
}

/// The name without its provider, as lists have it.
fn plain(name: &str) -> &str {
    name.rsplit_once(Routing::SEPARATOR)
        .map_or(name, |(plain, _)| plain)
}
