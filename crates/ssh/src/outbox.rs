//! `Outbox`: the replies of one channel on their way to the client, and the one who sends them.
//!
//! Whoever has a reply puts it here and goes on. A single sender per channel takes them out, waits
//! for the channel's window and hands them to russh, so that a reply in several pieces is never
//! mixed with another, nothing piles up inside russh, and the reader never waits for the writer
//! (that would deadlock with clients that read only while they may write).

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use russh::ChannelWriteHalf;
use russh::server::Msg;
use sftp::{Reply, RequestId};
use tokio::sync::{Notify, OwnedSemaphorePermit};
use tokio_util::sync::CancellationToken;

use crate::line::Line;

/// Small replies are joined up to this, which is the usual packet of SSH.
const JOINED: usize = 32 << 10;
/// Small replies that a client leaves unread, in bytes. Each request has one, so a client that
/// reads at all stays far below.
const MAX_UNREAD: usize = 8 << 20;

#[derive(Debug, Default)]
pub(crate) struct Outbox {
    queue: Mutex<Queue>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    parts: VecDeque<Part>,
    /// Bytes in small parts.
    small: usize,
    finished: bool,
}

#[derive(Debug)]
enum Part {
    /// Whole packets, joined.
    Small(BytesMut),
    /// A DATA packet, or another large one, whose bytes are counted until it is sent.
    Large(Large),
}

#[derive(Debug)]
struct Large {
    head: BytesMut,
    pieces: Vec<Bytes>,
    _permit: OwnedSemaphorePermit,
}

/// The client does not read its replies.
#[derive(Debug, thiserror::Error)]
#[error("the client does not read its replies")]
pub(crate) struct Unread;

impl Outbox {
    /// Adds whole encoded packets.
    pub(crate) fn add_encoded(&self, packets: &BytesMut) -> Result<(), Unread> {
        if packets.is_empty() {
            return Ok(());
        }
        let mut queue = self.lock();
        if queue.small + packets.len() > MAX_UNREAD {
            return Err(Unread);
        }
        queue.small += packets.len();
        match queue.parts.back_mut() {
            Some(Part::Small(joined)) if joined.len() + packets.len() <= JOINED => {
                joined.extend_from_slice(packets);
            }
            _ => queue.parts.push_back(Part::Small(packets.clone())),
        }
        drop(queue);
        self.changed.notify_one();
        Ok(())
    }

    /// Adds a reply. What is above the bound of unread bytes is dropped: the reader, which meets
    /// the same bound, ends the channel.
    pub(crate) fn add(&self, id: RequestId, reply: &Reply) {
        let mut packet = BytesMut::new();
        reply.encode_into(id, &mut packet);
        let _ = self.add_encoded(&packet);
    }

    /// Adds a reply whose bytes are counted by `permit` until russh has them.
    pub(crate) fn add_counted(&self, id: RequestId, reply: &Reply, permit: OwnedSemaphorePermit) {
        let mut head = BytesMut::new();
        reply.encode_into(id, &mut head);
        self.add_large(head, Vec::new(), permit);
    }

    /// Adds a DATA reply, without joining its pieces.
    pub(crate) fn add_data(&self, id: RequestId, pieces: Vec<Bytes>, permit: OwnedSemaphorePermit) {
        let length: usize = pieces.iter().map(Bytes::len).sum();
        // Its length is what a READ asked for: 32 bits.
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        let mut head = BytesMut::new();
        Reply::encode_data_head_into(id, length, &mut head);
        self.add_large(head, pieces, permit);
    }

    /// Adds raw bytes that are counted by `permit` until russh has them.
    pub(crate) fn add_raw(&self, bytes: Bytes, permit: OwnedSemaphorePermit) {
        self.add_large(BytesMut::new(), vec![bytes], permit);
    }

    /// Nothing more will be added: the sender ends when everything is sent.
    pub(crate) fn finish(&self) {
        self.lock().finished = true;
        self.changed.notify_one();
    }

    /// Sends until the outbox is finished and empty: true. False once the channel is gone.
    pub(crate) async fn deliver(
        &self,
        channel: &ChannelWriteHalf<Msg>,
        line: &Line,
        gone: &CancellationToken,
    ) -> bool {
        tokio::select! {
            sent = self.send(channel, line) => sent.is_ok(),
            () = gone.cancelled() => false,
        }
    }

    async fn send(&self, channel: &ChannelWriteHalf<Msg>, line: &Line) -> Result<(), russh::Error> {
        while let Some(part) = self.next().await {
            match part {
                Part::Small(packets) => channel.data_bytes(packets.freeze()).await?,
                Part::Large(large) => {
                    line.pace_sending(large.len()).await;
                    large.send(channel).await?;
                }
            }
            line.touch();
        }
        Ok(())
    }

    async fn next(&self) -> Option<Part> {
        loop {
            let finished = {
                let mut queue = self.lock();
                if let Some(part) = queue.parts.pop_front() {
                    if let Part::Small(packets) = &part {
                        queue.small -= packets.len();
                    }
                    return Some(part);
                }
                queue.finished
            };
            if finished {
                return None;
            }
            self.changed.notified().await;
        }
    }

    fn add_large(&self, head: BytesMut, pieces: Vec<Bytes>, permit: OwnedSemaphorePermit) {
        self.lock().parts.push_back(Part::Large(Large {
            head,
            pieces,
            _permit: permit,
        }));
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Large {
    fn len(&self) -> usize {
        self.pieces.iter().map(Bytes::len).sum()
    }

    /// Sends full packets: the head is topped up with the first bytes behind it, small pieces are
    /// joined, and only what is left of large ones goes as it is.
    async fn send(self, channel: &ChannelWriteHalf<Msg>) -> Result<(), russh::Error> {
        let mut joined = self.head;
        for mut piece in self.pieces {
            let room = JOINED.saturating_sub(joined.len());
            if !joined.is_empty() || piece.len() < JOINED {
                joined.extend_from_slice(&piece.split_to(room.min(piece.len())));
            }
            if joined.len() >= JOINED {
                channel.data_bytes(joined.split().freeze()).await?;
            }
            let whole = piece.len() - piece.len() % JOINED;
            if whole > 0 {
                channel.data_bytes(piece.split_to(whole)).await?;
            }
            joined.extend_from_slice(&piece);
        }
        if !joined.is_empty() {
            channel.data_bytes(joined.freeze()).await?;
        }
        Ok(())
    }
}
