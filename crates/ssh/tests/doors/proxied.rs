//! Clients that come through a balancer which speaks the PROXY protocol.

use std::net::SocketAddr;
use std::time::Duration;

use model::Timestamp;
use ssh::{ProxyProtocol, Settings, Startups};
use testkit::client::{Client, Credential};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::world::{PASSWORD, USER, World};

const HEADER: &str = "PROXY TCP4 192.0.2.7 198.51.100.1 40000 22\r\n";

async fn world(networks: &[&str], change: impl FnOnce(&mut Settings)) -> World {
    let networks = networks.iter().map(|text| text.parse().expect("a network"));
    World::behind(ProxyProtocol::Require(networks.collect()), change).await
}

/// A balancer before `server`. It sends its header and the client's first bytes in one segment.
struct Balancer {
    address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Balancer {
    async fn start(server: SocketAddr, header: &[u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let address = listener.local_addr().expect("address");
        let header = header.to_vec();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(pass(client, server, header.clone()));
            }
        });
        Self {
            address,
            _tasks: tasks,
        }
    }

    async fn client(&self) -> Result<Client, testkit::client::Error> {
        let credential = Credential::password(PASSWORD);
        Client::connect(self.address, USER, &credential).await
    }
}

async fn pass(mut client: TcpStream, server: SocketAddr, mut begin: Vec<u8>) {
    let mut server = TcpStream::connect(server).await.expect("connected");
    let mut first = [0; 1024];
    let count = client.read(&mut first).await.expect("read");
    begin.extend_from_slice(&first[..count]);
    // The server may be faster in refusing.
    if server.write_all(&begin).await.is_ok() {
        let _ = copy_bidirectional(&mut client, &mut server).await;
    }
}

fn version_2(kind: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).expect("short").to_be_bytes();
    [&b"\r\n\r\n\0\r\nQUIT\n"[..], &[kind, family], &length, body].concat()
}

/// Uploads a file and returns the address that its audit row names.
async fn address_on_record(world: &World, client: &Client, name: &str) -> String {
    let mut channel = client.sftp().await.expect("sftp");
    let flags = sftp::OpenFlags::WRITE | sftp::OpenFlags::CREATE | sftp::OpenFlags::TRUNCATE;
    let attributes = sftp::Attributes::default();
    let handle = channel.open(name, flags, attributes).await;
    let handle = handle.expect("a handle");
    let closed = channel.status(&sftp::Request::Close { handle }).await;
    assert_eq!(closed.expect("answered").code, sftp::StatusCode::Ok);
    let rows = world
        .database
        .audit()
        .since(Timestamp::from_seconds(0), 1000)
        .await;
    let rows = rows.expect("read");
    let path = format!("/{name}");
    let upload = rows.iter().find(|row| row.path.as_ref() == Some(&path));
    let address = upload.expect("on record").address;
    address.expect("an address").to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_is_who_the_balancer_says() {
    let world = world(&["127.0.0.0/8"], |_| {}).await;
    let four = [203, 0, 113, 9, 198, 51, 100, 2, 0xDC, 0x04, 0, 22];
    for (name, header, address) in [
        ("a", HEADER.as_bytes().to_vec(), "192.0.2.7"),
        ("b", version_2(0x21, 0x11, &four), "203.0.113.9"),
        // A probe that goes on and logs in is the balancer's own.
        ("c", version_2(0x20, 0x00, &[]), "127.0.0.1"),
        ("d", b"PROXY UNKNOWN\r\n".to_vec(), "127.0.0.1"),
    ] {
        let balancer = Balancer::start(world.address, &header).await;
        let client = balancer.client().await.expect("logged in");
        assert_eq!(address_on_record(&world, &client, name).await, address);
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_in_pieces_is_read() {
    let world = world(&["127.0.0.1/32"], |_| {}).await;
    let mut tcp = TcpStream::connect(world.address).await.expect("connected");
    tcp.set_nodelay(true).expect("set");
    for byte in HEADER.bytes() {
        tcp.write_all(&[byte]).await.expect("written");
        tokio::task::yield_now().await;
    }
    let mut greeting = [0; 8];
    tcp.read_exact(&mut greeting).await.expect("greeted");
    assert_eq!(&greeting, b"SSH-2.0-");
    drop(tcp);
    world.stop().await;
}

/// Whether the server closes a connection that begins so, without a word of SSH.
async fn is_closed(world: &World, begin: &[u8]) -> bool {
    let mut tcp = TcpStream::connect(world.address).await.expect("connected");
    let _ = tcp.write_all(begin).await;
    let mut answer = Vec::new();
    let _ = tcp.read_to_end(&mut answer).await;
    answer.is_empty()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_without_a_good_header_is_closed() {
    let grace = Duration::from_millis(300);
    let world = world(&["127.0.0.0/8"], |s| s.login_grace = grace).await;
    for begin in [
        &b"SSH-2.0-OpenSSH_9.9\r\n"[..],
        b"PROXY TCP4 192.0.2.7 nowhere 1 2\r\n",
        &version_2(0x2F, 0x11, &[0; 12]),
        // The rest of these never comes.
        b"",
        b"PROXY TCP4 192.0.2.7",
        &version_2(0x21, 0x11, &[0; 12])[..20],
    ] {
        assert!(is_closed(&world, begin).await, "{begin:?}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_cannot_introduce_himself() {
    let world = world(&["10.0.0.0/8"], |_| {}).await;
    assert!(is_closed(&world, HEADER.as_bytes()).await);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_door_takes_no_header() {
    let world = World::new().await;
    let balancer = Balancer::start(world.address, HEADER.as_bytes()).await;
    assert!(balancer.client().await.is_err());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_of_an_address_is_the_clients_own() {
    let world = world(&["127.0.0.0/8"], |s| {
        s.limits.connections_per_address = 1;
        s.limits.startups = Startups {
            start: 10,
            rate: 100,
            full: 10,
        };
    })
    .await;
    let first = Balancer::start(world.address, HEADER.as_bytes()).await;
    let other = HEADER.replace("192.0.2.7", "192.0.2.8");
    let other = Balancer::start(world.address, other.as_bytes()).await;
    let _one = first.client().await.expect("logged in");
    assert!(first.client().await.is_err(), "his second one");
    let _two = other.client().await.expect("another client");
    world.stop().await;
}
