//! Where requests come in: counted, denied where the signer's session policy does not allow them, and
//! broken where a fault says so.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::future::BoxFuture;
use http_body_util::BodyExt as _;
use hyper::body::{Frame, Incoming};
use hyper::header::HeaderValue;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use s3s::Body;
use s3s::service::S3Service;
use tokio::net::TcpStream;
use tokio_util::task::TaskTracker;

use super::faults::{Blow, Effect, Fault, Faults};
use super::keys::Keys;
use super::operation::Operation;
use super::session_policy::{self, Asked};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Who answers what is not broken.
#[derive(Debug)]
pub(super) enum Behind {
    /// The server in this process.
    Service(S3Service),
    /// Another store, over plain HTTP/1.1, a connection for each request.
    Upstream {
        address: SocketAddr,
        tracker: TaskTracker,
    },
}

/// Requests pass it on their way to who is behind.
#[derive(Debug)]
pub(super) struct Door {
    behind: Behind,
    keys: Keys,
    faults: Faults,
    requests: Mutex<BTreeMap<&'static str, u64>>,
    signed: Mutex<BTreeSet<Signed>>,
}

/// Who signed requests of one kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Signed {
    /// The operation, by the API's name (`PutObject`).
    pub operation: &'static str,
    /// On a key in a gateway's own prefix, or from one.
    pub own: bool,
    /// The access key id.
    pub by: String,
}

impl Door {
    pub(super) fn new(behind: Behind, keys: Keys) -> Self {
        Self {
            behind,
            keys,
            faults: Faults::default(),
            requests: Mutex::default(),
            signed: Mutex::default(),
        }
    }

    pub(super) fn requests(&self) -> BTreeMap<&'static str, u64> {
        self.requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn signed(&self) -> BTreeSet<Signed> {
        let signed = self.signed.lock().unwrap_or_else(PoisonError::into_inner);
        signed.clone()
    }

    pub(super) fn reset_requests(&self) {
        let mut signed = self.signed.lock().unwrap_or_else(PoisonError::into_inner);
        signed.clear();
        drop(signed);
        self.requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    pub(super) fn break_with(&self, fault: Fault) {
        self.faults.add(fault);
    }

    pub(super) fn repair(&self) {
        self.faults.clear();
    }

    /// Serves a request. An error has hyper cut the connection.
    pub(super) fn enter(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> BoxFuture<'static, Result<Response<Body>, io::Error>> {
        // A plain type: hyper's bounds are lost on a boxed error.
        Box::pin(async move { self.pass(request).await.map_err(io::Error::other) })
    }

    async fn pass(&self, request: Request<Incoming>) -> Result<Response<Body>, Failure> {
        let operation = Operation::of(&request);
        self.count(operation.name);
        self.note_signer(&operation);
        if let Some(policy) = self.keys.policy(&operation.signer)
            && !session_policy::allows(&policy, &Asked::of(&request, &operation))
        {
            return refuse(request, 403, "AccessDenied", None).await;
        }
        let Some(Blow { effect, held }) = self.faults.strike(&operation) else {
            return self.serve(request).await;
        };
        if let Some(gate) = held {
            gate.cancelled().await;
        }
        match effect {
            Effect::Status(status, code) => refuse(request, status, code, None).await,
            Effect::RetryAfter(status, code, seconds) => {
                refuse(request, status, code, Some(seconds)).await
            }
            Effect::Latency(time) => {
                tokio::time::sleep(time).await;
                self.serve(request).await
            }
            Effect::CutBefore => Err("cut before it took effect".into()),
            Effect::LoseReply => {
                self.serve(request).await?;
                Err("cut after it took effect".into())
            }
            Effect::StatusAfter(status, code) => {
                self.serve(request).await?;
                answer(status, code, None)
            }
            Effect::Hang => std::future::pending().await,
            Effect::HangAfter => {
                self.serve(request).await?;
                std::future::pending().await
            }
            Effect::WrongChecksum => Ok(falsify(self.serve(request).await?).await),
            Effect::CutBody(after) => Ok(cut(self.serve(request).await?, after, false)),
            Effect::StallBody(after) => Ok(cut(self.serve(request).await?, after, true)),
        }
    }

    fn count(&self, operation: &'static str) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *requests.entry(operation).or_default() += 1;
    }

    fn note_signer(&self, operation: &Operation) {
        let mut signed = self.signed.lock().unwrap_or_else(PoisonError::into_inner);
        signed.insert(Signed {
            operation: operation.name,
            own: operation.own,
            by: operation.signer.clone(),
        });
    }

    async fn serve(&self, request: Request<Incoming>) -> Result<Response<Body>, Failure> {
        match &self.behind {
            Behind::Service(service) => {
                let answer = service.call(request.map(Body::from)).await;
                answer.map_err(|error| format!("{error:?}").into())
            }
            Behind::Upstream { address, tracker } => pass_on(request, *address, tracker).await,
        }
    }
}

async fn pass_on(
    request: Request<Incoming>,
    upstream: SocketAddr,
    tracker: &TaskTracker,
) -> Result<Response<Body>, Failure> {
    let stream = TcpStream::connect(upstream).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // It ends with the answer's body.
    tracker.spawn(connection);
    let answer = sender.send_request(request).await?;
    Ok(answer.map(Body::from))
}

/// Takes the request's body first: a client that is still sending would see a cut connection.
async fn refuse(
    request: Request<Incoming>,
    status: u16,
    code: &str,
    retry_after: Option<u64>,
) -> Result<Response<Body>, Failure> {
    let head = request.method() == hyper::Method::HEAD;
    let mut body = request.into_body();
    while let Some(frame) = body.frame().await {
        frame?;
    }
    let mut refusal = answer(status, code, retry_after)?;
    if head {
        *refusal.body_mut() = Body::empty();
    }
    Ok(refusal)
}

fn answer(status: u16, code: &str, retry_after: Option<u64>) -> Result<Response<Body>, Failure> {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code>\
         <Message>a fault of the test</Message><RequestId>fault</RequestId></Error>"
    );
    let mut answer = Response::new(Body::from(text));
    *answer.status_mut() = StatusCode::from_u16(status)?;
    let headers = answer.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/xml"));
    headers.insert("x-amz-request-id", HeaderValue::from_static("fault"));
    if let Some(seconds) = retry_after {
        headers.insert("retry-after", HeaderValue::from(seconds));
    }
    Ok(answer)
}

