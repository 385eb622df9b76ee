//! What a provider said a moment ago: admissions only, for a short time.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::hmac;
use model::Timestamp;
use rand::Rng;

use super::{Answer, Credential, ProviderSettings, Question};

/// Admissions, by everything that was asked. Passwords are kept as a keyed digest alone.
pub(super) struct Cache {
    key: hmac::Key,
    entries: Mutex<HashMap<[u8; 32], Entry>>,
}

struct Entry {
    until: Timestamp,
    answer: Answer,
}

impl Cache {
    /// The most admissions that are kept; above it none is added until some run out.
    const MOST: usize = 10_000;

    pub(super) fn new() -> Self {
        let secret: [u8; 32] = rand::rng().random();
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, &secret),
            entries: Mutex::default(),
        }
    }

    pub(super) fn find(&self, question: &Question, now: Timestamp) -> Option<Answer> {
        let digest = self.digest(question);
        let entries = self.entries();
        let entry = entries.get(&digest).filter(|entry| now < entry.until);
        entry.map(|entry| entry.answer.clone())
    }

    /// Keeps an admission for as long as the settings say of its question.
    pub(super) fn keep(
        &self,
        question: &Question,
        answer: &Answer,
        settings: &ProviderSettings,
        now: Timestamp,
    ) {
        let kept_for = match question.credential {
            Credential::Keys | Credential::Certificate => settings.key_cache,
            Credential::Password(_) => settings.password_cache,
        };
        if kept_for.is_zero() || matches!(answer, Answer::Refused(_)) {
            return;
        }
        let digest = self.digest(question);
        let mut entries = self.entries();
        if entries.len() >= Self::MOST {
            entries.retain(|_, entry| now < entry.until);
        }
        if entries.len() < Self::MOST {
            let entry = Entry {
                until: now.plus(kept_for),
                answer: answer.clone(),
            };
            entries.insert(digest, entry);
        }
    }

    fn digest(&self, question: &Question) -> [u8; 32] {
        let source = question.source.to_string();
        let (kind, password) = match &question.credential {
            Credential::Keys => ("keys", ""),
            Credential::Certificate => ("certificate", ""),
            Credential::Password(password) => ("password", password.expose().as_str()),
        };
        let protocol = format!("{:?}", question.protocol);
        let mut context = hmac::Context::with_key(&self.key);
        for part in [
            kind,
            &question.server_id.to_string(),
            question.user.as_str(),
            &source,
            &protocol,
            password,
        ] {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(context.sign().as_ref());
        digest
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<[u8; 32], Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cache").finish_non_exhaustive()
    }
}
