//! A far-away store on a narrow line: users who upload, resume, rename and download at the same time
//! all get their answers in time, and the memory that waits for the line is bounded.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use model::EventKind;
use testkit::client::Session;
use testkit::dice::Dice;
use testkit::proxy::Proxy;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::load::send;
use crate::world::{Login, USER, USERS, World, noise, started, until};

/// Each way; and of each connection, in bytes per second.
const LATENCY: Duration = Duration::from_millis(60);
const LINE: u64 = 3 << 20;

/// What a node may hold, in bytes; see `UPLOADS` for how much more its users send.
const MEMORY: u64 = 32 << 20;
const SETTINGS: &str = "transfer.upload_memory = \"32MiB\"\ntransfer.partial_memory = \"32MiB\"\n\
                        transfer.download_memory = \"32MiB\"";
/// Beyond the budget each connection may hold what it had read already: a part.
const PART: u64 = 8 << 20;
/// Two files of each uploader: together more than four times the budget.
const UPLOADERS: u64 = 4;
const LARGE: u64 = 18 << 20;

/// Where it happens.
#[derive(Clone)]
struct Hall {
    login: Login,
    address: SocketAddr,
}

type Files = Vec<(&'static str, String, Bytes)>;

impl Hall {
    async fn session(&self, user: &'static str) -> Session {
        let session = self.login.session_of(user, self.address).await;
        session.expect("logged in")
    }

    /// Two files, the second under a temporary name, which is then given its final one.
    async fn upload(self, user: &'static str, number: u64, mut dice: Dice) -> Files {
        let mut session = self.session(user).await;
        let plain = (format!("plain{number}"), noise(&mut dice, LARGE));
        let named = (format!("named{number}"), noise(&mut dice, LARGE));
        session.put(&plain.0, &plain.1).await.expect("acknowledged");
        let temporary = format!("{}.part", named.0);
        session.put(&temporary, &named.1).await.expect("staged");
        let renamed = session.rename(&temporary, &named.0, false).await;
        renamed.expect("acknowledged");
        vec![(user, plain.0, plain.1), (user, named.0, named.1)]
    }

    /// A file whose connection breaks in the middle, and which another one goes on with.
    async fn resume(self, mut dice: Dice) -> Files {
        let content = noise(&mut dice, LARGE);
        let mut session = self.session(USER).await;
        let handle = session.create("resumed", true).await.expect("a handle");
        let half = content.slice(..content.len() / 2);
        let block = |offset| {
            let begin = usize::try_from(offset).expect("small");
            half.slice(begin..half.len().min(begin + (32 << 10)))
        };
        let written = session.write(&handle, 0, half.len() as u64, block).await;
        written.expect("taken");
        session.cut();
        let mut session = self.session(USER).await;
        let safe = self.safe("resumed").await;
        let handle = session.create("resumed", false).await.expect("continued");
        let sent = send(&mut session, &handle, safe, &content).await;
        sent.expect("acknowledged");
        vec![(USER, "resumed".to_owned(), content)]
    }

    /// How much of an unfinished file is shown once it is.
    async fn safe(&self, path: &str) -> u64 {
        let mut session = self.session(USER).await;
        let mut looks = tokio::time::interval(Duration::from_millis(20));
        loop {
            looks.tick().await;
            let shown = session.stat(path).await.expect("answered");
            let long = session.long_name("/", path).await.expect("answered");
            let detached = long.is_some_and(|long| long.contains("unfinished"));
            if let (Some(size), true) = (shown.and_then(|shown| shown.size), detached) {
                return size;
            }
        }
    }

    /// A file that goes from name to name, and is read under each.
    async fn rename(self, mut dice: Dice) -> Files {
        let content = noise(&mut dice, 2 << 20);
        let mut session = self.session(USER).await;
        session.put("name0", &content).await.expect("acknowledged");
        for number in 0..4 {
            let (from, to) = (format!("name{number}"), format!("name{}", number + 1));
            session.rename(&from, &to, false).await.expect("renamed");
            let got = session.get(&to).await.expect("downloaded").concat();
            assert!(got == content, "{to} is another file");
        }
        vec![(USER, "name4".to_owned(), content)]
    }

    /// The same file again and again.
    async fn download(self, path: &'static str, content: Bytes) -> Files {
        let mut session = self.session(USERS[1]).await;
        for _ in 0..3 {
            let got = session.get(path).await.expect("downloaded").concat();
            assert!(got == content, "{path} is another file");
        }
        vec![(USERS[1], path.to_owned(), content)]
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_far_store_on_a_narrow_line_costs_time_and_nothing_else() {
    let world = World::with_s3(false).await;
    let target = world.s3().endpoint().trim_start_matches("http://").parse();
    let line = Proxy::start(target.expect("an address")).await;
    let line = line.expect("a proxy");
    let endpoint = format!("http://{}", line.address());
    let node = started(world.node_through(&endpoint, SETTINGS)).await;
    let mut dice = Dice::seeded(8);
    let hall = Hall {
        login: world.credential(),
        address: node.address(),
    };
    let there = noise(&mut dice, 10 << 20);
    let mut session = hall.session(USERS[1]).await;
    session.put("there", &there).await.expect("acknowledged");

    line.set_latency(LATENCY);
    line.set_bandwidth(Some(LINE));
    let mut work = JoinSet::new();
    for number in 0..UPLOADERS {
        let user = if number % 2 == 0 { USER } else { USERS[1] };
        work.spawn(hall.clone().upload(user, number, dice.fork()));
    }
    work.spawn(hall.clone().resume(dice.fork()));
    work.spawn(hall.clone().rename(dice.fork()));
    work.spawn(hall.clone().download("there", there));
    let mut memory = Memory::default();
    let mut files = Files::new();
    let mut looks = tokio::time::interval(Duration::from_millis(50));
    while !work.is_empty() {
        tokio::select! {
            Some(done) = work.join_next() => files.extend(done.expect("all are served")),
            _ = looks.tick() => memory.look(node.admin()).await,
        }
    }
    let most = MEMORY + (UPLOADERS + 2) * PART;
    assert!(memory.in_flight <= most, "{memory:?} of {most}");
    assert!(memory.in_flight > 0, "nothing was ever under way");
    assert!(memory.buffered <= MEMORY + most, "{memory:?}");
    line.repair();
    check(&world, &files).await;
}

/// Each file is there, whole, and was told of once.
async fn check(world: &World, files: &Files) {
    for (user, path, content) in files {
        let object = world.object_of(user, path);
        assert!(object.as_ref() == Some(content), "{user}'s {path}");
    }
    for user in USERS {
        let mut told = world.told_of(user, EventKind::Upload).await;
        assert!(told.values().all(|count| *count == 1), "{told:?}");
        // It was uploaded under another name.
        told.remove("name0");
        let own = files.iter().filter(|(whose, path, _)| {
            *whose == user && path != "name4" && told.contains_key(path.as_str())
        });
        assert_eq!(own.count(), told.len(), "{user}: {told:?}");
    }
    let renamed = async || world.told(EventKind::Rename).await.len() == 4;
    until("each rename", renamed).await;
    let left = world.left_over().await;
    assert!(left.unexplained.is_empty(), "{:?}", left.unexplained);
    assert!(left.unfinished.is_empty(), "{:?}", left.unfinished);
}

/// The most that a node said it held, in bytes.
#[derive(Debug, Default)]
struct Memory {
    in_flight: u64,
    buffered: u64,
}

impl Memory {
    async fn look(&mut self, admin: SocketAddr) {
        let page = metrics(admin).await.expect("the node answers");
        let now = |name: &str| {
            let mut lines = page.lines().filter_map(|line| line.strip_prefix(name));
            let value = lines.find_map(|rest| rest.trim().parse::<f64>().ok());
            value.unwrap_or_default() as u64
        };
        self.in_flight = self.in_flight.max(now("pierhead_upload_in_flight_bytes "));
        self.buffered = self.buffered.max(now("pierhead_upload_buffered_bytes "));
    }
}

async fn metrics(admin: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(admin).await?;
    let request = "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await?;
    let mut page = String::new();
    stream.read_to_string(&mut page).await?;
    Ok(page)
}
