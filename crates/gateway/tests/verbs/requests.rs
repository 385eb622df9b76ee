//! How many requests to the store each verb takes.

use gateway::{AttributeChanges, Overwrite};
use model::Timestamp;

use crate::world::{SessionExt, World, flags, path};

#[tokio::test]
async fn a_small_new_file_is_one_put_and_nothing_else() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    let (put, requests) = world.count(session.put("/f", "small")).await;
    put.expect("stored");
    assert_eq!(requests, "Put 1");
    let (put, requests) = world.count(session.put("/f", "again")).await;
    put.expect("stored");
    assert_eq!(requests, "Put 1");
    let (put, requests) = world.count(session.put("/no/such/parent", "")).await;
    put.expect("stored");
    assert_eq!(requests, "Put 1");
}

#[tokio::test]
async fn a_small_file_is_read_with_one_get() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    world.seed("home/f", "small").await;
    let (text, requests) = world.count(session.text("/f")).await;
    assert_eq!(text.ok().as_deref(), Some("small"));
    assert_eq!(requests, "Get 1");
}

#[tokio::test]
async fn stat_is_a_head_and_one_list_where_that_finds_nothing() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    world.seed("home/f", "").await;
    world.seed("home/d/f", "").await;
    world.seed("home/m/", "").await;
    for (at, expected) in [
        ("/f", "Head 1"),
        ("/d", "Head 1, List 1"),
        ("/m", "Head 1, List 1"),
        ("/none", "Head 1, List 1"),
        ("/", ""),
    ] {
        let (_, requests) = world.count(session.stat(&path(at))).await;
        assert_eq!(requests, expected, "{at}");
    }
}

#[tokio::test]
async fn opening_without_truncation_is_one_head() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    world.seed("home/f", "old").await;
    for letters in ["W", "WC", "WCX", "WCA", "WT"] {
        for at in ["/f", "/none"] {
            let (opened, requests) = world.count(session.open(&path(at), &flags(letters))).await;
            assert_eq!(requests, "Head 1", "{letters} {at}");
            if let Ok(handle) = opened {
                session.remove(&path(at)).await.expect("discarded");
                session.close(handle).await.expect("given up");
                world.seed("home/f", "old").await;
            }
        }
    }
}

#[tokio::test]
async fn a_listing_takes_one_request_for_each_thousand_entries() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    for (count, expected) in [
        (0, "List 2"),
        (1, "List 1"),
        (999, "List 1"),
        (1000, "List 1"),
        (1001, "List 2"),
        (2000, "List 2"),
    ] {
        let directory = format!("/d{count}");
        world.seed(&format!("home{directory}/"), "").await;
        for number in 0..count {
            world
                .seed(&format!("home{directory}/{number:05}"), "")
                .await;
        }
        let (names, requests) = world.count(session.names(&directory)).await;
        assert_eq!(names.len(), count);
        assert_eq!(requests, expected, "{count} entries");
    }
}

#[tokio::test]
async fn renaming_removing_and_setting_attributes_take_few_requests() {
    let world = World::new().await;
    let session = world.session("/b/home").await;
    world.seed("home/f", "bytes").await;
    let times = AttributeChanges {
        mtime: Some(Timestamp::from_seconds(5)),
        ..AttributeChanges::default()
    };
    let (set, requests) = world
        .count(session.set_attributes(&path("/f"), &times))
        .await;
    set.expect("set");
    assert_eq!(requests, "Head 1");
    let (from, to) = (path("/f"), path("/g"));
    let rename = session.rename(&from, &to, Overwrite::Refuse);
    let (renamed, requests) = world.count(rename).await;
    renamed.expect("renamed");
    assert_eq!(requests, "Head 2, List 1, Delete 1, Copy 1");
    let (removed, requests) = world.count(session.remove(&path("/g"))).await;
    removed.expect("removed");
    assert_eq!(requests, "Head 1, Delete 1");
}
