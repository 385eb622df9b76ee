//! PostgreSQL stopped, restarted and failed over to its standby while clients of two nodes upload and
//! download.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use model::EventKind;
use testkit::client::{Session, Stop};
use testkit::dice::Dice;
use testkit::node::Node;
use testkit::postgres::Postmaster;
use testkit::proxy::Proxy;

use crate::load::send;
use crate::openssh::OpenSsh;
use crate::persistence::Work;
use crate::world::{SETTLED, World, aside, noise, started, until};

const SETTINGS: &str = "database.write_deadline = \"2s\"\nnode.lease = \"5s\"";
/// The outage lasts longer than a node lives without a word: that must not make it a dead one.
const OUTAGE: Duration = Duration::from_secs(6);
/// How long a step of the scenario may take: nodes and clients are told of it by and by.
const PATIENCE: Duration = Duration::from_secs(90);
/// What one client downloads again and again.
const BIG: u64 = 2 << 20;
/// What is left unfinished: more than a part.
const HALF: u64 = 9 << 20;

/// Two nodes, whose database has a standby.
struct Scene {
    world: World,
    nodes: Vec<Node>,
    primary: Postmaster,
    standby: Postmaster,
    /// The name under which nodes know the database, and its standby the primary.
    database: Proxy,
    replication: Proxy,
}

impl Scene {
    async fn new() -> Self {
        let primary = aside(Postmaster::start).await;
        let database = Proxy::start(primary.address()).await.expect("a proxy");
        let replication = Proxy::start(primary.address()).await.expect("a proxy");
        let line = replication.address();
        let (primary, standby) = aside(move || {
            let standby = primary.standby(line);
            (primary, standby)
        })
        .await;
        let world = World::with_database(primary.url_at(database.address())).await;
        let mut nodes = Vec::new();
        for _ in 0..2 {
            nodes.push(started(world.node(SETTINGS)).await);
        }
        Self {
            world,
            nodes,
            primary,
            standby,
            database,
            replication,
        }
    }

    fn address(&self, number: usize) -> SocketAddr {
        self.nodes[number % self.nodes.len()].address()
    }

    /// Does something to the primary beside the servers of this process.
    async fn with_primary(self, deed: fn(&mut Postmaster)) -> Self {
        let mut primary = self.primary;
        let primary = aside(move || {
            deed(&mut primary);
            primary
        });
        Self {
            primary: primary.await,
            ..self
        }
    }

    async fn stop(self) -> Self {
        self.with_primary(Postmaster::kill).await
    }

    async fn restart(self) -> Self {
        let scene = self.with_primary(Postmaster::start_elsewhere).await;
        scene.replication.switch_to(scene.primary.address());
        scene.database.switch_to(scene.primary.address());
        scene
    }

    async fn fail_over(self) -> Self {
        let scene = self.stop().await;
        let standby = scene.standby;
        let standby = aside(move || {
            standby.promote();
            standby
        });
        let standby = standby.await;
        scene.database.switch_to(standby.address());
        Self { standby, ..scene }
    }

    /// Sweeps until everything that stands has been told of.
    async fn settled(&mut self, files: &[(String, Bytes)]) {
        let deadline = tokio::time::Instant::now() + SETTLED;
        loop {
            let node = self.nodes.remove(0);
            let (node, swept) = aside(move || {
                let swept = node.output(&["sweep"]);
                (node, swept)
            })
            .await;
            self.nodes.insert(0, node);
            let told = self.world.uploads_told().await;
            let missing = |(path, _): &&(String, Bytes)| !told.contains_key(path);
            let missing: Vec<_> = files.iter().filter(missing).collect();
            if missing.is_empty() {
                return;
            }
            let late = tokio::time::Instant::now() > deadline;
            let names: Vec<_> = missing.iter().map(|(path, _)| path).collect();
            assert!(!late, "no event of {names:?}: {swept:?}");
        }
    }
}

/// A file whose CLOSE fails while there is no database, and which the other node goes on with.
struct Unfinished {
    session: Session,
    handle: Bytes,
    content: Bytes,
}

