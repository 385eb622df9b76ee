//! Whose sessions may go on: users at this node are looked at again when somebody's rights shrink,
//! and users of identity providers from time to time.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use database::Database;
use identity::{Authenticated, Identity, Method};
use model::{ErrorKind, Timestamp, UserId};
use tokio_util::sync::CancellationToken;

use crate::policies::{Policies, Roles};
use crate::rights::{Renewed, Rights};
use crate::{Error, Result};

const REMOVED: &str = "your account was removed";
const DISABLED: &str = "your account was disabled";
const CHANGED: &str = "your account was changed; connect again";
const ROLE_CHANGED: &str = "your role was changed; connect again";
const RIGHTS_UNUSABLE: &str =
    "your role was removed or cannot be used; ask whom you have your account from";
const KEY_REMOVED: &str = "the key you logged in with was removed";
const KEY_REVOKED: &str = "the key or certificate you logged in with was revoked";
const EXPIRED: &str = "your account or your certificate has expired";

/// The sessions of a node, by what their users showed.
#[derive(Debug, Default)]
pub(crate) struct Attendance {
    members: Mutex<HashMap<u64, Member>>,
    next: AtomicU64,
    /// The revocation epoch of the last look at everybody.
    epoch: Mutex<Option<u64>>,
}

#[derive(Debug)]
struct Member {
    authenticated: Authenticated,
    standing: Arc<Standing>,
    rights: Arc<Rights>,
    /// Not looked at since it came: what its login read may be older than the last look.
    new: bool,
    /// When his provider last said that he may stay, and when it was asked last.
    confirmed: Timestamp,
    asked: Timestamp,
}

/// A session about whose user his provider is to be asked.
#[derive(Debug)]
pub(crate) struct Due {
    pub(crate) number: u64,
    pub(crate) authenticated: Authenticated,
}

/// Whether one session may go on.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    revoked: OnceLock<&'static str>,
    /// Cancelled when it is revoked, and when it is over.
    settled: CancellationToken,
}

/// One session on the list; off it when dropped.
#[derive(Debug)]
pub(crate) struct Presence {
    attendance: Arc<Attendance>,
    number: u64,
    pub(crate) standing: Arc<Standing>,
}

impl Attendance {
    pub(crate) fn enter(
        self: &Arc<Self>,
        authenticated: Authenticated,
        rights: Arc<Rights>,
    ) -> Presence {
        let standing = Arc::new(Standing::default());
        let number = self.next.fetch_add(1, Relaxed);
        let member = Member {
            confirmed: authenticated.time(),
            asked: authenticated.time(),
            authenticated,
            standing: Arc::clone(&standing),
            rights,
            new: true,
        };
        self.members().insert(number, member);
        Presence {
            attendance: Arc::clone(self),
            number,
            standing,
        }
    }

    /// Looks at everybody where the epoch has grown, else at those who came since the last look.
    /// Returns how many sessions must end.
    pub(crate) async fn review(&self, database: &Database) -> Result<usize, database::Error> {
        let epoch = database.revocation().epoch().await?;
        let all = *self.epoch() != Some(epoch);
        let mut revoked = 0;
        let mut roles = Roles::new(database);
        for user in self.users(all) {
            revoked += self.review_user(user, &mut roles, database).await?;
        }
        *self.epoch() = Some(epoch);
        Ok(revoked)
    }

    /// Ends the sessions whose user's account or certificate has run out. Returns how many.
    pub(crate) fn end_expired(&self, now: Timestamp) -> usize {
        self.end_where(EXPIRED, |who| who.until().is_some_and(|end| end <= now))
    }

    /// Ends the sessions that began by what is revoked now. Returns how many.
    pub(crate) fn end_distrusted(&self, identity: &Identity) -> usize {
        self.end_where(KEY_REVOKED, |who| !identity.still_trusts(who))
    }

    fn end_where(&self, reason: &'static str, ends: impl Fn(&Authenticated) -> bool) -> usize {
        let members = self.members();
        let ending = members.values().filter(|one| ends(&one.authenticated));
        ending.filter(|one| one.standing.revoke(reason)).count()
    }

    /// The sessions of providers' users about whom nobody was asked for so long, oldest first;
    /// they count as asked about from now on.
    pub(crate) fn due(&self, every: Duration, now: Timestamp) -> Vec<Due> {
        let mut due = Vec::new();
        for (number, member) in self.members().iter_mut() {
            let external = member.authenticated.user().provider.is_some();
            let over = member.standing.revoked.get().is_some();
            if external && !over && now.since(member.asked) >= every {
                due.push((member.asked, *number, member.authenticated.clone()));
                member.asked = now;
            }
        }
        due.sort_by_key(|(asked, number, _)| (*asked, *number));
        due.into_iter()
            .map(|(_, number, authenticated)| Due {
                number,
                authenticated,
            })
            .collect()
    }

    /// His provider said that he may stay.
    pub(crate) fn confirm(&self, number: u64, now: Timestamp) {
        if let Some(member) = self.members().get_mut(&number) {
            member.confirmed = now;
        }
    }

