//! Parts that are ranges of objects.

use model::ErrorKind;
use storage::{Pin, Source};

use crate::fixture::{Fixture, fails, key, number, read};

/// Whether the store copies parts; asserts a clear refusal where it does not.
async fn able(f: &Fixture) -> bool {
    if f.store.capabilities().part_copy {
        return true;
    }
    f.put("from", "0123456789").await;
    let upload = f.begin("to").await;
    let copied = f
        .store
        .copy_part(number(1), &f.source("from"), 0..5, &upload)
        .await;
    fails(copied, ErrorKind::Unsupported);
    false
}

pub(crate) async fn ranges_become_parts(f: &Fixture) {
    if !able(f).await {
        return;
    }
    let text = format!("{}{}", f.filling('a'), f.filling('b'));
    let (len, half) = (text.len() as u64, text.len() as u64 / 2);
    f.put("from", &text).await;
    let upload = f.begin("to").await;
    // The halves change places, and the last part overlaps one of them.
    let parts = [
        f.store
            .copy_part(number(1), &f.source("from"), half..len, &upload)
            .await
            .unwrap(),
        f.store
            .copy_part(number(2), &f.source("from"), 0..half, &upload)
            .await
            .unwrap(),
        f.store
            .copy_part(number(3), &f.source("from"), half - 2..half + 3, &upload)
            .await
            .unwrap(),
    ];
    assert_eq!(parts.each_ref().map(|part| part.size), [half, half, 5]);
    let completed = f.store.complete_upload(&upload, &parts, None).await;
    let expected = format!("{}{}aabbb", f.filling('b'), f.filling('a'));
    assert!(f.read("to").await.unwrap() == expected);
    if let Some(crc) = completed.unwrap().crc64nvme {
        let sent = f.put("sent", &expected).await;
        assert_eq!(Some(crc), sent.crc64nvme, "a checksum of other bytes");
    }
    assert!(f.read("from").await.unwrap() == text);
}

pub(crate) async fn copied_and_sent_parts_mix(f: &Fixture) {
    if !able(f).await {
        return;
    }
    let text = f.filling('o');
    f.put("a", &format!("{text}{text}")).await;
    let len = text.len() as u64;
    // An upload onto its own source: that is how a file is rewritten in part.
    let upload = f.begin("a").await;
    let last = f.part(3, "appended", &upload).await;
    let second = f.part(2, &f.filling('n'), &upload).await;
    let first = f
        .store
        .copy_part(number(1), &f.source("a"), 0..len, &upload)
        .await
        .unwrap();
    f.store
        .complete_upload(&upload, &[first, second, last], None)
        .await
        .unwrap();
    assert!(f.read("a").await.unwrap() == format!("{text}{}appended", f.filling('n')));
}

pub(crate) async fn a_part_crosses_buckets(f: &Fixture) {
    if !able(f).await {
        return;
    }
    f.put("from", "0123456789").await;
    let upload = f
        .other
        .create_upload(&key("to"), &Default::default())
        .await
        .unwrap();
    let part = f
        .other
        .copy_part(number(1), &f.source("from"), 3..7, &upload)
        .await
        .unwrap();
    f.other
        .complete_upload(&upload, &[part], None)
        .await
        .unwrap();
    assert_eq!(read(&*f.other, "to", None, None).await.unwrap(), "3456");
}

pub(crate) async fn a_range_behind_the_end_is_refused(f: &Fixture) {
    if !able(f).await {
        return;
    }
    f.put("from", "0123456789").await;
    let upload = f.begin("to").await;
    for range in [5..11, 10..12, 20..30] {
        let copied = f
            .store
            .copy_part(number(1), &f.source("from"), range, &upload)
            .await;
        if !f.quirks.copies_ranges_behind_the_end {
            fails(copied, ErrorKind::Invalid);
        }
    }
    let copied = f
        .store
        .copy_part(number(1), &f.source("nothing"), 0..1, &upload)
        .await;
    fails(copied, ErrorKind::NotFound);
    if !f.quirks.copies_ranges_behind_the_end {
        assert_eq!(f.store.list_parts(&upload).await.unwrap(), []);
    }
}

pub(crate) async fn a_part_of_another_state_is_refused(f: &Fixture) {
    if !able(f).await {
        return;
    }
    f.put("from", "first content").await;
    let pin = f.store.head(&key("from")).await.unwrap().pin();
    f.put("from", "other content").await;
    let upload = f.begin("to").await;
    let source = Source {
        pin: Some(Pin {
            version: None,
            ..pin
        }),
        ..f.source("from")
    };
    let copied = f.store.copy_part(number(1), &source, 0..5, &upload).await;
    if !f.quirks.copies_any_state {
        fails(copied, ErrorKind::Conflict);
    }
    let source = Source {
        pin: Some(f.store.head(&key("from")).await.unwrap().pin()),
        ..source
    };
    let part = f
        .store
        .copy_part(number(1), &source, 0..5, &upload)
        .await
        .unwrap();
    f.store
        .complete_upload(&upload, &[part], None)
        .await
        .unwrap();
    assert_eq!(f.read("to").await.unwrap(), "other");
}
