//! A partner's client: lock-step calls for the plain parts of a test, bursts for the rest.

use std::collections::HashMap;

use bytes::{Bytes, BytesMut};
use sftp::{Attributes, Name, OpenFlags, Reply, Request, RequestId, Status, StatusCode, Write};
use testkit::client::{Client, Sftp};

use super::say::{C, R, T, W, close, open, opendir, read, readdir, stat};

/// One connection with one SFTP channel.
pub(crate) struct Partner {
    pub(crate) client: Client,
    pub(crate) sftp: Sftp,
}

/// Requests that go out together, under ids of their own.
#[derive(Debug)]
pub(crate) struct Burst {
    bytes: BytesMut,
    ids: Vec<RequestId>,
}

impl Burst {
    pub(crate) fn new() -> Self {
        Self {
            bytes: BytesMut::new(),
            ids: Vec::new(),
        }
    }

    pub(crate) fn of(requests: impl IntoIterator<Item = Request>) -> Self {
        let mut burst = Self::new();
        requests.into_iter().for_each(|request| burst.add(&request));
        burst
    }

    pub(crate) fn add(&mut self, request: &Request) {
        let id = self.next_id();
        request.encode_into(id, &mut self.bytes);
    }

    pub(crate) fn write(&mut self, handle: &Bytes, offset: u64, data: &[u8]) {
        let data = Bytes::copy_from_slice(data);
        let id = self.next_id();
        Write {
            handle: handle.clone(),
            offset,
            data,
        }
        .encode_into(id, &mut self.bytes);
    }

    /// Far from the ids of lock-step calls.
    fn next_id(&mut self) -> RequestId {
        let id = 1_000_000 + self.ids.len() as RequestId;
        self.ids.push(id);
        id
    }
}

impl Partner {
    pub(crate) async fn new(client: Client) -> Self {
        let sftp = client.sftp().await.expect("the subsystem starts");
        Self { client, sftp }
    }

    pub(crate) async fn call(&mut self, request: Request) -> Reply {
        let reply = self.sftp.call(&request).await;
        reply.unwrap_or_else(|error| panic!("{request:?}: {error}"))
    }

    /// The code of a status that also has words.
    pub(crate) async fn code(&mut self, request: Request) -> StatusCode {
        match self.call(request.clone()).await {
            Reply::Status(status) => {
                assert!(
                    !status.message.is_empty(),
                    "{request:?}: {status:?} says nothing"
                );
                status.code
            }
            reply => panic!("{request:?} was answered with {reply:?}"),
        }
    }

    pub(crate) async fn ok(&mut self, request: Request) {
        let reply = self.call(request.clone()).await;
        assert!(is_ok(&reply), "{request:?}: {reply:?}");
    }

    pub(crate) async fn open(&mut self, path: &str, flags: OpenFlags) -> Bytes {
        self.handle(open(path, flags)).await
    }

    pub(crate) async fn write(&mut self, handle: &Bytes, offset: u64, data: &[u8]) -> Reply {
        let data = Bytes::copy_from_slice(data);
        self.sftp
            .write(handle, offset, data)
            .await
            .expect("a status")
            .into()
    }

    /// The handle that OPEN or OPENDIR is answered with.
    pub(crate) async fn handle(&mut self, request: Request) -> Bytes {
        match self.call(request.clone()).await {
            Reply::Handle(handle) => handle,
            reply => panic!("{request:?} was answered with {reply:?}"),
        }
    }

    /// What STAT, LSTAT or FSTAT is answered with.
    pub(crate) async fn attributes(&mut self, request: Request) -> Attributes {
        match self.call(request.clone()).await {
            Reply::Attributes(attributes) => attributes,
            reply => panic!("{request:?} was answered with {reply:?}"),
        }
    }

    /// The size that STAT says; none where there is nothing.
    pub(crate) async fn size(&mut self, path: &str) -> Option<u64> {
        match self.call(stat(path)).await {
            Reply::Attributes(attributes) => Some(attributes.size.expect("a size")),
            Reply::Status(Status {
                code: StatusCode::NoSuchFile,
                ..
            }) => None,
            reply => panic!("stat {path} was answered with {reply:?}"),
        }
    }

