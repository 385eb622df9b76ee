//! An S3 server inside the test: in memory, on a free loopback port, strict about signatures,
//! checksums and conditions, and broken on demand.
//!
//! It serves on the runtime that started it and ends when [`S3Server`] is dropped.

mod bucket;
mod checksums;
mod conditions;
mod door;
mod fault_proxy;
mod faults;
mod keys;
mod listing;
mod multipart;
mod objects;
mod operation;
mod service;
mod session_policy;
mod state;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use s3s::service::S3ServiceBuilder;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use door::Signed;
pub use fault_proxy::FaultProxy;
pub use faults::{Effect, Fault};
pub use keys::Keys;
use state::State;

/// What kind of S3 it is.
#[derive(Debug, Clone)]
pub struct Options {
    /// The buckets that there are.
    pub buckets: Vec<String>,
    /// Whether they keep versions.
    pub versions: bool,
    /// The smallest part but the last, in bytes. S3's is 5 MiB.
    pub min_part_size: u64,
    /// Conditions on PUT are looked at; ignored otherwise, as stores do that do not know them.
    pub put_conditions: bool,
    /// The same for CompleteMultipartUpload.
    pub complete_conditions: bool,
    /// The same for the target of CopyObject.
    pub copy_conditions: bool,
    /// The same for DeleteObject.
    pub delete_conditions: bool,
    /// UploadPartCopy is there; else it answers 501.
    pub part_copy: bool,
    /// The most entries of a page of any listing.
    pub page: usize,
}

impl Default for Options {
    /// Everything, one bucket `inbox`, no versions.
    fn default() -> Self {
        Self {
            buckets: vec!["inbox".to_owned()],
            versions: false,
            min_part_size: 5 << 20,
            put_conditions: true,
            complete_conditions: true,
            copy_conditions: true,
            delete_conditions: true,
            part_copy: true,
            page: 1000,
        }
    }
}

/// A running server.
#[derive(Debug)]
pub struct S3Server {
    address: SocketAddr,
    state: Arc<State>,
    door: Arc<door::Door>,
    keys: Keys,
    stop: CancellationToken,
}

/// The key pair that it accepts at first.
const ACCESS_KEY: &str = "testkit-access-key";
const SECRET_KEY: &str = "testkit-secret-key";

impl S3Server {
    /// Starts one on a free loopback port.
    ///
    /// # Errors
    /// Where no port can be had.
    pub async fn start(options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(State::new(options));
        let mut service = S3ServiceBuilder::new(service::Service(Arc::clone(&state)));
        let keys = Keys::default();
        keys.accept(ACCESS_KEY, SECRET_KEY);
        service.set_auth(keys.clone());
        let behind = door::Behind::Service(service.build());
        let door = Arc::new(door::Door::new(behind, keys.clone()));
        let stop = CancellationToken::new();
        let tracker = TaskTracker::new();
        tracker.spawn(serve(
            listener,
            Arc::clone(&door),
            stop.clone(),
            tracker.clone(),
        ));
        Ok(Self {
            address,
            state,
            door,
            keys,
            stop,
        })
    }

    /// Its URL; buckets are named in the path.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The key pairs that it accepts.
    pub fn key_pairs(&self) -> Keys {
        self.keys.clone()
    }

    /// Who signed what since the counts began.
    pub fn signed(&self) -> BTreeSet<Signed> {
        self.door.signed()
    }

    /// The access key id that it knows.
    pub fn access_key(&self) -> &'static str {
        ACCESS_KEY
    }

    /// The secret to it.
    pub fn secret_key(&self) -> &'static str {
        SECRET_KEY
    }

    /// How often each operation was asked for, by the API's names (`PutObject`), those that a
    /// fault answered included.
    pub fn requests(&self) -> BTreeMap<&'static str, u64> {
        self.door.requests()
    }

    /// Begins to count anew.
    pub fn reset_requests(&self) {
        self.door.reset_requests();
    }

    /// Breaks what `fault` says, from now on.
    pub fn break_with(&self, fault: Fault) {
        self.door.break_with(fault);
    }

    /// Repairs everything.
    pub fn repair(&self) {
        self.door.repair();
    }

    /// Adds a bucket.
    pub fn add_bucket(&self, name: &str) {
        self.state.add_bucket(name);
    }

    /// The keys of a bucket in byte order, read past the API. Empty where there is no bucket.
    pub fn keys(&self, bucket: &str) -> Vec<String> {
        self.state.keys(bucket)
    }

    /// An object's bytes, read past the API.
    pub fn object(&self, bucket: &str, key: &str) -> Option<Bytes> {
        self.state.content(bucket, key)
    }

    /// Puts an object past the API, as another program would; its bucket is made where it is
    /// missing.
    pub fn put(&self, bucket: &str, key: &str, content: impl Into<Bytes>) {
        self.state.insert(bucket, key, content.into());
    }

    /// Removes an object past the API, as another program would.
    pub fn remove(&self, bucket: &str, key: &str) {
        self.state.discard(bucket, key);
    }

    /// An object's metadata, encoded words (RFC 2047) decoded, read past the API.
    pub fn metadata(&self, bucket: &str, key: &str) -> Option<BTreeMap<String, String>> {
        self.state.metadata(bucket, key)
    }

    /// An object's CRC64NVME in base64, over the bytes that stand there, read past the API.
    pub fn crc64nvme(&self, bucket: &str, key: &str) -> Option<String> {
        self.state.crc64nvme(bucket, key)
    }

    /// Keys and ids of the multipart uploads in progress, read past the API.
    pub fn uploads(&self, bucket: &str) -> Vec<(String, String)> {
        self.state.uploads(bucket)
    }

    /// The numbers of the parts that multipart uploads in progress at a key hold, in order, read past
    /// the API.
    pub fn parts(&self, bucket: &str, key: &str) -> Vec<i32> {
        self.state.numbers(bucket, key)
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn serve(
    listener: TcpListener,
    door: Arc<door::Door>,
    stop: CancellationToken,
    tracker: TaskTracker,
) {
    loop {
        let stream = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => continue,
            },
        };
        // Small answers must not wait for acknowledgements; a socket that refuses is slow, no more.
        let _ = stream.set_nodelay(true);
        let (door, stop) = (Arc::clone(&door), stop.clone());
        tracker.spawn(async move {
            let service =
                hyper::service::service_fn(move |request| Arc::clone(&door).enter(request));
            let builder = auto::Builder::new(TokioExecutor::new()).http1_only();
            let connection = builder.serve_connection(TokioIo::new(stream), service);
            tokio::select! {
                // Clients that go away and connections that faults cut end in errors.
                _ = connection => {}
                () = stop.cancelled() => {}
            }
        });
    }
}
