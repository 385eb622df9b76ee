//! What happened at the door, for the audit log: each case by itself while they are few, counted
//! together when they are many, so that no flood fills the table.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::time::Duration;

use database::{AuditEntry, Outcome};
use model::{Event, EventKind, ServerId, Timestamp, UserName};
use serde_json::json;

use super::source::Source;

/// The stretch of time that is bounded.
const MINUTE: Duration = Duration::from_secs(60);
/// Rows of one source in it; of logins that succeeded ten times as many.
const ROWS_OF_SOURCE: u32 = 10;
/// Rows in it of everything that strangers can cause.
const ROWS: u32 = 300;
/// Kinds of refusals that are counted by source in it; beyond them all count as one.
const COUNTED: usize = 100;
/// Successful logins in it that are rows by themselves.
const LOGINS: u32 = 6000;
/// The longest name that is written down, in characters; names of strangers are as long as they
/// like.
const NAME: usize = 64;

/// What sort of case it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Sort {
    /// Somebody got in.
    Login,
    /// A connection, an offered key or a credential was refused.
    Refused,
    /// A credential is looked at later: what becomes of it is a case of its own.
    Slowed,
    /// An address was banned. Its row is written with the ban.
    Ban,
}

impl Sort {
    fn action(self) -> &'static str {
        match self {
            Self::Login => EventKind::Login.as_str(),
            Self::Refused => EventKind::LoginRefused.as_str(),
            Self::Slowed => "login_slowed",
            Self::Ban => EventKind::Ban.as_str(),
        }
    }

    fn outcome(self) -> Outcome {
        match self {
            Self::Refused => Outcome::Refused,
            Self::Login | Self::Slowed | Self::Ban => Outcome::Success,
        }
    }

    /// What others are told of it.
    fn event(self) -> Option<EventKind> {
        match self {
            Self::Login => Some(EventKind::Login),
            Self::Refused => Some(EventKind::LoginRefused),
            Self::Slowed | Self::Ban => None,
        }
    }
}

/// One case.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) sort: Sort,
    pub(super) address: Option<IpAddr>,
    /// As the client sent it; none where it had not come to that.
    pub(super) name: Option<String>,
    /// The user, where he is known for sure.
    pub(super) user: Option<(model::UserId, UserName)>,
    /// The method of a login.
    pub(super) subject: Option<String>,
    /// Why: `wrong_password`, `denied_name`, ..
    pub(super) reason: String,
}

/// An audit row, and its event where one is told.
pub(super) type Entry = (AuditEntry, Option<Event>);

/// The cases of a server.
#[derive(Debug)]
pub(super) struct Chronicle {
    server: ServerId,
    begun: Timestamp,
    entries: Vec<Entry>,
    strangers: u32,
    logins: u32,
    by_source: HashMap<(Sort, Option<Source>), u32>,
    counted: BTreeMap<(Action, Option<Source>, String), (Outcome, u64)>,
}

/// The name of a kind, by which rows are ordered.
type Action = &'static str;

impl Chronicle {
    pub(super) fn new(server: ServerId, now: Timestamp) -> Self {
        Self {
            server,
            begun: now,
            entries: Vec::new(),
            strangers: 0,
            logins: 0,
            by_source: HashMap::new(),
            counted: BTreeMap::new(),
        }
    }

    /// Notes a case. True where it has a row of its own.
    pub(super) fn note(&mut self, case: &Case, now: Timestamp) -> bool {
        let source = case.address.map(Source::of);
        let room = self.has_room(case.sort, source);
        match room {
            true => self.entries.push(self.entry(case, now)),
            false => self.count(case, source),
        }
        room
    }

    /// Whether there is room for one more line of this kind in this minute; it is taken then.
    pub(super) fn has_room(&mut self, sort: Sort, source: Option<Source>) -> bool {
        let login = sort == Sort::Login;
        let all = if login {
            &mut self.logins
        } else {
            &mut self.strangers
        };
        let most = if login { LOGINS } else { ROWS };
        if *all >= most {
            return false;
        }
        let factor = if login { 10 } else { 1 };
        // No larger than what is let through below.
        let of_source = self.by_source.entry((sort, source)).or_default();
        if *of_source >= ROWS_OF_SOURCE * factor {
            return false;
        }
        *of_source += 1;
        *all += 1;
        true
    }

    fn count(&mut self, case: &Case, source: Option<Source>) {
        let action = case.sort.action();
        let exact = (action, source, case.reason.clone());
        let key = if self.counted.len() < COUNTED || self.counted.contains_key(&exact) {
            exact
        } else {
            (action, None, "many".to_owned())
        };
        let counted = self.counted.entry(key);
        counted.or_insert((case.sort.outcome(), 0)).1 += 1;
    }

    /// What is to be written by now. What was only counted comes at the end of its minute, or with
    /// `everything`.
    pub(super) fn take(&mut self, now: Timestamp, everything: bool) -> Vec<Entry> {
        if everything || now.since(self.begun) >= MINUTE {
            let counted = std::mem::take(&mut self.counted);
            for ((action, source, reason), sum) in counted {
                let entry = self.sum(action, source, &reason, sum, now);
                self.entries.push((entry, None));
            }
            self.by_source.clear();
            self.strangers = 0;
            self.logins = 0;
            self.begun = now;
        }
        std::mem::take(&mut self.entries)
    }

