//! Renames by OpenSSH's client on a store that copies slowly: its user sees the new name at once on
//! both nodes, consumers of the bucket the old one or the new one, each whole.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use model::EventKind;
use testkit::dice::Dice;
use testkit::node::Node;
use testkit::s3::{Effect, Fault};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::openssh::OpenSsh;
use crate::world::{World, noise, started, until};

/// RENAME answers before the copy has begun.
const SETTINGS: &str = "sftp.rename_wait = \"100ms\"";

/// A file `from`, and one `to` that it is renamed onto, on a store whose copies wait.
struct Slow {
    world: Arc<World>,
    nodes: [Node; 2],
    client: OpenSsh,
    from: Bytes,
    to: Bytes,
    copies: CancellationToken,
    consumer: JoinSet<usize>,
    end: CancellationToken,
}

impl Slow {
    async fn new(effect: Effect) -> Self {
        let world = Arc::new(World::with_s3(true).await);
        let nodes = [
            started(world.node(SETTINGS)).await,
            started(world.node(SETTINGS)).await,
        ];
        let mut dice = Dice::seeded(5);
        let mut slow = Self {
            client: OpenSsh::of(&world),
            from: noise(&mut dice, 300_000),
            to: noise(&mut dice, 200_000),
            copies: CancellationToken::new(),
            consumer: JoinSet::new(),
            end: CancellationToken::new(),
            world,
            nodes,
        };
        for (name, content) in [("from", &slow.from), ("to", &slow.to)] {
            let source = slow.world.folder().join(name);
            std::fs::write(&source, content).expect("written");
            let put = format!("put {} {name}\n", source.display());
            slow.client.succeeds(slow.nodes[0].address(), &put).await;
        }
        // Not what the second node asks of the bucket when it sees it first.
        let fault = Fault::new(effect).on("CopyObject").keys_with("partner/to");
        slow.world
            .s3()
            .break_with(fault.held_until(slow.copies.clone()));
        slow.consumer.spawn(consume(
            Arc::clone(&slow.world),
            slow.from.clone(),
            slow.to.clone(),
            slow.end.clone(),
        ));
        slow
    }

    async fn rename(&self) {
        let address = self.nodes[0].address();
        self.client.succeeds(address, "rename from to\n").await;
    }

    /// What the user gets under a name and which names he sees, the same on both nodes.
    async fn shown(&self, name: &str) -> (Bytes, String) {
        let mut shown = Vec::new();
        for (number, node) in self.nodes.iter().enumerate() {
            let copy: PathBuf = self.world.folder().join(format!("copy{number}"));
            let commands = format!("get {name} {}\nls -1\n", copy.display());
            let said = self.client.succeeds(node.address(), &commands).await;
            let names = said.lines().filter(|line| !line.contains(' '));
            let names = names.collect::<Vec<_>>().join(" ");
            shown.push((Bytes::from(std::fs::read(&copy).expect("got")), names));
        }
        assert!(shown[0] == shown[1], "both nodes show the same");
        shown.swap_remove(0)
    }

    /// The consumer saw nothing wrong, and looked often.
    async fn consumed(mut self) {
        self.end.cancel();
        let looks = self.consumer.join_next().await.expect("one");
        assert!(looks.expect("each file is old or new") > 10);
    }
}

/// Looks at the bucket until told to stop: what was to be renamed is whole under one name at least,
/// and the new one is never anything but one of both files. How often it looked.
async fn consume(world: Arc<World>, from: Bytes, to: Bytes, end: CancellationToken) -> usize {
    let mut looks = tokio::time::interval(Duration::from_millis(5));
    let mut count = 0;
    while !end.is_cancelled() {
        looks.tick().await;
        // In this order: it is removed after it stands there.
        let (old, new) = (world.object("from"), world.object("to"));
        assert!(old.is_none() || old.as_ref() == Some(&from), "half of it");
        let new = new.expect("something always stands there");
        assert!(new == from || new == to, "neither the old nor the new");
        assert!(old.is_some() || new == from, "it is nowhere");
        count += 1;
    }
    count
}

#[tokio::test(flavor = "multi_thread")]
async fn openssh_sees_the_new_name_on_both_nodes_while_the_store_copies() {
    let slow = Box::pin(Slow::new(Effect::Latency(Duration::ZERO))).await;
    slow.rename().await;
    let (shown, names) = slow.shown("to").await;
    assert!(shown == slow.from, "read from where it still is");
    assert_eq!(names, "to");
    assert_eq!(slow.world.object("to"), Some(slow.to.clone()), "not yet");
    assert_eq!(slow.world.object("from"), Some(slow.from.clone()));
    slow.copies.cancel();
    let renamed = async || slow.world.told(EventKind::Rename).await.contains_key("to");
    until("the rename", renamed).await;
    assert_eq!(slow.world.object("to"), Some(slow.from.clone()));
    assert_eq!(slow.world.object("from"), None);
    assert_eq!(slow.shown("to").await, (slow.from.clone(), "to".to_owned()));
    let told = slow.world.told(EventKind::Rename).await;
    assert_eq!(told.into_values().collect::<Vec<_>>(), [1]);
    slow.consumed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn openssh_sees_the_old_name_again_on_both_nodes_where_the_copy_fails_for_good() {
    let slow = Box::pin(Slow::new(Effect::Status(403, "AccessDenied"))).await;
    slow.rename().await;
    let (shown, names) = slow.shown("to").await;
    assert!(shown == slow.from);
    assert_eq!(names, "to");
    slow.copies.cancel();
    let failed = async || !slow.world.told(EventKind::RenameFailed).await.is_empty();
    until("its failure", failed).await;
    let names = "from to".to_owned();
    assert_eq!(slow.shown("from").await, (slow.from.clone(), names.clone()));
    assert_eq!(slow.shown("to").await, (slow.to.clone(), names));
    assert_eq!(slow.world.object("from"), Some(slow.from.clone()));
    assert_eq!(slow.world.object("to"), Some(slow.to.clone()));
    assert!(slow.world.told(EventKind::Rename).await.is_empty());
    slow.consumed().await;
}
