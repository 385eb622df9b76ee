//! Keys that are odd: kept byte for byte, or refused; never taken for another key.

use model::ErrorKind;
use storage::{ListRequest, ObjectStoreExt as _};

use crate::fixture::{Fixture, body, fails, key};

/// Puts every key with its own name as content, then sees that each is there as itself. Keys that
/// a file system cannot hold may be refused by one; returns those that stand.
async fn keep(f: &Fixture, keys: &[&str]) -> Vec<String> {
    let mut kept = Vec::new();
    for name in keys {
        // A marker holds no bytes on a file system.
        let content = if name.ends_with('/') { "" } else { name };
        match f
            .store
            .put(&key(name), body(content), &Default::default())
            .await
        {
            Ok(_) => kept.push((*name).to_owned()),
            Err(error) => {
                let limited = !f.store.capabilities().file_beside_directory
                    || f.store.capabilities().max_name_bytes.is_some();
                assert!(limited, "{name:?}: {error}");
                let refused = matches!(error.kind(), ErrorKind::Invalid | ErrorKind::Conflict);
                assert!(refused, "{name:?}: {error}");
                assert_eq!(f.read(name).await, Err(ErrorKind::NotFound), "{name:?}");
                f.store.delete(&key(name), None).await.unwrap();
            }
        }
    }
    kept.sort();
    assert_eq!(f.all().await, kept);
    for name in &kept {
        let content = if name.ends_with('/') { "" } else { name };
        assert_eq!(f.read(name).await.unwrap(), content, "{name:?}");
        assert_eq!(
            f.store.head(&key(name)).await.unwrap().size,
            content.len() as u64
        );
        let request = ListRequest {
            prefix: name.clone(),
            ..ListRequest::default()
        };
        assert!(f.list(request).await.contains(name), "{name:?}");
    }
    kept
}

/// Deletes every key, each alone.
async fn clear(f: &Fixture, keys: Vec<String>) {
    for (index, name) in keys.iter().enumerate() {
        f.store.delete(&key(name), None).await.unwrap();
        assert_eq!(f.all().await, keys[index + 1..], "after {name:?}");
    }
}

pub(crate) async fn odd_keys_are_kept_as_they_are(f: &Fixture) {
    let keys = [
        "plain.txt",
        " leading",
        "trailing ",
        "in the middle",
        "in folders / spaced /x ",
        "ünïcödé/日本語.txt",
        "u\u{308}nicode decomposed",
        "emoji 😀",
        "percent%2Fslash",
        "percent%",
        "plus+plus",
        "query?a=b&c=d",
        "fragment#x",
        "quotes'\"`",
        "angle<&>amp&amp;",
        "back\\slash",
        "star*",
        "colon:semi;comma,",
        "brackets[]{}()",
        "tilde~caret^pipe|",
        "at@dollar$excl!",
        ".hidden",
        "..two",
        "dots..",
        "...",
        "-dash",
        "UPPER",
        "upper",
    ];
    let kept = keep(f, &keys).await;
    assert_eq!(kept.len(), keys.len(), "all of these are names on any disk");
    clear(f, kept).await;
}

pub(crate) async fn a_file_beside_its_namesake_folder(f: &Fixture) {
    let kept = keep(f, &["a", "a/b", "a/b/c", "a.b", "a0"]).await;
    if f.store.capabilities().file_beside_directory {
        assert_eq!(kept.len(), 5);
    } else {
        assert_eq!(kept, ["a", "a.b", "a0"]);
        clear(f, kept).await;
        f.put("a/b", "x").await;
        let refused = f.store.put_bytes(&key("a"), "y".into()).await;
        fails(refused, ErrorKind::Conflict);
        assert_eq!(f.all().await, ["a/b"]);
    }
}

pub(crate) async fn empty_names_do_not_alias(f: &Fixture) {
    let kept = keep(f, &["a/b", "a//b", "/a/b", "//", "c//", "d/"]).await;
    if f.store.capabilities().file_beside_directory {
        assert_eq!(kept.len(), 6);
    } else {
        assert_eq!(kept, ["a/b", "d/"]);
    }
    clear(f, kept).await;
}

