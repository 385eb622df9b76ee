//! What is pipelined on one path is served in its order.

use std::sync::Arc;

use sftp::Reply;
use storage::memory::{Fault, Operation};
use tokio::sync::Semaphore;

use crate::support::*;

#[tokio::test]
async fn a_burst_on_one_path_is_served_in_its_order() {
    let house = House::new().await;
    let mut partner = house.partner().await;
    partner.put("a", b"old").await;
    // lftp's `mv -f`: REMOVE, then RENAME, none awaited; then what others ask at once.
    partner.put("b", b"other").await;
    let burst = Burst::of([
        remove("a"),
        rename("b", "a"),
        stat("a"),
        stat("b"),
        setstat("a", times(9)),
        stat("a"),
        mkdir("d"),
        rename("a", "d/a"),
        stat("d/a"),
        rmdir("d"),
        remove("d/a"),
        rmdir("d"),
        stat("d"),
    ]);
    let replies = partner.exchange(burst).await;
    let seen: Vec<_> = replies
        .iter()
        .map(|reply| match reply {
            Reply::Attributes(found) => format!("{:?}", found.size.expect("a size")),
            reply => format!("{:?}", code(reply).expect("a status")),
        })
        .collect();
    let expected = "Ok Ok 5 NoSuchFile Ok 5 Ok Ok 5 Failure Ok Ok NoSuchFile";
    assert_eq!(seen.join(" "), expected);
}

#[tokio::test]
async fn what_follows_close_waits_for_its_commit() {
    let house = House::new().await;
    let mut partner = house.partner().await;
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    house
        .store
        .on_request(move |request| match request.operation {
            Operation::Put if request.key.ends_with('a') => Fault::Hold(Arc::clone(&held)),
            _ => Fault::None,
        });
    let handle = partner.open("a", W | C | T).await;
    let mut burst = Burst::new();
    burst.write(&handle, 0, b"12345");
    burst.add(&close(&handle));
    burst.add(&stat("a"));
    burst.add(&setstat("a", times(4)));
    burst.add(&rename("a", "b"));
    burst.add(&stat("b"));
    // On another path: not held up.
    burst.add(&mkdir("d"));
    let ids = partner.send(burst).await;
    let early: Vec<_> = partner.replies(2).await;
    let mut answered: Vec<_> = early.iter().map(|(id, _)| *id).collect();
    answered.sort();
    assert_eq!(answered, [ids[0], ids[6]], "the WRITE and the MKDIR");
    gate.add_permits(1);
    let late = partner.replies(5).await;
    assert!(
        late.iter()
            .all(|(_, reply)| code(reply).is_none() || is_ok(reply)),
        "{late:?}"
    );
    let found = partner.attributes(stat("b")).await;
    assert_eq!(
        (found.size, found.times.map(|times| times.modified)),
        (Some(5), Some(4))
    );
}
