//! Every provider, by every method, with every client, while it is up, down, slow, lying, and
//! giving everybody a role that is not known here: one
//! table (`matrix/table.txt`), of which each test fills the rows of its provider.

mod breaker;
mod built_in;
mod directories;
mod moto;
mod questions;

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use identity::{Totp, TotpSettings};
use model::{Clock as _, Secret, SystemClock};

use crate::clients::{Client, Login};
use crate::gate::{Gate, Known, ROLE};

/// The secret of everybody's one-time passwords.
const TOTP: &str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";

/// By what somebody logs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Password,
    Key,
    KeyAndPassword,
    Interactive,
    OneTimePassword,
}

impl Method {
    const ALL: [Self; 5] = [
        Self::Password,
        Self::Key,
        Self::KeyAndPassword,
        Self::Interactive,
        Self::OneTimePassword,
    ];

    /// Where it stands among all, to tell them different lies.
    pub(crate) fn index(self) -> usize {
        self as usize
    }

    /// What the client of this place shows: of the second one a later one-time password, since
    /// each is taken once.
    fn login(self, client: usize) -> Login {
        match self {
            Self::Password => Login::Password,
            Self::Key => Login::Key,
            Self::KeyAndPassword => Login::KeyAndPassword,
            Self::Interactive => Login::Interactive,
            Self::OneTimePassword => Login::Code(code(client)),
        }
    }

    /// What his row asks for, and whether for a one-time password as well.
    fn asked(self) -> (Option<&'static str>, Option<&'static str>) {
        match self {
            Self::KeyAndPassword => (Some("PUBLIC_KEY_AND_PASSWORD"), None),
            Self::OneTimePassword => (Some("PASSWORD"), Some(TOTP)),
            Self::Password | Self::Key | Self::Interactive => (None, None),
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Password => "password",
            Self::Key => "key",
            Self::KeyAndPassword => "key-and-password",
            Self::Interactive => "interactive",
            Self::OneTimePassword => "totp",
        })
    }
}

/// How a provider is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Up,
    Down,
    Slow,
    Lying,
    /// Up, and gives everybody a role that nobody made here.
    Role,
}

impl State {
    const ALL: [Self; 5] = [Self::Up, Self::Down, Self::Slow, Self::Lying, Self::Role];

    /// What it is asked within: the slow ones not for long, the others for as long as a machine may
    /// need that has much to do.
    pub(crate) fn bounds(self) -> String {
        let deadline = match self {
            Self::Slow => "1s",
            _ => "30s",
        };
        let bounds = format!("deadline = {deadline:?}\nkey_cache = \"0ms\"\n");
        match self {
            Self::Role => format!("{bounds}roles = {{ {ROLE:?} = \"nobody-knows\" }}\n"),
            _ => bounds,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Slow => "slow",
            Self::Lying => "lying",
            Self::Role => "role",
        })
    }
}

/// A kind of provider, each of whose cells asks a provider of its own: so no breaker and no memory
/// of one cell shows in another.
pub(crate) struct Kind<'a> {
    /// As the table names it.
    pub(crate) name: &'static str,
    /// Who logs in.
    pub(crate) user: &'static str,
    /// The tables of a provider of this name, for this cell.
    pub(crate) table: &'a (dyn Fn(&str, State, Method) -> String + Sync),
}

/// What the log says of a role that nobody made here.
const UNKNOWN_ROLE: &str = "the provider names a role that is not known here: make one with this \
    ARN, or map the word in the provider's roles";

/// What the log says of an outage, and what the table says of it.
const OUTAGES: [(&str, &str); 13] = [
    (UNKNOWN_ROLE, "a role that is not known here"),
    ("Connection refused", "nobody there"),
    ("did not answer within 1s", "too late"),
    ("not a JSON object", "no JSON"),
    (
        "answered 200, an error without a code",
        "no answer of its kind",
    ),
    ("longer than 6 MiB", "too long"),
    ("a redirect", "a redirect"),
    ("answered 307", "a redirect"),
    ("answered 500", "an error of its own"),
    (
        "invalid peer certificate: BadSignature",
        "of another authority",
    ),
    ("not valid for name", "of another name"),
    ("HomeDirectoryDetails", "no mappings"),
    ("PublicKeys: it must not be there", "keys for a password"),
];

/// What is said where there is nothing to fill in.
const NOT_ASKED: &str = "- (nobody else is asked)";

