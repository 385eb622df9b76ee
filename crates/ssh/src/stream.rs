//! The TCP stream as russh sees it: gated by the upload budget, paced by its user's bandwidth,
//! counted, and endable from outside.
//!
//! SSH's own flow control does not slow a client here, since russh grants window on receipt; only
//! not reading the socket does. While upload bytes on their way to the stores exceed their budget,
//! `poll_read` stays pending, as it does while too many replies to WRITEs wait for the stores: the session goes on sending replies and keeping its timers while the
//! client's TCP window closes. The budget is released by the stores alone, so nobody waits for
//! himself.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, ready};

use futures::FutureExt;
use futures::future::BoxFuture;
use socket2::SockRef;
use storage::BudgetGate;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep_until};

use crate::line::Line;

/// The stream of one connection.
pub(crate) struct PeerStream {
    tcp: Arc<TcpStream>,
    gate: BudgetGate,
    line: Arc<Line>,
    hang_up: HangUp,
    /// Its user has sent more than he may in this time: nothing is read until then.
    paced: Option<Pin<Box<Sleep>>>,
}

/// Whether the peer's hang-up is watched for while nothing is read.
enum HangUp {
    Unwatched,
    Watched(BoxFuture<'static, bool>),
    /// Urgent data came, which cannot be told from a hang-up any more; TCP_USER_TIMEOUT remains.
    Blind,
}

impl PeerStream {
    pub(crate) fn new(tcp: TcpStream, gate: BudgetGate, line: Arc<Line>) -> Self {
        Self {
            tcp: Arc::new(tcp),
            gate,
            line,
            hang_up: HangUp::Unwatched,
            paced: None,
        }
    }

    /// Pending while the bandwidth of its user is used up.
    fn poll_pace(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(until) = &mut self.paced else {
            return Poll::Ready(Ok(()));
        };
        if until.as_mut().poll(context).is_ready() {
            self.paced = None;
            return Poll::Ready(Ok(()));
        }
        self.line.reader.register(context.waker());
        self.check_cut()?;
        Poll::Pending
    }

    fn poll_gate(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Who does not upload fills no budget: logins, listings and downloads go on while the stores
        // are slow.
        if self.may_read(context) {
            if self.line.is_gated() {
                self.line.set_gated(false);
                self.hang_up = HangUp::Unwatched;
            }
            return Poll::Ready(Ok(()));
        }
        if !self.line.is_gated() {
            self.line.set_gated(true);
        }
        if self.poll_hang_up(context) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        self.line.reader.register(context.waker());
        // What was owed may have been paid between the look and the registration.
        if self.may_read(context) {
            context.waker().wake_by_ref();
        }
        self.check_cut()?;
        Poll::Pending
    }

    fn may_read(&self, context: &mut Context<'_>) -> bool {
        !self.line.has_uploaded()
            || (!self.line.is_owing() && self.gate.poll_open(context).is_ready())
    }

    /// Whether the peer hung up, although unread data is waiting.
    fn poll_hang_up(&mut self, context: &mut Context<'_>) -> bool {
        if matches!(self.hang_up, HangUp::Unwatched) {
            let tcp = self.tcp.clone();
            self.hang_up = HangUp::Watched(
                async move {
                    let ready = tcp.ready(Interest::PRIORITY).await;
                    ready.is_ok_and(|ready| ready.is_read_closed() || ready.is_error())
                }
                .boxed(),
            );
        }
        let HangUp::Watched(watch) = &mut self.hang_up else {
            return false;
        };
        match watch.poll_unpin(context) {
            Poll::Pending => false,
            Poll::Ready(hung_up) => {
                self.hang_up = HangUp::Blind;
                hung_up
            }
        }
    }

