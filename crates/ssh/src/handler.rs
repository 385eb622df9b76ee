//! What russh calls for one connection: authentication goes to the doorkeeper, channels to what
//! they speak.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use gateway::Peer;
use identity::Authenticated;
use model::{ErrorKind, Protocol};
use russh::keys::Certificate;
use russh::server::{
    Auth, ChannelOpenHandle, Msg, PublicKeyOffer, Response, Session, VerifiedPublicKey,
};
use russh::{Channel, ChannelId, ChannelOpenFailure, ChannelWriteHalf, Disconnect, Pty};
use tokio::time::timeout;
use tracing::{info, warn};

use crate::connection::Context;
use crate::login::{Doorkeeper, chain};
use crate::scp::{self, Transfer};
use crate::subsystem::Subsystem;
use crate::{Error, Result};

/// What opening a session may take; it reads a few rows.
const OPEN_DEADLINE: Duration = Duration::from_secs(30);
/// The extended data type of standard error (RFC 4254 section 5.2).
const STDERR: u32 = 1;
const NO_COMMANDS: &str = "this service offers sftp and scp, no shell and no other commands\n";

pub(crate) struct Handler {
    context: Arc<Context>,
    door: Doorkeeper,
    channels: HashMap<ChannelId, Speech>,
}

/// What a channel speaks.
enum Speech {
    /// Nothing yet.
    Silent(ChannelWriteHalf<Msg>),
    Sftp(Box<Subsystem>),
    Scp(Transfer),
    /// It was refused, or has ended.
    Over,
}

impl Handler {
    pub(crate) fn new(context: Arc<Context>) -> Self {
        Self {
            door: Doorkeeper::new(context.clone()),
            context,
            channels: HashMap::new(),
        }
    }

    /// Takes a channel that speaks nothing yet; None where it speaks already.
    fn silent(&mut self, channel: ChannelId) -> Option<ChannelWriteHalf<Msg>> {
        match self.channels.insert(channel, Speech::Over)? {
            Speech::Silent(half) => Some(half),
            speaking => {
                self.channels.insert(channel, speaking);
                None
            }
        }
    }

    /// Opens the gateway's session for a channel. Where it is refused, the client is told why in
    /// the only way that its user gets to see.
    async fn open_session(
        &self,
        protocol: Protocol,
        session: &mut Session,
    ) -> Result<Option<Arc<gateway::Session>>> {
        let Some(authenticated) = self.door.authenticated() else {
            return Ok(None);
        };
        let peer = Peer {
            address: self.context.peer.ip(),
            protocol,
        };
        let gateway = &self.context.floors.gateway;
        let opening = gateway.open_session(authenticated.clone(), peer);
        let (kind, reason) = match timeout(OPEN_DEADLINE, opening).await {
            Ok(Ok(opened)) => {
                info!(
                    peer = %self.context.peer,
                    user = self.context.line.user(),
                    session = %opened.id(),
                    ?protocol,
                    "session opened"
                );
                if let Some(pace) = opened.pace() {
                    self.context.line.set_pace(pace);
                }
                self.end_when_revoked(&opened);
                return Ok(Some(opened));
            }
            Ok(Err(error)) => {
                let (user, error_text) = (self.context.line.user(), chain(&error));
                warn!(peer = %self.context.peer, user, error = error_text, "session refused");
                (error.kind(), error.to_string())
            }
            Err(_) => (
                ErrorKind::Unavailable,
                "the session could not be opened in time".to_owned(),
            ),
        };
        let code = match kind {
            ErrorKind::Exhausted => Disconnect::TooManyConnections,
            _ => Disconnect::ByApplication,
        };
        session.disconnect(code, &reason, "en")?;
        Ok(None)
    }

    /// Ends the connection with a session that its user has lost the right to.
    fn end_when_revoked(&self, opened: &Arc<gateway::Session>) {
        let (opened, line) = (Arc::clone(opened), Arc::clone(&self.context.line));
        self.context.tasks.spawn(async move {
            if let Some(reason) = opened.revoked().await {
                info!(session = %opened.id(), user = line.user(), reason, "session revoked");
                line.end(reason);
            }
        });
    }

    fn refuse_command(&mut self, channel: ChannelId, session: &mut Session) -> Result<()> {
        let Some(_half) = self.silent(channel) else {
            return Ok(session.channel_failure(channel)?);
        };
        session.channel_success(channel)?;
        self.greet(channel, session)?;
        session.extended_data(channel, STDERR, NO_COMMANDS)?;
        session.exit_status_request(channel, 1)?;
        session.eof(channel)?;
        Ok(session.close(channel)?)
    }

    fn greet(&self, channel: ChannelId, session: &mut Session) -> Result<()> {
        if let Some(text) = &self.context.settings.post_login_text {
            session.extended_data(channel, STDERR, format!("{}\n", text.trim_end()))?;
        }
        Ok(())
    }
}

impl russh::server::Handler for Handler {
    type Error = Error;

    async fn authentication_banner(&mut self) -> Result<Option<String>> {
        let banner = self.context.settings.pre_auth_banner.as_ref();
        Ok(banner.map(|text| format!("{}\r\n", text.trim_end())))
    }

