//! `Membership`: this run of the node in the table of nodes, renewed while it lives.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use database::{Database, Node};
use model::{Clock, NodeId};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::Config;

/// How often a node says that it lives, in the time that it lives without a word.
const WORDS: u32 = 5;
/// And how soon again where the database did not take it.
const AGAIN: Duration = Duration::from_millis(250);

/// A node's own row. Clones share it.
#[derive(Clone)]
pub(crate) struct Membership {
    database: Database,
    clock: Arc<dyn Clock>,
    node: Node,
    /// Without a word for this long it counts as dead.
    lease: Duration,
}

impl Membership {
    /// Enters a new run of this node, and ends earlier ones. The caller holds the control socket,
    /// so no other process runs under the name.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub(crate) async fn enter(
        database: &Database,
        clock: &Arc<dyn Clock>,
        config: &Config,
    ) -> anyhow::Result<Self> {
        let address = config.sftp.listen.first().map(ToString::to_string);
        let address = address.unwrap_or_default();
        Self::register(
            NodeId::generate(),
            node_name(config),
            address,
            (database, clock),
            config,
        )
        .await
    }

    /// Enters a command that works beside the nodes, for as long as it runs.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub(crate) async fn enter_command(
        command: &str,
        database: &Database,
        clock: &Arc<dyn Clock>,
        config: &Config,
    ) -> anyhow::Result<Self> {
        let id = NodeId::generate();
        let name = format!("{} {command} {id}", node_name(config));
        Self::register(id, name, String::new(), (database, clock), config).await
    }

    async fn register(
        id: NodeId,
        name: String,
        address: String,
        (database, clock): (&Database, &Arc<dyn Clock>),
        config: &Config,
    ) -> anyhow::Result<Self> {
        let lease = config.node.lease.duration();
        let now = clock.now();
        let node = Node {
            id,
            name,
            address,
            started: now,
            expires: now.plus(lease),
            draining: false,
        };
        let entered = database.nodes().register(&node).await;
        entered.context("enter the node into the database")?;
        Ok(Self {
            database: database.clone(),
            clock: Arc::clone(clock),
            node,
            lease,
        })
    }

    /// This run.
    pub(crate) fn id(&self) -> NodeId {
        self.node.id
    }

    /// Renews the row until `stop`. A node that cannot goes on serving: others may take over what
    /// it does, and the fences see to it that nothing is done twice. While the database is away it
    /// asks more often, to be there again before anybody starts who would take it for dead.
    pub(crate) async fn keep(self, stop: CancellationToken) {
        let regular = self.lease / WORDS;
        let mut pause = Duration::ZERO;
        let mut lost = None;
        loop {
            let waited = stop.run_until_cancelled(tokio::time::sleep(pause)).await;
            if waited.is_none() {
                return;
            }
            pause = match self.renew(regular).await {
                Ok(()) => {
                    self.tell_return(lost.take());
                    regular
                }
                Err(error) => {
                    if lost.is_none() {
                        tracing::warn!(node = %self.node.id, error = format!("{error:#}"), "cannot renew this node");
                    }
                    lost.get_or_insert_with(Instant::now);
                    AGAIN.min(regular)
                }
            };
        }
    }

    async fn renew(&self, within: Duration) -> anyhow::Result<()> {
        let (nodes, now) = (self.database.nodes(), self.clock.now());
        let renewed = tokio::time::timeout(within, nodes.renew(&self.node, self.lease, now));
        let renewed = renewed
            .await
            .context("the database does not answer in time")??;
        if !renewed {
            tracing::error!(node = %self.node.id, name = self.node.name,
                "another node runs under this name: end one of them");
        }
        Ok(())
    }

    fn tell_return(&self, lost: Option<Instant>) {
        if let Some(lost) = lost {
            tracing::info!(node = %self.node.id, after = ?lost.elapsed(), "this node is renewed again");
        }
    }

    /// Works on something, and renews the row meanwhile.
    pub(crate) async fn during<T>(&self, work: impl Future<Output = T>) -> T {
        let stop = CancellationToken::new();
        let done = async {
            let done = work.await;
            stop.cancel();
            done
        };
        tokio::join!(done, self.clone().keep(stop.clone())).0
    }

    /// Tells the other nodes that this one takes no new sessions.
    pub(crate) async fn drain(&self) {
        let told = self.database.nodes().set_draining(self.node.id, true).await;
        if let Err(error) = told {
            tracing::warn!(%error, "cannot tell other nodes that this one drains");
        }
    }

    /// Takes the node out at its end: what it left is free for others at once.
    pub(crate) async fn leave(&self) {
        if let Err(error) = self.database.nodes().leave(self.node.id).await {
            tracing::warn!(%error, "cannot take this node out; it counts as dead soon");
        }
    }
}

/// The name of a node: the machine and the data folder, which one process alone can hold (see
/// `control`).
fn node_name(config: &Config) -> String {
    let machine = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    let folder = config
        .data
        .canonicalize()
        .unwrap_or_else(|_| config.data.clone());
    format!("{machine}:{}", folder.display())
}
