//! A TCP load balancer inside the test: round robin over the nodes that say they are ready.
//!
//! As the ones in front of real nodes do, it asks each node's `/readyz` and leaves one out that
//! does not answer 200, or that refuses a connection. Connections that are open stay where they
//! are. Everything ends when [`Balancer`] is dropped.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// How often nodes are asked, and how long an answer may take.
const PULSE: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(2);

/// A node behind the balancer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backend {
    /// Where it takes connections.
    pub sftp: SocketAddr,
    /// Where it answers `/readyz`; without it, it counts as ready.
    pub admin: Option<SocketAddr>,
}

/// Spreads connections over nodes.
#[derive(Debug)]
pub struct Balancer {
    address: SocketAddr,
    nodes: watch::Sender<Vec<Node>>,
    _end: DropGuard,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Node {
    backend: Backend,
    ready: bool,
    connections: u64,
}

impl Balancer {
    /// Starts one on a free loopback port before these nodes, and asks each of them once.
    ///
    /// # Errors
    /// Where no port can be had.
    pub async fn start(backends: &[Backend]) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let node = |backend: &Backend| Node {
            backend: *backend,
            ready: backend.admin.is_none(),
            connections: 0,
        };
        let (nodes, _) = watch::channel(backends.iter().map(node).collect::<Vec<_>>());
        look(&nodes).await;
        let end = CancellationToken::new();
        let tasks = TaskTracker::new();
        let (token, seen) = (end.clone(), nodes.clone());
        tasks.spawn(async move { token.run_until_cancelled(watch_nodes(seen)).await });
        let (token, seen, tracker) = (end.clone(), nodes.clone(), tasks.clone());
        tasks.spawn(async move {
            let accept = accept(listener, seen, tracker, token.clone());
            token.run_until_cancelled(accept).await
        });
        Ok(Self {
            address,
            nodes,
            _end: end.drop_guard(),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Replaces a node's addresses: it was started anew elsewhere.
    pub fn replace(&self, number: usize, backend: Backend) {
        self.nodes.send_modify(|nodes| {
            if let Some(node) = nodes.get_mut(number) {
                node.backend = backend;
                node.ready = false;
            }
        });
    }

    /// Whether the node of this number is ready, as of the last look.
    pub fn is_ready(&self, number: usize) -> bool {
        let nodes = self.nodes.borrow();
        nodes.get(number).is_some_and(|node| node.ready)
    }

    /// Waits until the node of this number is ready, or is not.
    pub async fn until_ready(&self, number: usize, ready: bool) {
        let mut seen = self.nodes.subscribe();
        let holds = |nodes: &Vec<Node>| nodes.get(number).is_some_and(|node| node.ready == ready);
        // The sender is ours: it does not end before us.
        drop(seen.wait_for(holds).await);
    }

    /// How many connections each node was given.
    pub fn connections(&self) -> Vec<u64> {
        let nodes = self.nodes.borrow();
        nodes.iter().map(|node| node.connections).collect()
    }
}

async fn watch_nodes(nodes: watch::Sender<Vec<Node>>) {
    let mut pulse = tokio::time::interval(PULSE);
    loop {
        pulse.tick().await;
        look(&nodes).await;
    }
}

/// Asks every node, all at once.
async fn look(nodes: &watch::Sender<Vec<Node>>) {
    let asked = nodes.borrow().clone();
    let answers = asked.iter().map(|node| async {
        let Some(admin) = node.backend.admin else {
            return node.ready;
        };
        let asked = tokio::time::timeout(PATIENCE, is_ready(admin)).await;
        matches!(asked, Ok(Ok(true)))
    });
    let answers = futures::future::join_all(answers).await;
    nodes.send_if_modified(|nodes| {
        let mut changed = false;
        for ((node, asked), ready) in nodes.iter_mut().zip(&asked).zip(answers) {
            if node.backend == asked.backend && node.ready != ready {
                node.ready = ready;
                changed = true;
            }
        }
        changed
    });
}

async fn is_ready(admin: SocketAddr) -> io::Result<bool> {
    let mut stream = TcpStream::connect(admin).await?;
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(answer.starts_with(b"HTTP/1.1 200"))
}

async fn accept(
    listener: TcpListener,
    nodes: watch::Sender<Vec<Node>>,
    tasks: TaskTracker,
    end: CancellationToken,
) {
    let mut next = 0;
    loop {
        let Ok((mut client, _)) = listener.accept().await else {
            continue;
        };
        next += 1;
        let (nodes, end) = (nodes.clone(), end.clone());
        tasks.spawn(async move {
            let carry = async {
                let Some(mut server) = connect(&nodes, next).await else {
                    return;
                };
                // Small packets must not wait; a socket that refuses is slow, no more.
                let _ = (client.set_nodelay(true), server.set_nodelay(true));
                // A side that fails ends both.
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            };
            end.run_until_cancelled(carry).await
        });
    }
}

/// A connection to the first node from `start` on, round and round, that takes it.
async fn connect(nodes: &watch::Sender<Vec<Node>>, start: usize) -> Option<TcpStream> {
    let count = nodes.borrow().len();
    for number in (start..start + count).map(|number| number % count.max(1)) {
        let node = nodes.borrow()[number];
        if !node.ready {
            continue;
        }
        if let Ok(server) = TcpStream::connect(node.backend.sftp).await {
            nodes.send_modify(|nodes| nodes[number].connections += 1);
            return Some(server);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A node that says its name and nothing else; ready while `ready` holds.
    async fn node(name: u8, ready: watch::Receiver<bool>, tasks: &TaskTracker) -> Backend {
        let sftp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let admin = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let backend = Backend {
            sftp: sftp.local_addr().unwrap(),
            admin: Some(admin.local_addr().unwrap()),
        };
        tasks.spawn(async move {
            while let Ok((mut stream, _)) = sftp.accept().await {
                let _ = stream.write_all(&[name]).await;
            }
        });
        tasks.spawn(async move {
            while let Ok((mut stream, _)) = admin.accept().await {
                let status = if *ready.borrow() { "200 OK" } else { "503 No" };
                let mut request = [0; 1024];
                let _ = stream.read(&mut request).await;
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        backend
    }

    async fn ask(balancer: &Balancer) -> io::Result<u8> {
        let mut stream = TcpStream::connect(balancer.address()).await?;
        stream.read_u8().await
    }

    #[tokio::test]
    async fn connections_go_round_and_leave_out_who_is_not_ready() {
        let tasks = TaskTracker::new();
        let (first_ready, first) = watch::channel(true);
        let (_second_ready, second) = watch::channel(true);
        let nodes = [
            node(b'a', first, &tasks).await,
            node(b'b', second, &tasks).await,
        ];
        let balancer = Balancer::start(&nodes).await.unwrap();
        let mut names = Vec::new();
        for _ in 0..4 {
            names.push(ask(&balancer).await.unwrap());
        }
        names.sort_unstable();
        assert_eq!(names, b"aabb");
        first_ready.send_replace(false);
        balancer.until_ready(0, false).await;
        for _ in 0..3 {
            assert_eq!(ask(&balancer).await.unwrap(), b'b');
        }
        first_ready.send_replace(true);
        balancer.until_ready(0, true).await;
        assert_eq!(balancer.connections(), [2, 5]);
    }

    #[tokio::test]
    async fn a_node_that_refuses_is_passed_over() {
        let tasks = TaskTracker::new();
        let (_ready, ready) = watch::channel(true);
        let alive = node(b'a', ready, &tasks).await;
        let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let dead = Backend {
            sftp: gone.local_addr().unwrap(),
            admin: None,
        };
        drop(gone);
        let balancer = Balancer::start(&[dead, alive]).await.unwrap();
        for _ in 0..3 {
            assert_eq!(ask(&balancer).await.unwrap(), b'a');
        }
    }
}
