//! The TCP connection of a test's client, with a tap on it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Stops, releases or cuts a connection. Writing goes on while reading is stopped.
#[derive(Debug, Clone)]
pub struct Valve {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    flow: Flow,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Flow {
    #[default]
    Open,
    Stopped,
    Cut,
}

impl Valve {
    /// Reads nothing more from the socket, so that the server's replies pile up in TCP.
    pub fn stop_reading(&self) {
        self.turn(Flow::Stopped);
    }

    /// Reads again.
    pub fn read_again(&self) {
        self.turn(Flow::Open);
    }

    /// Drops the TCP connection with a reset, as a machine that lost its power would after a
    /// while. Nothing of SSH is said.
    pub fn cut(&self) {
        self.turn(Flow::Cut);
    }

    fn turn(&self, flow: Flow) {
        let mut shared = self.shared();
        if shared.flow != Flow::Cut {
            shared.flow = flow;
        }
        let wakers = [shared.reader.take(), shared.writer.take()];
        drop(shared);
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The stream that is given to the SSH layer.
pub(super) struct Link {
    tcp: TcpStream,
    valve: Valve,
}

/// Puts a tap on a connection.
pub(super) fn link(tcp: TcpStream) -> (Link, Valve) {
    let valve = Valve {
        shared: Arc::default(),
    };
    (
        Link {
            tcp,
            valve: valve.clone(),
        },
        valve,
    )
}

impl Link {
    /// The flow; whoever finds it other than open is woken when it changes.
    fn flow(&self, remember: impl FnOnce(&mut Shared)) -> Flow {
        let mut shared = self.valve.shared();
        remember(&mut shared);
        shared.flow
    }

    fn cut(&self) -> io::Error {
        // Zero linger makes the close a reset.
        match self.tcp.set_zero_linger() {
            Ok(()) => io::Error::new(io::ErrorKind::ConnectionAborted, "cut by the test"),
            Err(error) => error,
        }
    }
}

impl AsyncRead for Link {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.flow(|shared| shared.reader = Some(cx.waker().clone())) {
            Flow::Open => Pin::new(&mut self.tcp).poll_read(cx, buffer),
            Flow::Stopped => Poll::Pending,
            Flow::Cut => Poll::Ready(Err(self.cut())),
        }
    }
}

impl AsyncWrite for Link {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.flow(|shared| shared.writer = Some(cx.waker().clone())) {
            Flow::Open | Flow::Stopped => Pin::new(&mut self.tcp).poll_write(cx, bytes),
            Flow::Cut => Poll::Ready(Err(self.cut())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}