    fn check_cut(&self) -> io::Result<()> {
        if self.line.is_cut() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }
}

impl AsyncRead for PeerStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check_cut()?;
        ready!(self.poll_pace(context))?;
        ready!(self.poll_gate(context))?;
        loop {
            match self.tcp.poll_read_ready(context) {
                Poll::Ready(ready) => ready?,
                Poll::Pending => {
                    self.line.reader.register(context.waker());
                    self.check_cut()?;
                    return Poll::Pending;
                }
            }
            match self.tcp.try_read(buffer.initialize_unfilled()) {
                Ok(bytes) => {
                    buffer.advance(bytes);
                    let until = self.line.pace_received(bytes);
                    self.paced = until.map(|until| Box::pin(sleep_until(until)));
                    if self.line.received.fetch_add(bytes as u64, Relaxed) == 0 && bytes > 0 {
                        self.line.identify(buffer.filled());
                    }
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for PeerStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check_cut()?;
        loop {
            match self.tcp.poll_write_ready(context) {
                Poll::Ready(ready) => ready?,
                Poll::Pending => {
                    self.line.writer.register(context.waker());
                    self.check_cut()?;
                    return Poll::Pending;
                }
            }
            match self.tcp.try_write(bytes) {
                Ok(written) => {
                    self.line.sent.fetch_add(written as u64, Relaxed);
                    return Poll::Ready(Ok(written));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match SockRef::from(&*self.tcp).shutdown(std::net::Shutdown::Write) {
            // The peer was faster.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Poll::Ready(Ok(())),
            result => Poll::Ready(result),
        }
    }
}

#[cfg(test)]
mod tests {
    use storage::Budget;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    async fn pair(budget: &Arc<Budget>) -> (PeerStream, TcpStream, Arc<Line>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let address = listener.local_addr().expect("address");
        let (client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        let line = Arc::new(Line::new());
        let tcp = accepted.expect("accepted").0;
        line.log_in("acme");
        line.written.store(1, Relaxed);
        let stream = PeerStream::new(tcp, budget.gate(), line.clone());
        (stream, client.expect("connected"), line)
    }

    #[tokio::test]
    async fn nothing_is_read_while_the_budget_is_exceeded_and_writes_go_on() {
        let budget = Budget::new(1);
        let (mut stream, mut client, line) = pair(&budget).await;
        let permit = budget.take(2);
        client.write_all(b"hello").await.expect("written");
        let mut bytes = [0; 5];
        let mut reading = std::pin::pin!(stream.read_exact(&mut bytes));
        assert!(reading.as_mut().now_or_never().is_none());
        assert!(line.is_gated());
        drop(permit);
        reading.await.expect("read");
        assert_eq!(&bytes, b"hello");
        assert!(!line.is_gated());

        let _permit = budget.take(2);
        stream.write_all(b"reply").await.expect("written");
        client.read_exact(&mut bytes).await.expect("read");
        assert_eq!(&bytes, b"reply");
        assert_eq!(line.received.load(Relaxed), 5);
        assert_eq!(line.sent.load(Relaxed), 5);
    }

    #[tokio::test]
    async fn who_does_not_upload_is_read_from_while_the_stores_are_slow() {
        let budget = Budget::new(1);
        let (mut stream, mut client, line) = pair(&budget).await;
        line.written.store(0, Relaxed);
        let _permit = budget.take(2);
        client.write_all(b"x").await.expect("written");
        assert_eq!(stream.read_u8().await.expect("read"), b'x');
    }

    #[tokio::test(start_paused = true)]
    async fn who_sends_too_fast_is_read_from_at_his_pace() {
        let budget = Budget::new(1);
        let (mut stream, mut client, line) = pair(&budget).await;
        line.set_pace(Arc::new(gateway::Pace::new(Some(1000), None)));
        client.write_all(&[0; 3000]).await.expect("written");
        let begun = tokio::time::Instant::now();
        let mut bytes = [0; 500];
        for _ in 0..6 {
            stream.read_exact(&mut bytes).await.expect("read");
        }
        let taken = begun.elapsed();
        assert!(taken >= std::time::Duration::from_millis(2500), "{taken:?}");
        stream.write_all(b"reply").await.expect("written");
    }

    #[tokio::test]
    async fn a_hang_up_is_noticed_behind_the_gate() {
        let budget = Budget::new(1);
        let (mut stream, mut client, _line) = pair(&budget).await;
        let _permit = budget.take(2);
        client.write_all(&[0; 1000]).await.expect("written");
        drop(client);
        let error = stream.read_u8().await.expect_err("hung up");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }

    #[tokio::test]
    async fn a_cut_line_fails_pending_reads_and_writes() {
        let budget = Budget::new(1);
        let (mut stream, _client, line) = pair(&budget).await;
        let mut byte = [0];
        {
            let mut reading = std::pin::pin!(stream.read_exact(&mut byte));
            assert!(reading.as_mut().now_or_never().is_none());
            line.cut();
            let error = reading.await.expect_err("cut");
            assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
        }
        assert!(stream.write_all(b"x").await.is_err());
    }
}
