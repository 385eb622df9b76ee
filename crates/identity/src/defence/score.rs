//! Scores of addresses that offend, and the bans that they lead to.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use model::Timestamp;

use super::source::Source;
use super::tracked::{Fades, Tracked};

/// What counts against an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Offence {
    /// A name of the deny-list.
    DeniedName,
    /// A name that no user has.
    UnknownUser,
    /// A wrong password of a user.
    WrongPassword,
    /// A signature by a key that is not the user's. Keys that are only offered do not count:
    /// clients try all they have.
    WrongKey,
    /// A wrong one-time password behind a right one.
    WrongSecondFactor,
    /// A connection that spoke no SSH, or broke its rules.
    Protocol,
    /// A connection that ended, or ran out of time, without an attempt to log in.
    NoAttempt,
}

impl Offence {
    /// A word for metrics labels and audit rows.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DeniedName => "denied_name",
            Self::UnknownUser => "unknown_user",
            Self::WrongPassword => "wrong_password",
            Self::WrongKey => "wrong_key",
            Self::WrongSecondFactor => "wrong_second_factor",
            Self::Protocol => "protocol",
            Self::NoAttempt => "no_attempt",
        }
    }
}

/// What offences count, and when they end in a ban. A score loses a point every `forgiven_every`.
#[derive(Debug, Clone)]
pub struct ScoreSettings {
    /// Points of a name of the deny-list.
    pub denied_name: u32,
    /// Points of a name that no user has.
    pub unknown_user: u32,
    /// Points of a wrong password, key or one-time password.
    pub wrong_credential: u32,
    /// Points of a connection that broke the protocol's rules.
    pub protocol: u32,
    /// Points of a connection without an attempt.
    pub no_attempt: u32,
    /// The score that ends in a ban; 0 for none.
    pub ban_at: u32,
    /// How long a point counts.
    pub forgiven_every: Duration,
    /// How long the first ban is. Each that follows soon is twice as long.
    pub ban: Duration,
    /// How long a ban is at most, and how long after one the next is longer.
    pub longest_ban: Duration,
    /// How long a refusal is held back at most, just before a ban.
    pub tarpit: Duration,
    /// Networks that are never scored: health checks, the office.
    pub exempt: Vec<IpNet>,
}

impl Default for ScoreSettings {
    fn default() -> Self {
        Self {
            denied_name: 10,
            unknown_user: 5,
            wrong_credential: 2,
            protocol: 2,
            no_attempt: 1,
            ban_at: 40,
            forgiven_every: Duration::from_secs(30),
            ban: Duration::from_secs(15 * 60),
            longest_ban: Duration::from_secs(24 * 60 * 60),
            tarpit: Duration::from_secs(5),
            exempt: Vec::new(),
        }
    }
}

/// An address that is kept out for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ban {
    /// Who is kept out.
    pub source: Source,
    /// Until when.
    pub until: Timestamp,
    /// Why: the offence that led to it, or what staff wrote.
    pub reason: String,
}

/// The scores of all addresses that offended lately.
#[derive(Debug)]
pub struct Scores {
    settings: ScoreSettings,
    sources: Tracked<Source, Record>,
}

#[derive(Debug)]
struct Record {
    /// When the score will be zero again: each point is a stretch of time.
    clean: Timestamp,
    ban: Option<Ban>,
    /// How many bans in a row.
    bans: u32,
    /// Until when the next ban is a longer one.
    remembered: Timestamp,
}

impl Fades for Record {
    fn gone(&self) -> Timestamp {
        let banned = self.ban.as_ref().map_or(self.clean, |ban| ban.until);
        self.clean.max(banned).max(self.remembered)
    }
}

impl Scores {
    /// Nobody has a score. At most `remembered` sources have one at a time; of more, those go
    /// first that are soonest clean.
    pub fn new(settings: ScoreSettings, remembered: usize) -> Self {
        Self {
            settings,
            sources: Tracked::new(remembered),
        }
    }

