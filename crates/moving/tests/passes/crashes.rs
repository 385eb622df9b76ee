//! Passes that end early.

use bytes::Bytes;
use model::NodeId;
use tokio_util::sync::CancellationToken;

use crate::world::{How, World, pairs, sha256};

const THEN: i64 = 1_000_000_000;

fn large() -> Bytes {
    let words = (0..4_700_000_u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
    words.flatten().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_is_gone_on_with_where_a_stopped_pass_left_it() {
    let world = World::new().await;
    let bytes = large();
    world.source.put("large", bytes.clone(), THEN);
    let stop = CancellationToken::new();
    world.source.stop_after(bytes.len() as u64 - 1, &stop);
    let told = world
        .pass(How {
            stop,
            ..How::default()
        })
        .await;
    assert_eq!(told.differences(), pairs(&[("begun", "large")]));
    assert!(world.object("large").await.is_none(), "whole or not at all");
    let before = world
        .database
        .transfers()
        .of_owner(owner(&world).await, 10)
        .await
        .expect("read");
    assert_eq!(before.len(), 1);

    let told = world.pass(How::default()).await;
    assert!(told.in_step, "{:?}", told.report);
    assert_eq!(told.manifest, format!("{}  large\n", sha256(&bytes)));
    assert!(world.object("large").await.as_deref() == Some(&bytes[..]));
    let after = world
        .database
        .transfers()
        .of_owner(owner(&world).await, 10)
        .await
        .expect("read");
    assert_eq!(after.len(), 1, "the same upload");
    assert_eq!(after[0].intent.id, before[0].intent.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changed_since_is_begun_anew() {
    let world = World::new().await;
    let bytes = large();
    world.source.put("large", bytes.clone(), THEN);
    let stop = CancellationToken::new();
    world.source.stop_after(bytes.len() as u64 - 1, &stop);
    world
        .pass(How {
            stop,
            ..How::default()
        })
        .await;
    let other = bytes.slice(1..);
    world.source.put("large", other.clone(), THEN + 1);
    let told = world.pass(How::default()).await;
    assert!(told.in_step, "{:?}", told.report);
    assert!(world.object("large").await.as_deref() == Some(&other[..]));
}

#[tokio::test]
async fn what_a_lost_journal_does_not_tell_the_objects_do() {
    let world = World::new().await;
    world.source.put("a", "one", THEN);
    world.source.put("d/", "", THEN);
    assert!(world.pass(How::default()).await.in_step);
    world.lose_journal();
    // Without its journal the job is another one, to which these are somebody's: the same.
    let told = world.pass(How::default()).await;
    assert!(told.in_step, "{:?}", told.report);
    assert_eq!(
        (
            told.count("file", "same").0,
            told.count("directory", "same").0
        ),
        (1, 1)
    );
}

#[tokio::test]
async fn one_process_is_at_a_job() {
    let world = World::new().await;
    let (node, transfers) = world.node(false).await;
    let held = world.import(How::default(), node, transfers).await;
    let name = moving::files::JobName {
        source: "the test".to_owned(),
        target: "s3://inbox/home".to_owned(),
        map: moving::files::FileMap::default(),
    };
    let folder = world.imports();
    let now = model::Timestamp::from_seconds(THEN);
    let refused =
        moving::files::Job::begin(name, &folder, &world.database, NodeId::generate(), now);
    let error = refused.await.expect_err("another process");
    assert_eq!(error.kind(), model::ErrorKind::Conflict);
    assert!(error.to_string().contains("another process"), "{error}");
    drop(held);
}

/// Whose the job's uploads are.
async fn owner(world: &World) -> model::UserId {
    let location = model::Location {
        bucket: world.store.bucket().clone(),
        key: World::key("large"),
    };
    let made = world
        .database
        .transfers()
        .to_object(&location, 1)
        .await
        .expect("read");
    made.first().expect("an upload").intent.owner
}
