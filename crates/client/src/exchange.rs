//! Requests and their replies on one channel: many at once, each with its own answer.
//!
//! The task that reads the channel never waits for the one that writes: it hands each reply to
//! whoever asked, who has room for it, so the connection goes on whatever callers do.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use model::ErrorKind;
use russh::client::Msg;
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use sftp::{FromServer, Init, Reply, ReplyDecoder, Request, RequestId, VERSION, Version, Write};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::connection::within;
use crate::{Error, Result};

/// Requests that may wait for their replies at once; the next ones wait before they are sent.
const REQUESTS: usize = 1024;

/// Both directions of a channel with the SFTP subsystem.
pub(crate) struct Exchange {
    channel: ChannelWriteHalf<Msg>,
    /// Held while a packet is put on the channel, so that packets do not interleave.
    sending: tokio::sync::Mutex<RequestId>,
    room: tokio::sync::Semaphore,
    waiting: Arc<Waiting>,
    answer: Duration,
    /// Reads the channel; ends with this value.
    _reader: JoinSet<()>,
}

#[derive(Default)]
struct Waiting {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    replies: HashMap<RequestId, oneshot::Sender<Reply>>,
    version: Option<oneshot::Sender<Version>>,
    granted: Option<oneshot::Sender<bool>>,
    /// Why nothing more will come.
    ended: Option<&'static str>,
}

/// Forgets the question of somebody who has stopped waiting.
struct Asked<'a> {
    waiting: &'a Waiting,
    id: RequestId,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        self.waiting.state().replies.remove(&self.id);
    }
}

impl Exchange {
    /// Asks for the subsystem and exchanges versions.
    pub(crate) async fn start(
        channel: Channel<Msg>,
        answer: Duration,
        server: &str,
    ) -> Result<(Self, Version)> {
        let (read, write) = channel.split();
        let waiting = Arc::new(Waiting::default());
        let (granted, was_granted) = oneshot::channel();
        let (version, versions) = oneshot::channel();
        {
            let mut state = waiting.state();
            state.granted = Some(granted);
            state.version = Some(version);
        }
        let mut reader = JoinSet::new();
        reader.spawn(read_all(read, Arc::clone(&waiting)));
        let failed = |error| Error::ssh("start SFTP on", server, error);
        write
            .request_subsystem(true, "sftp")
            .await
            .map_err(failed)?;
        if !was_granted.await.unwrap_or(false) {
            let reason = "the server has no SFTP subsystem for this user";
            return Err(Error::new(
                ErrorKind::Unsupported,
                "start SFTP on",
                server,
                reason,
            ));
        }
        let mut out = BytesMut::new();
        Init {
            version: VERSION,
            extensions: Vec::new(),
        }
        .encode_into(&mut out);
        write.data_bytes(out.freeze()).await.map_err(failed)?;
        let version = versions
            .await
            .map_err(|_| ended("start SFTP on", server, &waiting))?;
        let exchange = Self {
            channel: write,
            sending: tokio::sync::Mutex::new(0),
            room: tokio::sync::Semaphore::new(REQUESTS),
            waiting,
            answer,
            _reader: reader,
        };
        Ok((exchange, version))
    }

    /// Sends a request and waits for its reply. `operation` and `object` are for errors.
    pub(crate) async fn call(
        &self,
        operation: &'static str,
        object: &str,
        request: &Request,
    ) -> Result<Reply> {
        let encode = |id, out: &mut BytesMut| request.encode_into(id, out);
        self.ask(operation, object, encode).await
    }

    /// The same for WRITE.
    pub(crate) async fn write(&self, object: &str, write: &Write) -> Result<Reply> {
        let encode = |id, out: &mut BytesMut| write.encode_into(id, out);
        self.ask("write", object, encode).await
    }

