//! `pierhead user totp`: one-time passwords as a second factor.

use crate::cli::TotpCommand;
use crate::target::State;
use crate::wiring;

/// Runs it.
pub(super) async fn run(command: TotpCommand) -> anyhow::Result<()> {
    match command {
        TotpCommand::Enrol { name, target } => {
            let state = State::of(&target).await?;
            let user = state.user(&name).await?;
            let totp = wiring::identity(&state)?.enrol_totp(&user).await?;
            let issuer = &state.config.identity.totp_issuer;
            println!(
                "user {name} is asked for one-time passwords from now on; this is shown once:"
            );
            println!("{}", totp.uri(issuer, user.name.as_str()).expose());
        }
        TotpCommand::Remove { name, target } => {
            let state = State::of(&target).await?;
            let user = state.user(&name).await?;
            anyhow::ensure!(user.totp.is_some(), "user {name} has no one-time passwords");
            let users = state.database.users();
            users.set_totp(user.id, None, state.clock.now()).await?;
            println!("user {name} is asked for one-time passwords no longer");
        }
    }
    Ok(())
}
