//! `copy-data`: what the store copies, what is kept, and what the gateway still has to carry.

use bytes::Bytes;
use database::{Mapping, MappingKind};
use model::{ErrorKind, Timestamp};
use storage::ObjectStoreExt as _;

use crate::world::{SessionExt, World, bucket, flags, object_key, path};

/// More than one part: 20 MiB.
fn large() -> Bytes {
    Bytes::from(
        (0..20 << 20)
            .map(|at: u32| (at % 251) as u8)
            .collect::<Vec<u8>>(),
    )
}

async fn seed(world: &World, bytes: &Bytes) {
    let key = object_key("home/from");
    let put = world.store.put_bytes(&key, bytes.clone()).await;
    put.expect("a healthy store");
}

async fn stored(world: &World, key: &str) -> Bytes {
    let read = world.store.read_whole(&object_key(key), 1 << 30).await;
    read.expect("it stands")
}

#[tokio::test]
async fn a_large_file_is_copied_inside_the_store() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    let bytes = large();
    seed(&world, &bytes).await;
    let old = session.stat(&path("/from")).await.expect("there");
    world.clock.advance(std::time::Duration::from_secs(60));
    let from = session.open(&path("/from"), &flags("R")).await;
    let from = from.expect("open");
    let to = session.open(&path("/to"), &flags("WCT")).await;
    let to = to.expect("open");
    let (stored_it, requests) = world
        .count(async {
            session.copy_data(from, 0, 0, to, 0).await.expect("copied");
            let shown = session.stat(&path("/to")).await.expect("being written");
            assert_eq!(shown.size, bytes.len() as u64);
            session.close(to).await
        })
        .await;
    stored_it.expect("stored");
    assert_eq!(requests, "CreateUpload 1, CopyPart 1, CompleteUpload 1");
    assert_eq!(stored(&world, "home/to").await, bytes);
    let new = session.stat(&path("/to")).await.expect("there");
    assert_eq!((new.mtime, new.mode), (old.mtime, old.mode));
    let told: Vec<_> = world.told().await;
    assert_eq!(told.len(), 1, "one upload, and nobody downloaded: {told:?}");
}

#[tokio::test]
async fn a_range_is_copied_and_written_over_and_added_to() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    let bytes = large();
    seed(&world, &bytes).await;
    let from = session.open(&path("/from"), &flags("R")).await;
    let from = from.expect("open");
    let to = session.open(&path("/to"), &flags("RWCT")).await;
    let to = to.expect("open");
    let len = 16 << 20;
    session
        .copy_data(from, 1000, len, to, 0)
        .await
        .expect("copied");
    session.write(to, 7, b"header").expect("taken");
    session.write(to, len, b"tail").expect("taken");
    let mut expected = bytes[1000..1000 + len as usize].to_vec();
    expected[7..13].copy_from_slice(b"header");
    expected.extend_from_slice(b"tail");
    let end = session.read(to, len - 4, 100).await.expect("read back");
    assert_eq!(end.concat(), expected[len as usize - 4..]);
    session.close(to).await.expect("stored");
    assert!(stored(&world, "home/to").await == expected);
}

#[tokio::test]
async fn metadata_of_others_goes_along_and_what_a_client_sets_counts_more() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    for (name, bytes) in [("small", Bytes::from_static(b"abc")), ("large", large())] {
        let options = storage::PutOptions {
            metadata: [
                ("colour".to_owned(), "blue".to_owned()),
                ("mtime".to_owned(), "1600000000".to_owned()),
                ("pierhead-transfer".to_owned(), "somebody's".to_owned()),
            ]
            .into(),
            content_type: Some("text/csv".to_owned()),
            ..storage::PutOptions::default()
        };
        let key = object_key(&format!("home/{name}"));
        let put = storage::ObjectStore::put(&world.store, &key, bytes.into(), &options);
        put.await.expect("a healthy store");
        let copy = format!("{name}-copy");
        let from = session.open(&path(&format!("/{name}")), &flags("R")).await;
        let mut options = flags("WCT");
        options.attributes.mode = Some(0o600);
        let to = session.open(&path(&format!("/{copy}")), &options).await;
        let (from, to) = (from.expect("open"), to.expect("open"));
        session.copy_data(from, 0, 0, to, 0).await.expect("copied");
        session.close(to).await.expect("stored");
        let key = object_key(&format!("home/{copy}"));
        let head = storage::ObjectStore::head(&world.store, &key).await;
        let head = head.expect("it stands");
        assert_eq!(head.metadata["colour"], "blue", "{name}");
        assert_eq!(head.metadata["mtime"], "1600000000", "{name}");
        assert_ne!(head.metadata["pierhead-transfer"], "somebody's", "{name}");
        assert_eq!(head.content_type.as_deref(), Some("text/csv"), "{name}");
        let shown = session
            .stat(&path(&format!("/{copy}")))
            .await
            .expect("there");
        assert_eq!(shown.mtime, Timestamp::from_seconds(1_600_000_000));
        assert_eq!(shown.mode, 0o600);
    }
}

#[tokio::test]
async fn a_source_that_is_replaced_before_close_fails_the_copy() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    seed(&world, &large()).await;
    world.seed("home/to", "older").await;
    let from = session.open(&path("/from"), &flags("R")).await;
    let to = session.open(&path("/to"), &flags("WCT")).await;
    let (from, to) = (from.expect("open"), to.expect("open"));
    session.copy_data(from, 0, 0, to, 0).await.expect("copied");
    world.seed("home/from", "another").await;
    let failed = session.close(to).await.expect_err("another file by now");
    assert_eq!(failed.kind(), ErrorKind::Conflict);
    assert_eq!(world.object("home/to").await.as_deref(), Some("older"));
}

