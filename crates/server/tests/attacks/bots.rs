//! Bots that hammer at the door behind a balancer: banned on every node, told the same of every
//! name, and on record with every decision. They are paramiko's, several at a time.

/// Guesses at names, from an address that the PROXY protocol's header gives, until nobody greets
/// any more; a line for each guess.
const BOT: &str = r#"
import queue, socket, sys, threading, time
import paramiko

port, address, names = int(sys.argv[1]), sys.argv[2], sys.argv[3].split(",")
header = "PROXY TCP4 %s 198.51.100.1 40000 22\r\n" % address
guesses, banned, telling = queue.Queue(), threading.Event(), threading.Lock()
for number in range(200):
    guesses.put(number)

def guess(number):
    name = names[number % len(names)]
    wire = socket.create_connection(("127.0.0.1", port), 30)
    wire.settimeout(30)
    wire.sendall(header.encode())
    if not wire.recv(4, socket.MSG_PEEK):
        banned.set()
        return
    transport = paramiko.Transport(wire)
    transport.start_client(timeout=30)
    begun = time.monotonic()
    try:
        transport.auth_password(name, "guess %d" % number, fallback=False)
        answer = "let in"
    except paramiko.AuthenticationException as refused:
        answer = str(refused)
    finally:
        transport.close()
    line = "%s|%.3f|%s" % (name, time.monotonic() - begun, answer)
    # A line and its end are written one after the other.
    with telling:
        print(line, flush=True)

def bot():
    while not banned.is_set():
        try:
            guess(guesses.get_nowait())
        except queue.Empty:
            return
        except (paramiko.SSHException, EOFError, OSError):
            # The ban ends what others of them have begun.
            continue

bots = [threading.Thread(target=bot) for _ in range(3)]
for each in bots:
    each.start()
for each in bots:
    each.join()
print("banned" if banned.is_set() else "never banned", flush=True)
"#;

mod paramiko {
    use std::io::{Read as _, Write as _};
    use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
    use std::path::{Path, PathBuf};
    use std::process::Command;
    use std::time::{Duration, Instant};

    use database::{AuditEntry, Database, DatabaseUrl, Outcome};
    use model::{EventKind, Timestamp};
    use testkit::node::Node;
    use testkit::postgres::TestDatabase;

    use super::BOT;

    const DEADLINE: Duration = Duration::from_secs(30);
    const STRANGER: &str = "192.0.2.7";
    const PARTNER: &str = "192.0.2.8";

