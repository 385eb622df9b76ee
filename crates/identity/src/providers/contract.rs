//! Between a question here and AWS Transfer's contract.

use crate::contract::{Admission, IdentityRequest, IdentityResponse};
use crate::provider::{Answer, Credential, PasswordCheck, Profile, ProviderError, Question};

/// The question, as the contract puts it. `server_id` is what the provider knows the server as,
/// where it does not know it by its own id.
pub(super) fn request(
    question: &Question,
    server_id: Option<&str>,
) -> Result<IdentityRequest, ProviderError> {
    let own = question.server_id.to_string();
    let server = server_id.unwrap_or(&own);
    let (user, source) = (question.user.clone(), question.source);
    match &question.credential {
        Credential::Keys => Ok(IdentityRequest::for_keys(server, user, source)),
        Credential::Certificate => Ok(IdentityRequest::for_certificate(server, user, source)),
        Credential::Password(password) => {
            let request = IdentityRequest::for_password(server, user, source, password);
            request.map_err(|error| ProviderError::unusable(error.to_string()))
        }
    }
}

/// What the contract's answer to this question means here.
pub(super) fn answer(response: IdentityResponse, question: &Question) -> Answer {
    match response {
        IdentityResponse::Refused => Answer::Refused("its answer holds no Role".to_owned()),
        IdentityResponse::Admitted(admission) => {
            let password = match question.credential {
                Credential::Keys | Credential::Certificate => PasswordCheck::NotAsked,
                Credential::Password(_) => PasswordCheck::Verified,
            };
            Answer::Admitted(Box::new(profile(*admission, password)))
        }
    }
}

/// A user whom the contract's answer admits.
pub(super) fn profile(admission: Admission, password: PasswordCheck) -> Profile {
    for (at, error) in &admission.broken_keys {
        tracing::warn!(key = at, %error, "identity provider's public key is passed over");
    }
    Profile {
        role: Some(admission.role),
        policy: admission.policy,
        home: admission.home.into(),
        keys: admission.keys,
        password,
        ..Profile::default()
    }
}
