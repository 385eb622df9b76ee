//! A TCP proxy inside the test that is as bad as a network can be, on demand.
//!
//! It knows nothing of what it carries; faults in the answers of an HTTP store are those of
//! `testkit::s3::FaultProxy`. It runs on the runtime that started it and ends, its connections cut, when
//! [`Proxy`] is dropped.

mod pipe;
mod weather;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::dice::Dice;
use weather::{Limit, Weather};

/// Passes connections on to a target, and breaks them as told.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    weather: watch::Sender<Weather>,
    limit: Arc<Mutex<Limit>>,
    counters: Arc<Counters>,
    _end: DropGuard,
}

/// What went through a proxy so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Connections that reached the target.
    pub connections: u64,
    /// Connections that were refused, or whose target was not there.
    pub refused: u64,
    /// Connections that the proxy cut.
    pub cut: u64,
    /// Bytes to the target.
    pub sent: u64,
    /// Bytes from the target.
    pub received: u64,
}

#[derive(Debug, Default)]
struct Counters {
    connections: AtomicU64,
    refused: AtomicU64,
    cut: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
}

impl Proxy {
    /// Starts one on a free loopback port, in fine weather.
    ///
    /// # Errors
    /// Where no port can be had.
    pub async fn start(target: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (weather, seen) = watch::channel(Weather::fine(target));
        let counters = Arc::new(Counters::default());
        let end = CancellationToken::new();
        let tasks = TaskTracker::new();
        let limit = Arc::default();
        let door = Door {
            weather: seen,
            limit: Arc::clone(&limit),
            counters: Arc::clone(&counters),
            tasks: tasks.clone(),
        };
        let token = end.clone();
        tasks.spawn(async move { token.run_until_cancelled(door.accept(listener)).await });
        Ok(Self {
            address,
            weather,
            limit,
            counters,
            _end: end.drop_guard(),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// New connections go there: a failover. What is open stays with the old target.
    pub fn switch_to(&self, target: SocketAddr) {
        self.weather.send_modify(|weather| weather.target = target);
    }

    /// Every byte arrives this much later, in both directions.
    pub fn set_latency(&self, latency: Duration) {
        self.weather
            .send_modify(|weather| weather.latency = latency);
    }

    /// Each direction of each connection carries so many bytes per second; none: all it can.
    pub fn set_bandwidth(&self, bytes_per_second: Option<u64>) {
        self.weather
            .send_modify(|weather| weather.bandwidth = bytes_per_second);
    }

    /// Resets every connection that is open now.
    pub fn cut_now(&self) {
        self.weather.send_modify(|weather| weather.storms += 1);
    }

    /// Resets every new connection once it has carried so many bytes, both directions together.
    pub fn cut_after(&self, bytes: u64) {
        self.doom(Limit::Always(bytes));
    }

    /// Resets a share of the new connections (`probability`) after a random number of bytes up to
    /// `most`; the same ones, in order, for the same seed.
    pub fn cut_at_random(&self, probability: f64, most: u64, seed: u64) {
        self.doom(Limit::Random {
            probability,
            most,
            dice: Dice::seeded(seed),
        });
    }

    /// Resets new connections at once, or no longer.
    pub fn refuse(&self, refuse: bool) {
        self.weather.send_modify(|weather| weather.refuse = refuse);
    }

    /// Takes connections and bytes and passes nothing on, or moves everything again.
    pub fn swallow(&self, swallow: bool) {
        self.weather
            .send_modify(|weather| weather.swallow = swallow);
    }

    /// Fine weather again. Connections that were doomed stay so.
    pub fn repair(&self) {
        self.doom(Limit::None);
        self.weather.send_modify(|weather| {
            *weather = Weather {
                storms: weather.storms,
                ..Weather::fine(weather.target)
            }
        });
    }

    /// What went through so far.
    pub fn counts(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            connections: read(&self.counters.connections),
            refused: read(&self.counters.refused),
            cut: read(&self.counters.cut),
            sent: read(&self.counters.sent),
            received: read(&self.counters.received),
        }
    }

    fn doom(&self, limit: Limit) {
        *self.limit.lock().unwrap_or_else(PoisonError::into_inner) = limit;
    }
}

/// Where connections come in.
struct Door {
    weather: watch::Receiver<Weather>,
    limit: Arc<Mutex<Limit>>,
    counters: Arc<Counters>,
    tasks: TaskTracker,
}

impl Door {
    async fn accept(self, listener: TcpListener) {
        loop {
            let Ok((client, _)) = listener.accept().await else {
                continue;
            };
            if self.weather.borrow().refuse {
                self.turn_away(&client);
                continue;
            }
            let limit = self.limit.lock();
            let limit = limit.unwrap_or_else(PoisonError::into_inner).draw();
            let (weather, counters) = (self.weather.clone(), Arc::clone(&self.counters));
            let target = weather.borrow().target;
            self.tasks.spawn(async move {
                let Ok(server) = TcpStream::connect(target).await else {
                    count(&counters.refused, 1);
                    return reset(&client);
                };
                count(&counters.connections, 1);
                pipe::Pipe::new(client, server, limit, weather, counters)
                    .run()
                    .await;
            });
        }
    }

    fn turn_away(&self, client: &TcpStream) {
        count(&self.counters.refused, 1);
        reset(client);
    }
}

fn count(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}

/// Makes the close that follows a reset.
fn reset(stream: &TcpStream) {
    // A socket that refuses is closed in the ordinary way, which ends the connection as well.
    let _ = stream.set_zero_linger();
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::task::JoinSet;

    use super::*;

    /// A server that says its name, then echoes.
    async fn echo(name: &'static [u8], tasks: &mut JoinSet<()>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let tracker = TaskTracker::new();
        tasks.spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tracker.spawn(async move {
                    let (mut read, mut write) = stream.split();
                    if write.write_all(name).await.is_ok() {
                        let _ = tokio::io::copy(&mut read, &mut write).await;
                    }
                });
            }
        });
        address
    }

    struct Bench {
        proxy: Proxy,
        tasks: JoinSet<()>,
    }

    async fn bench() -> Bench {
        let mut tasks = JoinSet::new();
        let target = echo(b"a", &mut tasks).await;
        let proxy = Proxy::start(target).await.unwrap();
        Bench { proxy, tasks }
    }

    async fn open(proxy: &Proxy) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect(proxy.address()).await?;
        stream.read_u8().await?;
        Ok(stream)
    }

    async fn there_and_back(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<Vec<u8>> {
        stream.write_all(bytes).await?;
        let mut back = vec![0; bytes.len()];
        stream.read_exact(&mut back).await?;
        Ok(back)
    }

    #[tokio::test]
    async fn bytes_pass_both_ways_and_an_end_is_passed_on() {
        let bench = bench().await;
        let mut stream = open(&bench.proxy).await.unwrap();
        let sent = vec![7; 300_000];
        let (mut read, mut write) = stream.split();
        let mut back = Vec::new();
        let send = async {
            write.write_all(&sent).await?;
            write.shutdown().await
        };
        futures::try_join!(send, read.read_to_end(&mut back)).unwrap();
        assert_eq!(back, sent);
        let counts = bench.proxy.counts();
        assert_eq!((counts.connections, counts.sent), (1, 300_000));
    }

    #[tokio::test]
    async fn what_is_open_is_cut_and_new_connections_live() {
        let bench = bench().await;
        let mut stream = open(&bench.proxy).await.unwrap();
        bench.proxy.cut_now();
        assert!(stream.read_u8().await.is_err());
        let mut another = open(&bench.proxy).await.unwrap();
        assert_eq!(there_and_back(&mut another, b"x").await.unwrap(), b"x");
        assert_eq!(bench.proxy.counts().cut, 1);
    }

    #[tokio::test]
    async fn a_connection_is_cut_after_so_many_bytes() {
        let bench = bench().await;
        bench.proxy.cut_after(10);
        let mut stream = open(&bench.proxy).await.unwrap();
        assert!(there_and_back(&mut stream, b"twelve bytes").await.is_err());
        let counts = bench.proxy.counts();
        assert_eq!(counts.sent + counts.received, 10);
    }

    #[tokio::test]
    async fn the_same_seed_cuts_the_same_connections() {
        let bench = bench().await;
        let mut runs = Vec::new();
        for _ in 0..2 {
            bench.proxy.cut_at_random(0.5, 3, 42);
            let mut alive = Vec::new();
            for _ in 0..12 {
                alive.push(match open(&bench.proxy).await {
                    Ok(mut stream) => there_and_back(&mut stream, b"hello").await.is_ok(),
                    Err(_) => false,
                });
            }
            runs.push(alive);
        }
        assert_eq!(runs[0], runs[1]);
        assert!(runs[0].contains(&true) && runs[0].contains(&false));
    }

    #[tokio::test]
    async fn a_failover_leads_new_connections_to_the_new_target() {
        let mut bench = bench().await;
        let mut old = open(&bench.proxy).await.unwrap();
        let standby = echo(b"b", &mut bench.tasks).await;
        bench.proxy.switch_to(standby);
        let mut stream = TcpStream::connect(bench.proxy.address()).await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), b'b');
        assert_eq!(there_and_back(&mut old, b"x").await.unwrap(), b"x");
    }

    #[tokio::test]
    async fn refusals_are_resets_until_the_repair() {
        let bench = bench().await;
        bench.proxy.refuse(true);
        assert!(open(&bench.proxy).await.is_err());
        bench.proxy.repair();
        assert!(open(&bench.proxy).await.is_ok());
        assert_eq!(bench.proxy.counts().refused, 1);
    }

    #[tokio::test]
    async fn a_black_hole_keeps_what_it_swallowed_for_the_repair() {
        let bench = bench().await;
        let mut stream = open(&bench.proxy).await.unwrap();
        bench.proxy.swallow(true);
        stream.write_all(b"x").await.unwrap();
        let silence = tokio::time::timeout(Duration::from_millis(50), stream.read_u8()).await;
        assert!(silence.is_err(), "nothing comes out of it");
        bench.proxy.repair();
        assert_eq!(stream.read_u8().await.unwrap(), b'x');
    }

    #[tokio::test]
    async fn latency_and_bandwidth_take_their_time() {
        let bench = bench().await;
        let mut stream = open(&bench.proxy).await.unwrap();
        bench.proxy.set_latency(Duration::from_millis(20));
        bench.proxy.set_bandwidth(Some(100_000));
        let begin = tokio::time::Instant::now();
        there_and_back(&mut stream, &[0; 4000]).await.unwrap();
        // Twice the latency; each direction waits after its bytes.
        assert!(begin.elapsed() >= Duration::from_millis(40));
    }
}
