//! What would become of a login, without one: the answer of `TestIdentityProvider`, and more.

use std::net::{IpAddr, SocketAddr};

use database::{HomeType, Mapping, User};
use model::{Secret, ServerId, UserName};

use crate::login::{is_over, question};
use crate::provider::{Answer, Asked, Credential, PasswordCheck, Profile};
use crate::{BUILT_IN, Identity, Peer, PublicKey, Refused, Route};

/// What is tried.
#[derive(Debug, Clone)]
pub enum TestCredential {
    /// Nothing: what is known of him.
    Nothing,
    /// A password.
    Password(Secret<String>),
    /// A key, without a signature.
    Key(PublicKey),
}

/// What would become of a login. Nothing is recorded, counted or cached by it.
#[derive(Debug, Clone)]
pub struct TestReport {
    /// Who is asked about the name; none where nobody is.
    pub provider: Option<String>,
    /// The name that it is asked about.
    pub user: String,
    /// What happened, in order; for people.
    pub steps: Vec<String>,
    /// Whether who was asked said anything: a refusal is an answer.
    pub answered: bool,
    /// What he would get, or why he would be refused.
    pub outcome: Result<Tested, String>,
}

/// Who would come in, and with what.
#[derive(Debug, Clone)]
pub struct Tested {
    /// The name that he is recorded under.
    pub recorded_as: String,
    /// What his provider knows him by.
    pub external_id: Option<String>,
    /// What the provider called his role.
    pub said_role: Option<String>,
    /// The name of his role.
    pub role: Option<String>,
    /// His session policy.
    pub policy: Option<String>,
    /// How he sees where he is.
    pub home_type: HomeType,
    /// `/bucket/prefix`.
    pub home_directory: String,
    /// What he sees besides or instead of it.
    pub mappings: Vec<Mapping>,
    /// His keys.
    pub keys: Vec<PublicKey>,
    /// His groups at the provider.
    pub groups: Vec<String>,
    /// What he has to show, and whether a one-time password comes after it.
    pub methods: String,
    /// Whether a one-time password is asked for besides.
    pub one_time_password: bool,
}

impl Identity {
    /// Tries a login up to where it would be recorded.
    ///
    /// `user` is a login name, with `@@provider` where a client would send it so.
    pub async fn test(
        &self,
        server: &ServerId,
        user: &str,
        credential: &TestCredential,
        source: IpAddr,
    ) -> TestReport {
        let mut report = TestReport {
            provider: None,
            user: user.to_owned(),
            steps: Vec::new(),
            answered: true,
            outcome: Err("nobody was asked".to_owned()),
        };
        let peer = Peer::new(SocketAddr::new(source, 0));
        let roster = self.roster();
        let outcome = match roster.routing().route(user) {
            Err(why) => Err(why.to_string()),
            Ok(Route { provider, user }) => {
                report.provider = Some(provider.to_string());
                report.user = user.to_string();
                match roster.provider(provider.as_str()) {
                    None if provider.as_str() == BUILT_IN => {
                        let steps = &mut report.steps;
                        self.test_built_in(server, &user, credential, &peer, steps)
                            .await
                    }
                    None => Err(format!("provider {provider} is not configured")),
                    Some(asked) => {
                        self.test_external(asked, server, user, credential, &peer, &mut report)
                            .await
                    }
                }
            }
        };
        TestReport { outcome, ..report }
    }

    async fn test_built_in(
        &self,
        server: &ServerId,
        name: &UserName,
        credential: &TestCredential,
        peer: &Peer,
        steps: &mut Vec<String>,
    ) -> Result<Tested, String> {
        let found = self.database().users().credentials(server, name).await;
        let found = found.map_err(|error| error.to_string())?;
        let found = found.filter(|found| found.user.provider.is_none());
        let found = found.ok_or("the database has no user of this name")?;
        steps.push("the database has a user of this name".to_owned());
        let keys = found
            .keys
            .iter()
            .filter_map(|key| PublicKey::parse(&format!("{} {}", key.algorithm, key.body)).ok());
        let keys: Vec<_> = keys.collect();
        match credential {
            TestCredential::Nothing => {}
            TestCredential::Key(key) => self.test_key(key, &keys, steps)?,
            TestCredential::Password(password) => {
                let hash = found.user.password_hash.as_ref();
                hash.ok_or("he has no password")?;
                self.test_hash(password, hash, steps).await?;
            }
        }
        self.test_row(&found.user, peer, steps)?;
        Ok(self.tested(&found.user, None, keys, Vec::new()))
    }

