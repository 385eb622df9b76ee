//! One visit to the directory: connect, bind as the account that searches, find the user, try
//! his password, find his groups.

use std::sync::atomic::Ordering;

use model::{Secret, Timestamp};
use tracing::{debug, warn};

use super::account::{self, Policy, State};
use super::client::{Connection, Entry, Fault, Outcome, Scope, Search};
use super::directory::Compiled;
use super::filter::{Filter, Values};
use super::groups::Membership;
use super::refusal::Refusal;
use super::rules::Gives;

/// What a visit found out.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Nobody comes in.
    Refused(Refusal),
    /// He may, and this is what the directory has of him.
    Admitted(Box<Admission>),
}

/// What the directory has of a user who may come in.
#[derive(Debug)]
pub(super) struct Admission {
    pub(super) entry: Entry,
    pub(super) groups: Vec<String>,
    pub(super) gives: Gives,
    pub(super) expires: Option<Timestamp>,
}

/// An early end: a refusal, or a fault. Both are returned by `?`.
enum End {
    Refused(Refusal),
    Fault(Fault),
}

impl From<Fault> for End {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Refusal> for End {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Asks the directory about a user, with his password where he sent one.
pub(super) async fn visit(
    directory: &Compiled,
    username: &str,
    password: Option<&Secret<String>>,
    now: Timestamp,
) -> Result<Verdict, Fault> {
    // A directory takes an empty password for no name at all, and one that begins with a zero
    // byte may be empty for what stands behind it (RFC 4513 section 5.1.2).
    if password.is_some_and(|it| it.expose().is_empty() || it.expose().contains('\0')) {
        return Ok(Verdict::Refused(Refusal::EmptyPassword));
    }
    let count = directory.settings.urls.len();
    let start = directory.last_good.load(Ordering::Relaxed);
    let mut last = None;
    // The servers of the directory, beginning with the one that answered last.
    for at in (0..count).map(|step| (start + step) % count) {
        match ask(directory, at, username, password, now).await {
            Ok(verdict) => {
                directory.last_good.store(at, Ordering::Relaxed);
                return Ok(verdict);
            }
            Err(fault) if fault.tries_next() => {
                if count > 1 {
                    warn!(provider = %directory.name, error = %fault, "directory server passed over");
                }
                last = Some(fault);
            }
            Err(fault) => return Err(fault),
        }
    }
    Err(last.unwrap_or_else(|| no_server(directory)))
}

/// Asks one server, to the end.
async fn ask(
    directory: &Compiled,
    at: usize,
    username: &str,
    password: Option<&Secret<String>>,
    now: Timestamp,
) -> Result<Verdict, Fault> {
    let mut connection = connect_to(directory, at).await?;
    let told = tell(directory, &mut connection, username, password, now).await;
    let verdict = match told {
        Ok(admission) => Verdict::Admitted(Box::new(admission)),
        Err(End::Refused(refusal)) => Verdict::Refused(refusal),
        Err(End::Fault(fault)) => return Err(fault),
    };
    connection.close().await;
    Ok(verdict)
}

async fn tell(
    directory: &Compiled,
    connection: &mut Connection,
    username: &str,
    password: Option<&Secret<String>>,
    now: Timestamp,
) -> Result<Admission, End> {
    let found = find(directory, connection, username).await?;
    if let Some(password) = password {
        try_password(directory, connection, &found, password, now).await?;
    }
    let entry = found?;
    let state = state(directory, connection, &entry, password.is_none(), now).await?;
    let forgiven = password.is_none() && directory.settings.keys_outlive_passwords;
    match state.refusal {
        None => {}
        Some(Refusal::PasswordExpired | Refusal::MustChangePassword) if forgiven => {}
        Some(refusal) => return Err(refusal.into()),
    }
    let membership = match directory.rules.ask_for_groups() {
        true => directory.groups.of(&entry, username, connection).await?,
        false => Membership::default(),
    };
    let gives = directory
        .rules
        .apply(&membership.known, &entry, &directory.settings);
    let gives = gives.map_err(|what| unreadable(&entry, what))?;
    Ok(Admission {
        gives: gives.ok_or(Refusal::NoGroup)?,
        groups: membership.names,
        expires: state.expires,
        entry,
    })
}

/// Tries his password, and goes on as the account that searches. Where nobody was found somebody
/// who does not exist is tried, so that both take the same work.
async fn try_password(
    directory: &Compiled,
    connection: &mut Connection,
    found: &Result<Entry, Refusal>,
    password: &Secret<String>,
    now: Timestamp,
) -> Result<(), End> {
    let Ok(entry) = found else {
        let bound = connection.bind(&directory.nobody, password).await;
        bound.map_err(|fault| tried_once(fault, &directory.nobody))?;
        return Ok(());
    };
    let bound = connection.bind(entry.dn(), password).await;
    let outcome = bound.map_err(|fault| tried_once(fault, entry.dn()))?;
    let told = account::told(&outcome).map_err(|()| Fault::Bind {
        dn: entry.dn().to_owned(),
        outcome: outcome.to_string(),
    })?;
    match told {
        Some(refusal) => Err(sharper(directory, entry, refusal, now).into()),
        None => Ok(directory.bind_service(connection).await?),
    }
}

/// A password that a server was given is not tried at the next one: it may have been counted.
fn tried_once(fault: Fault, dn: &str) -> Fault {
    match fault.tries_next() {
        true => Fault::Unanswered {
            dn: dn.to_owned(),
            source: Box::new(fault),
        },
        false => fault,
    }
}

fn no_server(directory: &Compiled) -> Fault {
    Fault::Unreadable {
        dn: directory.settings.base.clone(),
        what: "no server is configured".to_owned(),
    }
}

async fn connect_to(directory: &Compiled, at: usize) -> Result<Connection, Fault> {
    let settings = &directory.settings;
    let url = settings.urls.get(at).ok_or_else(|| no_server(directory))?;
    let tls = directory.tls.as_ref();
    let tls = tls.filter(|_| url.is_tls() || !settings.plaintext);
    let patience = settings.connect_timeout;
    let answers = settings.search_timeout;
    let mut connection = Connection::open(url, tls, patience, answers).await?;
    // A server that takes connections and says nothing is as good as one that is down.
    let bound = tokio::time::timeout(patience, directory.bind_service(&mut connection)).await;
    bound.map_err(|_| Fault::slow(url, patience))??;
    Ok(connection)
}

/// Finds the one entry of a user.
async fn find(
    directory: &Compiled,
    connection: &mut Connection,
    username: &str,
) -> Result<Result<Entry, Refusal>, Fault> {
    let settings = &directory.settings;
    let attributes: Vec<&str> = directory.attributes.iter().map(String::as_str).collect();
    let found = connection
        .search(&Search {
            base: &settings.base,
            scope: Scope::Subtree,
            filter: &directory.filter,
            values: Values { username, dn: "" },
            attributes: &attributes,
            size_limit: 2,
            time_limit: directory.time_limit(),
        })
        .await?;
    let base = || settings.base.clone();
    match found.outcome.code {
        Outcome::SUCCESS => {}
        Outcome::SIZE_LIMIT_EXCEEDED => return Ok(Err(Refusal::SeveralEntries)),
        Outcome::REFERRAL => return Err(Fault::Referral { base: base() }),
        _ => {
            let outcome = found.outcome.to_string();
            return Err(Fault::Search {
                base: base(),
                outcome,
            });
        }
    }
    if found.references > 0 {
        debug!(provider = %directory.name, references = found.references, "references to other directories are not followed");
    }
    let mut entries = found.entries.into_iter();
    Ok(match (entries.next(), entries.next()) {
        (None, _) => Err(Refusal::UnknownUser),
        (Some(entry), None) => spelled(directory, entry, username),
        (Some(_), Some(_)) => Err(Refusal::SeveralEntries),
    })
}

/// Directories find `bob` also as `BOB`. Here these would be two users with two homes.
fn spelled(directory: &Compiled, entry: Entry, username: &str) -> Result<Entry, Refusal> {
    let settings = &directory.settings;
    let name = settings.name_attribute();
    let same = entry.texts(name).any(|text| text == username);
    match same || !settings.exact_names {
        true => Ok(entry),
        false => Err(Refusal::OtherSpelling),
    }
}

/// Some directories say "wrong password" or "locked" of accounts that are out of use for another
/// reason, which stands in the entry.
fn sharper(directory: &Compiled, entry: &Entry, refusal: Refusal, now: Timestamp) -> Refusal {
    let kind = directory.settings.directory;
    match account::state(kind, entry, &Policy::default(), now) {
        Ok(State {
            refusal: Some(sharper),
            ..
        }) if matches!(refusal, Refusal::WrongPassword | Refusal::Locked) => sharper,
        _ => refusal,
    }
}

/// The state of the account. A bind has applied the password policy; where there was none, the
/// policy's entry is read.
async fn state(
    directory: &Compiled,
    connection: &mut Connection,
    entry: &Entry,
    read_policy: bool,
    now: Timestamp,
) -> Result<State, End> {
    let settings = &directory.settings;
    let named = account::policy_dn(entry).or(settings.password_policy.as_deref());
    let policy = match named {
        Some(dn) if read_policy => policy(directory, connection, dn).await?,
        _ if read_policy => Policy::default(),
        _ => Policy::applied(),
    };
    let state = account::state(settings.directory, entry, &policy, now);
    Ok(state.map_err(|what| unreadable(entry, what))?)
}

async fn policy(
    directory: &Compiled,
    connection: &mut Connection,
    dn: &str,
) -> Result<Policy, Fault> {
    let found = connection
        .search(&Search {
            base: dn,
            scope: Scope::Base,
            filter: &Filter::Present("objectClass".to_owned()),
            values: Values::default(),
            attributes: &Policy::ATTRIBUTES,
            size_limit: 1,
            time_limit: directory.time_limit(),
        })
        .await?;
    match (found.outcome.code, found.entries.first()) {
        (Outcome::SUCCESS, Some(entry)) => Ok(Policy::of(entry)),
        _ => Err(Fault::Unreadable {
            dn: dn.to_owned(),
            what: format!(
                "the account that searches cannot read this password policy: {}",
                found.outcome
            ),
        }),
    }
}

fn unreadable(entry: &Entry, what: String) -> Fault {
    Fault::Unreadable {
        dn: entry.dn().to_owned(),
        what,
    }
}
