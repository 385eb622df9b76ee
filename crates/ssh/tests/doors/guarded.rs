//! Who is kept out, and who gets in meanwhile. Strangers come from their own addresses of loopback.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use database::{Ban, Outcome};
use identity::defence::GuardSettings;
use model::{EventKind, Timestamp};
use ssh::{ProxyProtocol, Settings, Startups};
use testkit::client::{Client, Credential, Error};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

use crate::world::{PASSWORD, USER, World};

/// An address of loopback.
fn loopback(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 0, 0, last))
}

/// Nobody is held back, so that tests do not wait.
fn guard() -> GuardSettings {
    let mut guard = GuardSettings::default();
    guard.defence.scores.tarpit = Duration::ZERO;
    guard.defence.scores.forgiven_every = Duration::from_secs(3600);
    guard.defence.patience = Duration::ZERO;
    guard
}

async fn guarded(guard: GuardSettings, change: impl FnOnce(&mut Settings)) -> World {
    World::guarded(ProxyProtocol::Off, guard, |settings| {
        settings.tarpit = Duration::from_millis(20);
        change(settings);
    })
    .await
}

async fn log_in(world: &World, from: u8, user: &str, password: &str) -> Result<bool, Error> {
    let mut client = Client::connect_from(loopback(from), world.address).await?;
    client.log_in(user, &Credential::password(password)).await
}

async fn tcp(from: u8, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    let source = SocketAddr::new(loopback(from), 0);
    socket.bind(source).expect("an address of loopback");
    socket.connect(to).await.expect("connected")
}

/// Whether SSH is spoken to this address of loopback.
async fn greets(world: &World, from: u8) -> bool {
    let mut tcp = tcp(from, world.address).await;
    let mut greeting = [0; 8];
    tcp.read_exact(&mut greeting).await.is_ok() && &greeting == b"SSH-2.0-"
}

