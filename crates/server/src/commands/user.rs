//! `pierhead user`: who may come in.

use std::io::BufRead as _;

use anyhow::Context as _;
use database::{HomeType, NewUser, User, UserChanges};
use identity::defence::DeniedNames;
use model::{Secret, UserName};
use policy::Permissions;
use serde_json::json;

use super::{bounds, key, print_json, standing, totp, utc};
use crate::cli::{HomeKind, PasswordArgs, UserAddArgs, UserCommand};
use crate::target::State;
use crate::wiring;

/// Runs it.
pub(crate) async fn run(command: UserCommand) -> anyhow::Result<()> {
    match command {
        UserCommand::Add(arguments) => Box::pin(add(arguments)).await,
        UserCommand::List { target, json } => list(&State::of(&target).await?, json).await,
        UserCommand::Show { name, target, json } => {
            let state = State::of(&target).await?;
            show(&state, &state.user(&name).await?, json).await
        }
        UserCommand::Set(arguments) => Box::pin(standing::set(arguments)).await,
        UserCommand::Passwd {
            name,
            target,
            password,
        } => {
            let state = State::of(&target).await?;
            passwd(&state, &state.user(&name).await?, &password).await
        }
        UserCommand::Disable { name, target, undo } => {
            let state = State::of(&target).await?;
            disable(&state, state.user(&name).await?, undo).await
        }
        UserCommand::Remove { name, target } => {
            let state = State::of(&target).await?;
            let user = state.user(&name).await?;
            state.database.users().remove(user.id).await?;
            println!(
                "removed user {name}; his files stay at {}",
                user.home_directory
            );
            Ok(())
        }
        UserCommand::Key(command) => Box::pin(key::run(command)).await,
        UserCommand::Totp(command) => Box::pin(totp::run(command)).await,
    }
}

async fn add(arguments: UserAddArgs) -> anyhow::Result<()> {
    let state = State::of(&arguments.target).await?;
    let name = UserName::parse(&arguments.name)?;
    let denied = DeniedNames::new(state.config.defence.denied_names.iter().map(String::as_str));
    anyhow::ensure!(
        !denied.contains(&arguments.name),
        "{name} is on the deny-list (defence.denied_names): nobody can log in under that name"
    );
    let keys = arguments
        .key
        .iter()
        .map(|file| key::read(file))
        .collect::<Result<Vec<_>, _>>()?;
    let (password, generated) = read_password(&arguments.password)?;
    anyhow::ensure!(
        password.is_some()
            || !state.config.identity.certificate_authorities.is_empty()
            || keys.iter().any(|keys| !keys.is_empty()),
        "user {name} could not log in: give --key FILE, --password-stdin or --generate-password"
    );
    let home = arguments.home.clone().unwrap_or_default();
    let mut new = NewUser::new(state.server.id.clone(), name.clone(), home);
    new.home_type = match arguments.home_type {
        HomeKind::Logical => HomeType::Logical,
        HomeKind::Path => HomeType::Path,
    };
    new.mappings = arguments
        .map
        .iter()
        .map(|text| bounds::mapping(text))
        .collect::<Result<_, _>>()?;
    if arguments.read_only {
        new.permissions = Permissions::READ_ONLY;
    }
    if let Some(permissions) = arguments.bounds.permissions()? {
        new.permissions = permissions;
    }
    if let Some(limits) = arguments.bounds.limits(&new.limits)? {
        gateway::check_limits(&limits)?;
        new.limits = limits;
    }
    if let Some(group) = &arguments.group {
        new.group = Some(state.group(group).await?.id);
    }
    standing::apply(&arguments.standing, &mut new, &state).await?;
    if let Some(password) = &password {
        let identity = wiring::identity(&state)?;
        new.password_hash = Some(identity.new_password(&name, password).await?);
    }
    gateway::check_home(&new.name, new.home_type, &new.home_directory, &new.mappings)?;
    let user = state
        .database
        .users()
        .create(new, state.clock.now())
        .await?;
    for keys in keys {
        key::store(&state, &user, keys).await?;
    }
    println!("added user {name}");
    if let (true, Some(password)) = (generated, password) {
        println!("password: {}", password.expose());
    }
    Ok(())
}

/// The password that was asked for, and whether it was generated.
fn read_password(arguments: &PasswordArgs) -> anyhow::Result<(Option<Secret<String>>, bool)> {
    if arguments.generate_password {
        return Ok((Some(identity::generate_password()), true));
    }
    if !arguments.password_stdin {
        return Ok((None, false));
    }
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .context("read the password from standard input")?;
    let password = line.trim_end_matches(['\r', '\n']).to_owned();
    anyhow::ensure!(!password.is_empty(), "no password on standard input");
    Ok((Some(Secret::new(password)), false))
}

