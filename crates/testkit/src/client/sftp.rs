//! One SFTP channel at packet level: requests go out as the test says, replies come as they come.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use russh::client::Msg;
use russh::{Channel, ChannelWriteHalf};
use sftp::{
    Attributes, FromServer, Init, OpenFlags, Reply, Request, RequestId, Status, VERSION, Version,
    Write,
};
use tokio::task::JoinSet;

use super::inbox::{Inbox, inbox};
use super::{DEADLINE, Error, within};

/// A channel with the SFTP subsystem: both directions, and lock-step calls.
///
/// [`Sftp::split`] gives the directions to tasks of their own.
pub struct Sftp {
    requests: Requests,
    replies: Replies,
    next_id: RequestId,
}

/// The direction to the server.
pub struct Requests {
    channel: ChannelWriteHalf<Msg>,
}

/// The direction from the server. What arrives is taken off the connection at once, up to 32 MiB
/// of data, whether or not the test asks for it.
pub struct Replies {
    inbox: Inbox,
    deadline: Duration,
    /// Fills the inbox; ends with this value.
    _courier: JoinSet<()>,
}

impl Sftp {
    pub(super) async fn start(channel: Channel<Msg>) -> Result<Self, Error> {
        let (read, write) = channel.split();
        let (courier, inbox, granted) = inbox(read);
        let mut tasks = JoinSet::new();
        tasks.spawn(courier.run());
        write.request_subsystem(true, "sftp").await?;
        match granted.await {
            Ok(true) => {
                let replies = Replies {
                    inbox,
                    deadline: DEADLINE,
                    _courier: tasks,
                };
                Ok(Self {
                    requests: Requests { channel: write },
                    replies,
                    next_id: 1,
                })
            }
            Ok(false) => Err(Error::ChannelRefused),
            Err(_) => Err(Error::Closed),
        }
    }

    /// Exchanges versions, asking for 3.
    ///
    /// # Errors
    /// Anything but VERSION came, or nothing.
    pub async fn initialise(&mut self) -> Result<Version, Error> {
        let mut out = BytesMut::new();
        Init {
            version: VERSION,
            extensions: Vec::new(),
        }
        .encode_into(&mut out);
        self.requests.send_bytes(out.freeze()).await?;
        self.replies.version().await
    }

    /// Sends without waiting for the reply.
    ///
    /// # Errors
    /// The channel is gone.
    pub async fn send(&mut self, id: RequestId, request: &Request) -> Result<(), Error> {
        self.requests.send(id, request).await
    }

    /// Sends a WRITE without waiting for the reply.
    ///
    /// # Errors
    /// The channel is gone.
    pub async fn send_write(&mut self, id: RequestId, write: &Write) -> Result<(), Error> {
        self.requests.send_write(id, write).await
    }

    /// Sends any bytes.
    ///
    /// # Errors
    /// The channel is gone.
    pub async fn send_bytes(&mut self, bytes: impl Into<Bytes>) -> Result<(), Error> {
        self.requests.send_bytes(bytes).await
    }

    /// The next reply, whichever request it belongs to.
    ///
    /// # Errors
    /// None came before the deadline, or the channel ended.
    pub async fn reply(&mut self) -> Result<(RequestId, Reply), Error> {
        self.replies.next().await
    }

    /// Sends a request under an id of its own and waits for the reply to it, which has to be the
    /// next one.
    ///
    /// # Errors
    /// No reply, or one to another request.
    pub async fn call(&mut self, request: &Request) -> Result<Reply, Error> {
        let id = self.fresh_id();
        self.send(id, request).await?;
        match self.reply().await? {
            (came, reply) if came == id => Ok(reply),
            (came, reply) => Err(Error::Unexpected {
                id: Some(came),
                reply: Some(Box::new(reply)),
            }),
        }
    }

    /// An id that no request of this client has had, as long as the test lets it choose.
    pub fn fresh_id(&mut self) -> RequestId {
        let id = self.next_id;
        self.next_id = id.wrapping_add(1);
        id
    }