    /// What REALPATH and the like are answered with.
    pub(crate) async fn name(&mut self, request: Request) -> Name {
        match self.call(request.clone()).await {
            Reply::Name(names) if names.len() == 1 => names.into_iter().next().expect("one"),
            reply => panic!("{request:?} was answered with {reply:?}"),
        }
    }

    /// Uploads a small file in one burst.
    pub(crate) async fn put(&mut self, path: &str, content: &[u8]) {
        let handle = self.open(path, W | C | T).await;
        let mut burst = Burst::new();
        for (index, block) in content.chunks(32_768).enumerate() {
            burst.write(&handle, index as u64 * 32_768, block);
        }
        burst.add(&close(&handle));
        for reply in self.exchange(burst).await {
            assert!(is_ok(&reply), "put {path}: {reply:?}");
        }
    }

    /// Downloads a file, one READ after the other.
    pub(crate) async fn get(&mut self, path: &str) -> Vec<u8> {
        let handle = self.open(path, R).await;
        let mut content = Vec::new();
        loop {
            match self
                .call(read(&handle, content.len() as u64, 261_120))
                .await
            {
                Reply::Data(data) => content.extend_from_slice(&data),
                Reply::Status(status) if status.code == StatusCode::Eof => break,
                reply => panic!("read {path} was answered with {reply:?}"),
            }
        }
        self.ok(close(&handle)).await;
        content
    }

    /// Every entry of a directory.
    pub(crate) async fn list(&mut self, path: &str) -> Vec<Name> {
        let handle = self.handle(opendir(path)).await;
        let mut entries = Vec::new();
        loop {
            match self.call(readdir(&handle)).await {
                Reply::Name(names) => entries.extend(names),
                Reply::Status(status) if status.code == StatusCode::Eof => break,
                reply => panic!("readdir {path} was answered with {reply:?}"),
            }
        }
        self.ok(close(&handle)).await;
        entries
    }

    /// The names in a directory, sorted, without `.` and `..`.
    pub(crate) async fn names(&mut self, path: &str) -> Vec<String> {
        let entries = self.list(path).await;
        let name = |entry: &Name| String::from_utf8(entry.name.to_vec()).expect("UTF-8");
        let mut names: Vec<_> = entries.iter().map(name).collect();
        names.retain(|name| name != "." && name != "..");
        names.sort();
        names
    }

    /// Sends a burst and looks at nothing.
    pub(crate) async fn send(&mut self, burst: Burst) -> Vec<RequestId> {
        self.sftp
            .send_bytes(burst.bytes.freeze())
            .await
            .expect("the channel is open");
        burst.ids
    }

    /// The next replies, in the order of the wire.
    pub(crate) async fn replies(&mut self, count: usize) -> Vec<(RequestId, Reply)> {
        let mut replies = Vec::with_capacity(count);
        for number in 0..count {
            let reply = self.sftp.reply().await;
            replies
                .push(reply.unwrap_or_else(|error| panic!("reply {number} of {count}: {error}")));
        }
        replies
    }

    /// Sends a burst and returns its replies in the order of the requests, however they came.
    pub(crate) async fn exchange(&mut self, burst: Burst) -> Vec<Reply> {
        let ids = self.send(burst).await;
        let mut replies: HashMap<_, _> = self.replies(ids.len()).await.into_iter().collect();
        ids.iter()
            .map(|id| replies.remove(id).expect("each id is answered once"))
            .collect()
    }

    /// Sends a burst whose replies have to come in the order of its requests.
    pub(crate) async fn exchange_in_order(&mut self, burst: Burst) -> Vec<Reply> {
        let ids = self.send(burst).await;
        let (answered, replies): (Vec<_>, Vec<_>) =
            self.replies(ids.len()).await.into_iter().unzip();
        assert_eq!(answered, ids, "replies in the order of the requests");
        replies
    }
}

pub(crate) fn is_ok(reply: &Reply) -> bool {
    code(reply) == Some(StatusCode::Ok)
}

/// The code of a status.
pub(crate) fn code(reply: &Reply) -> Option<StatusCode> {
    match reply {
        Reply::Status(status) => Some(status.code),
        _ => None,
    }
}