impl Kind<'_> {
    fn provider(&self, state: State, method: Method) -> String {
        format!("{}-{state}-{method}", self.name)
    }

    /// Logs in by every cell, and holds what came of it against the table.
    pub(crate) async fn fill(&self, ready: impl AsyncFnOnce(&Gate)) {
        let cells = || {
            State::ALL
                .into_iter()
                .flat_map(|state| Method::ALL.map(|it| (state, it)))
        };
        let mut tables = String::new();
        let mut known = Vec::new();
        for (state, method) in cells() {
            let provider = self.provider(state, method);
            tables += &(self.table)(&provider, state, method);
            let (methods, totp) = method.asked();
            known.push(Known {
                name: format!("{}@@{provider}", self.user),
                provider: Some(provider),
                methods,
                totp,
            });
        }
        let gate = Gate::open_to(&tables, &known).await;
        ready(&gate).await;
        let outcome = |state, method, client: usize, with: &Client| {
            let provider = self.provider(state, method);
            let user = format!("{}@@{provider}", self.user);
            let before = told(&gate, &provider).len();
            match gate.admits(with, &user, &method.login(client)) {
                true => "in".to_owned(),
                false => reason(&told(&gate, &provider)[before..]),
            }
        };
        let found = tokio::task::block_in_place(|| logins(&State::ALL, &outcome));
        compare(self.name, &found);
        gate.assert_no_secret_is_logged();
    }
}

/// What the log says of a provider that has given nobody a word, or a role that is not known.
fn told(gate: &Gate, provider: &str) -> Vec<String> {
    let unknown = gate.told(UNKNOWN_ROLE, provider).into_iter();
    let unknown = unknown.map(|_| UNKNOWN_ROLE.to_owned());
    gate.errors(provider).into_iter().chain(unknown).collect()
}

/// What a refusal came from, by what was `told` for it: once, or twice where a client was put out
/// while it sent the next of what it has.
fn reason(told: &[String]) -> String {
    let word = |error: &String| {
        let known = OUTAGES.iter().find(|(text, _)| error.contains(text));
        known.map_or(error.as_str(), |(_, word)| word).to_owned()
    };
    let words: BTreeSet<String> = told.iter().map(word).collect();
    match words.first() {
        Some(word) if words.len() == 1 => format!("refused: {word}"),
        _ => format!("refused, and told {told:?}"),
    }
}

type Outcome<'a> = &'a (dyn Fn(State, Method, usize, &Client) -> String + Sync);

/// Logs in by each method at once, by each client in turn.
fn logins(states: &[State], outcome: Outcome<'_>) -> Vec<String> {
    let clients = crate::clients::both();
    let of_method = |method: Method| {
        let mut lines = Vec::new();
        for state in states {
            for (at, client) in clients.iter().enumerate() {
                let outcome = outcome(*state, method, at, client);
                lines.push(format!(
                    "{method:<17}{:<9}{state:<6}{outcome}",
                    client.name()
                ));
            }
        }
        lines
    };
    std::thread::scope(|threads| {
        let all = Method::ALL.map(|method| threads.spawn(move || of_method(method)));
        let all = all.into_iter().map(|one| one.join().expect("logins"));
        all.flatten().collect()
    })
}

/// The rows of a provider, as they are committed.
fn committed(provider: &str) -> Vec<String> {
    let lines = include_str!("table.txt").lines();
    let rows = lines
        .filter_map(|line| line.split_once(' '))
        .filter(|(name, _)| *name == provider);
    rows.map(|(_, row)| row.trim_start().to_owned()).collect()
}

fn compare(provider: &str, found: &[String]) {
    let rows = |rows: &[String]| -> String {
        let rows = rows.iter().map(|row| format!("{provider:<10}{row}\n"));
        rows.collect()
    };
    let committed = committed(provider);
    assert!(
        committed == found,
        "matrix/table.txt has\n{}and what came of it is\n{}",
        rows(&committed),
        rows(found)
    );
}

/// The one-time password of so many periods from now.
fn code(periods: usize) -> u32 {
    let secret = Secret::new(TOTP.to_owned());
    let totp = Totp::from_base32(&secret, TotpSettings::default()).expect("a secret");
    let ahead = Duration::from_secs(30) * u32::try_from(periods).expect("few");
    let code = totp.at(totp.step(SystemClock.now().plus(ahead)));
    code.parse().expect("digits")
}

/// The URL of something on which nobody listens: the port of discarded things.
pub(crate) const NOBODY: &str = "127.0.0.1:9";

/// An empty cell is a failure: each provider has one for every state, method and client.
#[test]
fn the_table_is_whole() {
    let lines: Vec<&str> = include_str!("table.txt").lines().collect();
    for provider in ["built-in", "http", "lambda", "dynamodb", "openldap", "ad"] {
        for method in Method::ALL {
            for client in ["openssh", "paramiko"] {
                for state in State::ALL {
                    let cell = format!("{provider:<10}{method:<17}{client:<9}{state:<6}");
                    let mut rows = lines.iter().filter(|line| line.starts_with(&cell));
                    let outcome = rows.next().map(|row| &row[cell.len()..]);
                    let right = match (provider, state) {
                        (_, State::Up) => outcome == Some("in"),
                        ("built-in", _) => outcome == Some(NOT_ASKED),
                        _ => outcome.is_some_and(|it| it.starts_with("refused: ")),
                    };
                    assert!(right && rows.next().is_none(), "{cell}: {outcome:?}");
                }
            }
        }
    }
    assert_eq!(lines.len(), 6 * 5 * 2 * 5, "and nothing else");
}