/// Users of identity providers have their credentials there: what is given to them here would
/// admit nobody.
pub(super) fn ensure_built_in(user: &User) -> anyhow::Result<()> {
    if let Some(provider) = &user.provider {
        let name = &user.name;
        anyhow::bail!(
            "{name} is a user of the identity provider {provider}, which has his credentials"
        );
    }
    Ok(())
}

async fn passwd(state: &State, user: &User, arguments: &PasswordArgs) -> anyhow::Result<()> {
    ensure_built_in(user)?;
    let (password, generated) = read_password(arguments)?;
    let password = password.context("give --password-stdin or --generate-password")?;
    wiring::identity(state)?
        .set_password(user.id, &user.name, &password)
        .await?;
    println!("changed the password of {}", user.name);
    if generated {
        println!("password: {}", password.expose());
    }
    Ok(())
}

async fn disable(state: &State, user: User, undo: bool) -> anyhow::Result<()> {
    let changes = UserChanges {
        disabled: Some(!undo),
        ..UserChanges::default()
    };
    state
        .database
        .users()
        .update(user.id, changes, state.clock.now())
        .await?;
    println!(
        "{} user {}",
        if undo { "enabled" } else { "disabled" },
        user.name
    );
    Ok(())
}

async fn list(state: &State, json: bool) -> anyhow::Result<()> {
    let users = state.database.users().list(&state.server.id).await?;
    if json {
        return print_json(&users.iter().map(as_json).collect());
    }
    let width = users
        .iter()
        .map(|user| user.name.as_str().len())
        .max()
        .unwrap_or(0);
    for user in &users {
        let note = if user.disabled { "  (disabled)" } else { "" };
        println!(
            "{:width$}  {}{note}",
            user.name.as_str(),
            user.home_directory
        );
    }
    Ok(())
}

async fn show(state: &State, user: &User, json: bool) -> anyhow::Result<()> {
    let keys = state.database.ssh_keys().list(user.id).await?;
    let group = match user.group {
        Some(id) => state.database.groups().by_id(id).await?,
        None => None,
    };
    if json {
        let mut value = as_json(user);
        value["group"] = json!(group.map(|group| group.name));
        value["keys"] = keys.iter().map(key::as_json).collect();
        return print_json(&value);
    }
    println!("name       {}", user.name);
    println!("id         {}", user.id);
    println!(
        "home       {} ({})",
        user.home_directory,
        user.home_type.as_str()
    );
    for mapping in &user.mappings {
        let may = mapping.permissions;
        let may = may.map_or_else(String::new, |may| format!(" ({may})"));
        println!("mapping    {} -> {}{may}", mapping.entry, mapping.target);
    }
    println!("may        {}", user.permissions);
    bounds::print(&user.limits);
    if let Some(group) = &group {
        println!("group      {} ({})", group.name, group.permissions);
    }
    println!(
        "password   {}",
        if user.password_hash.is_some() {
            "set"
        } else {
            "none"
        }
    );
    show_standing(user);
    println!("disabled   {}", if user.disabled { "yes" } else { "no" });
    println!("created    {}", utc(user.created));
    for key in &keys {
        println!(
            "key        {} {} {}",
            key.fingerprint, key.algorithm, key.comment
        );
        key::print_bounds(key);
    }
    Ok(())
}

fn show_standing(user: &User) {
    if let Some(provider) = &user.provider {
        let id = user.external_id.as_deref().unwrap_or("unknown");
        println!("provider   {provider} (id {id})");
    }
    let methods = user.methods.as_deref();
    println!(
        "methods    {}",
        methods.unwrap_or("what the server asks for")
    );
    let codes = if user.totp.is_some() {
        "asked for"
    } else {
        "no"
    };
    println!("totp       {codes}");
    let networks = &user.networks;
    for network in &networks.allow {
        println!("from       {network}");
    }
    for network in &networks.deny {
        println!("not from   {network}");
    }
    println!("role       {}", user.role.as_deref().unwrap_or("none"));
    if user.session_policy.is_some() {
        println!("policy     a session policy of his own");
    }
    if let Some(expires) = user.expires {
        println!("expires    {}", utc(expires));
    }
    if let Some(login) = user.last_login {
        println!("last login {}", utc(login));
    }
}

fn as_json(user: &User) -> serde_json::Value {
    json!({
        "id": user.id,
        "name": user.name,
        "home_type": user.home_type.as_str(),
        "home_directory": user.home_directory,
        "mappings": bounds::mappings_as_json(&user.mappings),
        "permissions": user.permissions.to_string(),
        "limits": user.limits,
        "password": user.password_hash.is_some(),
        "provider": user.provider,
        "external_id": user.external_id,
        "role": user.role,
        "session_policy": user.session_policy,
        "methods": user.methods,
        "totp": user.totp.is_some(),
        "networks": { "allow": user.networks.allow, "deny": user.networks.deny },
        "expires": user.expires.map(utc),
        "last_login": user.last_login.map(utc),
        "disabled": user.disabled,
        "created": utc(user.created),
        "changed": utc(user.changed),
    })
}
