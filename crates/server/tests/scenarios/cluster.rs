//! Two nodes on one PostgreSQL and one bucket, behind a balancer, restarted one after the other.

use std::net::SocketAddr;
use std::sync::Arc;

use testkit::balancer::{Backend, Balancer};
use testkit::node::Node;

use crate::world::{World, aside, started};

/// Running nodes.
pub(crate) struct Cluster {
    pub(crate) world: Arc<World>,
    balancer: Balancer,
    nodes: Vec<Node>,
}

impl Cluster {
    /// Both with these settings besides the backends.
    pub(crate) async fn new(settings: &str) -> Self {
        let world = World::with_s3(true).await;
        let mut nodes = Vec::new();
        for _ in 0..2 {
            nodes.push(started(world.node(settings)).await);
        }
        let backends: Vec<_> = nodes.iter().map(backend).collect();
        Self {
            world: Arc::new(world),
            balancer: Balancer::start(&backends).await.expect("a balancer"),
            nodes,
        }
    }

    /// The balancer's, for clients.
    pub(crate) fn address(&self) -> SocketAddr {
        self.balancer.address()
    }

    /// How many nodes there are.
    pub(crate) fn size(&self) -> usize {
        self.nodes.len()
    }

    /// How many connections each node was given.
    pub(crate) fn connections(&self) -> Vec<u64> {
        self.balancer.connections()
    }

    /// Kills a node, and waits until the balancer leaves it out.
    pub(crate) async fn kill(&mut self, number: usize) {
        self.nodes[number].kill().expect("it runs");
        self.balancer.until_ready(number, false).await;
    }

    /// Waits until a node takes clients, then drains it and waits for its end.
    pub(crate) async fn end(&mut self, number: usize) {
        self.balancer.until_ready(number, true).await;
        let node = &self.nodes[number];
        node.terminate().expect("it runs");
        self.balancer.until_ready(number, false).await;
        let mut node = self.nodes.remove(number);
        let (node, status) = aside(move || {
            let status = node.wait();
            (node, status)
        })
        .await;
        self.nodes.insert(number, node);
        let status = status.expect("it ends");
        assert!(status.success(), "it drains in order: {status}");
    }

    /// Starts a node again, and waits until it takes clients.
    pub(crate) async fn start(&mut self, number: usize) {
        let node = started(self.nodes.remove(number)).await;
        self.nodes.insert(number, node);
        self.balancer.until_ready(number, true).await;
    }

    /// Drains a node and starts it again.
    pub(crate) async fn restart(&mut self, number: usize) {
        self.end(number).await;
        self.start(number).await;
    }

    /// The same with another program.
    #[cfg(feature = "next-version")]
    pub(crate) async fn replace(&mut self, number: usize, program: &std::path::Path) {
        self.end(number).await;
        self.nodes[number].set_program(program);
        self.start(number).await;
    }
}

fn backend(node: &Node) -> Backend {
    Backend {
        sftp: node.address(),
        admin: Some(node.admin()),
    }
}
