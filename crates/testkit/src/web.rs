//! An HTTP server inside the test that answers as a closure says, and keeps what it was asked.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::future::BoxFuture;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What it was asked.
#[derive(Debug, Clone)]
pub struct Asked {
    /// `GET`.
    pub method: String,
    /// Path and query, as they came.
    pub target: String,
    /// Name in small letters, and value.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

impl Asked {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|header| header.0 == name);
        header.map(|header| header.1.as_str())
    }
}

/// What it answers.
#[derive(Debug, Clone)]
pub enum Reply {
    /// Status, headers, body.
    Answer(u16, Vec<(&'static str, String)>, Bytes),
    /// Nothing, however long one waits.
    Silence,
}

impl Reply {
    /// 200 with JSON.
    pub fn json(text: impl Into<Bytes>) -> Self {
        let kind = ("content-type", "application/json".to_owned());
        Self::Answer(200, vec![kind], text.into())
    }

    /// A status with nothing behind it.
    pub fn status(status: u16) -> Self {
        Self::Answer(status, Vec::new(), Bytes::new())
    }
}

/// Answers one question.
pub type Answering = Arc<dyn Fn(Asked) -> BoxFuture<'static, Reply> + Send + Sync>;

/// A running server, on the runtime that started it; it ends when this is dropped.
#[derive(Debug)]
pub struct WebServer {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    stop: CancellationToken,
}

impl WebServer {
    /// Starts one on a free loopback port.
    ///
    /// # Errors
    /// Where no port can be had.
    pub async fn start(answering: Answering) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let server = Self {
            address: listener.local_addr()?,
            asked: Arc::default(),
            stop: CancellationToken::new(),
        };
        let tracker = TaskTracker::new();
        let serving = serve(
            listener,
            answering,
            Arc::clone(&server.asked),
            server.stop.clone(),
            tracker.clone(),
        );
        tracker.spawn(serving);
        Ok(server)
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it was asked so far, in order.
    pub fn asked(&self) -> Vec<Asked> {
        let asked = self.asked.lock();
        asked.map(|asked| asked.clone()).unwrap_or_default()
    }
}

impl Drop for WebServer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn serve(
    listener: TcpListener,
    answering: Answering,
    kept: Arc<Mutex<Vec<Asked>>>,
    stop: CancellationToken,
    tracker: TaskTracker,
) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else { continue };
        let (answering, kept) = (Arc::clone(&answering), Arc::clone(&kept));
        let service =
            service_fn(move |request| answer(request, Arc::clone(&answering), Arc::clone(&kept)));
        let stop = stop.clone();
        tracker.spawn(async move {
            let builder = auto::Builder::new(TokioExecutor::new());
            let connection = builder.serve_connection(TokioIo::new(stream), service);
            tokio::select! {
                () = stop.cancelled() => {}
                // A client that hangs up is none of our business.
                _ = connection => {}
            }
        });
    }
}

async fn answer(
    request: hyper::Request<Incoming>,
    answering: Answering,
    kept: Arc<Mutex<Vec<Asked>>>,
) -> Result<hyper::Response<Full<Bytes>>, io::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let text =
        |value: &hyper::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = head
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), text(value)));
    let asked = Asked {
        method: head.method.to_string(),
        target: head
            .uri
            .path_and_query()
            .map(ToString::to_string)
            .unwrap_or_default(),
        headers: headers.collect(),
        body,
    };
    if let Ok(mut kept) = kept.lock() {
        kept.push(asked.clone());
    }
    let Reply::Answer(status, headers, body) = answering(asked).await else {
        return std::future::pending().await;
    };
    let mut answer = hyper::Response::builder().status(status);
    for (name, value) in headers {
        answer = answer.header(name, value);
    }
    answer.body(Full::new(body)).map_err(io::Error::other)
}