    /// They could not be written.
    pub(super) fn put_back(&mut self, mut entries: Vec<Entry>) {
        // What a long outage leaves is bounded like a minute.
        let room = (ROWS + LOGINS) as usize;
        entries.append(&mut self.entries);
        entries.truncate(room);
        self.entries = entries;
    }

    fn entry(&self, case: &Case, now: Timestamp) -> Entry {
        let mut entry = AuditEntry::new(case.sort.action(), case.sort.outcome(), now);
        entry.server = Some(self.server.clone());
        entry.address = case.address;
        entry.user = case.name.as_deref().map(written);
        if let Some((id, name)) = &case.user {
            entry.user_id = Some(*id);
            entry.user = Some(name.to_string());
        }
        entry.detail = json!({ "reason": case.reason, "method": case.subject });
        (
            entry,
            case.sort.event().map(|kind| self.event(kind, case, now)),
        )
    }

    fn event(&self, kind: EventKind, case: &Case, now: Timestamp) -> Event {
        let mut event = Event::new(kind, now, self.server.clone());
        event.client_address = case.address;
        match &case.user {
            Some((id, name)) => {
                event.user_id = Some(*id);
                event.user = Some(name.clone());
            }
            None => {
                let name = case.name.as_deref();
                event.user = name.and_then(|name| UserName::parse(name).ok());
            }
        }
        event
    }

    fn sum(
        &self,
        action: &str,
        source: Option<Source>,
        reason: &str,
        (outcome, count): (Outcome, u64),
        now: Timestamp,
    ) -> AuditEntry {
        let mut entry = AuditEntry::new(action, outcome, now);
        entry.server = Some(self.server.clone());
        entry.address = source.map(|source| source.network().network());
        entry.detail = json!({ "reason": reason, "count": count });
        entry
    }
}

/// A name that a stranger sent, fit for a row.
fn written(name: &str) -> String {
    let mut text: String = name
        .chars()
        .take(NAME)
        .flat_map(char::escape_debug)
        .collect();
    if name.chars().nth(NAME).is_some() {
        text.push_str("..");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_seconds(1_790_000_000);

    fn chronicle() -> Chronicle {
        Chronicle::new(ServerId::generate(), START)
    }

    fn case(address: [u8; 4], name: &str) -> Case {
        Case {
            sort: Sort::Refused,
            address: Some(address.into()),
            name: Some(name.to_owned()),
            user: None,
            subject: Some("password".to_owned()),
            reason: "unknown_user".to_owned(),
        }
    }

    fn at(seconds: u64) -> Timestamp {
        START.plus(Duration::from_secs(seconds))
    }

    #[test]
    fn a_flood_from_one_address_takes_ten_rows_and_a_sum_a_minute() {
        let mut chronicle = chronicle();
        for n in 0..1000 {
            chronicle.note(&case([192, 0, 2, 1], &format!("user{n}")), START);
        }
        chronicle.note(&case([192, 0, 2, 2], "other"), START);
        assert_eq!(chronicle.take(at(2), false).len(), 11);
        assert_eq!(chronicle.take(at(59), false).len(), 0);
        let sums = chronicle.take(at(60), false);
        assert_eq!(sums.len(), 1);
        assert_eq!(sums[0].0.detail["count"], 990);
        assert!(sums[0].1.is_none(), "no event for what is only counted");
    }

    #[test]
    fn a_flood_from_everywhere_takes_a_bounded_number_of_rows() {
        let mut chronicle = chronicle();
        for n in 0..100_000_u32 {
            chronicle.note(&case(n.to_be_bytes(), "x"), START);
        }
        let rows = chronicle.take(at(60), false);
        assert!(rows.len() <= 300 + 101, "{}", rows.len());
        let counts = rows.iter().filter_map(|row| row.0.detail["count"].as_u64());
        assert_eq!(counts.sum::<u64>(), 100_000 - 300, "and none is lost");
        assert!(chronicle.by_source.len() < 1000);
    }

    #[test]
    fn logins_that_succeed_are_not_crowded_out() {
        let mut chronicle = chronicle();
        for n in 0..1000_u32 {
            chronicle.note(&case(n.to_be_bytes(), "x"), START);
        }
        let login = Case {
            sort: Sort::Login,
            ..case([192, 0, 2, 1], "acme")
        };
        assert!(chronicle.note(&login, START));
    }

    #[test]
    fn attempts_that_wait_have_rows_and_are_no_events() {
        let mut chronicle = chronicle();
        let slowed = Case {
            sort: Sort::Slowed,
            ..case([192, 0, 2, 1], "acme")
        };
        for _ in 0..12 {
            chronicle.note(&slowed, START);
        }
        let rows = chronicle.take(at(60), false);
        assert_eq!(rows.len(), 11, "ten and a sum");
        for (row, event) in rows {
            assert_eq!((row.action.as_str(), event), ("login_slowed", None));
        }
    }

    #[test]
    fn names_of_strangers_are_written_short_and_without_control_characters() {
        let mut chronicle = chronicle();
        chronicle.note(&case([192, 0, 2, 1], "a\0\n\u{1b}b"), START);
        chronicle.note(&case([192, 0, 2, 1], &"x".repeat(10_000)), START);
        let rows = chronicle.take(START, false);
        assert_eq!(rows[0].0.user.as_deref(), Some("a\\0\\n\\u{1b}b"));
        assert_eq!(rows[1].0.user.as_ref().map(String::len), Some(66));
    }
}
