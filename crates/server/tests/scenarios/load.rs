//! Clients that upload one file after the other until they are told to stop, and begin anew what
//! broke off.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use testkit::client::{Session, Stop};
use testkit::dice::Dice;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::world::{Login, World, noise};

/// How long a client may take for a file, whatever happens meanwhile.
const PATIENCE: Duration = Duration::from_secs(90);
/// Between two files of a client at least: load, but not all that the machine has.
const MOMENT: Duration = Duration::from_millis(100);

/// Uploads in progress.
pub(crate) struct Load {
    work: JoinSet<Done>,
    stop: CancellationToken,
    files: Vec<watch::Receiver<usize>>,
}

/// What one client did.
struct Done {
    files: Vec<(String, Bytes)>,
    /// How many transfers ended before their CLOSE was answered.
    lost: usize,
}

impl Load {
    /// Three clients at `address`, with files of less than `largest` bytes.
    pub(crate) fn start(world: &World, address: SocketAddr, largest: u64, seed: u64) -> Self {
        let mut dice = Dice::seeded(seed);
        let mut load = Self {
            work: JoinSet::new(),
            stop: CancellationToken::new(),
            files: Vec::new(),
        };
        for number in 0..3 {
            let (count, seen) = watch::channel(0);
            let client = Client {
                login: world.credential(),
                address,
                name: format!("c{number}"),
                largest,
                count,
            };
            load.files.push(seen);
            load.work
                .spawn(client.keep_uploading(dice.fork(), load.stop.clone()));
        }
        load
    }

    /// Waits until every client has put two more files: the second was begun meanwhile.
    pub(crate) async fn goes_on(&mut self) {
        for files in &mut self.files {
            let enough = *files.borrow() + 2;
            let more = files.wait_for(|count| *count >= enough);
            let more = tokio::time::timeout(PATIENCE, more).await;
            assert!(
                matches!(more, Ok(Ok(_))),
                "a client has stopped, or is stuck"
            );
        }
    }

    /// Stops it. No transfer was lost; what was acknowledged is there, whole, with one event each.
    pub(crate) async fn end(self, world: &World) {
        self.stop.cancel();
        let mut files = 0;
        for done in self.work.join_all().await {
            assert_eq!(done.lost, 0, "no transfer fails");
            for (path, content) in done.files {
                assert_eq!(world.object(&path), Some(content), "{path}");
                files += 1;
            }
        }
        assert!(files > 0, "the load was none");
        let told = world.uploads_told().await;
        assert!(
            told.values().all(|count| *count == 1),
            "one event each: {told:?}"
        );
        assert_eq!(told.len(), files);
    }
}

struct Client {
    login: Login,
    address: SocketAddr,
    name: String,
    largest: u64,
    count: watch::Sender<usize>,
}

impl Client {
    /// A connection that is turned away, or ended while it is quiet, carries no transfer: it is
    /// made again, as clients do.
    async fn keep_uploading(self, mut dice: Dice, stop: CancellationToken) -> Done {
        let (mut files, mut lost) = (Vec::new(), 0);
        let mut moments = every(MOMENT);
        while !stop.is_cancelled() {
            moments.tick().await;
            let path = format!("{}-{}", self.name, files.len());
            let size = dice.below(self.largest);
            let content = noise(&mut dice, size);
            loop {
                let opened = async {
                    let mut session = self.login.try_session(self.address).await?;
                    let handle = session.create(&path, true).await?;
                    Ok((session, handle))
                };
                let (mut session, handle) = match opened.await {
                    Ok(opened) => opened,
                    Err(Stop::Cut) => continue,
                    Err(stop) => panic!("{path}: {stop}"),
                };
                match send(&mut session, &handle, 0, &content).await {
                    Ok(()) => break,
                    Err(Stop::Cut) => lost += 1,
                    Err(stop) => panic!("{path}: {stop}"),
                }
            }
            files.push((path, content));
            self.count.send_replace(files.len());
        }
        Done { files, lost }
    }
}

/// Moments that are so far apart at least.
pub(crate) fn every(moment: Duration) -> Interval {
    let mut moments = tokio::time::interval(moment);
    moments.set_missed_tick_behavior(MissedTickBehavior::Delay);
    moments
}

/// A file from `offset` on through an open handle, which is closed.
pub(crate) async fn send(
    session: &mut Session,
    handle: &Bytes,
    offset: u64,
    content: &Bytes,
) -> Result<(), Stop> {
    let block = |offset| {
        let begin = usize::try_from(offset).expect("it fits into memory");
        content.slice(begin..content.len().min(begin + (32 << 10)))
    };
    session
        .write(handle, offset, content.len() as u64, block)
        .await?;
    session.close(handle).await
}