/// Guesses under ever other names until the address is banned; how many guesses were answered.
async fn guess_until_banned(world: &World, from: u8) -> usize {
    for guess in 0..100 {
        if !greets(world, from).await {
            return guess;
        }
        let name = format!("user-{guess}");
        let refused = log_in(world, from, &name, &format!("guess {guess}")).await;
        assert!(!refused.unwrap_or(false));
    }
    panic!("never banned");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guesser_is_banned_before_the_key_exchange_and_a_partner_elsewhere_is_not() {
    let world = guarded(guard(), |_| {}).await;
    assert_eq!(guess_until_banned(&world, 2).await, 20);
    assert!(log_in(&world, 2, USER, PASSWORD).await.is_err());
    assert!(log_in(&world, 3, USER, PASSWORD).await.expect("answered"));

    world.guard.finish().await.expect("written");
    let since = Timestamp::from_seconds(0);
    let rows = world.database.audit().since(since, 1000).await;
    let rows = rows.expect("read");
    let of = |action: &str, from: u8| {
        let found = rows.iter().filter(|row| row.action == action);
        found
            .filter(|row| row.address == Some(loopback(from)))
            .count()
    };
    assert_eq!(of("ban", 2), 1);
    assert_eq!(of("login", 3), 1);
    assert!(rows.iter().any(|row| row.outcome == Outcome::Refused));
    let refused = of("login_refused", 2);
    assert!((11..=13).contains(&refused), "ten and sums, not {refused}");
    let events = world.database.events().since(since, 1000).await;
    let events = events.expect("read");
    let told = |kind| {
        events
            .iter()
            .filter(|stored| stored.event.kind == kind)
            .count()
    };
    assert_eq!((told(EventKind::Ban), told(EventKind::Login)), (1, 1));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_asked_about_denied_names_and_banned_addresses() {
    let world = guarded(guard(), |_| {}).await;
    // Whoever is asked now says so: the connection ends with an apology.
    world.database.close().await;
    let mut client = Client::connect_from(loopback(2), world.address)
        .await
        .expect("connected");
    let key = russh::keys::load_secret_key(world.path("id"), None).expect("a key");
    let key = Credential::Key(std::sync::Arc::new(key));
    let password = Credential::password(PASSWORD);
    for name in ["root", "ADMIN", "ec2_user", "root@@ldap"] {
        let offered = client.log_in(name, &key).await;
        assert!(!offered.expect("answered"), "{name}");
    }
    assert!(!client.log_in("root", &password).await.expect("answered"));
    let asked = client.log_in(USER, &password).await;
    assert!(!asked.unwrap_or(false), "the database is closed");

    let until = Timestamp::from_micros(i64::MAX);
    let ban = ban("127.0.0.2/32", until);
    let mut client = Client::connect_from(loopback(2), world.address)
        .await
        .expect("connected");
    let row = database::StoredBan {
        changed: ban.since,
        ban,
    };
    world.guard.defence().learn(vec![row], vec![], vec![]);
    let refused = client.log_in(USER, &password).await;
    assert!(!refused.unwrap_or(false));
    assert!(!greets(&world, 2).await);
    world.stop().await;
}

fn ban(network: &str, until: Timestamp) -> Ban {
    Ban {
        network: network.parse().expect("a network"),
        reason: "by hand".to_owned(),
        since: Timestamp::from_seconds(0),
        until,
        by: Some("ann".to_owned()),
        repeated: 0,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ban_by_staff_ends_what_is_open_and_its_end_lets_in_again() {
    let world = guarded(guard(), |_| {}).await;
    let mut client = Client::connect_from(loopback(2), world.address)
        .await
        .expect("connected");
    let credential = Credential::password(PASSWORD);
    assert!(client.log_in(USER, &credential).await.expect("answered"));
    let mut sftp = client.sftp().await.expect("sftp");
    let other = world.client().await;
    let (bans, server) = (world.database.bans(), world.guard.server().clone());
    let now = now(&world).await;
    let end = now.plus(Duration::from_secs(3600));
    bans.put(&server, &ban("127.0.0.2/31", end), now)
        .await
        .expect("banned");
    world.guard.share().await.expect("heard");
    sftp.reply().await.expect_err("the session ends");
    assert!(!greets(&world, 2).await && !greets(&world, 3).await);
    assert!(
        !other.is_closed(),
        "who comes from elsewhere is not concerned"
    );
    let network = "127.0.0.2/31".parse().expect("a network");
    let lifted = bans.lift(&server, network, "ann", now).await;
    assert!(lifted.expect("lifted"));
    world.guard.share().await.expect("heard");
    assert!(greets(&world, 2).await);
    drop(other);
    world.stop().await;
}

async fn now(_: &World) -> Timestamp {
    use model::Clock as _;
    model::SystemClock.now()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_neighbour_gets_in_while_a_guesser_behind_the_same_address_is_banned() {
    let world = guarded(guard(), |_| {}).await;
    assert!(log_in(&world, 2, USER, PASSWORD).await.expect("answered"));
    for guess in 0..20 {
        let refused = log_in(&world, 2, "somebody", &format!("guess {guess}")).await;
        assert!(!refused.expect("answered"));
    }
    assert_eq!(world.guard.defence().bans().len(), 1);
    assert!(log_in(&world, 2, USER, PASSWORD).await.expect("answered"));
    let guesser = log_in(&world, 2, "somebody", "another guess").await;
    assert!(!guesser.unwrap_or(false));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn networks_of_the_server_are_refused_without_a_greeting() {
    let mut guard = guard();
    let networks = identity::Networks::parse(["127.0.0.0/29"], ["127.0.0.3"]);
    guard.defence.networks = networks.expect("networks");
    let world = guarded(guard, |_| {}).await;
    for (from, greeted) in [(1, true), (2, true), (3, false), (8, false)] {
        assert_eq!(greets(&world, from).await, greeted, "127.0.0.{from}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_balancer_the_client_is_banned_and_the_balancer_never() {
    let proxy = ProxyProtocol::Require(vec!["127.0.0.0/8".parse().expect("a network")]);
    let world = World::guarded(proxy, guard(), |s| s.tarpit = Duration::ZERO).await;
    let greeted = async |header: &str| {
        let mut tcp = TcpStream::connect(world.address).await.expect("connected");
        tcp.write_all(header.as_bytes()).await.expect("written");
        let mut greeting = [0; 8];
        tcp.read_exact(&mut greeting).await.is_ok()
    };
    let client = "PROXY TCP4 192.0.2.7 198.51.100.1 40000 22\r\n";
    let other = client.replace("192.0.2.7", "192.0.2.8");
    let defence = world.guard.defence();
    let guess = |from: IpAddr| {
        (0..20).for_each(|n| {
            let guess = model::Secret::new(n.to_string());
            defence.refused(from, "somebody", Some(&guess));
        });
    };
    guess(IpAddr::from([192, 0, 2, 7]));
    assert!(!greeted(client).await, "the client is banned");
    assert!(greeted(&other).await, "another client is not");
    // Even where the balancer's own address has a ban.
    guess(IpAddr::from([127, 0, 0, 1]));
    assert_eq!(defence.bans().len(), 2);
    assert!(greeted("PROXY UNKNOWN\r\n").await);
    assert!(greeted(&other).await);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_connections_from_many_addresses_do_not_keep_a_partner_out() {
    let mut guard = guard();
    // Twice silent, and out.
    guard.defence.scores.ban_at = 8;
    let world = guarded(guard, |settings| {
        settings.login_grace = Duration::from_millis(500);
        settings.limits.startups = Startups {
            start: 10,
            rate: 50,
            full: 40,
        };
    })
    .await;
    let mut flood = JoinSet::new();
    for from in 100..160 {
        let address = world.address;
        flood.spawn(async move {
            loop {
                let mut tcp = tcp(from, address).await;
                let mut heard = Vec::new();
                let _ = tcp.read_to_end(&mut heard).await;
            }
        });
    }
    let partner = async {
        while !log_in(&world, 3, USER, PASSWORD).await.unwrap_or(false) {
            tokio::task::yield_now().await;
        }
    };
    let got_in = tokio::time::timeout(Duration::from_secs(60), partner).await;
    assert!(got_in.is_ok(), "the partner does not get in");
    let banned = async {
        while world.guard.defence().bans().len() < 60 {
            tokio::task::yield_now().await;
        }
    };
    let banned = tokio::time::timeout(Duration::from_secs(60), banned).await;
    assert!(banned.is_ok(), "the flood goes on");
    flood.shutdown().await;
    world.stop().await;
}

/// Nothing waits for the machine's clock here: time passes when nobody has anything to do.
#[tokio::test]
async fn a_banned_address_hangs_for_its_time_and_hears_nothing() {
    let hour = Duration::from_secs(3600);
    let world = guarded(guard(), |settings| settings.tarpit = hour).await;
    let ban = ban("127.0.0.2/32", Timestamp::from_micros(i64::MAX));
    let row = database::StoredBan {
        changed: ban.since,
        ban,
    };
    world.guard.defence().learn(vec![row], vec![], vec![]);
    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    let mut stranger = tcp(2, world.address).await;
    let mut heard = Vec::new();
    let ended = stranger.read_to_end(&mut heard).await;
    let hung = begun.elapsed();
    tokio::time::resume();
    assert_eq!((ended.expect("closed"), heard), (0, Vec::new()));
    let wanted = hour..hour + Duration::from_secs(60);
    assert!(wanted.contains(&hung), "{hung:?}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_guessed_waits_for_the_next_refusal() {
    let mut guard = guard();
    guard.defence.scores.tarpit = Duration::from_secs(1);
    let world = guarded(guard, |_| {}).await;
    for _ in 0..15 {
        let refused = world.guard.defence().refused(loopback(2), "stranger", None);
        assert!(refused.is_none(), "20 make a ban");
    }
    let mut client = Client::connect_from(loopback(2), world.address)
        .await
        .expect("connected");
    let begun = std::time::Instant::now();
    let wrong = Credential::password("a guess");
    assert!(!client.log_in(USER, &wrong).await.expect("answered"));
    // The sixteenth of twenty.
    assert!(begun.elapsed() >= Duration::from_millis(790), "too soon");
    world.stop().await;
}
