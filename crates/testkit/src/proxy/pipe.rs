//! One connection through the proxy: two directions that end together.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::weather::Weather;
use super::{Counters, count, reset};

/// Bytes of one read, and what waits between two directions of a slow line: 64 of them.
const PIECE: usize = 32 << 10;
const QUEUE: usize = 64;

/// A client's connection and the one to the target.
pub(super) struct Pipe {
    client: TcpStream,
    server: TcpStream,
    line: Line,
}

/// What both directions share.
#[derive(Clone)]
struct Line {
    weather: watch::Receiver<Weather>,
    counters: Arc<Counters>,
    /// Bytes that may still pass; none where all may.
    left: Option<Arc<AtomicU64>>,
}

/// Why a direction stopped.
enum End {
    /// Its sender had no more to say.
    Finished,
    /// The proxy cuts the connection.
    Cut,
}

impl Pipe {
    pub(super) fn new(
        client: TcpStream,
        server: TcpStream,
        limit: Option<u64>,
        weather: watch::Receiver<Weather>,
        counters: Arc<Counters>,
    ) -> Self {
        // Small packets must not wait; a socket that refuses is slow, no more.
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let left = limit.map(|bytes| Arc::new(AtomicU64::new(bytes)));
        let line = Line {
            weather,
            counters,
            left,
        };
        Self {
            client,
            server,
            line,
        }
    }

    /// Carries bytes until both sides have finished, one fails, or the proxy cuts.
    pub(super) async fn run(mut self) {
        let storm = storm(self.line.weather.clone());
        let (from_client, to_client) = self.client.split();
        let (from_server, to_server) = self.server.split();
        let counters = Arc::clone(&self.line.counters);
        let forth = self.line.carry(from_client, to_server, &counters.sent);
        let back = self.line.carry(from_server, to_client, &counters.received);
        let both = async {
            match futures::try_join!(forth, back) {
                Ok(_) => End::Finished,
                Err(end) => end,
            }
        };
        let end = tokio::select! {
            end = both => end,
            () = storm => End::Cut,
        };
        if let End::Cut = end {
            count(&counters.cut, 1);
            reset(&self.client);
            reset(&self.server);
        }
    }
}

/// Ends when everything that is open is to be cut, or the proxy is gone.
async fn storm(mut weather: watch::Receiver<Weather>) {
    let before = weather.borrow().storms;
    let broke = weather.wait_for(|weather| weather.storms != before).await;
    // An error means that the proxy is gone: the same.
    drop(broke);
}

impl Line {
    /// Carries one direction to its end, then says so to the other side.
    async fn carry(
        &self,
        from: ReadHalf<'_>,
        to: WriteHalf<'_>,
        counter: &AtomicU64,
    ) -> Result<(), End> {
        let (queue, arrivals) = mpsc::channel(QUEUE);
        let read = self.read(from, queue);
        let write = self.write(to, arrivals, counter);
        futures::try_join!(read, write).map(drop)
    }

    /// Takes what comes and stamps it with the time it may arrive.
    async fn read(
        &self,
        mut from: ReadHalf<'_>,
        queue: mpsc::Sender<(Instant, Vec<u8>)>,
    ) -> Result<(), End> {
        loop {
            let mut piece = vec![0; PIECE];
            let length = from.read(&mut piece).await.map_err(lost)?;
            if length == 0 {
                return Ok(());
            }
            piece.truncate(length);
            let due = Instant::now() + self.weather.borrow().latency;
            queue.send((due, piece)).await.map_err(|_| End::Finished)?;
        }
    }

    /// Hands over what is due, no faster than the line carries.
    async fn write(
        &self,
        mut to: WriteHalf<'_>,
        mut arrivals: mpsc::Receiver<(Instant, Vec<u8>)>,
        counter: &AtomicU64,
    ) -> Result<(), End> {
        let mut weather = self.weather.clone();
        while let Some((due, piece)) = arrivals.recv().await {
            tokio::time::sleep_until(due).await;
            let calm = weather.wait_for(|weather| !weather.swallow).await;
            calm.map_err(|_| End::Cut).map(drop)?;
            let allowed = self.allowed(piece.len());
            to.write_all(&piece[..allowed]).await.map_err(lost)?;
            count(counter, allowed as u64);
            if allowed < piece.len() {
                return Err(End::Cut);
            }
            self.pace(allowed).await;
        }
        to.shutdown().await.map_err(lost)
    }

    /// How much of a piece may pass before the cut.
    fn allowed(&self, wanted: usize) -> usize {
        let Some(left) = &self.left else {
            return wanted;
        };
        let take = |left: u64| Some(left.saturating_sub(wanted as u64));
        let order = Ordering::Relaxed;
        let before = left.fetch_update(order, order, take).unwrap_or_default();
        usize::try_from(before).map_or(wanted, |before| before.min(wanted))
    }

    async fn pace(&self, bytes: usize) {
        let Some(rate) = self.weather.borrow().bandwidth else {
            return;
        };
        let seconds = bytes as f64 / rate.max(1) as f64;
        tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
    }
}

/// A side that failed ends the connection; the other side sees it closed.
fn lost(_: io::Error) -> End {
    End::Finished
}
