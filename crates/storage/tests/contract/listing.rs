//! Listings: byte order, pages, prefixes, folding.

use futures::{StreamExt as _, stream};
use storage::{Entry, ListRequest, ObjectStoreExt as _};

use crate::fixture::{Fixture, key};

/// Keys whose order goes wrong when folders are sorted as names: `.` and `-` come before `/`,
/// `0` behind it.
const KEYS: [&str; 12] = [
    "a-b", "a.b", "a/", "a/1", "a/2/x", "a/2/y", "a/3", "a0", "b/c/d/e", "b/c.d", "b0/z", "ä/x",
];

async fn fill(f: &Fixture) -> Vec<String> {
    for name in KEYS {
        f.put(name, if name.ends_with('/') { "" } else { name })
            .await;
    }
    let mut keys: Vec<String> = KEYS.map(str::to_owned).into();
    keys.sort();
    keys
}

fn under(prefix: &str) -> ListRequest {
    ListRequest {
        prefix: prefix.to_owned(),
        ..ListRequest::default()
    }
}

fn folded(prefix: &str) -> ListRequest {
    ListRequest {
        delimiter: Some('/'),
        ..under(prefix)
    }
}

/// Puts so many objects `d/00000`, `d/00001`, ...
async fn fill_many(f: &Fixture, count: usize) {
    if let Some(bucket) = &f.plain {
        std::fs::create_dir(bucket.join("d")).unwrap();
        let write = |index| std::fs::write(bucket.join(format!("d/{index:05}")), "x");
        return (0..count).try_for_each(write).unwrap();
    }
    let put = |index| async move {
        f.store
            .put_bytes(&key(&format!("d/{index:05}")), "x".into())
            .await
            .unwrap();
    };
    stream::iter(0..count).for_each_concurrent(32, put).await;
}

pub(crate) async fn nothing_is_an_empty_page(f: &Fixture) {
    for request in [
        under(""),
        folded(""),
        under("a"),
        folded("a/b/"),
        under("a//"),
        under("/"),
        under("../"),
    ] {
        let page = f.store.list(&request).await.unwrap();
        assert_eq!(
            (page.entries, page.continuation),
            (vec![], None),
            "{request:?}"
        );
    }
}

pub(crate) async fn entries_tell_what_head_tells(f: &Fixture) {
    f.put("a/b", "content").await;
    f.put("a/c/", "").await;
    for entry in f.store.list(&under("a/")).await.unwrap().entries {
        let Entry::Object {
            key: name,
            size,
            etag,
            last_modified,
        } = entry
        else {
            panic!("{entry:?}");
        };
        let head = f.store.head(&key(&name)).await.unwrap();
        assert_eq!((head.size, head.etag), (size, etag));
        // HTTP headers carry whole seconds.
        assert_eq!(head.last_modified.as_seconds(), last_modified.as_seconds());
    }
}

pub(crate) async fn keys_come_in_byte_order(f: &Fixture) {
    let keys = fill(f).await;
    assert_eq!(f.all().await, keys);
}

pub(crate) async fn a_prefix_may_end_anywhere(f: &Fixture) {
    let keys = fill(f).await;
    for prefix in [
        "", "a", "a.", "a/", "a/2", "a/2/", "a/2/x", "b", "b/c", "b/c/", "ä", "zzz", "a/1/", "a-b/",
    ] {
        let expected: Vec<&String> = keys.iter().filter(|key| key.starts_with(prefix)).collect();
        assert_eq!(
            f.list(under(prefix)).await.iter().collect::<Vec<_>>(),
            expected,
            "{prefix:?}"
        );
    }
}

pub(crate) async fn a_delimiter_folds_what_is_deeper(f: &Fixture) {
    fill(f).await;
    let page = f.store.list(&folded("")).await.unwrap();
    let names: Vec<&str> = page.entries.iter().map(Entry::name).collect();
    assert_eq!(names, ["a-b", "a.b", "a/", "a0", "b/", "b0/", "ä/"]);
    let is_prefix = |entry: &Entry| matches!(entry, Entry::CommonPrefix(_));
    assert!(
        page.entries
            .iter()
            .all(|entry| is_prefix(entry) == entry.name().ends_with('/'))
    );
    // The marker of the prefix itself is an object.
    let page = f.store.list(&folded("a/")).await.unwrap();
    let names: Vec<(&str, bool)> = page
        .entries
        .iter()
        .map(|e| (e.name(), is_prefix(e)))
        .collect();
    assert_eq!(
        names,
        [
            ("a/", false),
            ("a/1", false),
            ("a/2/", true),
            ("a/3", false)
        ]
    );
    assert_eq!(f.list(folded("b/c")).await, ["b/c.d", "b/c/"]);
    assert_eq!(f.list(folded("b/c/")).await, ["b/c/d/"]);
    assert_eq!(f.list(folded("a")).await, ["a-b", "a.b", "a/", "a0"]);
}

