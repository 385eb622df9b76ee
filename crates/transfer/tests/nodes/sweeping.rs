//! What the sweeper makes of what dead nodes left.

use database::TransferState;
use model::{Clock, ErrorKind};
use storage::memory::{Fault, Operation};
use storage::{ObjectStore, PutOptions};
use tokio_util::task::TaskTracker;
use transfer::{Condition, Left};

use crate::world::{LIFE, LONG, World, body, close, key, leaving, location, on_both_engines};

on_both_engines!(
    one_node_sweeps_at_a_time,
    an_upload_of_a_dead_node_is_kept_and_expires,
    unfinished_uploads_are_kept_as_long_as_is_set,
    a_small_upload_of_a_dead_node_is_given_up_once_it_cannot_come_any_more,
    a_publication_that_takes_effect_late_is_committed_late,
    multipart_uploads_that_nobody_recorded_are_aborted_where_they_are_ours,
    an_unrecorded_upload_beside_an_unfinished_one_is_aborted,
    an_unrecorded_upload_of_a_closed_temporary_file_is_aborted,
    staging_is_cleared_of_what_has_ended_and_of_nothing_else,
    a_store_that_is_away_is_asked_again,
    a_closed_temporary_file_that_lost_its_row_gets_it_back,
    one_in_a_staging_bucket_gets_it_back_too,
    what_a_broken_probe_left_goes_after_an_hour,
);

/// Begins a multipart upload that no row names.
async fn begin_upload(world: &World, at: &str) {
    let options = PutOptions::default();
    let begun = world.store.create_upload(&key(at), &options).await;
    begun.expect("begun");
}

async fn one_node_sweeps_at_a_time(world: World) {
    let (a, b) = (world.node("a").await, world.node("b").await);
    let now = world.clock.now();
    let leases = a.database.leases();
    let length = std::time::Duration::from_secs(60);
    let taken = leases
        .take("sweeper", &a.id().to_string(), length, now)
        .await;
    assert!(taken.expect("take"));
    assert_eq!(b.sweep().await, "taken");
    assert_eq!(b.dry_run().await, "");
    // It died while it swept.
    world.later(length, &[&b]).await;
    assert_eq!(b.sweep().await, "");
    assert_eq!(a.sweep().await, "", "it was given back");
}

async fn unfinished_uploads_are_kept_as_long_as_is_set(world: World) {
    let hours = std::time::Duration::from_secs(3 * 3600);
    let dead = world.node("dead").await;
    let alive = world.node_with("alive", |set| set.retention = hours).await;
    let upload = dead.open("f", vec![7; 20 << 20]);
    upload.settle().await.expect("stored");
    world.later(LIFE, &[&alive]).await;
    assert_eq!(alive.sweep().await, "keep done 1");
    let second = std::time::Duration::from_secs(1);
    world.later(hours - second, &[&alive]).await;
    assert_eq!(alive.sweep().await, "", "a second too early");
    assert_eq!(alive.state(upload.id()).await, TransferState::Detached);
    world.later(second, &[&alive]).await;
    assert_eq!(alive.sweep().await, "expire done 1, clear done 1");
    assert_eq!(alive.state(upload.id()).await, TransferState::Expired);
}

async fn an_upload_of_a_dead_node_is_kept_and_expires(world: World) {
    let (dead, alive) = (world.node("dead").await, world.node("alive").await);
    let upload = dead.open("f", vec![7; 20 << 20]);
    upload.settle().await.expect("stored");
    assert_eq!(alive.sweep().await, "", "its node lives");
    world.later(LIFE, &[&alive]).await;
    assert_eq!(alive.dry_run().await, "keep planned 1");
    assert_eq!(alive.sweep().await, "keep done 1");
    assert_eq!(alive.state(upload.id()).await, TransferState::Detached);
    assert_eq!(alive.sweep().await, "");
    let day = std::time::Duration::from_secs(24 * 3600);
    world.later(day, &[&alive]).await;
    assert_eq!(alive.dry_run().await, "expire planned 1");
    assert_eq!(alive.sweep().await, "expire done 1, clear done 1");
    assert_eq!(alive.state(upload.id()).await, TransferState::Expired);
    assert!(
        world
            .store
            .list_uploads("")
            .await
            .expect("listed")
            .is_empty()
    );
    assert_eq!(alive.sweep().await, "");
}

