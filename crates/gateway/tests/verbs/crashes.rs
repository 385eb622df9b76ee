//! What a node finds when it comes back after a crash.

use model::{EventKind, Timestamp};
use storage::ObjectStore;
use storage::memory::{Fault, Operation};

use crate::world::{SessionExt, World, flags, path};

async fn unfinished(world: &World) -> usize {
    let late = Timestamp::from_seconds(4_000_000_000);
    let rows = world.database.transfers().unfinished(late, 10).await;
    rows.expect("listed").len()
}

#[tokio::test]
async fn an_object_that_stands_gets_its_event_after_all() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    world.store.on_request(|request| match request.operation {
        Operation::Put => Fault::LoseReply,
        Operation::Head => Fault::Refuse(model::ErrorKind::Unavailable),
        _ => Fault::None,
    });
    session.put("/f", "bytes").await.expect_err("unknown");
    assert_eq!(world.recover().await, "commit left 1");
    assert_eq!(unfinished(&world).await, 1);
    world.store.clear_faults();
    assert_eq!(world.recover().await, "commit done 1");
    assert_eq!(world.told().await, [(EventKind::Upload, "/f".to_owned())]);
    assert_eq!(unfinished(&world).await, 0);
    assert_eq!(world.recover().await, "");
}

#[tokio::test]
async fn parts_of_what_was_never_closed_are_kept_for_their_owner_alone() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    world.seed("home/f", "previous").await;
    let handle = session
        .open(&path("/f"), &flags("WCT"))
        .await
        .expect("open");
    session.write(handle, 0, &vec![0; 20 << 20]).expect("taken");
    session.sync(handle).await.expect("stored");
    assert_eq!(world.store.list_uploads("").await.expect("listed").len(), 1);
    assert_eq!(world.recover().await, "keep done 1");
    assert_eq!(world.store.list_uploads("").await.expect("listed").len(), 1);
    assert_eq!(world.object("home/f").await.as_deref(), Some("previous"));
    assert_eq!(unfinished(&world).await, 0);
    assert_eq!(world.told().await, [(EventKind::Partial, "/f".to_owned())]);
}
