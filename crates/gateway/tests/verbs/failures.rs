//! A store that refuses, breaks or loses its answers.

use gateway::Overwrite;
use model::{ErrorKind, EventKind};
use storage::memory::{Fault, Operation};

use crate::world::{SessionExt, World, flags, path};

#[tokio::test]
async fn a_failed_upload_leaves_the_previous_file_and_says_what_failed() {
    for kind in [
        ErrorKind::Denied,
        ErrorKind::NotFound,
        ErrorKind::Unavailable,
        ErrorKind::Exhausted,
    ] {
        let world = World::new().await;
        let session = world.session("/b/secret-home").await;
        session.put("/dir/f", "previous").await.expect("stored");
        world
            .store
            .on_request(move |request| match request.operation {
                Operation::Put => Fault::Refuse(kind),
                _ => Fault::None,
            });
        let error = session.put("/dir/f", "next").await.expect_err("refused");
        assert_eq!(error.kind(), kind);
        assert!(!error.outcome_unknown());
        let text = error.to_string();
        assert!(text.starts_with("close /dir/f: "), "{text}");
        assert!(!text.contains("secret-home"), "{text}");
        world.store.clear_faults();
        let stands = world.object("secret-home/dir/f").await;
        assert_eq!(stands.as_deref(), Some("previous"));
        assert_eq!(session.size("/dir/f").await.ok(), Some(8));
        assert_eq!(
            world.told().await,
            [(EventKind::Upload, "/dir/f".to_owned())]
        );
        assert_eq!(
            world.audited().await,
            ["upload /dir/f success", "upload /dir/f failed"]
        );
    }
}

#[tokio::test]
async fn a_failed_part_is_told_by_a_later_write_and_leaves_no_multipart_upload() {
    use storage::ObjectStore;
    let world = World::new().await;
    let session = world.session("/b/home").await;
    world.store.on_request(|request| match request.operation {
        Operation::PutPart => Fault::Refuse(ErrorKind::Denied),
        _ => Fault::None,
    });
    let handle = session
        .open(&path("/f"), &flags("WCT"))
        .await
        .expect("open");
    let piece = vec![0; 9 << 20];
    session.write(handle, 0, &piece).expect("taken");
    session.sync(handle).await.expect_err("a part failed");
    let error = session.write(handle, 9 << 20, &piece).expect_err("told");
    assert_eq!(error.kind(), ErrorKind::Denied);
    session.close(handle).await.expect_err("told again");
    let pending = world.store.list_uploads("").await.expect("listed");
    assert!(pending.is_empty(), "{pending:?}");
    assert!(world.keys().await.is_empty());
}

#[tokio::test]
async fn a_lost_answer_is_proven_by_the_object_itself() {
    for letters in ["WCT", "WCX"] {
        let world = World::new().await;
        let session = world.session("/b/home").await;
        world.store.on_request(|request| match request.operation {
            Operation::Put => Fault::LoseReply,
            _ => Fault::None,
        });
        let handle = session
            .open(&path("/f"), &flags(letters))
            .await
            .expect("open");
        session.write(handle, 0, b"bytes").expect("taken");
        session.close(handle).await.expect("it stands");
        assert_eq!(world.object("home/f").await.as_deref(), Some("bytes"));
        assert_eq!(world.told().await, [(EventKind::Upload, "/f".to_owned())]);
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_proven_is_neither_yes_nor_no() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    world.store.on_request(|request| match request.operation {
        Operation::Put => Fault::LoseReply,
        Operation::Head => Fault::Refuse(ErrorKind::Unavailable),
        _ => Fault::None,
    });
    let error = session.put("/f", "bytes").await.expect_err("unknown");
    assert!(error.outcome_unknown());
    assert!(world.told().await.is_empty());
    // Its row stays as it is, for whoever finds out later.
    let unfinished = world
        .database
        .transfers()
        .unfinished(model::Timestamp::from_seconds(i64::MAX / 2_000_000), 10)
        .await;
    assert_eq!(unfinished.expect("listed").len(), 1);
}

#[tokio::test]
async fn a_lost_answer_to_a_copy_is_proven_too() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    session.put("/a", "bytes").await.expect("stored");
    world.store.on_request(|request| match request.operation {
        Operation::Copy | Operation::Delete => Fault::LoseReply,
        _ => Fault::None,
    });
    // Every delete loses its answer, and is asked for twice: the second finds nothing to do.
    let renamed = session
        .rename(&path("/a"), &path("/b"), Overwrite::Refuse)
        .await;
    world.store.clear_faults();
    assert_eq!(
        world.object("home/b").await.as_deref(),
        Some("bytes"),
        "{renamed:?}"
    );
    assert_eq!(world.object("home/a").await, None);
}

#[tokio::test]
async fn a_rename_whose_removal_fails_leaves_the_old_name_alone() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    session.put("/a", "bytes").await.expect("stored");
    world
        .store
        .on_request(|request| match (request.operation, request.key.as_str()) {
            (Operation::Delete, "home/a") => Fault::Refuse(ErrorKind::Denied),
            _ => Fault::None,
        });
    let error = session
        .rename(&path("/a"), &path("/b"), Overwrite::Refuse)
        .await;
    let error = error.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(error.to_string().starts_with("rename /a: "), "{error}");
    world.store.clear_faults();
    assert_eq!(world.keys().await, ["home/a"]);
    let failed = (EventKind::RenameFailed, "/b".to_owned());
    let uploaded = (EventKind::Upload, "/a".to_owned());
    assert_eq!(world.told().await, [uploaded, failed]);
}

#[tokio::test]
async fn every_verb_names_itself_and_its_path() {
    let world = World::new().await;
    let session = world.session("/b/secret-home").await;
    world.store.on_request(|_| Fault::Refuse(ErrorKind::Denied));
    let at = path("/dir/f");
    let changes = gateway::AttributeChanges {
        mode: Some(0o600),
        ..gateway::AttributeChanges::default()
    };
    let errors = [
        session.open(&at, &flags("R")).await.map(drop),
        session.open(&at, &flags("W")).await.map(drop),
        session.stat(&at).await.map(drop),
        session.set_attributes(&at, &changes).await,
        session.open_directory(&at).await.map(drop),
        session.remove(&at).await,
        session.make_directory(&at, &changes).await,
        session.remove_directory(&at).await,
        session.rename(&at, &path("/x"), Overwrite::Replace).await,
    ];
    for outcome in errors {
        let error = outcome.expect_err("the store refuses everything");
        let text = error.to_string();
        assert_eq!(error.kind(), ErrorKind::Denied, "{text}");
        assert!(text.contains("/dir/f"), "{text}");
        assert!(!text.contains("secret-home"), "{text}");
        assert!(std::error::Error::source(&error).is_some(), "{text}");
    }
}
