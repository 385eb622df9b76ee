//! A running node: binds its sockets, serves, takes changed settings over, and goes down in order.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use gateway::Gateway;
use identity::defence::Guard;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use transfer::Sweeper;

use crate::admin::{self, Certificates, Health};
use crate::config::{Changes, Config, DrainConfig, load, process_environment};
use crate::control::{Answer, Command, ControlSocket, Request};
use crate::logins::{Logins, Wanted};
use crate::membership::Membership;
use crate::target::State;
use crate::telemetry::{self, LogLevel};
use crate::wiring::{self, Parts};
use crate::{defence, notify, readiness, revocation};

/// How long a start may be held up by what an earlier run left.
const SETTLING: Duration = Duration::from_secs(60);

/// A node whose sockets are bound.
pub(crate) struct Node {
    state: State,
    /// Where its configuration was read, where it was read from a file.
    source: Option<PathBuf>,
    parts: Parts,
    membership: Membership,
    log: LogLevel,
    pages: Pages,
    sftp: Vec<TcpListener>,
    /// For balancers that say who their clients are.
    proxied: Vec<TcpListener>,
    control: ControlSocket,
    signals: Signals,
}

impl Node {
    /// Opens the state, builds the parts and binds the sockets. Logging must have started.
    ///
    /// # Errors
    /// Where any of it fails; nothing is left running.
    pub(crate) async fn start(
        config: Config,
        source: Option<PathBuf>,
        log: LogLevel,
    ) -> anyhow::Result<Self> {
        // First, so that a signal is never taken for the default one, which kills.
        let signals = Signals::new()?;
        let metrics = telemetry::start_metrics()?;
        let certificates = config.admin.tls.clone();
        let certificates = certificates.map(Certificates::load).transpose()?;
        let health = Health::new(metrics);
        let state = Box::pin(State::open(config)).await?;
        // A node that lacks the key of the others' host keys is to go before it does anything.
        wiring::host_keys(&state).await?;
        state.publish_settings().await?;
        // Before the parts, so that a second node on the same folder touches nothing.
        let control = ControlSocket::bind(state.config.control_socket()).await?;
        let membership = Membership::enter(&state.database, &state.clock, &state.config).await?;
        let parts = wiring::build(&state, membership.id()).await?;
        let sftp = bind_all(&state.config.sftp.listen, "sftp.listen").await?;
        let proxied = bind_all(&state.config.sftp.proxy_listen, "sftp.proxy_listen").await?;
        let admin = bind(state.config.admin.listen, "admin.listen").await?;
        let pages = Pages::start(admin, certificates, health)?;
        // The control socket and the addresses are ours, so no other process of this node runs.
        membership
            .during(Box::pin(settle_what_a_crash_left(&parts.sweeper)))
            .await;
        // Who connects from now on is served: the sockets take him already.
        let ready = readiness::of(&state, &parts);
        pages.health.start_serving(ready);
        Ok(Self {
            pages,
            state,
            source,
            parts,
            membership,
            log,
            sftp,
            proxied,
            control,
            signals,
        })
    }

    /// The state it runs on.
    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// Where SFTP listens.
    pub(crate) fn sftp_addresses(&self) -> anyhow::Result<Vec<SocketAddr>> {
        addresses(&self.sftp)
    }

    /// Where health and metrics listen.
    pub(crate) fn admin_address(&self) -> SocketAddr {
        self.pages.address
    }

    /// Serves until SIGTERM or SIGINT, then drains. A second signal ends it at once.
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let (sftp, proxied) = (self.sftp_addresses()?, addresses(&self.proxied)?);
        let (drain, stop) = (CancellationToken::new(), self.pages.stop.disarm());
        let (doors, rest) = (TaskTracker::new(), self.pages.tasks);
        let trusted = self.state.config.sftp.proxy_trusted.clone();
        let through_balancers = ssh::ProxyProtocol::Require(trusted);
        let own = self.sftp.into_iter().map(ssh::Listener::from);
        let proxied_listeners = self.proxied.into_iter();
        let listeners = own
            .chain(proxied_listeners.map(|tcp| ssh::Listener::new(tcp, through_balancers.clone())));
        for listener in listeners {
            let (server, drain) = (self.parts.ssh.clone(), drain.clone());
            doors.spawn(async move { server.serve(listener, drain).await });
        }
        doors.close();
        let (requests, received) = mpsc::channel(4);
        rest.spawn(self.control.serve(requests, stop.clone()));
        rest.spawn(self.membership.clone().keep(stop.clone()));
        let interval = self.state.config.sweeper.interval.duration();
        rest.spawn(self.parts.sweeper.clone().run(interval, stop.clone()));
        let gateway = Arc::clone(&self.parts.gateway);
        rest.spawn(revocation::follow(Arc::clone(&gateway), stop.clone()));
        let logins = self.parts.logins;
        rest.spawn(revocation::reauthorise(
            Arc::clone(&gateway),
            logins.identity().clone(),
            logins.settings(),
            stop.clone(),
        ));
        rest.spawn(revocation::follow_files(
            gateway,
            logins.identity().clone(),
            logins.files(),
            stop.clone(),
        ));
        rest.spawn(defence::follow(self.parts.guard.clone(), stop.clone()));
        rest.close();
        let health = self.pages.health;
        let (admin, server) = (self.pages.address, &self.state.server.id);
        tracing::info!(?sftp, ?proxied, %admin, %server, "pierhead serves");
        notify::ready("serving");

        let mut signals = self.signals;
        let mut reloader = Reloader {
            gateway: self.parts.gateway,
            state: self.state,
            source: self.source,
            log: self.log,
            guard: self.parts.guard,
            logins,
            ssh: self.parts.ssh.clone(),
        };
        reloader.until_end(&mut signals, received).await;