    /// Opens a file.
    ///
    /// # Errors
    /// The server answered with anything but a handle.
    pub async fn open(
        &mut self,
        path: &str,
        flags: OpenFlags,
        attributes: Attributes,
    ) -> Result<Bytes, Error> {
        let path = Bytes::copy_from_slice(path.as_bytes());
        match self
            .call(&Request::Open {
                path,
                flags,
                attributes,
            })
            .await?
        {
            Reply::Handle(handle) => Ok(handle),
            reply => Err(Error::Unexpected {
                id: None,
                reply: Some(Box::new(reply)),
            }),
        }
    }

    /// Writes and waits.
    ///
    /// # Errors
    /// The server answered with anything but a status.
    pub async fn write(
        &mut self,
        handle: &Bytes,
        offset: u64,
        data: impl Into<Bytes>,
    ) -> Result<Status, Error> {
        let id = self.fresh_id();
        let write = Write {
            handle: handle.clone(),
            offset,
            data: data.into(),
        };
        self.send_write(id, &write).await?;
        match self.reply().await? {
            (came, Reply::Status(status)) if came == id => Ok(status),
            (came, reply) => Err(Error::Unexpected {
                id: Some(came),
                reply: Some(Box::new(reply)),
            }),
        }
    }

    /// Makes a call that is answered by a status.
    ///
    /// # Errors
    /// It was answered by something else.
    pub async fn status(&mut self, request: &Request) -> Result<Status, Error> {
        match self.call(request).await? {
            Reply::Status(status) => Ok(status),
            reply => Err(Error::Unexpected {
                id: None,
                reply: Some(Box::new(reply)),
            }),
        }
    }

    /// How long one wait may take from here on.
    pub fn set_deadline(&mut self, deadline: Duration) {
        self.replies.deadline = deadline;
    }

    /// The two directions, for two tasks.
    pub fn split(self) -> (Requests, Replies) {
        (self.requests, self.replies)
    }
}

impl Requests {
    /// Sends without waiting for the reply.
    ///
    /// # Errors
    /// The channel is gone.
    pub async fn send(&mut self, id: RequestId, request: &Request) -> Result<(), Error> {
        let mut out = BytesMut::new();
        request.encode_into(id, &mut out);
        self.send_bytes(out.freeze()).await
    }

    /// Sends a WRITE without waiting for the reply.
    ///
    /// # Errors
    /// The channel is gone.
    pub async fn send_write(&mut self, id: RequestId, write: &Write) -> Result<(), Error> {
        let mut out = BytesMut::with_capacity(write.data.len() + 64);
        write.encode_into(id, &mut out);
        self.send_bytes(out.freeze()).await
    }

    /// Sends any bytes; waits only for the channel's window.
    ///
    /// # Errors
    /// The channel is gone, or its window stayed shut until the deadline.
    pub async fn send_bytes(&mut self, bytes: impl Into<Bytes>) -> Result<(), Error> {
        let bytes = bytes.into();
        let send = async { Ok(self.channel.data_bytes(bytes).await?) };
        within("send", send).await
    }

    /// Says that nothing more will come, and leaves the other direction open.
    ///
    /// # Errors
    /// The channel is gone.
    pub async fn finish(&mut self) -> Result<(), Error> {
        Ok(self.channel.eof().await?)
    }

    /// Closes the channel.
    ///
    /// # Errors
    /// The channel is gone.
    pub async fn close(&mut self) -> Result<(), Error> {
        Ok(self.channel.close().await?)
    }
}

impl Replies {
    /// The next reply, in the order of the wire.
    ///
    /// # Errors
    /// None came before the deadline, or the channel ended.
    pub async fn next(&mut self) -> Result<(RequestId, Reply), Error> {
        match self.packet().await? {
            FromServer::Reply { id, reply } => Ok((id, reply)),
            FromServer::Version(_) => Err(Error::Unexpected {
                id: None,
                reply: None,
            }),
        }
    }

    /// The answer to INIT.
    ///
    /// # Errors
    /// Something else came, or nothing.
    pub async fn version(&mut self) -> Result<Version, Error> {
        match self.packet().await? {
            FromServer::Version(version) => Ok(version),
            FromServer::Reply { id, reply } => Err(Error::Unexpected {
                id: Some(id),
                reply: Some(Box::new(reply)),
            }),
        }
    }

    async fn packet(&mut self) -> Result<FromServer, Error> {
        let what = "wait for a reply";
        let next = tokio::time::timeout(self.deadline, self.inbox.next());
        next.await.unwrap_or(Err(Error::Deadline { what }))
    }
}