    /// Counts an offence, and returns the ban that it led to. Offences during a ban lead to no
    /// other.
    pub fn offended(&mut self, address: IpAddr, offence: Offence, now: Timestamp) -> Option<Ban> {
        let address = address.to_canonical();
        if self
            .settings
            .exempt
            .iter()
            .any(|network| network.contains(&address))
        {
            return None;
        }
        let points = self.points(offence);
        let settings = &self.settings;
        let source = Source::of(address);
        let record = self.sources.entry(source, now, || Record::clean(now));
        if record.ban_at(now).is_some() {
            return None;
        }
        let counted = settings.forgiven_every.saturating_mul(points);
        record.clean = record.clean.max(now).plus(counted);
        let bound = settings.forgiven_every.saturating_mul(settings.ban_at);
        if settings.ban_at == 0 || points == 0 || record.clean.since(now) < bound {
            return None;
        }
        let ban = Ban {
            source,
            until: now.plus(record.next_ban(settings, now)),
            reason: offence.as_str().to_owned(),
        };
        record.bans = record.bans.saturating_add(1);
        record.clean = now;
        record.remembered = ban.until.plus(settings.longest_ban);
        record.ban = Some(ban.clone());
        Some(ban)
    }

    /// The ban that keeps an address out now.
    pub fn ban_of(&self, address: IpAddr, now: Timestamp) -> Option<Ban> {
        let record = self.sources.get(Source::of(address))?;
        record.ban_at(now).cloned()
    }

    /// How long a refusal is held back: in proportion to the score.
    pub fn tarpit(&self, address: IpAddr, now: Timestamp) -> Duration {
        let settings = &self.settings;
        let bound = settings.forgiven_every.saturating_mul(settings.ban_at);
        let record = self.sources.get(Source::of(address));
        let score = record.map_or(Duration::ZERO, |record| record.clean.since(now));
        match bound.is_zero() {
            true => Duration::ZERO,
            false => settings
                .tarpit
                .mul_f64((score.as_secs_f64() / bound.as_secs_f64()).min(1.0)),
        }
    }

    /// Keeps a source out because somebody says so. The longer of two bans counts.
    pub fn ban(&mut self, ban: Ban, now: Timestamp) {
        let until = ban.until;
        let record = self.sources.entry(ban.source, now, || Record::clean(now));
        if record.ban.as_ref().is_none_or(|other| other.until < until) {
            record.ban = Some(ban);
        }
    }

    /// Lets a source in again and forgets what it did. Returns whether it was banned.
    pub fn unban(&mut self, source: Source, now: Timestamp) -> bool {
        let record = self.sources.remove(source);
        record.is_some_and(|record| record.ban_at(now).is_some())
    }

    /// The bans that hold now, in the order of their sources.
    pub fn bans(&self, now: Timestamp) -> Vec<Ban> {
        let bans = self
            .sources
            .iter()
            .filter_map(|(_, record)| record.ban_at(now));
        let mut bans: Vec<Ban> = bans.cloned().collect();
        bans.sort_by_key(|ban| ban.source);
        bans
    }

    fn points(&self, offence: Offence) -> u32 {
        match offence {
            Offence::DeniedName => self.settings.denied_name,
            Offence::UnknownUser => self.settings.unknown_user,
            Offence::WrongPassword | Offence::WrongKey | Offence::WrongSecondFactor => {
                self.settings.wrong_credential
            }
            Offence::Protocol => self.settings.protocol,
            Offence::NoAttempt => self.settings.no_attempt,
        }
    }
}

impl Record {
    fn clean(now: Timestamp) -> Self {
        Self {
            clean: now,
            ban: None,
            bans: 0,
            remembered: now,
        }
    }

    fn ban_at(&self, now: Timestamp) -> Option<&Ban> {
        self.ban.as_ref().filter(|ban| ban.until > now)
    }

