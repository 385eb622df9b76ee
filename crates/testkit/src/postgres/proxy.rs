//! A proxy before the server that loses answers: the network's worst moment, on demand.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// Passes connections on to a PostgreSQL server, and breaks them as told. Ends when dropped.
#[derive(Debug)]
pub struct Proxy {
    folder: tempfile::TempDir,
    faults: Arc<Faults>,
    _end: DropGuard,
}

#[derive(Debug, Default)]
struct Faults {
    lose_commits: AtomicU32,
    refuse: AtomicBool,
    lost: AtomicU32,
}

const SOCKET: &str = ".s.PGSQL.5432";

impl Proxy {
    /// A proxy before the server whose socket is in `server`.
    ///
    /// # Panics
    /// Where its own socket cannot be made.
    pub fn start(server: &Path) -> Self {
        let folder = tempfile::tempdir().expect("make the proxy's folder");
        let listener = UnixListener::bind(folder.path().join(SOCKET)).expect("listen");
        let faults = Arc::new(Faults::default());
        let end = CancellationToken::new();
        let tasks = TaskTracker::new();
        let accept = accept(
            listener,
            server.join(SOCKET),
            Arc::clone(&faults),
            tasks.clone(),
        );
        let token = end.clone();
        tasks.spawn(async move { token.run_until_cancelled(accept).await });
        Self {
            folder,
            faults,
            _end: end.drop_guard(),
        }
    }

    /// The folder of its socket.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Lets the next `count` COMMITs reach the server and be done, and cuts the connection
    /// before their answers.
    pub fn lose_commit_answers(&self, count: u32) {
        self.faults.lose_commits.store(count, Ordering::SeqCst);
    }

    /// From now on cuts every connection, or no longer.
    pub fn refuse(&self, refuse: bool) {
        self.faults.refuse.store(refuse, Ordering::SeqCst);
    }

    /// How many answers to COMMIT were lost so far.
    pub fn lost(&self) -> u32 {
        self.faults.lost.load(Ordering::SeqCst)
    }
}

async fn accept(listener: UnixListener, server: PathBuf, faults: Arc<Faults>, tasks: TaskTracker) {
    while let Ok((client, _)) = listener.accept().await {
        let (server, faults) = (server.clone(), Arc::clone(&faults));
        tasks.spawn(async move {
            // An end of either side ends both.
            let _ = pass(client, &server, &faults).await;
        });
    }
}

async fn pass(mut client: UnixStream, server: &Path, faults: &Faults) -> std::io::Result<()> {
    let mut server = UnixStream::connect(server).await?;
    let (mut request, mut answer) = (vec![0; 65536], vec![0; 65536]);
    let mut lose = false;
    loop {
        tokio::select! {
            read = client.read(&mut request) => {
                let bytes = &request[..read?];
                if bytes.is_empty() || faults.refuse.load(Ordering::SeqCst) {
                    return Ok(());
                }
                lose = bytes.windows(6).any(|word| word == b"COMMIT") && faults.take_one();
                server.write_all(bytes).await?;
            }
            read = server.read(&mut answer) => {
                let bytes = &answer[..read?];
                if bytes.is_empty() {
                    return Ok(());
                }
                if lose {
                    faults.lost.fetch_add(1, Ordering::SeqCst);
                    return Ok(());
                }
                client.write_all(bytes).await?;
            }
        }
    }
}

impl Faults {
    fn take_one(&self) -> bool {
        let take = |left: u32| left.checked_sub(1);
        let order = Ordering::SeqCst;
        self.lose_commits.fetch_update(order, order, take).is_ok()
    }
}
