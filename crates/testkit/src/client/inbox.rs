//! What has come from the server and waits for the test to look at it.

use std::sync::Arc;

use russh::{ChannelMsg, ChannelReadHalf};
use sftp::{FromServer, Reply, ReplyDecoder};
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::Error;

/// Packets that may wait; tests that read nothing for a while get a status for every write.
const PACKETS: usize = 1 << 17;
/// Bytes of DATA that may wait before the connection is read no further.
const BYTES: usize = 32 << 20;

/// The test's end.
#[derive(Debug)]
pub(super) struct Inbox {
    packets: mpsc::Receiver<Result<FromServer, Error>>,
    room: Arc<Semaphore>,
}

impl Inbox {
    /// The next packet, in the order of the wire; [`Error::Closed`] after the last one.
    pub(super) async fn next(&mut self) -> Result<FromServer, Error> {
        let packet = self.packets.recv().await.unwrap_or(Err(Error::Closed))?;
        self.room.add_permits(size(&packet));
        Ok(packet)
    }
}

/// The channel's end: to be run as a task, ends with the channel.
pub(super) struct Courier {
    channel: ChannelReadHalf,
    packets: mpsc::Sender<Result<FromServer, Error>>,
    room: Arc<Semaphore>,
    /// Whether the channel request was granted.
    granted: Option<oneshot::Sender<bool>>,
}

/// The two ends. The third is told whether the subsystem was granted.
pub(super) fn inbox(channel: ChannelReadHalf) -> (Courier, Inbox, oneshot::Receiver<bool>) {
    let (sender, packets) = mpsc::channel(PACKETS);
    let (granted, answer) = oneshot::channel();
    let room = Arc::new(Semaphore::new(BYTES));
    let inbox = Inbox {
        packets,
        room: Arc::clone(&room),
    };
    (
        Courier {
            channel,
            packets: sender,
            room,
            granted: Some(granted),
        },
        inbox,
        answer,
    )
}

impl Courier {
    pub(super) async fn run(mut self) {
        let mut decoder = ReplyDecoder::new();
        while let Some(message) = self.channel.wait().await {
            match message {
                ChannelMsg::Data { data } if self.deliver(&mut decoder, &data).await => {}
                ChannelMsg::Data { .. } | ChannelMsg::Close => return,
                ChannelMsg::Success => self.answer(true),
                ChannelMsg::Failure => self.answer(false),
                _ => {}
            }
        }
    }

    fn answer(&mut self, granted: bool) {
        if let Some(asked) = self.granted.take() {
            // Nobody may be waiting any more: the deadline passed.
            let _ = asked.send(granted);
        }
    }

    /// Whether to go on.
    async fn deliver(&self, decoder: &mut ReplyDecoder, mut slice: &[u8]) -> bool {
        loop {
            let found = match decoder.next(&mut slice) {
                Ok(None) => return true,
                Ok(Some(packet)) => {
                    let Ok(room) = self.room.acquire_many(size(&packet) as u32).await else {
                        return false;
                    };
                    room.forget();
                    Ok(packet)
                }
                Err(error) => Err(Error::Malformed(error)),
            };
            let last = found.is_err();
            if self.packets.send(found).await.is_err() || last {
                return false;
            }
        }
    }
}

/// Bytes that a packet takes of the room.
fn size(packet: &FromServer) -> usize {
    match packet {
        FromServer::Reply {
            reply: Reply::Data(data),
            ..
        } => data.len(),
        _ => 0,
    }
}