    async fn auth_none(&mut self, _: &str) -> Result<Auth> {
        Ok(self.door.none())
    }

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth> {
        Ok(self.door.password(user, password, "password").await)
    }

    async fn auth_publickey_offered(
        &mut self,
        user: &str,
        offer: PublicKeyOffer<'_>,
    ) -> Result<Auth> {
        let auth = self.door.offer(user, offer.public_key, offer.algorithm);
        Ok(auth.await)
    }

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth> {
        Ok(self.door.key(user, key.public_key, key.algorithm).await)
    }

    async fn auth_openssh_certificate(
        &mut self,
        user: &str,
        certificate: &Certificate,
    ) -> Result<Auth> {
        Ok(self.door.certificate(user, certificate).await)
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        user: &str,
        _: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth> {
        let Some(mut response) = response else {
            return Ok(self.door.ask(user));
        };
        let answer = response.next().unwrap_or_default();
        // What is not UTF-8 is nobody's password, and is refused like any wrong one.
        let answer = String::from_utf8_lossy(&answer).into_owned();
        Ok(self.door.answer(user, &answer).await)
    }

    async fn auth_succeeded(&mut self, _: &mut Session) -> Result<()> {
        if let Some(authenticated) = self.door.authenticated() {
            self.context.line.log_in(authenticated.user().name.as_str());
        }
        Ok(())
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<()> {
        if self.channels.len() >= self.context.settings.limits.channels {
            reply.reject(ChannelOpenFailure::ResourceShortage).await;
            return Ok(());
        }
        // The reading half is dropped: data comes through `data` below.
        let (_, half) = channel.split();
        self.channels.insert(half.id(), Speech::Silent(half));
        reply.accept().await;
        Ok(())
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        name: &str,
        session: &mut Session,
    ) -> Result<()> {
        if name != "sftp" {
            info!(peer = %self.context.peer, subsystem = ?name, "subsystem refused");
            return Ok(session.channel_failure(channel)?);
        }
        let Some(half) = self.silent(channel) else {
            return Ok(session.channel_failure(channel)?);
        };
        if let Some(opened) = self.open_session(Protocol::Sftp, session).await? {
            session.channel_success(channel)?;
            self.greet(channel, session)?;
            let subsystem = Subsystem::start(&self.context, opened, half);
            self.channels
                .insert(channel, Speech::Sftp(Box::new(subsystem)));
        }
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        command: &[u8],
        session: &mut Session,
    ) -> Result<()> {
        let Some(command) = scp::Command::parse(command) else {
            let shown: String = String::from_utf8_lossy(command).chars().take(80).collect();
            info!(peer = %self.context.peer, command = ?shown, "command refused");
            return self.refuse_command(channel, session);
        };
        if self
            .door
            .authenticated()
            .is_some_and(Authenticated::sftp_only)
        {
            info!(peer = %self.context.peer, "scp refused: the certificate is for sftp alone");
            return self.refuse_command(channel, session);
        }
        let Some(half) = self.silent(channel) else {
            return Ok(session.channel_failure(channel)?);
        };
        if let Some(opened) = self.open_session(Protocol::Scp, session).await? {
            session.channel_success(channel)?;
            self.greet(channel, session)?;
            let transfer = Transfer::start(&self.context, opened, half, command);
            self.channels.insert(channel, Speech::Scp(transfer));
        }
        Ok(())
    }

    async fn shell_request(&mut self, channel: ChannelId, session: &mut Session) -> Result<()> {
        info!(peer = %self.context.peer, "shell refused");
        self.refuse_command(channel, session)
    }

    async fn data(&mut self, channel: ChannelId, data: &[u8], _: &mut Session) -> Result<()> {
        self.context.line.touch();
        match self.channels.get_mut(&channel) {
            Some(Speech::Sftp(subsystem)) => subsystem.feed(data),
            Some(Speech::Scp(transfer)) => transfer.feed(data),
            Some(Speech::Silent(_) | Speech::Over) | None => {}
        }
        Ok(())
    }

    async fn channel_eof(&mut self, channel: ChannelId, _: &mut Session) -> Result<()> {
        match self.channels.get_mut(&channel) {
            Some(Speech::Sftp(subsystem)) => subsystem.end_of_input(),
            Some(Speech::Scp(transfer)) => transfer.end_of_input(),
            Some(Speech::Silent(_) | Speech::Over) | None => {}
        }
        Ok(())
    }

    async fn channel_close(&mut self, channel: ChannelId, _: &mut Session) -> Result<()> {
        self.channels.remove(&channel);
        Ok(())
    }

    // The rest is refused, which clients take well.

    async fn pty_request(
        &mut self,
        channel: ChannelId,
        _: &str,
        _: u32,
        _: u32,
        _: u32,
        _: u32,
        _: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<()> {
        Ok(session.channel_failure(channel)?)
    }

    async fn x11_request(
        &mut self,
        channel: ChannelId,
        _: bool,
        _: &str,
        _: &str,
        _: u32,
        session: &mut Session,
    ) -> Result<()> {
        Ok(session.channel_failure(channel)?)
    }

    async fn env_request(
        &mut self,
        channel: ChannelId,
        _: &str,
        _: &str,
        session: &mut Session,
    ) -> Result<()> {
        Ok(session.channel_failure(channel)?)
    }
}
