//! `pierhead user add|set`: what a user has to show, when and from where he may come, his role.

use database::{NewUser, UserChanges, UserNetworks};
use identity::Networks;

use super::{bounds, policy, role};
use crate::cli::{StandingArgs, UserSetArgs};
use crate::target::State;

/// In characters, as at AWS Transfer.
const LONGEST_SESSION_POLICY: usize = 2_048;

/// Makes it part of a new user.
pub(super) async fn apply(
    arguments: &StandingArgs,
    new: &mut NewUser,
    state: &State,
) -> anyhow::Result<()> {
    check_role(arguments, state).await?;
    new.methods = arguments.methods.map(|methods| methods.to_string());
    new.expires = arguments.expires;
    new.role = arguments.role.clone();
    new.session_policy = session_policy(arguments)?;
    new.networks = networks(arguments)?;
    Ok(())
}

/// `pierhead user set`.
pub(super) async fn set(arguments: UserSetArgs) -> anyhow::Result<()> {
    let state = State::of(&arguments.target).await?;
    let user = state.user(&arguments.name).await?;
    let standing = &arguments.standing;
    if user.provider.is_some() {
        anyhow::ensure!(
            standing.role.is_none() && standing.session_policy.is_none(),
            "the role and the session policy of {} are what the identity provider says at each login",
            user.name
        );
    }
    check_role(standing, &state).await?;
    let member = bounds::changes_of(&arguments.member, &user, &state).await?;
    let methods = standing.methods.map(|methods| methods.to_string());
    let networks = networks(standing)?;
    let listed = networks != UserNetworks::default();
    let changes = UserChanges {
        methods: changed(methods, arguments.default_methods),
        expires: changed(standing.expires, arguments.never_expires),
        role: changed(standing.role.clone(), arguments.no_role),
        session_policy: changed(session_policy(standing)?, arguments.no_session_policy),
        networks: (listed || arguments.from_anywhere).then_some(networks),
        ..member
    };
    let nothing = changes.methods.is_none()
        && changes.expires.is_none()
        && changes.role.is_none()
        && changes.session_policy.is_none()
        && changes.networks.is_none()
        && changes.group.is_none()
        && changes.mappings.is_none()
        && changes.permissions.is_none()
        && changes.limits.is_none();
    anyhow::ensure!(
        !nothing,
        "nothing to change: see `pierhead user set --help`"
    );
    let users = state.database.users();
    users.update(user.id, changes, state.clock.now()).await?;
    println!("changed user {}", user.name);
    Ok(())
}

/// What is to be, what is to be gone, or what stays.
fn changed<T>(wanted: Option<T>, gone: bool) -> Option<Option<T>> {
    match wanted {
        Some(wanted) => Some(Some(wanted)),
        None => gone.then_some(None),
    }
}

async fn check_role(arguments: &StandingArgs, state: &State) -> anyhow::Result<()> {
    if let Some(name) = &arguments.role {
        role::find(name, state).await?;
    }
    Ok(())
}

fn session_policy(arguments: &StandingArgs) -> anyhow::Result<Option<String>> {
    let Some(file) = &arguments.session_policy else {
        return Ok(None);
    };
    let text = policy::read_checked("session policy", file)?;
    let characters = text.chars().count();
    anyhow::ensure!(
        characters <= LONGEST_SESSION_POLICY,
        "{}: {characters} characters, a session policy has {LONGEST_SESSION_POLICY} at most; a \
         role's policy may be longer",
        file.display()
    );
    Ok(Some(text))
}

fn networks(arguments: &StandingArgs) -> anyhow::Result<UserNetworks> {
    let texts = |list: &[String]| list.iter().map(|text| text.trim().to_owned()).collect();
    let networks = UserNetworks {
        allow: texts(&arguments.allow_from),
        deny: texts(&arguments.deny_from),
    };
    let (allow, deny) = (networks.allow.iter(), networks.deny.iter());
    Networks::parse(allow.map(String::as_str), deny.map(String::as_str))?;
    Ok(networks)
}
