//! PostgreSQL goes away and comes back: the pool heals, writes wait, and nobody waits for ever.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use database::{Database, DatabaseUrl, Settings};
use model::ErrorKind;
use sqlx::Connection as _;
use testkit::postgres::Postmaster;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::fixture::{NOW, intent};

/// An address that leads to a server, then to another. Connections to the old one fall silent:
/// nobody closes them, as when a machine loses its power.
struct Switch {
    address: SocketAddr,
    target: watch::Sender<SocketAddr>,
    _accepting: JoinSet<()>,
}

impl Switch {
    async fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let address = listener.local_addr().expect("address");
        let (target, targets) = watch::channel(target);
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            let silent = Arc::default();
            let mut passing = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                passing.spawn(pass(client, targets.clone(), Arc::clone(&silent)));
            }
        });
        Self {
            address,
            target,
            _accepting: accepting,
        }
    }

    fn fail_over(&self, target: SocketAddr) {
        self.target.send_replace(target);
    }
}

async fn pass(
    mut client: TcpStream,
    mut target: watch::Receiver<SocketAddr>,
    silent: Arc<Mutex<Vec<TcpStream>>>,
) {
    let address = *target.borrow_and_update();
    let Ok(mut server) = TcpStream::connect(address).await else {
        return;
    };
    tokio::select! {
        biased;
        _ = target.changed() => silent.lock().expect("sound").push(client),
        _ = copy_bidirectional(&mut client, &mut server) => {
            // The server died. Whether its machine did too is decided by the switch.
            let _ = target.changed().await;
            silent.lock().expect("sound").push(client);
        }
    }
}

async fn open(server: &Postmaster, switch: &Switch) -> Database {
    let url = DatabaseUrl::parse(&server.url_at(switch.address)).expect("a URL");
    let settings = Settings {
        connections: 6,
        ..Settings::default()
    };
    Database::open(&url, settings).await.expect("open")
}

/// As many questions at once as the pool has connections.
async fn ask_all(database: &Database) {
    let mut asking = JoinSet::new();
    for _ in 0..6 {
        let database = database.clone();
        asking.spawn(async move { database.check().await.expect("answered") });
    }
    timeout(Duration::from_secs(20), asking.join_all())
        .await
        .expect("in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_fell_silent_are_replaced_postgres() {
    let mut server = Postmaster::start();
    let switch = Switch::start(server.address()).await;
    let database = open(&server, &switch).await;
    ask_all(&database).await;
    // All connections of the pool are in the middle of a query.
    let mut raw = sqlx::PgConnection::connect(&server.url_at(server.address()))
        .await
        .expect("connect");
    let lock = "BEGIN; LOCK TABLE leases IN ACCESS EXCLUSIVE MODE";
    sqlx::raw_sql(lock).execute(&mut raw).await.expect("locked");
    let mut waiting = JoinSet::new();
    for _ in 0..6 {
        let database = database.clone();
        waiting.spawn(async move { database.leases().held("x", NOW).await });
    }
    let count = "SELECT COUNT(*) FROM pg_locks WHERE NOT granted";
    while sqlx::query_scalar::<_, i64>(count)
        .fetch_one(&mut raw)
        .await
        .expect("read")
        < 6
    {}
    server.start_elsewhere();
    switch.fail_over(server.address());
    let ended = timeout(Duration::from_secs(25), waiting.join_all()).await;
    for answer in ended.expect("nobody waits for ever") {
        let error = answer.expect_err("it never came");
        assert_eq!(error.kind(), ErrorKind::Unavailable);
    }
    ask_all(&database).await;
    database.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_goes_on_at_the_server_that_takes_over_postgres() {
    let mut server = Postmaster::start();
    let switch = Switch::start(server.address()).await;
    let database = open(&server, &switch).await;
    ask_all(&database).await;
    let before = intent("before");
    let writer = database.writer();
    writer.begin_intent(before.clone()).await.expect("written");
    server.kill();
    let refused = timeout(Duration::from_secs(10), database.check()).await;
    let refused = refused.expect("soon").expect_err("away");
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    let during = intent("during");
    let (written, ()) = tokio::join!(writer.begin_intent(during.clone()), async {
        server.start_elsewhere();
        switch.fail_over(server.address());
    });
    written.expect("written once it is back");
    for id in [before.id, during.id] {
        let read = database.transfers().by_id(id).await.expect("read");
        assert!(read.is_some(), "nothing is lost");
    }
    database.close().await;
}