    /// The interpreter beside moto's server, in the environment that `cargo xtask setup` makes.
    fn python() -> PathBuf {
        #[expect(
            clippy::disallowed_methods,
            reason = "tests are told by their runner, through the environment"
        )]
        let moto =
            std::env::var("PIERHEAD_TEST_MOTO").expect("PIERHEAD_TEST_MOTO names moto_server");
        PathBuf::from(moto).with_file_name("python3")
    }

    /// A node, and where it listens for balancers.
    struct Door {
        node: Node,
        proxied: SocketAddr,
    }

    impl Door {
        fn open(folder: &Path, name: &str, database: &str) -> Self {
            let free = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
            let proxied = free.expect("a free port");
            let objects = folder.join("objects");
            let settings = format!(
                "sftp.proxy_listen = [\"{proxied}\"]\nsftp.proxy_trusted = [\"127.0.0.0/8\"]\n\
                 database.url = {database:?}\nsecrets.sealing_key = {:?}\n\
                 [defence]\nforgiven_every = \"1h\"\ntarpit = \"0ms\"\n\
                 [storage.local]\nroot = {objects:?}\n",
                format!("{}A=", "A".repeat(42)),
            );
            let folder = folder.join(name);
            std::fs::create_dir(&folder).expect("made");
            let node = crate::world::started(&folder, &settings);
            Self { node, proxied }
        }

        /// Whether SSH is spoken to a client that a balancer gives this address.
        fn greets(&self, address: &str) -> bool {
            let mut tcp = TcpStream::connect(self.proxied).expect("it listens");
            tcp.set_read_timeout(Some(DEADLINE)).expect("set");
            let header = format!("PROXY TCP4 {address} 198.51.100.1 40000 22\r\n");
            tcp.write_all(header.as_bytes()).expect("written");
            let mut greeting = [0; 8];
            tcp.read_exact(&mut greeting).is_ok() && &greeting == b"SSH-2.0-"
        }

        /// A metric of the node, with its labels in this order; 0 where it is not shown yet.
        fn metric(&self, series: &str) -> f64 {
            let mut tcp = TcpStream::connect(self.node.admin()).expect("it listens");
            let request = "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
            tcp.write_all(request.as_bytes()).expect("written");
            let mut page = String::new();
            tcp.read_to_string(&mut page).expect("read");
            let value = page
                .lines()
                .find_map(|line| line.strip_prefix(series)?.strip_prefix(" "));
            value.map_or(0.0, |value| value.trim().parse().expect("a number"))
        }
    }

    fn until(what: &str, mut holds: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !holds() {
            assert!(
                begun.elapsed() < DEADLINE,
                "{what}: not within {DEADLINE:?}"
            );
            std::thread::yield_now();
        }
    }

    /// What the bots heard: name, seconds, answer.
    fn hammer(door: &Door) -> Vec<(String, f64, String)> {
        let output = Command::new(python())
            .args(["-c", BOT, &door.proxied.port().to_string(), STRANGER])
            .arg("acme,stranger,somebody")
            .output()
            .expect("python runs");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(said.ends_with("\nbanned\n"), "{said}\n{errors}");
        let heard = said.lines().filter_map(|line| {
            let mut fields = line.split('|');
            let (name, seconds) = (fields.next()?, fields.next()?.parse().ok()?);
            Some((name.to_owned(), seconds, fields.next()?.to_owned()))
        });
        heard.collect()
    }

    /// Rows and events of what the guards decided.
    async fn told(url: &str) -> (Vec<AuditEntry>, usize) {
        let url = DatabaseUrl::parse(url).expect("a URL");
        let database = Database::open(&url, database::Settings::default()).await;
        let database = database.expect("it opens");
        let since = Timestamp::from_seconds(0);
        let rows = database.audit().since(since, 10_000).await.expect("read");
        let events = database.events().since(since, 10_000).await.expect("read");
        database.close().await;
        let bans = events
            .iter()
            .filter(|stored| stored.event.kind == EventKind::Ban);
        (rows, bans.count())
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs paramiko, beside the moto_server that PIERHEAD_TEST_MOTO names; cargo xtask test runs it"]
    async fn bots_behind_a_balancer_are_banned_on_every_node_and_learn_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = TestDatabase::new();
        let first = Door::open(folder.path(), "first", database.url());
        let second = Door::open(folder.path(), "second", database.url());
        let add = [
            "user",
            "add",
            "acme",
            "--home",
            "/files/acme",
            "--generate-password",
        ];
        first.node.command(&add).expect("made");

        let heard = hammer(&first);
        assert!(heard.len() >= 10, "{heard:?}");
        let known = heard.iter().filter(|(name, ..)| name == "acme");
        assert!(known.count() > 1, "{heard:?}");
        // What is said to whom the ban meets in the middle of it; to whatever name.
        let ended = "Bad authentication type; allowed types: ['']";
        for (name, seconds, answer) in &heard {
            let alike = answer == "Authentication failed." || answer == ended;
            assert!(alike, "{name}: {answer}");
            // Nobody is answered before the time that a refusal takes, so nobody sooner than others.
            assert!(*seconds >= 0.5, "{name} after {seconds} s");
        }
        for name in ["acme", "stranger"] {
            let refused = |(of, _, answer): &&(String, f64, String)| of == name && answer != ended;
            assert!(heard.iter().any(|each| refused(&each)), "{name}: {heard:?}");
        }

        assert!(!first.greets(STRANGER) && first.greets(PARTNER));
        until("the other node hears of it", || !second.greets(STRANGER));
        assert!(second.greets(PARTNER));
        for (series, least) in [
            ("pierhead_bans_total{reason=\"refused_logins\"}", 1.0),
            ("pierhead_bans", 1.0),
            (
                "pierhead_defence_decisions_total{stage=\"connection\",decision=\"banned\"}",
                1.0,
            ),
            (
                "pierhead_defence_decisions_total{stage=\"connection\",decision=\"proceed\"}",
                10.0,
            ),
            (
                "pierhead_defence_decisions_total{stage=\"attempt\",decision=\"proceed\"}",
                10.0,
            ),
        ] {
            let value = first.metric(series);
            assert!(value >= least, "{series}: {value}");
        }
        // Killed at once: what the other node has heard of is on record.
        drop((first, second));
        let (rows, bans) = told(database.url()).await;
        let stranger: IpAddr = STRANGER.parse().expect("an address");
        let of = |action: &str, outcome| {
            let rows = rows
                .iter()
                .filter(|row| row.action == action && row.outcome == outcome);
            rows.filter(|row| row.address == Some(stranger)).count()
        };
        assert!(of("login_refused", Outcome::Refused) >= 10, "{rows:?}");
        assert_eq!((of("ban", Outcome::Success), bans), (1, 1));
        assert!(
            rows.iter().all(|row| row.action != "login"),
            "nobody got in"
        );
    }
}
