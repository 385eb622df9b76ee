//! The old `scp` protocol, as `scp -O` and pscp speak it: one command a channel, lock-step lines
//! and raw file bytes. There is no standard; the behaviour is that of OpenSSH's `scp.c`.

mod channel;
mod command;
mod glob;
mod inbox;
mod message;
mod sink;
mod source;

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use gateway::Session;

pub(crate) use channel::Transfer;
pub(crate) use command::Command;
use command::Direction;
use inbox::{Inbox, Reader};

/// Where the protocol's bytes go to the client. Waits while the client does not take them.
trait Output: Send + Sync {
    /// Sends bytes on the channel; false once it is gone.
    fn send(&self, bytes: Bytes) -> impl Future<Output = bool> + Send;
}

/// Why a command ended before its time: the channel is gone, or the client broke the rules.
#[derive(Debug, PartialEq, Eq)]
struct Broken;

/// Runs one command to its end and returns its exit status: 0 where every file was moved.
///
/// The caller feeds what arrives into `inbox` and ends `session` afterwards.
async fn serve(
    command: &Command,
    session: &Arc<Session>,
    inbox: Inbox,
    output: &impl Output,
) -> u32 {
    let reader = Reader::new(inbox);
    let served = match command.direction {
        Direction::FromClient => sink::run(command, session, reader, output).await,
        Direction::ToClient => source::run(command, session, reader, output).await,
    };
    match served {
        Ok(0) => 0,
        Ok(_) | Err(Broken) => 1,
    }
}

/// Tells the client of an error in the words of scp; the transfer goes on with what is next.
async fn report(output: &impl Output, subject: &str, error: &gateway::Error) -> Result<(), Broken> {
    complain(output, &format!("{subject}: {error}")).await
}

/// Sends an error line. Control characters would end it or play tricks in a terminal.
async fn complain(output: &impl Output, text: &str) -> Result<(), Broken> {
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .collect();
    send(output, format!("\u{1}scp: {text}\n")).await
}

async fn send(output: &impl Output, bytes: impl Into<Bytes>) -> Result<(), Broken> {
    if output.send(bytes.into()).await {
        Ok(())
    } else {
        Err(Broken)
    }
}

async fn acknowledge(output: &impl Output) -> Result<(), Broken> {
    send(output, Bytes::from_static(b"\0")).await
}
