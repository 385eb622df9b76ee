//! The tarpit before the key exchange: connections of banned addresses that are let hang.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// Connections that hear nothing until they are closed. Each costs a file descriptor and a place in
/// a queue, no task and no timer of its own; a client that waits for its greeting tries less often.
#[derive(Debug, Default)]
pub(crate) struct Tarpit {
    stuck: Mutex<VecDeque<(Instant, TcpStream)>>,
    more: Notify,
}

impl Tarpit {
    /// Lets a connection hang for so long. At most `most` do: the one that hung longest is closed
    /// for a new one.
    pub(crate) fn take(&self, connection: TcpStream, time: Duration, most: usize) {
        if most == 0 || time.is_zero() {
            return;
        }
        let mut stuck = self.stuck.lock().unwrap_or_else(PoisonError::into_inner);
        while stuck.len() >= most {
            stuck.pop_front();
        }
        stuck.push_back((Instant::now() + time, connection));
        drop(stuck);
        self.more.notify_one();
    }

    /// Closes each when its time is over, until `stop`, and all of them then.
    pub(crate) async fn run(&self, stop: &CancellationToken) {
        let close = async {
            loop {
                match self.close_due() {
                    Some(next) => sleep_until(next).await,
                    None => self.more.notified().await,
                }
            }
        };
        stop.run_until_cancelled(close).await;
        self.lock().clear();
    }

    /// Closes those whose time is over. When the next one's is.
    fn close_due(&self) -> Option<Instant> {
        let mut stuck = self.lock();
        let now = Instant::now();
        while let Some((end, _)) = stuck.front() {
            if *end > now {
                return Some(*end);
            }
            stuck.pop_front();
        }
        None
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<(Instant, TcpStream)>> {
        self.stuck.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.lock().len()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpListener;

    use super::*;

    async fn pair(listener: &TcpListener) -> (TcpStream, TcpStream) {
        let address = listener.local_addr().expect("bound");
        let client = TcpStream::connect(address).await.expect("connected");
        (client, listener.accept().await.expect("accepted").0)
    }

    #[tokio::test]
    async fn connections_hang_for_their_time_and_no_more_than_so_many_do() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let tarpit = Tarpit::default();
        let hour = Duration::from_secs(3600);
        let mut clients = Vec::new();
        for _ in 0..5 {
            let (client, server) = pair(&listener).await;
            tarpit.take(server, hour, 3);
            clients.push(client);
        }
        assert_eq!(tarpit.len(), 3);
        // The two that came first were closed for those that came last.
        for client in clients.iter_mut().take(2) {
            assert_eq!(client.read(&mut [0; 1]).await.expect("closed"), 0);
        }
        let stop = CancellationToken::new();
        let (mut client, server) = pair(&listener).await;
        let brief = Tarpit::default();
        brief.take(server, Duration::from_millis(1), 3);
        let read = async {
            let read = client.read(&mut [0; 1]).await;
            stop.cancel();
            read
        };
        let (_, read) = tokio::join!(brief.run(&stop), read);
        assert_eq!(read.expect("closed in time"), 0);
        let stopped = CancellationToken::new();
        stopped.cancel();
        tarpit.run(&stopped).await;
        assert_eq!(tarpit.len(), 0);
    }
}