    async fn ask(
        &self,
        operation: &'static str,
        object: &str,
        encode: impl FnOnce(RequestId, &mut BytesMut),
    ) -> Result<Reply> {
        let Ok(_room) = self.room.acquire().await else {
            return Err(ended(operation, object, &self.waiting));
        };
        let ask = async {
            let (asked, answered) = self.send(operation, object, encode).await?;
            let reply = answered.await;
            drop(asked);
            reply.map_err(|_| ended(operation, object, &self.waiting))
        };
        within(self.answer, operation, object, ask).await
    }

    async fn send(
        &self,
        operation: &'static str,
        object: &str,
        encode: impl FnOnce(RequestId, &mut BytesMut),
    ) -> Result<(Asked<'_>, oneshot::Receiver<Reply>)> {
        let mut last = self.sending.lock().await;
        *last = last.wrapping_add(1);
        let id = *last;
        let (sender, answered) = oneshot::channel();
        {
            let mut state = self.waiting.state();
            if state.ended.is_some() {
                drop(state);
                return Err(ended(operation, object, &self.waiting));
            }
            state.replies.insert(id, sender);
        }
        let asked = Asked {
            waiting: &self.waiting,
            id,
        };
        let mut out = BytesMut::new();
        encode(id, &mut out);
        let sent = self.put(out.freeze()).await;
        sent.map_err(|error| Error::ssh(operation, object, error))?;
        Ok((asked, answered))
    }

    /// Waits for the channel's window alone. A caller that stops waiting in the midst of a packet
    /// ends the channel: what follows would be read as the rest of it.
    async fn put(&self, packet: Bytes) -> Result<(), russh::Error> {
        struct Broken<'a>(&'a Waiting, bool);
        impl Drop for Broken<'_> {
            fn drop(&mut self) {
                if self.1 {
                    self.0.end("a request was given up half way");
                }
            }
        }
        let mut whole = Broken(&self.waiting, true);
        let sent = self.channel.data_bytes(packet).await;
        whole.1 = false;
        sent
    }
}

impl Waiting {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, why: &'static str) {
        let mut state = self.state();
        state.ended.get_or_insert(why);
        // Whoever waits is told by the loss of its sender.
        state.replies.clear();
        state.version = None;
        state.granted = None;
    }

    fn grant(&self, granted: bool) {
        if let Some(asked) = self.state().granted.take() {
            // Nobody may be waiting any more: the deadline passed.
            let _ = asked.send(granted);
        }
    }

    /// Gives a packet to whoever asked; answers to nobody's question are passed over.
    fn deliver(&self, packet: FromServer) {
        match packet {
            FromServer::Version(version) => {
                if let Some(asked) = self.state().version.take() {
                    let _ = asked.send(version);
                }
            }
            FromServer::Reply { id, reply } => {
                let asked = self.state().replies.remove(&id);
                if let Some(asked) = asked {
                    let _ = asked.send(reply);
                }
            }
        }
    }
}

async fn read_all(mut channel: ChannelReadHalf, waiting: Arc<Waiting>) {
    let mut decoder = ReplyDecoder::new();
    while let Some(message) = channel.wait().await {
        match message {
            ChannelMsg::Data { data } => {
                let mut slice = &data[..];
                loop {
                    match decoder.next(&mut slice) {
                        Ok(Some(packet)) => waiting.deliver(packet),
                        Ok(None) => break,
                        Err(error) => {
                            tracing::debug!(%error, "the server does not speak SFTP");
                            return waiting.end("the server sent what is not SFTP");
                        }
                    }
                }
            }
            ChannelMsg::Success => waiting.grant(true),
            ChannelMsg::Failure => waiting.grant(false),
            ChannelMsg::Close => break,
            _ => {}
        }
    }
    waiting.end("the server closed the connection");
}

fn ended(operation: &'static str, object: &str, waiting: &Waiting) -> Error {
    let reason = waiting.state().ended.unwrap_or("the connection ended");
    Error::new(ErrorKind::Unavailable, operation, object, reason)
}
