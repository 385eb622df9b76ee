//! The control socket in the node's data folder: how `pierhead reload` reaches the running node.
//!
//! One line of JSON each way. The folder's permissions guard it (mode 0700, socket 0600).

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::config::Changes;

/// How long one side waits for the other.
const PATIENCE: Duration = Duration::from_secs(30);
/// A line's length in bytes.
const LINE: usize = 64 * 1024;

/// What a node can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Command {
    /// Read the configuration again.
    Reload,
}

/// What it answers.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    /// What was taken over and what was not.
    Reloaded(Changes),
    /// Nothing was changed.
    Refused(String),
}

/// A command and where its answer goes.
pub(crate) type Request = (Command, oneshot::Sender<Answer>);

/// The listening end.
pub(crate) struct ControlSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl ControlSocket {
    /// Listens at `path`; a socket that a dead node left there is replaced.
    ///
    /// # Errors
    /// Where another node is alive there, or the socket cannot be made.
    pub(crate) async fn bind(path: PathBuf) -> anyhow::Result<Self> {
        if UnixStream::connect(&path).await.is_ok() {
            anyhow::bail!(
                "another node runs with this data folder (its control socket {} answers); end it first",
                path.display()
            );
        }
        let what = || format!("listen on the control socket {}", path.display());
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).with_context(what);
            }
            _ => {}
        }
        let listener = UnixListener::bind(&path).with_context(what)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))
            .with_context(what)?;
        Ok(Self { listener, path })
    }

    /// Hands requests over until `stop`, one connection after the other.
    pub(crate) async fn serve(self, requests: mpsc::Sender<Request>, stop: CancellationToken) {
        while let Some(accepted) = stop.run_until_cancelled(self.listener.accept()).await {
            let Ok((stream, _)) = accepted else { continue };
            let answered = tokio::time::timeout(PATIENCE, answer(stream, &requests));
            if let Some(Err(error)) = stop
                .run_until_cancelled(answered)
                .await
                .map(|o| o.unwrap_or(Ok(())))
            {
                tracing::debug!(%error, "control connection ended");
            }
        }
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn answer(stream: UnixStream, requests: &mpsc::Sender<Request>) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    let mut limited = BufReader::new(tokio::io::AsyncReadExt::take(read, LINE as u64));
    if limited.read_line(&mut line).await? == 0 {
        return Ok(());
    }
    let answer = match serde_json::from_str::<Command>(&line) {
        Err(error) => Answer::Refused(format!("not a command: {error}")),
        Ok(command) => {
            let (send, receive) = oneshot::channel();
            let gone = || Answer::Refused("the node is going down".to_owned());
            match requests.send((command, send)).await {
                Ok(()) => receive.await.unwrap_or_else(|_| gone()),
                Err(_) => gone(),
            }
        }
    };
    let mut text = serde_json::to_vec(&answer).map_err(io::Error::other)?;
    text.push(b'\n');
    write.write_all(&text).await
}

/// Sends a command to the node whose socket is at `path`.
///
/// # Errors
/// Where no node answers there.
pub(crate) async fn send(path: &Path, command: Command) -> anyhow::Result<Answer> {
    let asked = async {
        let stream = UnixStream::connect(path).await.with_context(|| {
            format!(
                "reach the node at {}: is it running with this data folder?",
                path.display()
            )
        })?;
        let (read, mut write) = stream.into_split();
        let mut line = serde_json::to_vec(&command)?;
        line.push(b'\n');
        write.write_all(&line).await.context("send the command")?;
        let mut reply = String::new();
        BufReader::new(read)
            .read_line(&mut reply)
            .await
            .context("read the answer")?;
        serde_json::from_str(&reply).with_context(|| format!("understand the answer {reply:?}"))
    };
    tokio::time::timeout(PATIENCE, asked)
        .await
        .context("the node did not answer in 30 s")?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_command_reaches_the_node_and_its_answer_comes_back() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("control.sock");
        let stop = CancellationToken::new();
        let (requests, mut received) = mpsc::channel::<Request>(1);
        let socket = ControlSocket::bind(path.clone()).await.expect("bound");
        let node = async {
            let (command, reply): Request = received.recv().await.expect("a request");
            assert_eq!(command, Command::Reload);
            reply.send(Answer::Refused("no".to_owned())).expect("asked");
        };
        let asked = async {
            let answer = send(&path, Command::Reload).await.expect("answered");
            assert!(
                ControlSocket::bind(path.clone()).await.is_err(),
                "a second node is kept out"
            );
            stop.cancel();
            answer
        };
        let (_, _, answer) = tokio::join!(socket.serve(requests, stop.clone()), node, asked);
        assert_eq!(answer, Answer::Refused("no".to_owned()));
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn without_a_node_the_error_says_so() {
        let folder = tempfile::tempdir().expect("folder");
        let error = send(&folder.path().join("control.sock"), Command::Reload)
            .await
            .expect_err("none");
        assert!(error.to_string().contains("is it running"), "{error}");
    }
}
