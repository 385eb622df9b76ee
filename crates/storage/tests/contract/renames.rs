//! Other keys for objects, in stores that can give them. Elsewhere nothing is changed.

use model::ErrorKind;
use storage::{CopyOptions, Metadata, Precondition, Result, Source, Written};

use crate::fixture::{Fixture, fails, key, metadata, read};

async fn rename(f: &Fixture, from: &str, to: &str, options: &CopyOptions) -> Result<Written> {
    f.store.rename(&f.source(from), &key(to), options).await
}

fn with_metadata(metadata: Metadata) -> CopyOptions {
    CopyOptions {
        metadata: Some(metadata),
        ..CopyOptions::default()
    }
}

fn with_condition(condition: Precondition) -> CopyOptions {
    CopyOptions {
        metadata: Some(metadata("is", "new")),
        precondition: Some(condition),
    }
}

pub(crate) async fn a_renamed_object_has_its_bytes_and_other_metadata(f: &Fixture) {
    f.put_with("deep/from", "content", metadata("is", "old"))
        .await;
    let options = with_metadata(metadata("is", "new"));
    let renamed = rename(f, "deep/from", "other/to", &options).await;
    if !f.store.capabilities().rename {
        fails(renamed, ErrorKind::Unsupported);
        assert_eq!(f.all().await, ["deep/from"]);
        return;
    }
    assert_eq!(f.read("other/to").await.unwrap(), "content");
    assert_eq!(f.all().await, ["other/to"]);
    let head = f.store.head(&key("other/to")).await.unwrap();
    assert_eq!(head.etag, renamed.unwrap().etag);
    assert_eq!(head.metadata, metadata("is", "new"));
    let back = rename(f, "other/to", "again", &CopyOptions::default()).await;
    back.unwrap();
    let head = f.store.head(&key("again")).await.unwrap();
    assert_eq!(head.metadata, metadata("is", "new"));
}

pub(crate) async fn a_rename_replaces_what_stood_there(f: &Fixture) {
    if !f.store.capabilities().rename {
        return;
    }
    f.put("from", "new").await;
    f.put("to", "old").await;
    let options = CopyOptions::default();
    let renamed = rename(f, "from", "to", &options).await;
    renamed.unwrap();
    assert_eq!(f.read("to").await.unwrap(), "new");
    assert_eq!(f.read("from").await, Err(ErrorKind::NotFound));
}

pub(crate) async fn a_rename_under_a_condition_changes_all_or_nothing(f: &Fixture) {
    let able = f.store.capabilities();
    if !(able.rename && able.copy_conditions) {
        return;
    }
    f.put_with("from", "new", metadata("is", "old")).await;
    let standing = f.put("to", "old").await;
    for refused in [Precondition::Absent, Precondition::Matches("x".to_owned())] {
        let options = with_condition(refused);
        let renamed = rename(f, "from", "to", &options).await;
        fails(renamed, ErrorKind::Conflict);
        assert_eq!(f.read("to").await.unwrap(), "old");
        let head = f.store.head(&key("from")).await.unwrap();
        assert_eq!(head.metadata, metadata("is", "old"));
    }
    let options = with_condition(Precondition::Matches(standing.etag));
    let renamed = rename(f, "from", "to", &options).await;
    renamed.unwrap();
    let options = with_condition(Precondition::Absent);
    let renamed = rename(f, "to", "free", &options).await;
    renamed.unwrap();
    assert_eq!(f.all().await, ["free"]);
}

pub(crate) async fn a_rename_of_another_state_is_refused(f: &Fixture) {
    if !f.store.capabilities().rename {
        return;
    }
    f.put("from", "first").await;
    let pin = Some(f.store.head(&key("from")).await.unwrap().pin());
    f.put("from", "second").await;
    let source = Source {
        pin,
        ..f.source("from")
    };
    let options = with_metadata(metadata("is", "new"));
    let renamed = f.store.rename(&source, &key("to"), &options).await;
    fails(renamed, ErrorKind::Conflict);
    assert_eq!(f.read("from").await.unwrap(), "second");
    let head = f.store.head(&key("from")).await.unwrap();
    assert!(head.metadata.is_empty());
    let pin = Some(head.pin());
    let source = Source { pin, ..source };
    let renamed = f.store.rename(&source, &key("to"), &options).await;
    renamed.unwrap();
    assert_eq!(f.read("to").await.unwrap(), "second");
}

pub(crate) async fn a_rename_of_nothing_is_not_found(f: &Fixture) {
    if !f.store.capabilities().rename {
        return;
    }
    f.put("to", "stands").await;
    let options = CopyOptions::default();
    let renamed = rename(f, "nothing", "to", &options).await;
    fails(renamed, ErrorKind::NotFound);
    assert_eq!(f.read("to").await.unwrap(), "stands");
}

pub(crate) async fn what_cannot_be_renamed_stays(f: &Fixture) {
    if !f.store.capabilities().rename {
        return;
    }
    f.put("from", "content").await;
    f.put("dir/", "").await;
    let options = CopyOptions::default();
    let across = f
        .other
        .rename(&f.source("from"), &key("to"), &options)
        .await;
    fails(across, ErrorKind::Unsupported);
    assert_eq!(
        read(&*f.other, "to", None, None).await,
        Err(ErrorKind::NotFound)
    );
    let marker = rename(f, "dir/", "to/", &options).await;
    fails(marker, ErrorKind::Unsupported);
    let onto_itself = rename(f, "from", "from", &options).await;
    fails(onto_itself, ErrorKind::Invalid);
    assert_eq!(f.all().await, ["dir/", "from"]);
}