pub(crate) async fn dots_are_names_like_others_or_refused(f: &Fixture) {
    if f.quirks.mangles_dots {
        return;
    }
    f.put("a/b", "a/b").await;
    let keys = [
        "a/./b",
        "a/../b",
        "../b",
        "./b",
        ".",
        "..",
        "a/..",
        "a/b/../../../b",
    ];
    let mut kept = keep_beside(f, &keys).await;
    kept.retain(|name| name != "a/b");
    clear_beside(f, kept).await;
    assert_eq!(f.all().await, ["a/b"]);
    assert_eq!(f.read("a/b").await.unwrap(), "a/b");
}

async fn keep_beside(f: &Fixture, keys: &[&str]) -> Vec<String> {
    let all: Vec<&str> = keys.iter().copied().chain(["a/b"]).collect();
    keep(f, &all).await
}

async fn clear_beside(f: &Fixture, keys: Vec<String>) {
    for name in keys {
        f.store.delete(&key(&name), None).await.unwrap();
    }
}

pub(crate) async fn control_characters_are_kept_or_refused(f: &Fixture) {
    if f.quirks.mangles_control_characters {
        return;
    }
    let kept = keep(f, &["tab\there", "line\nbreak", "bell\u{7}", "del\u{7f}"]).await;
    clear(f, kept).await;
}

pub(crate) async fn long_names_are_kept_or_refused(f: &Fixture) {
    let (longest, longer) = ("x".repeat(255), "y".repeat(256));
    let wide = "日".repeat(85);
    let deep = "d/".repeat(511) + "ef";
    assert_eq!((wide.len(), deep.len()), (255, 1024));
    let kept = keep(f, &[&longest, &longer, &wide, &deep]).await;
    let limited = f.store.capabilities().max_name_bytes.is_some();
    assert_eq!(kept.len(), if limited { 3 } else { 4 });
    clear(f, kept).await;
}

pub(crate) async fn a_marker_is_an_object(f: &Fixture) {
    let written = f.put("d/", "").await;
    let head = f.store.head(&key("d/")).await.unwrap();
    assert_eq!((head.size, head.etag), (0, written.etag));
    fails(f.store.head(&key("d")).await, ErrorKind::NotFound);
    f.put("d/e/", "").await;
    f.put("d/file", "x").await;
    assert_eq!(f.all().await, ["d/", "d/e/", "d/file"]);
    f.store.delete(&key("d/file"), None).await.unwrap();
    f.store.delete(&key("d/e/"), None).await.unwrap();
    assert_eq!(f.all().await, ["d/"]);
    f.store.delete(&key("d/"), None).await.unwrap();
    assert_eq!(f.all().await, [""; 0]);
}

pub(crate) async fn a_marker_goes_without_what_is_below_it(f: &Fixture) {
    f.put("d/", "").await;
    f.put("d/file", "x").await;
    f.store.delete(&key("d/"), None).await.unwrap();
    fails(f.store.head(&key("d/")).await, ErrorKind::NotFound);
    assert_eq!(f.read("d/file").await.unwrap(), "x");
    assert_eq!(f.all().await, ["d/file"]);
    f.store.delete(&key("d/file"), None).await.unwrap();
    assert_eq!(f.all().await, [""; 0]);
}

pub(crate) async fn a_prefix_goes_with_its_last_object(f: &Fixture) {
    f.put("a/b/c/one", "1").await;
    f.put("a/two", "2").await;
    assert_eq!(f.all().await, ["a/b/c/one", "a/two"]);
    f.store.delete(&key("a/b/c/one"), None).await.unwrap();
    let folded = ListRequest {
        prefix: "a/".to_owned(),
        delimiter: Some('/'),
        ..ListRequest::default()
    };
    assert_eq!(f.list(folded).await, ["a/two"]);
    // What is no prefix any more can be a key.
    f.put("a/b", "a file now").await;
    assert_eq!(f.all().await, ["a/b", "a/two"]);
}
