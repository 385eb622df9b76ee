//! The checksum of a temporary file is that of the file under its final name.

use std::sync::Arc;

use bytes::Bytes;
use gateway::{Overwrite, Session, Settings};
use model::Location;
use storage::ObjectStoreExt as _;

use crate::world::{SessionExt, World, bucket, flags, object_key, path};

/// More than two parts.
const LARGE: usize = 20 << 20;
const PIECE: usize = 1 << 20;

fn content(length: usize) -> String {
    (0..)
        .map(|line: u32| format!("{line:08}"))
        .take(length / 8)
        .collect()
}

async fn write(session: &Arc<Session>, at: &str, content: &str, letters: &str, from: usize) {
    let handle = session.open(&path(at), &flags(letters)).await;
    let handle = handle.expect("open");
    for start in (from..content.len()).step_by(PIECE) {
        let piece = &content.as_bytes()[start..content.len().min(start + PIECE)];
        session.write(handle, start as u64, piece).expect("taken");
    }
    session.close(handle).await.expect("stored");
}

/// The CRC64NVME that the row of the file at a key has.
async fn on_record(world: &World, in_bucket: &str, key: &str) -> Option<String> {
    let location = Location {
        bucket: bucket(in_bucket),
        key: object_key(key),
    };
    let transfers = world.database.transfers();
    let rows = transfers.to_object(&location, 10).await.expect("read");
    let completed = rows.into_iter().find_map(|row| row.completed);
    completed.expect("a completed upload").crc64nvme
}

/// Uploads files under temporary names, gives them their own, and compares: the event, the row and
/// the bytes that stand there say the same.
async fn arrives(world: &World, in_bucket: &str) {
    // A store of its own that says what the checksum of some bytes is.
    let oracle = storage::memory::MemoryStore::new(bucket("oracle"));
    let name = world.user(&format!("/{in_bucket}/home"), |_| {}).await;
    let session = world.login(&name).await.expect("login");
    let small = content(80);
    let large = content(LARGE);
    write(&session, "/small.part", &small, "WCT", 0).await;
    write(&session, "/large.part", &large, "WCT", 0).await;
    // One that was cut off in the middle, and that another session went on with.
    let first = world.login(&name).await.expect("login");
    let cut = first.open(&path("/resumed.part"), &flags("WCT")).await;
    let cut = cut.expect("open");
    for start in (0..LARGE / 2).step_by(PIECE) {
        let piece = &large.as_bytes()[start..start + PIECE];
        first.write(cut, start as u64, piece).expect("taken");
    }
    first.end().await;
    let safe = session.size("/resumed.part").await.expect("seen");
    let safe = usize::try_from(safe).expect("small");
    assert_eq!(safe, LARGE / 2, "all of it is safe");
    write(&session, "/resumed.part", &large, "WC", safe).await;

    for (name, content) in [("small", &small), ("large", &large), ("resumed", &large)] {
        let bytes = Bytes::from(content.clone());
        let key = object_key(name);
        let written = oracle.put_bytes(&key, bytes).await.expect("stored");
        let expected = written.crc64nvme;
        assert!(expected.is_some());
        let (from, to) = (path(&format!("/{name}.part")), path(&format!("/{name}")));
        let renamed = session.rename(&from, &to, Overwrite::Refuse).await;
        renamed.expect("renamed");
        let key = format!("home/{name}");
        let row = on_record(world, in_bucket, &key).await;
        assert_eq!(row, expected, "{name}: its row");
        let events = world.events().await;
        let told = events.iter().find(|event| event.key.as_ref() == Some(&key));
        let told = told.expect("an event");
        assert_eq!(told.crc64nvme, expected, "{name}: its event");
        let at = format!("/{name}");
        let read = session.text(&at).await.expect("read");
        assert!(read == *content, "{name}: its bytes");
    }
}

#[tokio::test]
async fn on_the_local_store_it_arrives_with_the_name() {
    let (world, _) = World::local().await;
    arrives(&world, "b").await;
}

#[tokio::test]
async fn it_arrives_with_what_is_copied_by_ranges() {
    let lower = |can: &mut storage::Capabilities| can.max_copy_size = 8 << 20;
    let world = World::with(lower, Settings::default()).await;
    arrives(&world, "b").await;
    let requests = world.store.requests();
    let ranges = requests.count(storage::memory::Operation::CopyPart);
    assert!(ranges > 0, "{ranges} ranges");
}

#[tokio::test]
async fn on_s3_it_arrives_with_the_name_and_is_the_objects_own() {
    let (world, server) = World::on_s3().await;
    arrives(&world, "inbox").await;
    for name in ["small", "large", "resumed"] {
        let key = format!("home/{name}");
        let own = server.crc64nvme("inbox", &key);
        assert!(own.is_some(), "{name}");
        assert_eq!(own, on_record(&world, "inbox", &key).await, "{name}");
    }
}
