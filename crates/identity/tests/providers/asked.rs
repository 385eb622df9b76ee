//! Questions, and what became of them.

use std::path::PathBuf;

use identity::ProviderName;
use identity::provider::{
    Answer, Credential, PasswordCheck, Profile, Provider, ProviderError, Question,
};
use model::{Protocol, Secret, ServerId, UserName};

/// The role of everybody who is admitted.
pub(crate) const ROLE: &str = "arn:aws:iam::111111111111:role/sftp-transfer";
pub(crate) const KEY: &str = "ssh-ed25519 \
    AAAAC3NzaC1lZDI1NTE5AAAAIJKjCSNuMA5v+4eTD8AbsJYHJhSVkThg2BGq9KNJgBOF bob";

pub(crate) fn name() -> ProviderName {
    ProviderName::parse("partners").expect("a name")
}

pub(crate) fn question(user: &str, credential: Credential) -> Question {
    Question {
        server_id: ServerId::generate(),
        user: UserName::parse(user).expect("a name"),
        source: "192.0.2.7".parse().expect("an address"),
        protocol: Protocol::Sftp,
        credential,
    }
}

pub(crate) fn password(text: &str) -> Credential {
    Credential::Password(Secret::new(text.to_owned()))
}

/// Asks for a user's keys.
pub(crate) async fn keys(
    provider: &dyn Provider,
    user: &str,
) -> Result<Result<Profile, String>, ProviderError> {
    said(provider, &question(user, Credential::Keys)).await
}

/// Asks about a user's password.
pub(crate) async fn login(
    provider: &dyn Provider,
    user: &str,
    text: &str,
) -> Result<Result<Profile, String>, ProviderError> {
    said(provider, &question(user, password(text))).await
}

async fn said(
    provider: &dyn Provider,
    question: &Question,
) -> Result<Result<Profile, String>, ProviderError> {
    Ok(match provider.ask(question).await? {
        Answer::Admitted(profile) => Ok(*profile),
        Answer::Refused(why) => Err(why),
    })
}

pub(crate) fn is_verified(profile: &Profile) -> bool {
    matches!(profile.password, PasswordCheck::Verified)
}

/// A file of `tests/identity`.
pub(crate) fn handler(name: &str) -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.join("tests/identity").join(name)
}

/// A variable that whoever runs the tests has set.
pub(crate) fn told(variable: &str) -> Option<PathBuf> {
    #[expect(
        clippy::disallowed_methods,
        reason = "tests are told by their runner, through the environment"
    )]
    std::env::var_os(variable).map(PathBuf::from)
}