#[tokio::test]
async fn a_copy_that_is_cut_is_continued_on_another_node() {
    let world = World::new().await;
    let name = world.user("/b/home", |_| {}).await;
    let session = world.login(&name).await.expect("a session");
    let bytes = large();
    seed(&world, &bytes).await;
    let from = session.open(&path("/from"), &flags("R")).await;
    let to = session.open(&path("/to"), &flags("WCT")).await;
    let (from, to) = (from.expect("open"), to.expect("open"));
    session.copy_data(from, 0, 0, to, 0).await.expect("copied");
    session.end().await;

    let node = world.other_node().await;
    let session = world.login_at(&node, &name).await;
    assert_eq!(session.size("/to").await.expect("kept"), 20 << 20);
    let to = session
        .open(&path("/to"), &flags("WA"))
        .await
        .expect("open");
    session.write(to, 0, b"and more").expect("taken");
    session.close(to).await.expect("stored");
    let expected = [&bytes[..], b"and more"].concat();
    assert!(stored(&world, "home/to").await == expected);
}

/// A header, parts of two files, and a trailer: what is a whole part is copied, the rest written.
#[tokio::test]
async fn whole_parts_are_copied_into_the_middle_of_a_file() {
    let world = World::new().await;
    let name = world.user("/b/home", |_| {}).await;
    let session = world.login(&name).await.expect("a session");
    let bytes = large();
    seed(&world, &bytes).await;
    let from = session.open(&path("/from"), &flags("R")).await;
    let to = session.open(&path("/to"), &flags("WCT")).await;
    let (from, to) = (from.expect("open"), to.expect("open"));
    let (len, more) = (bytes.len() as u64, 12 << 20);
    let (stored_it, requests) = world
        .count(async {
            session.write(to, 0, b"header").expect("taken");
            session.copy_data(from, 0, 0, to, 6).await.expect("copied");
            let second = session.copy_data(from, 7, more, to, 6 + len).await;
            second.expect("copied");
            session
                .write(to, 6 + len + more, b"trailer")
                .expect("taken");
            session.close(to).await
        })
        .await;
    stored_it.expect("stored");
    let expected = [
        b"header",
        &bytes[..],
        &bytes[7..7 + more as usize],
        b"trailer",
    ]
    .concat();
    assert!(stored(&world, "home/to").await == expected);
    assert!(requests.contains("CopyPart 2"), "{requests}");
    assert!(requests.contains("PutPart 3"), "{requests}: the seams");
}

#[tokio::test]
async fn a_large_file_that_is_copied_range_by_range_passes_nothing() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    let bytes = large();
    seed(&world, &bytes).await;
    let from = session.open(&path("/from"), &flags("R")).await;
    let to = session.open(&path("/to"), &flags("WCT")).await;
    let (from, to) = (from.expect("open"), to.expect("open"));
    let (stored_it, requests) = world
        .count(async {
            for at in (0..20 << 20).step_by(9 << 20) {
                let copied = session.copy_data(from, at, 9 << 20, to, at).await;
                copied.expect("copied");
            }
            session.close(to).await
        })
        .await;
    stored_it.expect("stored");
    assert_eq!(requests, "CreateUpload 1, CopyPart 1, CompleteUpload 1");
    assert!(stored(&world, "home/to").await == bytes);
}

#[tokio::test]
async fn a_file_with_copied_parts_is_continued_on_another_node() {
    let world = World::new().await;
    let name = world.user("/b/home", |_| {}).await;
    let session = world.login(&name).await.expect("a session");
    let bytes = large();
    seed(&world, &bytes).await;
    let from = session.open(&path("/from"), &flags("R")).await;
    let to = session.open(&path("/to"), &flags("WCT")).await;
    let (from, to) = (from.expect("open"), to.expect("open"));
    session.write(to, 0, b"header").expect("taken");
    session.copy_data(from, 0, 0, to, 6).await.expect("copied");
    session.end().await;

    let node = world.other_node().await;
    let session = world.login_at(&node, &name).await;
    assert_eq!(session.size("/to").await.expect("kept"), 6 + (20 << 20));
    let to = session.open(&path("/to"), &flags("WA")).await;
    let to = to.expect("open");
    session.write(to, 0, b"and more").expect("taken");
    let (stored_it, requests) = world.count(session.close(to)).await;
    stored_it.expect("stored");
    assert!(requests.contains("CopyPart 1"), "{requests}");
    let expected = [b"header", &bytes[..], b"and more"].concat();
    assert!(stored(&world, "home/to").await == expected);
}

#[tokio::test]
async fn whole_parts_are_copied_from_another_bucket() {
    let world = World::new().await;
    let mapping = |entry: &str, target: &str| Mapping {
        entry: entry.to_owned(),
        target: target.to_owned(),
        kind: MappingKind::Directory,
        permissions: None,
    };
    let mappings = vec![mapping("/in", "/b/home"), mapping("/out", "/other/home")];
    let session = world
        .session_of("/b/ignored", |user| user.mappings = mappings)
        .await;
    let bytes = large();
    seed(&world, &bytes).await;
    let from = session.open(&path("/in/from"), &flags("R")).await;
    let to = session.open(&path("/out/to"), &flags("WCT")).await;
    let (from, to) = (from.expect("open"), to.expect("open"));
    session.copy_data(from, 0, 0, to, 0).await.expect("copied");
    let (stored_it, requests) = world.count(session.close(to)).await;
    stored_it.expect("stored");
    assert!(requests.contains("CopyPart 1"), "{requests}");
    assert!(requests.contains("PutPart 1"), "{requests}: the end");
    let other = world.stores.bucket(&bucket("other")).await.expect("there");
    let read = other.read_whole(&object_key("home/to"), 1 << 30).await;
    assert!(read.expect("it stands") == bytes);
}