async fn a_small_upload_of_a_dead_node_is_given_up_once_it_cannot_come_any_more(world: World) {
    let (dead, alive) = (world.node("dead").await, world.node("alive").await);
    let (_gate, arrived) = world.hold_next(Operation::Put);
    let upload = dead.open("f", "bytes");
    let closing = TaskTracker::new().spawn({
        let upload = upload.clone();
        async move { close(&upload, Condition::Any).await }
    });
    drop(arrived.acquire().await);
    world.later(LIFE, &[&alive]).await;
    assert_eq!(alive.sweep().await, "give-up left 1");
    assert_eq!(alive.state(upload.id()).await, TransferState::Publishing);
    world.later(LONG, &[&alive]).await;
    assert_eq!(alive.sweep().await, "give-up done 1, clear done 1");
    assert_eq!(alive.state(upload.id()).await, TransferState::Aborted);
    closing.abort();
}

/// Its Complete was on its way when its node died; it was set aside, and then it took effect.
async fn a_publication_that_takes_effect_late_is_committed_late(world: World) {
    let (dead, alive) = (world.node("dead").await, world.node("alive").await);
    let (gate, arrived) = world.hold_next(Operation::CompleteUpload);
    let upload = dead.open("f", vec![7; 20 << 20]);
    let closing = TaskTracker::new().spawn({
        let upload = upload.clone();
        async move { close(&upload, Condition::Any).await }
    });
    drop(arrived.acquire().await);
    world.later(LIFE, &[&alive]).await;
    assert_eq!(alive.sweep().await, "keep done 1");
    assert_eq!(alive.state(upload.id()).await, TransferState::Detached);
    gate.add_permits(1);
    // The node itself is not dead in truth: it finds that it has lost the upload.
    let error = closing.await.expect("no panic").expect_err("lost");
    assert!(error.outcome_unknown(), "{error}");
    assert_eq!(world.maker("f").await, Some(upload.id()));
    assert_eq!(alive.sweep().await, "commit done 1");
    // The first event of the key said that it was unfinished.
    assert_eq!(alive.told("f").await, [(2, upload.id())]);
    assert_eq!(alive.state(upload.id()).await, TransferState::Completed);
}

async fn multipart_uploads_that_nobody_recorded_are_aborted_where_they_are_ours(world: World) {
    let (dead, alive) = (world.node("dead").await, world.node("alive").await);
    begin_upload(&world, "theirs").await;
    // It died between the store's answer and its own note of it.
    let upload = dead.open("f", "bytes");
    dead.on_record(upload.id()).await;
    begin_upload(&world, "f").await;
    // Something else that it was at there, and did not end either.
    let _claimed = dead.transfers.claim(&location("f")).await.expect("free");
    assert_eq!(alive.sweep().await, "", "its node lives");
    world.later(LIFE, &[&alive]).await;
    let swept = "give-up done 1, clear done 1, abort-upload done 1";
    assert_eq!(alive.sweep().await, swept);
    let left = world.store.list_uploads("").await.expect("listed");
    let keys: Vec<_> = left.iter().map(|one| one.upload.key.as_str()).collect();
    assert_eq!(keys, ["theirs"]);
    assert_eq!(alive.sweep().await, "");
}

/// The answer that began it was lost, so that it was begun twice; the connection was lost, too.
async fn an_unrecorded_upload_beside_an_unfinished_one_is_aborted(world: World) {
    let node = world.node("a").await;
    let upload = node.open("f", vec![7; 20 << 20]);
    begin_upload(&world, "f").await;
    upload.settle().await.expect("stored");
    assert_eq!(node.sweep().await, "", "somebody is at it");
    let left = upload.detach(leaving(&upload)).await;
    assert_eq!(left, Left::Unfinished { safe: 20 << 20 });
    world.later(LIFE, &[&node]).await;
    // Somebody else's, begun since.
    begin_upload(&world, "f").await;
    assert_eq!(node.sweep().await, "abort-upload done 1");
    assert_eq!(world.store.list_uploads("").await.expect("listed").len(), 2);
    assert_eq!(node.state(upload.id()).await, TransferState::Detached);
    assert_eq!(node.sweep().await, "");
}

async fn an_unrecorded_upload_of_a_closed_temporary_file_is_aborted(world: World) {
    let node = world.node("a").await;
    let file = node.stage("g.tmp", "whole").await;
    begin_upload(&world, &format!(".pierhead/staging/{}/file-0", file.id())).await;
    assert_eq!(node.sweep().await, "abort-upload done 1");
    assert_eq!(node.state(file.id()).await, TransferState::Staged);
    assert_eq!(node.sweep().await, "");
}

async fn staging_is_cleared_of_what_has_ended_and_of_nothing_else(world: World) {
    let node = world.node("a").await;
    let ended = node.open("f", "bytes");
    close(&ended, Condition::Any).await.expect("published");
    let open = node.open("g", "bytes");
    node.on_record(open.id()).await;
    let unknown = model::TransferId::generate();
    let mut keys = Vec::new();
    for id in [ended.id(), open.id(), unknown] {
        let key = key(&format!(".pierhead/staging/{id}/pieces/1"));
        let options = PutOptions::default();
        let put = world.store.put(&key, body("piece"), &options).await;
        put.expect("stored");
        keys.push(key);
    }
    let planned = "delete-staged planned 1, leave-foreign left 1";
    assert_eq!(node.dry_run().await, planned);
    assert!(world.store.head(&keys[0]).await.is_ok(), "nothing was done");
    assert_eq!(
        node.sweep().await,
        "delete-staged done 1, leave-foreign left 1"
    );
    assert!(world.store.head(&keys[0]).await.is_err());
    for kept in &keys[1..] {
        world.store.head(kept).await.expect("it stays");
    }
}