impl Unfinished {
    async fn begin(scene: &Scene, dice: &mut Dice) -> Self {
        let content = noise(dice, 2 * HALF);
        let mut session = scene.world.session(scene.address(0)).await;
        let handle = session.create("half", true).await.expect("a handle");
        let half = content.slice(..usize::try_from(HALF).expect("small"));
        let block = |offset| {
            let begin = usize::try_from(offset).expect("small");
            half.slice(begin..half.len().min(begin + (32 << 10)))
        };
        let written = session.write(&handle, 0, HALF, block).await;
        written.expect("taken");
        // Of what is not on record before the outage nobody could say afterwards whose it is.
        let is_recorded = async || scene.world.left_over().await.unfinished.contains("half");
        until("the upload's row", is_recorded).await;
        Self {
            session,
            handle,
            content,
        }
    }

    async fn close_fails(&mut self) {
        let begun = tokio::time::Instant::now();
        let closed = self.session.close(&self.handle).await;
        assert!(matches!(closed, Err(Stop::Refused(_))), "{closed:?}");
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(30), "answered after {took:?}");
    }

    async fn resumed(self, scene: &Scene) -> (String, Bytes) {
        let mut session = scene.world.session(scene.address(1)).await;
        let mut looks = tokio::time::interval(Duration::from_millis(50));
        let mut shown = None;
        let safe = async {
            while shown != Some(HALF) {
                looks.tick().await;
                let stat = session.stat("half").await.expect("answered");
                shown = stat.and_then(|stat| stat.size);
            }
        };
        let safe = tokio::time::timeout(PATIENCE, safe).await;
        assert!(
            safe.is_ok(),
            "the other node shows {shown:?}, not what is safe"
        );
        assert_eq!(scene.world.object("half"), None, "for its owner alone");
        let handle = session.create("half", false).await.expect("continued");
        let sent = send(&mut session, &handle, HALF, &self.content).await;
        sent.expect("acknowledged");
        ("half".to_owned(), self.content)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_stopped_restarted_and_failed_over_under_load_loses_nothing() {
    let mut scene = Box::pin(Scene::new()).await;
    let mut dice = Dice::seeded(10);
    let big = noise(&mut dice, BIG);
    let mut session = scene.world.session(scene.address(0)).await;
    session.put("big", &big).await.expect("acknowledged");
    let nodes = [scene.address(0), scene.address(1)];
    let mut work = Work::start(&scene.world, &nodes, &big, &mut dice).await;
    let openssh = OpenSsh::of(&scene.world);
    work.goes_on().await;
    let mut unfinished = Unfinished::begin(&scene, &mut dice).await;

    scene = scene.stop().await;
    let stopped = Instant::now();
    unfinished.close_fails().await;
    work.fails().await;
    while stopped.elapsed() < OUTAGE {
        work.fails().await;
    }
    work.is_read().await;
    let refused = openssh.knocks(scene.address(1)).await;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success());
    assert!(said.contains("the service is out of order"), "{said}");

    scene = scene.restart().await;
    work.goes_on().await;
    let resumed = unfinished.resumed(&scene).await;
    let again = openssh.knocks(scene.address(1)).await;
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(again.status.success(), "it is back: {said}");

    scene = scene.fail_over().await;
    work.goes_on().await;
    let mut files = work.end().await;
    files.extend([("big".to_owned(), big), resumed]);
    scene.settled(&files).await;
    check(&scene.world, &files).await;
}

/// Every file is there, whole, was told of once, and nothing else is left.
async fn check(world: &World, files: &[(String, Bytes)]) {
    for (path, content) in files {
        let object = world.object(path);
        assert!(object.as_ref() == Some(content), "{path} is not its source");
    }
    let told = world.told(EventKind::Upload).await;
    assert!(told.values().all(|count| *count == 1), "{told:?}");
    assert_eq!(told.len(), files.len(), "{told:?}");
    let explained = async || world.left_over().await.unexplained.is_empty();
    until("a row for whatever is left", explained).await;
    let left = world.left_over().await;
    assert!(left.unfinished.is_empty(), "{:?}", left.unfinished);
}
