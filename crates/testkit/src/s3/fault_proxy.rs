//! The faults of the test server for stores that are not ours: a proxy that understands HTTP.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::door::{Behind, Door};
use super::{Fault, Keys, serve};

/// Passes requests on to a store that speaks plain HTTP/1.1 and breaks them, or their answers, as
/// told. Signatures hold, since nothing of a request is changed. Ends when dropped.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    door: Arc<Door>,
    _end: DropGuard,
}

impl FaultProxy {
    /// Starts one on a free loopback port before the store at `upstream`.
    ///
    /// # Errors
    /// Where no port can be had.
    pub async fn start(upstream: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let tracker = TaskTracker::new();
        let behind = Behind::Upstream {
            address: upstream,
            tracker: tracker.clone(),
        };
        let door = Arc::new(Door::new(behind, Keys::default()));
        let end = CancellationToken::new();
        let serving = serve(listener, Arc::clone(&door), end.clone(), tracker.clone());
        tracker.spawn(serving);
        Ok(Self {
            address,
            door,
            _end: end.drop_guard(),
        })
    }

    /// Its URL.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How often each operation was asked for; see [`super::S3Server::requests`].
    pub fn requests(&self) -> BTreeMap<&'static str, u64> {
        self.door.requests()
    }

    /// Breaks what `fault` says, from now on.
    pub fn break_with(&self, fault: Fault) {
        self.door.break_with(fault);
    }

    /// Repairs everything.
    pub fn repair(&self) {
        self.door.repair();
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    use super::*;
    use crate::s3::{Effect, Options, S3Server};

    async fn get(proxy: &FaultProxy) -> String {
        let mut stream = TcpStream::connect(proxy.address).await.unwrap();
        let request = "GET /inbox?list-type=2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        // A cut connection is an answer, too.
        let _ = stream.read_to_string(&mut answer).await;
        answer
    }

    #[tokio::test]
    async fn answers_pass_and_are_broken_on_demand() {
        let server = S3Server::start(Options::default()).await.unwrap();
        let upstream = server.address;
        let proxy = FaultProxy::start(upstream).await.unwrap();
        // Nobody signed it.
        assert!(get(&proxy).await.contains("403"), "the store's own answer");
        proxy.break_with(Fault::new(Effect::Status(503, "SlowDown")).times(1));
        assert!(get(&proxy).await.contains("SlowDown"));
        proxy.break_with(Fault::new(Effect::LoseReply).times(1));
        assert_eq!(get(&proxy).await, "");
        assert_eq!(
            server.requests().values().sum::<u64>(),
            2,
            "one was not passed on"
        );
        proxy.repair();
        assert!(get(&proxy).await.contains("403"));
    }
}