const CHECKSUM: &str = "x-amz-checksum-crc64nvme";
const WRONG: &str = "AAAAAAAAAAA=";

/// Another checksum, in the header or in the answer's XML.
async fn falsify(answer: Response<Body>) -> Response<Body> {
    let (mut parts, body) = answer.into_parts();
    if parts.headers.contains_key(CHECKSUM) {
        parts
            .headers
            .insert(CHECKSUM, HeaderValue::from_static(WRONG));
        return Response::from_parts(parts, body);
    }
    let collected = body.collect().await.map(|body| body.to_bytes());
    let text = String::from_utf8_lossy(&collected.unwrap_or_default()).into_owned();
    let (open, close) = ("<ChecksumCRC64NVME>", "</ChecksumCRC64NVME>");
    let falsified = match (text.find(open), text.find(close)) {
        (Some(from), Some(to)) => {
            format!("{}{open}{WRONG}{}", &text[..from], &text[to..])
        }
        _ => text,
    };
    parts.headers.remove("content-length");
    Response::from_parts(parts, Body::from(falsified))
}

fn cut(answer: Response<Body>, after: usize, stall: bool) -> Response<Body> {
    answer.map(|body| {
        Body::http_body(Cut {
            body,
            left: after,
            stall,
        })
    })
}

/// A body that ends too early.
struct Cut {
    body: Body,
    left: usize,
    stall: bool,
}

impl hyper::body::Body for Cut {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        if self.left == 0 {
            return match self.stall {
                // Whoever waits here is dropped with the connection.
                true => Poll::Pending,
                false => Poll::Ready(Some(Err("cut in the middle".into()))),
            };
        }
        let frame = match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => frame,
            Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Pending => return Poll::Pending,
        };
        let Ok(mut bytes) = frame.into_data() else {
            return Poll::Ready(None);
        };
        bytes.truncate(self.left);
        self.left -= bytes.len();
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }
}
