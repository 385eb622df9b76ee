//! `[defence]`: who is kept out before he is asked who he is.

use identity::defence::{DefenceSettings, DeniedNames, GuardSettings, Rate, ScoreSettings};
use identity::{InvalidNetwork, Networks};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::Span;

/// `[defence]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct DefenceConfig {
    /// The networks that may connect; all where empty.
    pub allow: Vec<String>,
    /// The networks that may not, even where they are allowed too.
    pub deny: Vec<String>,
    /// Networks that are never scored, banned or slowed.
    pub exempt: Vec<IpNet>,
    /// Names about which nobody is asked.
    pub denied_names: Vec<String>,
    /// The score that ends in a ban; 0 for none.
    pub ban_at: u32,
    /// Points of a refused login.
    pub refused_login: u32,
    /// Points of a denied name.
    pub denied_name: u32,
    /// Points of a connection that let the time for the login pass.
    pub stalled: u32,
    /// Points of a connection that broke the protocol's rules.
    pub protocol_error: u32,
    /// How long a point counts.
    pub forgiven_every: Span,
    /// How long the first ban is.
    pub ban: Span,
    /// How long a ban is at most.
    pub longest_ban: Span,
    /// How long a refusal is held back at most.
    pub tarpit: Span,
    /// How many connections wait in the tarpit at most.
    pub tarpit_places: u32,
    /// New connections of one address at once.
    pub connection_burst: u32,
    /// The time in which one more becomes possible.
    pub connection_every: Span,
    /// Attempts under one name at once, by strangers.
    pub attempt_burst: u32,
    /// The time in which one more becomes possible.
    pub attempt_every: Span,
    /// How long an attempt is held back at most.
    pub patience: Span,
    /// How long an address from which a user got in is no stranger to him.
    pub familiar: Span,
}

impl Default for DefenceConfig {
    fn default() -> Self {
        let names = [
            "admin", "support", "root", "ubuntu", "tomcat", "mysql", "solr", "postgres", "test",
            "user", "user1", "centos", "ec2_user",
        ];
        let loopback = ["127.0.0.0/8", "::1/128"];
        Self {
            allow: Vec::new(),
            deny: Vec::new(),
            exempt: loopback
                .iter()
                .filter_map(|text| text.parse().ok())
                .collect(),
            denied_names: names.map(str::to_owned).to_vec(),
            ban_at: 40,
            refused_login: 2,
            denied_name: 10,
            stalled: 4,
            protocol_error: 2,
            forgiven_every: Span::seconds(30),
            ban: Span::minutes(15),
            longest_ban: Span::minutes(24 * 60),
            tarpit: Span::seconds(5),
            tarpit_places: 256,
            connection_burst: 300,
            connection_every: Span::milliseconds(100),
            attempt_burst: 10,
            attempt_every: Span::seconds(3),
            patience: Span::seconds(10),
            familiar: Span::minutes(30 * 24 * 60),
        }
    }
}

impl DefenceConfig {
    /// What the types cannot say.
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        let none: [&str; 0] = [];
        let reads = |key, networks: &[String]| {
            let texts = networks.iter().map(String::as_str);
            let read = Networks::parse(texts, none);
            read.map(drop).map_err(|error| (key, error.to_string()))
        };
        reads("defence.allow", &self.allow)?;
        reads("defence.deny", &self.deny)?;
        if self.ban_at > 0 && self.forgiven_every.duration().is_zero() {
            let message = "must be longer than 0: points would not count at all".to_owned();
            return Err(("defence.forgiven_every", message));
        }
        if self.longest_ban.duration() < self.ban.duration() {
            let message = "must not be shorter than defence.ban".to_owned();
            return Err(("defence.longest_ban", message));
        }
        Ok(())
    }

    /// What the guard is told.
    ///
    /// # Errors
    /// A text that is no network; `check` would have said so.
    pub(crate) fn settings(&self) -> Result<GuardSettings, InvalidNetwork> {
        let texts = |networks: &[String]| networks.to_vec();
        let (allow, deny) = (texts(&self.allow), texts(&self.deny));
        let networks = Networks::parse(
            allow.iter().map(String::as_str),
            deny.iter().map(String::as_str),
        )?;
        let rate = |burst, every: Span| Rate {
            burst,
            every: every.duration(),
        };
        Ok(GuardSettings {
            defence: DefenceSettings {
                networks,
                denied_names: DeniedNames::new(self.denied_names.iter().map(String::as_str)),
                scores: ScoreSettings {
                    denied_name: self.denied_name,
                    refused: self.refused_login,
                    protocol: self.protocol_error,
                    stalled: self.stalled,
                    ban_at: self.ban_at,
                    forgiven_every: self.forgiven_every.duration(),
                    ban: self.ban.duration(),
                    longest_ban: self.longest_ban.duration(),
                    tarpit: self.tarpit.duration(),
                    exempt: self.exempt.clone(),
                },
                connections: rate(self.connection_burst, self.connection_every),
                attempts: rate(self.attempt_burst, self.attempt_every),
                patience: self.patience.duration(),
                familiar: self.familiar.duration(),
                ..DefenceSettings::default()
            },
            held: self.tarpit_places as usize,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_defence() {
        let settings = DefenceConfig::default().settings().expect("valid");
        let mut wanted = GuardSettings::default();
        wanted.defence.scores.exempt = DefenceConfig::default().exempt;
        // Sets of names have no order.
        settings_eq(&settings, &wanted);
        for name in &DefenceConfig::default().denied_names {
            assert!(wanted.defence.denied_names.contains(name), "{name}");
        }
    }

    fn settings_eq(a: &GuardSettings, b: &GuardSettings) {
        let text = |settings: &GuardSettings| {
            let mut settings = settings.clone();
            settings.defence.denied_names = DeniedNames::new([]);
            format!("{settings:?}")
        };
        assert_eq!(text(a), text(b));
    }

    #[test]
    fn what_cannot_be_is_refused_by_its_key() {
        let refused = |change: fn(&mut DefenceConfig)| {
            let mut config = DefenceConfig::default();
            change(&mut config);
            config.check().expect_err("refused").0
        };
        DefenceConfig::default().check().expect("valid");
        assert_eq!(refused(|c| c.deny = vec!["x".to_owned()]), "defence.deny");
        let odd = refused(|c| c.allow = vec!["192.0.2.1/24".to_owned()]);
        assert_eq!(odd, "defence.allow");
        let never = refused(|c| c.forgiven_every = Span::seconds(0));
        assert_eq!(never, "defence.forgiven_every");
        assert_eq!(
            refused(|c| c.ban = Span::minutes(9999)),
            "defence.longest_ban"
        );
    }
}