pub(crate) async fn start_after_begins_behind_it(f: &Fixture) {
    let keys = fill(f).await;
    for after in [
        "", "a", "a.b", "a/", "a/1", "a/2/", "a/2/w", "a/2/x", "a/2/zz", "b/c/d", "b0", "~", "ä/x",
    ] {
        let request = ListRequest {
            start_after: Some(after.to_owned()).filter(|after| !after.is_empty()),
            ..ListRequest::default()
        };
        let expected: Vec<&String> = keys.iter().filter(|key| key.as_str() > after).collect();
        assert_eq!(
            f.list(request).await.iter().collect::<Vec<_>>(),
            expected,
            "{after:?}"
        );
    }
    let request = ListRequest {
        start_after: Some("a.b".to_owned()),
        ..folded("")
    };
    assert_eq!(f.list(request).await, ["a/", "a0", "b/", "b0/", "ä/"]);
    let request = ListRequest {
        start_after: Some("a/".to_owned()),
        ..folded("a/")
    };
    assert_eq!(f.list(request).await, ["a/1", "a/2/", "a/3"]);
}

async fn in_pages(f: &Fixture, request: &ListRequest, size: u16) -> Vec<String> {
    let mut request = ListRequest {
        max_entries: Some(size),
        ..request.clone()
    };
    let mut names = Vec::new();
    loop {
        let page = f.store.list(&request).await.unwrap();
        assert!(page.entries.len() <= usize::from(size));
        names.extend(page.entries.iter().map(|entry| entry.name().to_owned()));
        request.continuation = page.continuation;
        if request.continuation.is_none() {
            return names;
        }
        assert_eq!(
            page.entries.len(),
            usize::from(size),
            "a page before the last is full"
        );
    }
}

pub(crate) async fn small_pages_make_the_same_list(f: &Fixture) {
    fill(f).await;
    for request in [under(""), under("a"), under("a/"), under("b/c")] {
        let whole = f.list(request.clone()).await;
        for size in 1..6 {
            assert_eq!(
                in_pages(f, &request, size).await,
                whole,
                "{request:?} by {size}"
            );
        }
    }
}

pub(crate) async fn small_pages_make_the_same_folded_list(f: &Fixture) {
    fill(f).await;
    for request in [folded(""), folded("a"), folded("a/"), folded("b/c")] {
        let whole = f.list(request.clone()).await;
        for size in 1..6 {
            assert_eq!(
                in_pages(f, &request, size).await,
                whole,
                "{request:?} by {size}"
            );
        }
    }
}

pub(crate) async fn a_page_is_filled_before_it_continues(f: &Fixture) {
    fill_many(f, f.page).await;
    let page = f.store.list(&under("d/0")).await.unwrap();
    assert_eq!((page.entries.len(), page.continuation), (f.page, None));
    f.put("d/0one more", "x").await;
    let page = f.store.list(&under("d/0")).await.unwrap();
    assert_eq!(page.entries.len(), f.page);
    let next = ListRequest {
        continuation: page.continuation,
        ..under("d/0")
    };
    assert!(next.continuation.is_some());
    let page = f.store.list(&next).await.unwrap();
    let names: Vec<&str> = page.entries.iter().map(Entry::name).collect();
    assert_eq!(
        (names.as_slice(), page.continuation),
        (["d/0one more"].as_slice(), None)
    );
}

pub(crate) async fn what_goes_between_pages_is_left_out(f: &Fixture) {
    for name in ["d/1", "d/2", "d/3", "d/4", "d/5"] {
        f.put(name, "x").await;
    }
    let request = ListRequest {
        max_entries: Some(2),
        ..under("d/")
    };
    let page = f.store.list(&request).await.unwrap();
    for name in ["d/2", "d/3", "d/4"] {
        f.store.delete(&key(name), None).await.unwrap();
    }
    let request = ListRequest {
        continuation: page.continuation,
        ..request
    };
    let page = f.store.list(&request).await.unwrap();
    let names: Vec<&str> = page.entries.iter().map(Entry::name).collect();
    assert_eq!(
        (names.as_slice(), page.continuation),
        (["d/5"].as_slice(), None)
    );
}

pub(crate) async fn many_entries_come_in_order(f: &Fixture) {
    fill_many(f, f.many).await;
    let expected: Vec<String> = (0..f.many).map(|index| format!("d/{index:05}")).collect();
    assert!(f.list(under("d/0")).await == expected[..f.many.min(10_000)]);
    assert!(
        f.list(ListRequest {
            start_after: Some("d/".to_owned()),
            ..folded("d/")
        })
        .await
            == expected
    );
    assert_eq!(f.list(folded("")).await, ["d/"]);
}
