//! Clients that go on through whatever happens: they upload one file after the other and download one
//! again and again, and are asked how far they are.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use sftp::{OpenFlags, Reply, Request};
use testkit::client::{Session, Stop};
use testkit::dice::Dice;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Interval;
use tokio_util::sync::CancellationToken;

use crate::load::{every, send};
use crate::world::{Login, World, noise};

/// How long a step of the scenario may take: nodes and clients are told of it by and by.
const PATIENCE: Duration = Duration::from_secs(90);
/// Between two attempts or files of a client, and a tenth of it between two reads: load, but not all
/// that the machine has.
const MOMENT: Duration = Duration::from_millis(100);

/// Clients at work.
pub(crate) struct Work {
    uploads: JoinSet<Vec<(String, Bytes)>>,
    downloads: JoinSet<()>,
    uploaders: Vec<watch::Receiver<Count>>,
    readers: Vec<watch::Receiver<Count>>,
    stop: CancellationToken,
}

/// What a client did so far.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    /// Whole files.
    done: usize,
    /// Answers that were no, and connections that were lost.
    failed: usize,
}

impl Work {
    /// Three that upload and two that download `big`, which is there, spread over `nodes`.
    pub(crate) async fn start(
        world: &World,
        nodes: &[SocketAddr],
        big: &Bytes,
        dice: &mut Dice,
    ) -> Self {
        let address = |number: usize| nodes[number % nodes.len()];
        let mut work = Self {
            uploads: JoinSet::new(),
            downloads: JoinSet::new(),
            uploaders: Vec::new(),
            readers: Vec::new(),
            stop: CancellationToken::new(),
        };
        for number in 0..3 {
            let (count, seen) = watch::channel(Count::default());
            let uploader = Uploader {
                login: world.credential(),
                address: address(number),
                name: format!("c{number}"),
                session: None,
                count,
            };
            work.uploaders.push(seen);
            let (dice, stop) = (dice.fork(), work.stop.clone());
            work.uploads.spawn(uploader.keep_uploading(dice, stop));
        }
        for number in 0..2 {
            let (count, seen) = watch::channel(Count::default());
            let session = world.session(address(number)).await;
            work.readers.push(seen);
            let (big, stop) = (big.clone(), work.stop.clone());
            work.downloads
                .spawn(keep_reading(session, big, count, stop));
        }
        work
    }

    /// Waits until every uploader has put two more files, the second of them begun meanwhile, and
    /// every reader has read one.
    pub(crate) async fn goes_on(&mut self) {
        Self::until(&mut self.uploaders, |now, before| {
            now.done >= before.done + 2
        })
        .await;
        self.is_read().await;
    }

    /// Waits until every uploader has failed.
    pub(crate) async fn fails(&mut self) {
        Self::until(&mut self.uploaders, |now, before| {
            now.failed > before.failed
        })
        .await;
    }

    /// Waits until every reader has read the file from its beginning to its end.
    pub(crate) async fn is_read(&mut self) {
        Self::until(&mut self.readers, |now, before| now.done >= before.done + 2).await;
    }

    async fn until(clients: &mut [watch::Receiver<Count>], enough: fn(&Count, &Count) -> bool) {
        for client in clients {
            let before = *client.borrow();
            let came = client.wait_for(|now| enough(now, &before));
            let came = tokio::time::timeout(PATIENCE, came)
                .await
                .map(|seen| seen.is_ok());
            assert!(
                came.is_ok_and(|alive| alive),
                "a client is stuck at {before:?}"
            );
        }
    }

    /// Stops them. No download failed; every file that was uploaded.
    pub(crate) async fn end(mut self) -> Vec<(String, Bytes)> {
        self.stop.cancel();
        while let Some(read) = self.downloads.join_next().await {
            read.expect("a download that runs goes on");
        }
        self.uploads
            .join_all()
            .await
            .into_iter()
            .flatten()
            .collect()
    }
}

/// Reads a file through one handle from its beginning to its end, again and again.
async fn keep_reading(
    mut session: Session,
    content: Bytes,
    count: watch::Sender<Count>,
    stop: CancellationToken,
) {
    let handle = session.open_file("big", OpenFlags::READ).await;
    let handle = handle.expect("a handle");
    let mut moments = every(MOMENT / 10);
    while !stop.is_cancelled() {
        let mut offset = 0;
        while offset < content.len() {
            moments.tick().await;
            let request = Request::Read {
                handle: handle.clone(),
                offset: offset as u64,
                length: 64 << 10,
            };
            match session.sftp().call(&request).await {
                Ok(Reply::Data(data)) => {
                    assert!(content[offset..].starts_with(&data), "other bytes");
                    offset += data.len();
                }
                other => panic!("a read at {offset}: {other:?}"),
            }
        }
        count.send_modify(|count| count.done += 1);
    }
}

/// Uploads one file after the other, and goes on with what broke off.
struct Uploader {
    login: Login,
    address: SocketAddr,
    name: String,
    session: Option<Session>,
    count: watch::Sender<Count>,
}

impl Uploader {
    async fn keep_uploading(
        mut self,
        mut dice: Dice,
        stop: CancellationToken,
    ) -> Vec<(String, Bytes)> {
        let mut files = Vec::new();
        let mut moments = every(MOMENT);
        while !stop.is_cancelled() {
            let path = format!("{}-{}", self.name, files.len());
            let size = match files.len() % 4 {
                // More than a part.
                1 => (8 << 20) + dice.below(1 << 20),
                _ => dice.below(200_000),
            };
            let content = noise(&mut dice, size);
            self.until_whole(&path, &content, &mut moments).await;
            files.push((path, content));
            self.count.send_modify(|count| count.done += 1);
        }
        files
    }

    /// Tries again, a moment later each time.
    async fn until_whole(&mut self, path: &str, content: &Bytes, moments: &mut Interval) {
        loop {
            moments.tick().await;
            let mut session = match self.session.take() {
                Some(session) => session,
                None => match self.login.try_session(self.address).await {
                    Ok(mut session) => {
                        // A CLOSE waits for a claim whose answer was lost, up to `claim_wait`.
                        session.sftp().set_deadline(PATIENCE);
                        session
                    }
                    Err(Stop::Cut) => {
                        self.count.send_modify(|count| count.failed += 1);
                        continue;
                    }
                    Err(stop) => panic!("{path}: {stop}"),
                },
            };
            match go_on(&mut session, path, content).await {
                Ok(()) => {
                    self.session = Some(session);
                    return;
                }
                Err(Stop::Refused(_)) => self.session = Some(session),
                Err(Stop::Cut) => {}
                Err(stop) => panic!("{path}: {stop}"),
            }
            self.count.send_modify(|count| count.failed += 1);
        }
    }
}

/// Puts what is missing of a file. One that stands there whole was put by an attempt whose answer
/// was lost.
async fn go_on(session: &mut Session, path: &str, content: &Bytes) -> Result<(), Stop> {
    let shown = session.stat(path).await?.and_then(|shown| shown.size);
    let long = session.long_name("/", path).await?;
    let (anew, offset) = match (shown, long) {
        (Some(safe), Some(long)) if long.contains("unfinished") => (false, safe),
        (Some(size), _) if size == content.len() as u64 => return Ok(()),
        _ => (true, 0),
    };
    let handle = session.create(path, anew).await?;
    let sent = send(session, &handle, offset, content).await;
    if let Err(Stop::Refused(_)) = &sent {
        // Whatever it says: a handle that was closed is not known any more.
        let _ = session.close(&handle).await;
    }
    sent
}
