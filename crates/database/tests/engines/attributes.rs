//! Attributes: one row for each object, a whole page in one query.

use database::Attributes;
use model::{ObjectKey, TransferId};

use crate::fixture::{Fixture, NOW, location, on_both_engines};

on_both_engines!(
    attributes_read_back_as_written_and_are_replaced,
    a_page_of_a_thousand_odd_keys_is_looked_up,
    look_ups_of_every_size_find_what_is_there,
);

fn full(key: &str) -> Attributes {
    Attributes {
        last_modified: Some(NOW),
        version: Some("v1".to_owned()),
        transfer: Some(TransferId::generate()),
        mtime: Some(NOW),
        atime: Some(NOW),
        mode: Some(0o100_644),
        uid: Some(u32::MAX),
        gid: Some(0),
        ..Attributes::new(location(key), "e1")
    }
}

async fn attributes_read_back_as_written_and_are_replaced(fixture: Fixture) {
    let (table, writer) = (fixture.database.attributes(), fixture.database.writer());
    let first = full("a");
    writer
        .set_attributes(first.clone(), None)
        .await
        .expect("set");
    assert_eq!(table.of(&location("a")).await.expect("read"), Some(first));
    let second = Attributes::new(location("a"), "e2");
    writer
        .set_attributes(second.clone(), None)
        .await
        .expect("set");
    assert_eq!(table.of(&location("a")).await.expect("read"), Some(second));
    assert_eq!(table.of(&location("A")).await.expect("read"), None);
}

async fn a_page_of_a_thousand_odd_keys_is_looked_up(fixture: Fixture) {
    let odd = [
        "a//b", "a/", "a", " a ", "A", "ä", "a\u{308}", "a'b", "a\"b", "a%b", "a\\b", "a\tb",
    ];
    let plain = (odd.len()..1000).map(|number| format!("dir/{number:04}"));
    let keys: Vec<String> = odd.into_iter().map(str::to_owned).chain(plain).collect();
    let mut writes = tokio::task::JoinSet::new();
    for key in &keys {
        let (database, attributes) = (fixture.database.clone(), full(key));
        writes.spawn(async move { database.writer().set_attributes(attributes, None).await });
    }
    assert!(writes.join_all().await.iter().all(Result::is_ok));
    let keys = keys
        .into_iter()
        .map(|key| ObjectKey::parse(key).expect("key"));
    let mut keys: Vec<_> = keys.collect();
    let nul = ObjectKey::parse("with\0nul").expect("key");
    keys.push(nul.clone());
    let bucket = location("a").bucket;
    let found = fixture
        .database
        .attributes()
        .of_page(&bucket, &keys)
        .await
        .expect("page");
    assert_eq!(found.len(), 1000);
    for key in keys.iter().filter(|key| **key != nul) {
        assert_eq!(found[key].location.key, *key);
    }
}

async fn look_ups_of_every_size_find_what_is_there(fixture: Fixture) {
    let set = full("there");
    fixture
        .database
        .writer()
        .set_attributes(set, None)
        .await
        .expect("set");
    let table = fixture.database.attributes();
    let bucket = location("a").bucket;
    for size in [0, 1, 7, 8, 9, 64, 65, 257, 999, 1000, 1001, 2001] {
        let keys: Vec<_> = (0..size)
            .map(|number| match number + 1 == size {
                true => "there".to_owned(),
                false => format!("missing {number}"),
            })
            .map(|key| ObjectKey::parse(key).expect("key"))
            .collect();
        let found = table.of_page(&bucket, &keys).await.expect("page");
        assert_eq!(found.len(), usize::from(size > 0), "{size}");
    }
}