        let DrainConfig { delay, deadline } = reloader.state.config.drain.clone();
        health.start_draining();
        tracing::info!(%delay, %deadline, sessions = reloader.gateway.sessions(), "draining");
        notify::stopping();
        let drained = async {
            self.membership.drain().await;
            // Load balancers look away first.
            tokio::time::sleep(delay.duration()).await;
            drain.cancel();
            doors.wait().await;
            self.parts.transfers.drain().await;
        };
        let ended = tokio::select! {
            () = drained => true,
            () = signals.end() => false,
        };
        let ssh::Drained { quiet, cut } = self.parts.ssh.drained();
        if ended {
            tracing::info!(ended_quiet = quiet, ended_at_work = cut, "drained");
        } else {
            let left = reloader.gateway.sessions();
            tracing::warn!(left, "ended by a second signal, transfers were cut off");
        }
        stop.cancel();
        rest.wait().await;
        self.membership.leave().await;
        reloader.state.database.close().await;
        Ok(())
    }
}

/// The admin pages, served from the start so that a load balancer is told that a node is not
/// ready yet.
struct Pages {
    address: SocketAddr,
    health: Health,
    tasks: TaskTracker,
    /// Ends them, also where the start fails.
    stop: DropGuard,
}

impl Pages {
    fn start(
        listener: TcpListener,
        certificates: Option<Certificates>,
        health: Health,
    ) -> anyhow::Result<Self> {
        let address = listener.local_addr()?;
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let pages = admin::router(health.clone());
        let certificates = certificates.map(Arc::new);
        tasks.spawn(admin::serve(listener, certificates, pages, stop.clone()));
        Ok(Self {
            address,
            health,
            tasks,
            stop: stop.drop_guard(),
        })
    }
}

fn addresses(listeners: &[TcpListener]) -> anyhow::Result<Vec<SocketAddr>> {
    let addresses = listeners.iter().map(TcpListener::local_addr);
    Ok(addresses.collect::<Result<_, _>>()?)
}

async fn bind_all(addresses: &[SocketAddr], key: &str) -> anyhow::Result<Vec<TcpListener>> {
    let mut listeners = Vec::new();
    for address in addresses {
        listeners.push(bind(*address, key).await?);
    }
    Ok(listeners)
}

async fn bind(address: SocketAddr, key: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("listen on {address} ({key})"))
}

/// Takes changed settings over while the node serves.
struct Reloader {
    gateway: Arc<Gateway>,
    state: State,
    source: Option<PathBuf>,
    log: LogLevel,
    guard: Guard,
    logins: Logins,
    ssh: ssh::Server,
}

impl Reloader {
    async fn until_end(&mut self, signals: &mut Signals, mut requests: mpsc::Receiver<Request>) {
        loop {
            tokio::select! {
                told = signals.next() => match told {
                    Told::End => return,
                    Told::Reload => {
                        self.answer_reload().await;
                    }
                },
                Some((Command::Reload, reply)) = requests.recv() => {
                    // Who asked may be gone; the log has the answer too.
                    let _ = reply.send(self.answer_reload().await);
                }
            }
        }
    }

    async fn answer_reload(&mut self) -> Answer {
        match self.reload().await {
            Ok(changes) => {
                tracing::info!(applied = ?changes.applied, needs_restart = ?changes.needs_restart, "reloaded");
                Answer::Reloaded(changes)
            }
            Err(error) => {
                let reason = format!("{error:#}");
                tracing::error!(reason, "reload refused, nothing was changed");
                Answer::Refused(reason)
            }
        }
    }

    async fn reload(&mut self) -> anyhow::Result<Changes> {
        let wanted = match &self.source {
            Some(file) => load(file, &process_environment())?,
            None => self.state.config.clone(),
        };
        let changes = Changes::between(&self.state.config, &wanted);
        let keys = wiring::host_keys(&self.state).await?;
        let guarded = wanted.defence.settings().context("[defence]")?;
        let logins = Wanted::of(&wanted.identity, &self.state.clock)?;
        self.log.set(&wanted.log.level)?;
        self.guard.set(guarded.defence);
        self.ssh.reload(wiring::ssh_settings(&wanted), &keys)?;
        self.logins.take_over(logins, &self.gateway);
        let sessions = wiring::gateway_settings(&wanted);
        self.gateway
            .set_session_limits(sessions.max_sessions, sessions.max_sessions_per_user);
        // Of what needs a restart, the running values stay on record.
        self.state.config.take_live(&wanted);
        self.state.publish_settings().await?;
        Ok(changes)
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("listen for signals");
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.terminate.recv() => Told::End,
            _ = self.interrupt.recv() => Told::End,
            _ = self.hang_up.recv() => Told::Reload,
        }
    }

    async fn end(&mut self) {
        while self.next().await != Told::End {}
    }
}

#[derive(PartialEq, Eq)]
enum Told {
    End,
    Reload,
}

/// Settles what earlier runs of this node left. A store that does not answer now is asked again by
/// the sweeper.
async fn settle_what_a_crash_left(sweeper: &Sweeper) {
    let Ok(settled) = tokio::time::timeout(SETTLING, sweeper.settle_transfers()).await else {
        tracing::warn!("what an earlier run left is left to the sweeper: the store is slow");
        return;
    };
    match settled {
        Ok(report) if report.is_empty() => {}
        Ok(report) => {
            tracing::info!(summary = %report.summary(), "what an earlier run left was settled");
        }
        Err(error) => tracing::warn!(%error, "cannot look for what an earlier run left"),
    }
}
