//! Both nodes restarted under OpenSSH's clients: none loses a transfer within the drain deadline, and
//! one that was cut off by it goes on where it was.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use model::EventKind;
use testkit::dice::Dice;
use testkit::proxy::Proxy;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::cluster::Cluster;
use crate::openssh::OpenSsh;
use crate::world::{World, noise, until};

/// How long a client goes on trying to put one file.
const PATIENCE: Duration = Duration::from_secs(120);
/// A line on which `LARGE` takes long enough to be cut off, in bytes per second.
const LINE: u64 = 6 << 20;
const LARGE: u64 = 32 << 20;

/// One that comes back until its file is whole.
struct Client {
    world: Arc<World>,
    address: SocketAddr,
    openssh: OpenSsh,
}

impl Client {
    /// `put`, then `reput` where something of it is there.
    async fn put(&self, source: PathBuf, path: &str) {
        let mut what = "put";
        let trying = async {
            loop {
                let command = format!("{what} {} {path}\n", source.display());
                let done = self.openssh.run(self.address, &command).await;
                if done.status.success() {
                    return;
                }
                what = match self.is_shown(path).await {
                    true => "reput",
                    false => "put",
                };
            }
        };
        let done = tokio::time::timeout(PATIENCE, trying).await;
        assert!(done.is_ok(), "{path} is not whole after {PATIENCE:?}");
    }

    async fn is_shown(&self, path: &str) -> bool {
        loop {
            let Ok(mut session) = self.world.credential().try_session(self.address).await else {
                continue;
            };
            if let Ok(shown) = session.stat(path).await {
                return shown.is_some();
            }
        }
    }
}

fn source(world: &World, name: &str, size: u64, dice: &mut Dice) -> (PathBuf, Bytes) {
    let content = noise(dice, size);
    let source = world.folder().join(name);
    std::fs::write(&source, &content).expect("written");
    (source, content)
}

async fn check(world: &World, path: &str, content: &Bytes) {
    let object = world.object(path);
    assert!(object.as_ref() == Some(content), "{path} is not its source");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_cuts_no_openssh_client_off_within_the_deadline() {
    let settings = "drain.delay = \"3s\"\ndrain.deadline = \"90s\"";
    let mut cluster = Cluster::new(settings).await;
    let (stop, mut dice) = (CancellationToken::new(), Dice::seeded(6));
    let mut work = JoinSet::new();
    for number in 0..2 {
        let world = Arc::clone(&cluster.world);
        let (openssh, address) = (OpenSsh::of(&world), cluster.address());
        let size = (number + 1) << 20;
        let (source, content) = source(&world, &format!("s{number}"), size, &mut dice);
        let stop = stop.clone();
        work.spawn(async move {
            let client = Client {
                world,
                address,
                openssh,
            };
            let mut files = 0;
            while !stop.is_cancelled() {
                let path = format!("c{number}-{files}");
                client.put(source.clone(), &path).await;
                check(&client.world, &path, &content).await;
                files += 1;
            }
            files
        });
    }
    for number in 0..cluster.size() {
        cluster.restart(number).await;
    }
    stop.cancel();
    let files: usize = work.join_all().await.into_iter().sum();
    let told = cluster.world.uploads_told().await;
    assert_eq!(told.len(), files);
    assert!(told.values().all(|count| *count == 1), "{told:?}");
    let cut = cluster.world.told(EventKind::Partial).await;
    assert!(cut.is_empty(), "cut off: {cut:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn openssh_clients_cut_off_by_a_rolling_restart_go_on_where_they_were() {
    let settings = "drain.delay = \"200ms\"\ndrain.deadline = \"200ms\"";
    let mut cluster = Cluster::new(settings).await;
    let world = Arc::clone(&cluster.world);
    let line = Proxy::start(cluster.address()).await.expect("a proxy");
    line.set_bandwidth(Some(LINE));
    let mut dice = Dice::seeded(7);
    let (mut work, mut files) = (JoinSet::new(), Vec::new());
    for number in 0..2 {
        let path = format!("f{number}");
        let (source, content) = source(&world, &path, LARGE, &mut dice);
        let client = Client {
            world: Arc::clone(&world),
            address: line.address(),
            openssh: OpenSsh::of(&world),
        };
        files.push((path.clone(), content));
        work.spawn(async move { client.put(source, &path).await });
    }
    for number in 0..cluster.size() {
        let (sent, cut) = (line.counts().sent, cuts(&world).await);
        let enough = sent + LARGE / 4;
        until("a part of a file", async || line.counts().sent > enough).await;
        // Nobody comes to his end before the node does.
        line.swallow(true);
        cluster.end(number).await;
        assert!(cuts(&world).await > cut, "node {number} cut nobody off");
        line.swallow(false);
        cluster.start(number).await;
    }
    work.join_all().await;
    for (path, content) in files {
        check(&world, &path, &content).await;
        assert_eq!(world.uploads_told().await.get(&path), Some(&1), "{path}");
    }
    let left = world.left_over().await;
    assert!(left.unexplained.is_empty(), "{:?}", left.unexplained);
}

async fn cuts(world: &World) -> usize {
    world.told(EventKind::Partial).await.values().sum()
}
