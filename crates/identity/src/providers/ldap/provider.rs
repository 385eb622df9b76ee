//! The provider: a question becomes a visit to the directory, and what it has becomes a profile.

use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use model::Clock;
use tracing::warn;

use super::client::{Entry, Fault};
use super::directory::{Compiled, InvalidLdapSettings};
use super::settings::{Directory, LdapSettings};
use super::visit::{Admission, Verdict, visit};
use crate::provider::{
    Answer, Credential, PasswordCheck, Profile, Provider, ProviderError, Question,
};
use crate::{ProviderName, PublicKey, metrics};

/// The most keys that are read of one entry.
const MOST_KEYS: usize = 100;

/// A directory as identity provider. One connection for each question, so that no user's bind is
/// ever taken for another's.
#[derive(Debug)]
pub struct Ldap {
    directory: Compiled,
    clock: Arc<dyn Clock>,
}

impl Ldap {
    /// Checks the settings and reads the CA file. Nothing is asked yet.
    ///
    /// # Errors
    /// [`InvalidLdapSettings`] says what cannot be used, and of which provider.
    pub fn new(
        name: ProviderName,
        settings: LdapSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, InvalidLdapSettings> {
        let directory = Compiled::new(name, settings)?;
        if directory.tls.is_none() {
            warn!(provider = %directory.name, "this directory is asked without TLS: whoever is on the way reads passwords");
        }
        Ok(Self { directory, clock })
    }

    async fn answer(&self, question: &Question) -> Result<Answer, ProviderError> {
        let password = match &question.credential {
            Credential::Keys | Credential::Certificate => None,
            Credential::Password(password) => Some(password),
        };
        let name = &self.directory.name;
        let visited = visit(
            &self.directory,
            question.user.as_str(),
            password,
            self.clock.now(),
        );
        let outcome = |word: &'static str| {
            let labels = [("provider", name.to_string()), ("outcome", word.to_owned())];
            ::metrics::counter!(metrics::LDAP_ANSWERS, &labels).increment(1);
        };
        match visited.await {
            Ok(Verdict::Admitted(admission)) => {
                outcome("admitted");
                Ok(Answer::Admitted(Box::new(
                    self.profile(*admission, password.is_some()),
                )))
            }
            Ok(Verdict::Refused(refusal)) => {
                outcome(refusal.reason());
                Ok(Answer::Refused(refusal.to_string()))
            }
            Err(fault) => {
                let error = ProviderError::from(fault);
                outcome(error.reason());
                Err(error)
            }
        }
    }

    fn profile(&self, admission: Admission, verified: bool) -> Profile {
        let settings = &self.directory.settings;
        let Admission {
            entry,
            groups,
            gives,
            expires,
        } = admission;
        Profile {
            external_id: external_id(&entry, settings),
            role: gives.role,
            policy: gives.policy,
            home: gives.home.into(),
            keys: match verified {
                true => Vec::new(),
                false => keys(&entry, settings, &self.directory.name),
            },
            password: match verified {
                true => PasswordCheck::Verified,
                false => PasswordCheck::NotAsked,
            },
            expires,
            groups,
        }
    }
}

impl Provider for Ldap {
    fn name(&self) -> &ProviderName {
        &self.directory.name
    }

    fn ask<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Result<Answer, ProviderError>> {
        self.answer(question).boxed()
    }

    fn knows_users_without_password(&self) -> bool {
        true
    }
}

/// What it says about the provider: that it is not there, that it does not answer as it must, or
/// nothing, where one user is at fault.
impl From<Fault> for ProviderError {
    fn from(fault: Fault) -> Self {
        let text = fault.to_string();
        match fault {
            Fault::Malformed { .. } | Fault::Referral { .. } => Self::malformed(text),
            Fault::Bind { .. } | Fault::TooManyGroups { .. } | Fault::Unreadable { .. } => {
                Self::unusable(text)
            }
            _ => Self::unavailable(text),
        }
    }
}

/// What stays when the name changes. Active Directory keeps it in the bytes of a GUID.
fn external_id(entry: &Entry, settings: &LdapSettings) -> Option<String> {
    let name = settings.id_attribute();
    let bytes = entry.values(name).first()?;
    match (settings.directory, <[u8; 16]>::try_from(bytes.as_slice())) {
        (Directory::ActiveDirectory, Ok(bytes)) => Some(guid(bytes)),
        _ => entry.text(name).map(str::to_owned),
    }
}

/// As Windows writes it: the first three fields in the order of its processors.
fn guid(b: [u8; 16]) -> String {
    let [a0, a1, a2, a3, b0, b1, c0, c1, rest @ ..] = b;
    let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
    let [d0, d1, node @ ..] = rest;
    let fields = [
        hex(&[a3, a2, a1, a0]),
        hex(&[b1, b0]),
        hex(&[c1, c0]),
        hex(&[d0, d1]),
        hex(&node),
    ];
    fields.join("-")
}

/// The keys of an entry. What is none is passed over, and the log says so.
fn keys(entry: &Entry, settings: &LdapSettings, provider: &ProviderName) -> Vec<PublicKey> {
    let mut keys = Vec::new();
    for text in entry.texts(settings.keys_attribute()).take(MOST_KEYS) {
        match PublicKey::parse(text) {
            Ok(key) => keys.push(key),
            Err(error) => warn!(%provider, dn = entry.dn(), %error, "key passed over"),
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_is_written_as_windows_does() {
        let mut settings = LdapSettings::new(Vec::new(), "");
        settings.directory = Directory::ActiveDirectory;
        let mut entry = Entry::new("cn=a");
        let bytes = [
            0xc8, 0xe0, 0xd7, 0x3e, 0x0c, 0x5a, 0x18, 0x4d, 0xb4, 0x99, 0xbc, 0xde, 0x18, 0x70,
            0x1c, 0x77,
        ];
        entry.insert("objectGUID", vec![bytes.to_vec()]);
        let id = external_id(&entry, &settings);
        assert_eq!(id.as_deref(), Some("3ed7e0c8-5a0c-4d18-b499-bcde18701c77"));
    }

    #[test]
    fn what_is_no_key_is_passed_over() {
        let settings = LdapSettings::new(Vec::new(), "");
        let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop alice";
        let mut entry = Entry::new("uid=a");
        entry.insert(
            "sshPublicKey",
            vec![b"nonsense".to_vec(), key.into(), b"\xff".to_vec()],
        );
        let keys = keys(&entry, &settings, &ProviderName::parse("corp").unwrap());
        assert_eq!(keys.len(), 1);
        assert_eq!(keys[0].comment(), "alice");
    }
}