    async fn test_external(
        &self,
        asked: &Asked,
        server: &ServerId,
        user: UserName,
        credential: &TestCredential,
        peer: &Peer,
        report: &mut TestReport,
    ) -> Result<Tested, String> {
        let provider = asked.name();
        let recorded_as = format!("{user}{}{provider}", User::PROVIDER_SEPARATOR);
        let recorded_as = UserName::parse(&recorded_as).map_err(|error| error.to_string())?;
        let row = self.database().users().by_name(server, &recorded_as).await;
        let row = row.map_err(|error| error.to_string())?;
        match &row {
            Some(row) => self.test_row(row, peer, &mut report.steps)?,
            None => report
                .steps
                .push(format!("he never came before, as {recorded_as}")),
        }
        let asked_about = match credential {
            TestCredential::Password(password) if !password.expose().is_empty() => {
                Credential::Password(password.clone())
            }
            TestCredential::Password(_) => return Err("an empty password is asked nobody".into()),
            TestCredential::Nothing | TestCredential::Key(_) => Credential::Keys,
        };
        let question = question(asked_about, user, server, peer);
        let profile = match asked.ask_anew(&question).await {
            Err(unanswered) => {
                report.answered = false;
                return Err(format!("{provider} gave no answer: {unanswered}"));
            }
            Ok(Answer::Refused(why)) => return Err(format!("{provider} refuses: {why}")),
            Ok(Answer::Admitted(profile)) => profile,
        };
        report.steps.push(format!("{provider} admits him"));
        self.test_profile(&profile, credential, &mut report.steps)
            .await?;
        let said = self
            .external_user(asked, &profile, server, recorded_as)
            .await;
        let said = said.map_err(|refused| explain(&refused))?;
        let row = row.unwrap_or_else(|| said.clone().into_row(self.clock().now()));
        let row = User {
            external_id: said.external_id,
            home_type: said.home_type,
            home_directory: said.home_directory,
            mappings: said.mappings,
            role: said.role,
            session_policy: said.session_policy,
            ..row
        };
        let Profile {
            keys, groups, role, ..
        } = *profile;
        Ok(self.tested(&row, role, keys, groups))
    }

    async fn test_profile(
        &self,
        profile: &Profile,
        credential: &TestCredential,
        steps: &mut Vec<String>,
    ) -> Result<(), String> {
        match (credential, &profile.password) {
            (TestCredential::Nothing, _) => {}
            (TestCredential::Key(key), _) => self.test_key(key, &profile.keys, steps)?,
            (TestCredential::Password(_), PasswordCheck::Verified) => {
                steps.push("the provider says that the password is right".to_owned());
            }
            (TestCredential::Password(password), PasswordCheck::Hash(hash)) => {
                self.test_hash(password, Some(hash), steps).await?;
            }
            (TestCredential::Password(_), PasswordCheck::NotAsked) => {
                return Err("the provider did not look at the password".to_owned());
            }
        }
        match is_over(profile, self.clock()) {
            true => Err("his account has ended, by his provider's word".to_owned()),
            false => Ok(()),
        }
    }

    async fn test_hash(
        &self,
        password: &Secret<String>,
        hash: Option<&Secret<String>>,
        steps: &mut Vec<String>,
    ) -> Result<(), String> {
        let right = self.passwords().verify(password, hash).await;
        match right.map_err(|error| error.to_string())? {
            true => {
                steps.push("the password is that of the hash".to_owned());
                Ok(())
            }
            false => Err("the password is not that of the hash".to_owned()),
        }
    }

    fn test_key(
        &self,
        key: &PublicKey,
        keys: &[PublicKey],
        steps: &mut Vec<String>,
    ) -> Result<(), String> {
        if !keys.iter().any(|his| his.blob() == key.blob()) {
            let count = keys.len();
            return Err(format!("{} is none of his {count} keys", key.fingerprint()));
        }
        if self.trust().revokes(key.blob()) {
            return Err(format!("{} is revoked", key.fingerprint()));
        }
        steps.push(format!("{} is one of his keys", key.fingerprint()));
        Ok(())
    }

    fn test_row(&self, row: &User, peer: &Peer, steps: &mut Vec<String>) -> Result<(), String> {
        self.admissible(row, peer)
            .map_err(|refused| explain(&refused))?;
        steps.push("he is not disabled, not expired, and may come from there".to_owned());
        Ok(())
    }

    fn tested(
        &self,
        row: &User,
        said_role: Option<String>,
        keys: Vec<PublicKey>,
        groups: Vec<String>,
    ) -> Tested {
        let methods = row.methods.clone();
        Tested {
            recorded_as: row.name.to_string(),
            external_id: row.external_id.clone(),
            said_role,
            role: row.role.clone(),
            policy: row.session_policy.clone(),
            home_type: row.home_type,
            home_directory: row.home_directory.clone(),
            mappings: row.mappings.clone(),
            keys,
            groups,
            methods: methods.unwrap_or_else(|| self.methods().to_string()),
            one_time_password: row.totp.is_some(),
        }
    }
}

/// A refusal in words, for staff.
fn explain(refused: &Refused) -> String {
    match refused {
        Refused::Disabled => "the user is disabled".to_owned(),
        Refused::Expired => "the user's account has expired".to_owned(),
        Refused::Network => "the user may not come from this address".to_owned(),
        Refused::UnknownRole(role) => {
            format!("the role {role:?} is not known here: make one with this ARN, or map it")
        }
        Refused::Unavailable(error) => error.to_string(),
        other => other.reason().replace('_', " "),
    }
}