    fn next_ban(&mut self, settings: &ScoreSettings, now: Timestamp) -> Duration {
        if self.remembered <= now {
            self.bans = 0;
        }
        let doubled = 2_u32.saturating_pow(self.bans.min(31));
        settings
            .ban
            .saturating_mul(doubled)
            .min(settings.longest_ban)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_seconds(1_790_000_000);

    fn scores() -> Scores {
        let settings = ScoreSettings {
            exempt: vec!["198.51.100.0/24".parse().expect("network")],
            ..ScoreSettings::default()
        };
        Scores::new(settings, 1000)
    }

    fn guesser() -> IpAddr {
        IpAddr::from([192, 0, 2, 1])
    }

    fn at(seconds: u64) -> Timestamp {
        START.plus(Duration::from_secs(seconds))
    }

    /// How many wrong passwords, one every `pause` seconds, end in a ban.
    fn guesses_until_ban(scores: &mut Scores, mut now: u64, pause: u64) -> (usize, Option<Ban>) {
        for guess in 1..=200 {
            if let Some(ban) = scores.offended(guesser(), Offence::WrongPassword, at(now)) {
                return (guess, Some(ban));
            }
            now += pause;
        }
        (200, None)
    }

    #[test]
    fn twenty_wrong_passwords_in_a_row_end_in_a_ban_of_a_quarter_hour() {
        let (guesses, ban) = guesses_until_ban(&mut scores(), 0, 0);
        assert_eq!(guesses, 20);
        let ban = ban.expect("banned");
        assert_eq!(ban.until, at(15 * 60));
        assert_eq!(ban.reason, "wrong_password");
    }

    #[test]
    fn who_errs_seldom_is_never_banned() {
        assert_eq!(guesses_until_ban(&mut scores(), 0, 60).1, None);
        assert!(guesses_until_ban(&mut scores(), 0, 30).1.is_some());
    }

    #[test]
    fn bans_that_follow_each_other_are_longer_up_to_a_bound() {
        let mut scores = scores();
        let (mut now, mut lengths) = (0, Vec::new());
        for _ in 0..9 {
            let ban = guesses_until_ban(&mut scores, now, 0).1.expect("banned");
            let length = ban.until.since(at(now)).as_secs();
            lengths.push(length / 60);
            now += length;
        }
        assert_eq!(lengths, [15, 30, 60, 120, 240, 480, 960, 1440, 1440]);
        now += 24 * 60 * 60;
        let ban = guesses_until_ban(&mut scores, now, 0).1.expect("banned");
        assert_eq!(ban.until, at(now + 15 * 60), "a day later it is forgotten");
    }

    #[test]
    fn a_ban_is_one_however_much_follows() {
        let mut scores = scores();
        let ban = guesses_until_ban(&mut scores, 0, 0).1.expect("banned");
        for _ in 0..100 {
            assert_eq!(scores.offended(guesser(), Offence::DeniedName, at(1)), None);
        }
        assert_eq!(scores.ban_of(guesser(), at(2)), Some(ban.clone()));
        assert_eq!(scores.ban_of(guesser(), ban.until), None);
    }

    #[test]
    fn what_is_exempt_is_never_scored() {
        let mut scores = scores();
        let exempt = IpAddr::from([198, 51, 100, 9]);
        for _ in 0..100 {
            assert_eq!(scores.offended(exempt, Offence::DeniedName, START), None);
        }
        assert_eq!(scores.tarpit(exempt, START), Duration::ZERO);
    }

    #[test]
    fn no_ban_at_all_where_none_is_wanted() {
        let settings = ScoreSettings {
            ban_at: 0,
            ..ScoreSettings::default()
        };
        let mut scores = Scores::new(settings, 10);
        assert_eq!(guesses_until_ban(&mut scores, 0, 0).1, None);
        assert_eq!(scores.tarpit(guesser(), START), Duration::ZERO);
    }

    #[test]
    fn the_tarpit_grows_with_the_score_and_fades_with_it() {
        let mut scores = scores();
        assert_eq!(scores.tarpit(guesser(), START), Duration::ZERO);
        for _ in 0..10 {
            scores.offended(guesser(), Offence::WrongPassword, START);
        }
        assert_eq!(scores.tarpit(guesser(), START), Duration::from_millis(2500));
        assert_eq!(
            scores.tarpit(guesser(), at(300)),
            Duration::from_millis(1250)
        );
        assert_eq!(scores.tarpit(guesser(), at(600)), Duration::ZERO);
    }

    #[test]
    fn a_flood_of_addresses_does_not_wash_bans_away() {
        let mut scores = scores();
        let ban = guesses_until_ban(&mut scores, 0, 0).1.expect("banned");
        for n in 0..5000_u32 {
            let address = IpAddr::from(n.to_be_bytes());
            scores.offended(address, Offence::NoAttempt, at(1));
        }
        assert_eq!(scores.ban_of(guesser(), at(2)), Some(ban));
        assert!(scores.sources.iter().count() <= 1000);
    }

    #[test]
    fn the_longer_ban_counts() {
        let mut scores = scores();
        let source = Source::of(guesser());
        for seconds in [60, 600, 10] {
            scores.ban(
                Ban {
                    source,
                    until: at(seconds),
                    reason: String::new(),
                },
                START,
            );
        }
        assert_eq!(
            scores.ban_of(guesser(), at(599)).map(|ban| ban.until),
            Some(at(600))
        );
        assert_eq!(scores.bans(at(599)).len(), 1);
        assert!(scores.bans(at(600)).is_empty());
    }
}
