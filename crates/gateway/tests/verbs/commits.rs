//! CLOSE is one fact: object, transfer, attributes, audit entry and event, or none of them.

use database::TransferState;
use gateway::{AttributeChanges, OpenOptions};
use model::{EventKind, Location, Protocol, Timestamp};
use storage::ObjectStore;

use crate::world::{SessionExt, World, bucket, flags, object_key, path};

fn location(key: &str) -> Location {
    Location {
        bucket: bucket("b"),
        key: object_key(key),
    }
}

#[tokio::test]
async fn after_close_transfer_attributes_audit_and_event_are_there() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    let options = OpenOptions {
        attributes: AttributeChanges {
            mode: Some(0o640),
            mtime: Some(Timestamp::from_micros(1_600_000_000_250_000)),
            ..AttributeChanges::default()
        },
        ..flags("WCT")
    };
    let handle = session.open(&path("/in/f"), &options).await.expect("open");
    session.write(handle, 0, b"bytes").expect("taken");
    session.close(handle).await.expect("stored");

    let head = world
        .store
        .head(&object_key("home/in/f"))
        .await
        .expect("stands");
    let transfers = world
        .database
        .transfers()
        .to_object(&location("home/in/f"), 10)
        .await;
    let [transfer] = &transfers.expect("listed")[..] else {
        panic!("one transfer");
    };
    assert_eq!(transfer.state, TransferState::Completed);
    let completed = transfer.completed.as_ref().expect("completed");
    assert_eq!((completed.size, &completed.etag), (5, &head.etag));
    assert_eq!(
        head.metadata["pierhead-transfer"],
        transfer.intent.id.to_string()
    );
    assert_eq!(head.metadata["mtime"], "1600000000.250000");
    assert_eq!(head.metadata["mode"], "0100640");

    let row = world.database.attributes().of(&location("home/in/f")).await;
    let row = row.expect("read").expect("a row");
    assert_eq!(
        (row.mode, row.transfer),
        (Some(0o640), Some(transfer.intent.id))
    );
    assert!(row.describe(&head.etag, head.last_modified, None));

    let [event] = &world.events().await[..] else {
        panic!("one event");
    };
    assert_eq!(event.kind, EventKind::Upload);
    assert_eq!(event.path.as_deref(), Some("/in/f"));
    assert_eq!(event.key.as_deref(), Some("home/in/f"));
    assert_eq!(event.size, Some(5));
    assert_eq!(event.etag.as_ref(), Some(&head.etag));
    assert_eq!(event.transfer, Some(transfer.intent.id));
    assert_eq!(event.session, Some(session.id()));
    assert_eq!(event.protocol, Some(Protocol::Sftp));
    assert_eq!(
        event.client_address.map(|a| a.to_string()).as_deref(),
        Some("192.0.2.7")
    );
    assert_eq!(world.audited().await, ["upload /in/f success"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn the_intent_is_on_record_before_the_store_hears_of_the_upload() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let (database, log) = (world.database.clone(), seen.clone());
    let runtime = tokio::runtime::Handle::current();
    world.store.on_request(move |request| {
        let (database, log, key) = (database.clone(), log.clone(), request.key.clone());
        let looked = std::thread::scope(|scope| {
            let look = scope.spawn(|| {
                runtime.block_on(async {
                    let transfers = database.transfers().to_object(&location(&key), 10).await;
                    transfers.expect("listed").len()
                })
            });
            look.join().expect("looked")
        });
        log.lock()
            .expect("unpoisoned")
            .push((request.operation, looked));
        storage::memory::Fault::None
    });
    session.put("/f", "bytes").await.expect("stored");
    let seen = seen.lock().expect("unpoisoned").clone();
    assert_eq!(seen, [(storage::memory::Operation::Put, 1)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn closing_the_database_fails_close_without_an_answer_either_way() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    let handle = session
        .open(&path("/f"), &flags("WCT"))
        .await
        .expect("open");
    session.write(handle, 0, b"bytes").expect("taken");
    let (database, runtime) = (world.database.clone(), tokio::runtime::Handle::current());
    world.store.on_request(move |_| {
        // The object is being put; from now on nothing can be committed.
        let database = database.clone();
        std::thread::scope(|scope| {
            scope.spawn(|| runtime.block_on(database.close()));
        });
        storage::memory::Fault::None
    });
    let error = session.close(handle).await.expect_err("not recorded");
    assert!(error.outcome_unknown());
    assert_eq!(world.object("home/f").await.as_deref(), Some("bytes"));
}

#[tokio::test]
async fn a_commit_outlives_its_client() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    let gate = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
    let held = gate.clone();
    world
        .store
        .on_request(move |_| storage::memory::Fault::Hold(held.clone()));
    let handle = session
        .open(&path("/f"), &flags("WCT"))
        .await
        .expect("open");
    session.write(handle, 0, b"bytes").expect("taken");
    {
        let close = session.close(handle);
        tokio::pin!(close);
        // The client goes away while its CLOSE is on its way.
        assert!(futures::poll!(close.as_mut()).is_pending());
    }
    gate.add_permits(1);
    session.end().await;
    world.store.clear_faults();
    assert_eq!(world.object("home/f").await.as_deref(), Some("bytes"));
    assert_eq!(world.told().await, [(EventKind::Upload, "/f".to_owned())]);
}

#[tokio::test]
async fn the_last_successful_close_wins_whole() {
    let world = World::new().await;
    let one = world.session("/b/home").await;
    let two = world.session("/b/home").await;
    let first = one.open(&path("/f"), &flags("WCT")).await.expect("open");
    let second = two.open(&path("/f"), &flags("WCT")).await.expect("open");
    one.write(first, 0, b"one one one").expect("taken");
    two.write(second, 0, b"two").expect("taken");
    let (a, b) = futures::join!(two.close(second), one.close(first));
    a.and(b).expect("both are stored, one after the other");
    let stands = world.object("home/f").await.expect("stands");
    assert!(
        ["one one one", "two"].contains(&stands.as_str()),
        "{stands}"
    );
    let events = world.events().await;
    let last = events.last().expect("two events");
    assert_eq!(events.len(), 2);
    assert_eq!(last.size, Some(stands.len() as u64));
}

#[tokio::test]
async fn an_upload_from_older_content_goes_onto_that_content_alone() {
    for conditions in [true, false] {
        let world = World::with(
            |can| {
                can.put_conditions = conditions;
                can.complete_conditions = conditions;
            },
            gateway::Settings::default(),
        )
        .await;
        let one = world.session("/b/home").await;
        let two = world.session("/b/home").await;
        world.seed("home/f", "0123456789").await;
        let handle = one.open(&path("/f"), &flags("W")).await.expect("open");
        one.write(handle, 10, b"more").expect("taken");
        two.put("/f", "another file").await.expect("stored");
        let error = one.close(handle).await.expect_err("its base is gone");
        assert_eq!(error.kind(), model::ErrorKind::Conflict);
        assert!(error.to_string().contains("/f"), "{error}");
        assert_eq!(
            world.object("home/f").await.as_deref(),
            Some("another file")
        );
    }
}

#[tokio::test]
async fn exclusive_creation_holds_until_close() {
    for conditions in [true, false] {
        let world = World::with(
            |can| {
                can.put_conditions = conditions;
                can.complete_conditions = conditions;
            },
            gateway::Settings::default(),
        )
        .await;
        let one = world.session("/b/home").await;
        let two = world.session("/b/home").await;
        let handle = one.open(&path("/f"), &flags("WCX")).await.expect("open");
        one.write(handle, 0, b"mine").expect("taken");
        two.put("/f", "theirs").await.expect("stored");
        let error = one.close(handle).await.expect_err("it exists by now");
        assert_eq!(error.kind(), model::ErrorKind::Conflict);
        assert_eq!(world.object("home/f").await.as_deref(), Some("theirs"));
    }
}