    /// His provider did not say. Returns whether that went on for longer than `grace`.
    pub(crate) fn is_overdue(&self, number: u64, grace: Duration, now: Timestamp) -> bool {
        let members = self.members();
        let member = members.get(&number);
        member.is_some_and(|member| now.since(member.confirmed) > grace)
    }

    /// Ends a session. Returns whether it had not ended before.
    pub(crate) fn end(&self, number: u64, reason: &'static str) -> bool {
        let members = self.members();
        let member = members.get(&number);
        member.is_some_and(|member| member.standing.revoke(reason))
    }

    /// One of each user's sessions is enough to find him by.
    fn users(&self, all: bool) -> HashMap<UserId, Authenticated> {
        let members = self.members();
        let wanted = members.values().filter(|member| all || member.new);
        wanted
            .map(|member| (member.authenticated.user().id, member.authenticated.clone()))
            .collect()
    }

    async fn review_user(
        &self,
        (id, one): (UserId, Authenticated),
        roles: &mut Roles<'_>,
        database: &Database,
    ) -> Result<usize, database::Error> {
        let user = one.user();
        let now = database
            .users()
            .credentials(&user.server, &user.name)
            .await?;
        let mut policies = HashMap::new();
        if let Some(now) = &now {
            for (number, who) in self.sessions_of(id) {
                // A provider may say other things of each login, so each session has its own.
                let external = now.user.provider.is_some();
                let said = if external { who.user() } else { &now.user };
                policies.insert(number, roles.policies_of(said).await?);
            }
        }
        let mut revoked = 0;
        let mut members = self.members();
        let his = members.iter_mut();
        for (number, member) in his.filter(|(_, member)| member.authenticated.user().id == id) {
            let policies = policies.get(number);
            // One that came meanwhile is looked at by the next review.
            member.new &= policies.is_none() && now.is_some();
            let reason = objection(&member.authenticated, now.as_ref());
            if let Some(reason) = reason.or_else(|| member.renew(policies)) {
                revoked += usize::from(member.standing.revoke(reason));
            }
        }
        Ok(revoked)
    }

    fn sessions_of(&self, id: UserId) -> Vec<(u64, Authenticated)> {
        let members = self.members();
        let his = members
            .iter()
            .filter(|(_, one)| one.authenticated.user().id == id);
        his.map(|(number, one)| (*number, one.authenticated.clone()))
            .collect()
    }

    fn members(&self) -> MutexGuard<'_, HashMap<u64, Member>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn epoch(&self) -> MutexGuard<'_, Option<u64>> {
        self.epoch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Member {
    /// Lets what his policies say now hold from the next operation on. Why he may not go on where
    /// they cannot be used.
    fn renew(&self, policies: Option<&Policies>) -> Option<&'static str> {
        let user = &self.authenticated.user().name;
        match self.rights.renew(policies?) {
            Ok(Renewed::Same) => None,
            Ok(Renewed::NeedsSession) => Some(ROLE_CHANGED),
            Ok(Renewed::Changed) => {
                tracing::info!(%user, "other policies hold in a session from now on");
                None
            }
            Err(unusable) => {
                tracing::warn!(%user, reason = %unusable, "session ends: the user's policies cannot be used");
                Some(RIGHTS_UNUSABLE)
            }
        }
    }
}

/// Why who logged in so may not go on.
fn objection(then: &Authenticated, now: Option<&database::Credentials>) -> Option<&'static str> {
    // A new user of the same name is somebody else.
    let Some(now) = now.filter(|now| now.user.id == then.user().id) else {
        return Some(REMOVED);
    };
    if now.user.disabled {
        return Some(DISABLED);
    }
    if now.user.changed != then.user().changed {
        return Some(CHANGED);
    }
    match then.method() {
        // Keys of a provider's users are the provider's.
        _ if now.user.provider.is_some() => None,
        Method::PublicKey { fingerprint } => {
            let there = now.keys.iter().any(|key| key.fingerprint == *fingerprint);
            (!there).then_some(KEY_REMOVED)
        }
        Method::Password | Method::Certificate(_) | Method::OneTimePassword => None,
    }
}

impl Standing {
    /// Whether it was not revoked before.
    fn revoke(&self, reason: &'static str) -> bool {
        let first = self.revoked.set(reason).is_ok();
        self.settled.cancel();
        first
    }

    /// Fails where it is revoked.
    pub(crate) fn check(&self, operation: &str, path: &impl std::fmt::Display) -> Result<()> {
        match self.revoked.get() {
            None => Ok(()),
            Some(reason) => Err(Error::new(
                ErrorKind::Denied,
                format!("{operation} {path}: {reason}"),
            )),
        }
    }

    /// Waits until it is revoked, and says why; none where the session ends before.
    pub(crate) async fn revoked(&self) -> Option<&'static str> {
        self.settled.cancelled().await;
        self.revoked.get().copied()
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.attendance.members().remove(&self.number);
        self.standing.settled.cancel();
    }
}