async fn a_store_that_is_away_is_asked_again(world: World) {
    let (dead, alive) = (world.node("dead").await, world.node("alive").await);
    let upload = dead.open("f", vec![7; 20 << 20]);
    upload.settle().await.expect("stored");
    world.later(LIFE, &[&alive]).await;
    world
        .store
        .on_request(|_| Fault::Refuse(ErrorKind::Unavailable));
    let report = alive.sweeper.sweep().await.expect("a healthy database");
    assert!(report.left_anything());
    assert_eq!(report.count(transfer::Deed::Keep, "left"), 1);
    world.store.clear_faults();
    let report = alive.sweeper.sweep().await.expect("a healthy database");
    assert!(!report.left_anything(), "{}", report.summary());
    assert_eq!(alive.state(upload.id()).await, TransferState::Detached);
}

/// The database was restored from a backup that is older than the file.
async fn a_closed_temporary_file_that_lost_its_row_gets_it_back(world: World) {
    let mut node = world.node("a").await;
    node.enter_owner().await;
    // So that the bucket is known.
    node.put("f", "bytes").await.expect("published");
    let lost = node.stage("g.tmp", "whole").await;
    world
        .execute("DELETE FROM transfers WHERE object_key = 'g.tmp'")
        .await;
    assert_eq!(node.dry_run().await, "adopt planned 1");
    assert_eq!(node.sweep().await, "adopt done 1");
    assert_eq!(node.sweep().await, "");
    let files = node.database.private_files();
    let place = &lost.intent().location;
    let found = files.at(node.owner(), place, world.clock.now()).await;
    let found = found.expect("a healthy database");
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].id(), lost.id());
    assert!(found[0].is_staged());
    assert_eq!(found[0].staged.as_ref().expect("staged").object.size, 5);
    // A file that its owner began anew since then is his latest.
    world
        .execute("DELETE FROM transfers WHERE object_key = 'g.tmp'")
        .await;
    let newer = node.stage("g.tmp", "newer").await;
    assert_eq!(node.sweep().await, "leave-foreign left 1");
    assert_eq!(node.state(newer.id()).await, TransferState::Staged);
}

async fn one_in_a_staging_bucket_gets_it_back_too(mut world: World) {
    let waiting = world.stage_apart();
    let mut node = world.node("a").await;
    node.enter_owner().await;
    let lost = node.stage("g.tmp", "whole").await;
    world.execute("DELETE FROM transfers").await;
    assert_eq!(node.dry_run().await, "adopt planned 1");
    assert_eq!(node.sweep().await, "adopt done 1");
    assert_eq!(node.sweep().await, "");
    let files = node.database.private_files();
    let place = &lost.intent().location;
    let found = files.at(node.owner(), place, world.clock.now()).await;
    let found = found.expect("a healthy database");
    assert_eq!(found[0].id(), lost.id());
    let staged = found[0].staged.as_ref().expect("staged");
    assert_eq!(staged.location.bucket, *waiting.bucket());
    let stands = waiting.head(&staged.location.key).await;
    assert_eq!(stands.expect("it stands there").size, 5);
    assert_eq!(world.store.requests().count(Operation::Put), 1);
}

async fn what_a_broken_probe_left_goes_after_an_hour(world: World) {
    let node = world.node("a").await;
    // So that the bucket is known.
    node.put("f", "bytes").await.expect("published");
    begin_upload(&world, ".pierhead/probe/0a").await;
    let left = key(".pierhead/probe/0a-copy");
    let options = PutOptions::default();
    let put = world.store.put(&left, body("x"), &options).await;
    put.expect("a healthy store");
    assert_eq!(node.sweep().await, "", "it may go on");
    let hour = std::time::Duration::from_secs(3601);
    world.later(hour, &[&node]).await;
    assert_eq!(
        node.dry_run().await,
        "abort-upload planned 1, delete-probe planned 1"
    );
    assert_eq!(
        node.sweep().await,
        "abort-upload done 1, delete-probe done 1"
    );
    let uploads = world.store.list_uploads("").await.expect("listed");
    assert!(uploads.is_empty());
    world.store.head(&left).await.expect_err("gone");
    assert_eq!(world.object("f").await.as_deref(), Some("bytes"));
}
