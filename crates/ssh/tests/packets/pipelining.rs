//! Promise 9 and the deadlocks: everything outstanding at once, and clients that do not read.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sftp::{Reply, StatusCode, Write};
use storage::memory::{Fault, Operation};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::support::*;

/// The file is 96 MiB, so that the test does not move a gigabyte; the READs are as many. The client
/// looks at none of the replies at first, as when its disk is slow.
#[tokio::test]
async fn r10_paramiko_asks_for_a_gigabyte_in_32768_reads() {
    let house = House::new().await;
    let mut partner = house.partner().await;
    let content = pattern(96 << 20);
    house.plant("a", &content).await;
    let handle = partner.open("a", R).await;
    let before = resident_bytes();
    partner.client.valve().stop_reading();
    let reads = (0..32_768_u64).map(|block| read(&handle, block * 32_768, 32_768));
    let ids = partner.send(Burst::of(reads)).await;
    // The server stalls, its replies are full. Others are served meanwhile, and it holds little.
    let mut other = house.partner().await;
    other.put("b", &pattern(3 << 20)).await;
    assert_eq!(other.get("b").await.len(), 3 << 20);
    let held = resident_bytes().saturating_sub(before);
    assert!(
        held < 48 << 20,
        "{} MiB held for a client that does not read",
        held >> 20
    );
    let fetched_early = house.store.requests().count(Operation::Get);

    partner.client.valve().read_again();
    for (block, asked) in ids.into_iter().enumerate() {
        let (id, reply) = partner.sftp.reply().await.expect("all are answered");
        assert_eq!(id, asked, "in order");
        match (reply, content.get(block * 32_768..(block + 1) * 32_768)) {
            (Reply::Data(data), Some(expected)) => assert!(data[..] == *expected, "block {block}"),
            (reply, None) => assert_eq!(code(&reply), Some(StatusCode::Eof)),
            (reply, Some(_)) => panic!("READ {block}: {reply:?}"),
        }
    }
    // Nor did it ask the store for more than it may hold and read ahead.
    let fetched = house.store.requests().count(Operation::Get);
    assert!(
        fetched_early * 3 < fetched * 2,
        "{fetched_early} of {fetched} requests at once"
    );
    partner.ok(close(&handle)).await;
}

#[tokio::test]
async fn a_client_that_never_reads_again_holds_nobody_up_and_can_go() {
    let house = House::new().await;
    house.plant("a", &pattern(64 << 20)).await;
    let mut stuck = house.partner().await;
    let handle = stuck.open("a", R).await;
    stuck.client.valve().stop_reading();
    stuck
        .send(Burst::of(
            (0..2048).map(|block| read(&handle, block * 32_768, 32_768)),
        ))
        .await;
    let mut other = house.partner().await;
    other.put("b", b"served").await;
    house.until_sessions(2).await;
    stuck.client.valve().cut();
    house.until_sessions(1).await;
    assert_eq!(other.get("b").await, b"served");
}

#[tokio::test]
async fn reads_and_writes_cross_on_one_channel() {
    let house = House::new().await;
    let mut partner = house.partner().await;
    let content = pattern(16 << 20);
    house.plant("a", &content).await;
    let from = partner.open("a", R).await;
    let to = partner.open("b", W | C | T).await;
    let blocks = content.len() / 65_536;
    // 256 READs of 64 KiB and as many WRITEs in one go: neither direction may wait for the other.
    let mut burst = Burst::new();
    for block in 0..blocks {
        let start = block * 65_536;
        burst.add(&read(&from, start as u64, 65_536));
        burst.write(&to, start as u64, &content[start..start + 65_536]);
    }
    burst.add(&close(&to));
    let replies = partner.exchange(burst).await;
    for (block, pair) in replies[..2 * blocks].chunks(2).enumerate() {
        let Reply::Data(data) = &pair[0] else {
            panic!("{:?}", pair[0])
        };
        assert!(
            data[..] == content[block * 65_536..][..65_536],
            "block {block}"
        );
        assert!(is_ok(&pair[1]), "{:?}", pair[1]);
    }
    assert!(is_ok(&replies[2 * blocks]));
    assert!(house.object("b").await == Some(content), "the bytes differ");
}

/// `sftp -B 32768 -R 1024` both ways by several clients at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_clients_with_1024_requests_each() {
    let house = House::new().await;
    let content = Bytes::from(pattern(1024 * 8192));
    let mut clients = JoinSet::new();
    for number in 0..4 {
        let mut partner = house.partner().await;
        let content = content.clone();
        clients.spawn(async move {
            let path = format!("f{number}");
            let handle = partner.open(&path, W | C | T).await;
            for block in 0..1024_u32 {
                let start = block as usize * 8192;
                let data = content.slice(start..start + 8192);
                let write = Write {
                    handle: handle.clone(),
                    offset: start as u64,
                    data,
                };
                partner.sftp.send_write(block, &write).await.expect("open");
            }
            assert!(
                partner
                    .replies(1024)
                    .await
                    .iter()
                    .all(|(_, reply)| is_ok(reply))
            );
            partner.ok(close(&handle)).await;
            let handle = partner.open(&path, R).await;
            let reads = (0..1024).map(|block| read(&handle, block * 8192, 8192));
            for (block, reply) in partner
                .exchange_in_order(Burst::of(reads))
                .await
                .iter()
                .enumerate()
            {
                let Reply::Data(data) = reply else {
                    panic!("{reply:?}")
                };
                assert!(data[..] == content[block * 8192..][..8192], "block {block}");
            }
        });
    }
    while let Some(done) = clients.join_next().await {
        done.expect("served");
    }
}

#[tokio::test]
async fn a_flood_of_small_requests_is_answered_or_ends_the_channel() {
    let house = House::new().await;
    let mut partner = house.partner().await;
    partner.sftp.set_deadline(Duration::from_secs(60));
    let replies = partner
        .exchange_in_order(Burst::of(vec![realpath("/x/../y"); 4000]))
        .await;
    for reply in replies {
        let Reply::Name(names) = reply else {
            panic!("{reply:?}")
        };
        assert_eq!(names[0].name, "/y");
    }
}

/// Memory of this process, in bytes.
fn resident_bytes() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let resident = pages.split_whitespace().nth(1).expect("the second number");
    resident.parse::<usize>().expect("a number") * 4096
}

/// The store takes parts once the gate opens.
fn hold_parts(house: &House) -> Arc<Semaphore> {
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let hold = move |operation| match operation {
        Operation::PutPart => Fault::Hold(Arc::clone(&held)),
        _ => Fault::None,
    };
    house
        .store
        .on_request(move |request| hold(request.operation));
    gate
}

/// WRITEs of `content` from its beginning.
fn in_blocks(handle: &Bytes, content: &[u8]) -> Burst {
    let mut burst = Burst::new();
    for (index, block) in content.chunks(32_768).enumerate() {
        burst.write(handle, index as u64 * 32_768, block);
    }
    burst
}

/// A store that takes nothing more: what is acknowledged then is what a dying node takes along. Yet
/// everything else goes on, also on the same channel.
#[tokio::test]
async fn writes_are_answered_as_the_store_gets_on() {
    let house = House::new().await;
    let mut partner = house.partner().await;
    let gate = hold_parts(&house);
    let content = pattern(40 << 20);
    let handle = partner.open("a", W | C | T).await;
    let mut burst = in_blocks(&handle, &content);
    burst.add(&fstat(&handle));
    let mut ids = partner.send(burst).await;
    let stat = ids.pop();
    let mut ids = ids.into_iter();
    let mut answered = 0;
    loop {
        let (id, reply) = partner.sftp.reply().await.expect("answered");
        if Some(id) == stat {
            break;
        }
        assert_eq!(Some(id), ids.next(), "in order");
        assert!(is_ok(&reply));
        answered += 32_768;
    }
    assert_eq!(answered, 16 << 20, "what may be lost, and no more");
    gate.add_permits(1);
    for asked in ids {
        let (id, reply) = partner.sftp.reply().await.expect("answered");
        assert_eq!(id, asked, "in order");
        assert!(is_ok(&reply));
    }
    partner.ok(close(&handle)).await;
    assert_eq!(house.object("a").await, Some(content));
}

/// More WRITEs than anybody leaves unanswered, of single bytes: the channel stops reading, and goes
/// on when the store does.
#[tokio::test]
async fn a_flood_of_unanswered_writes_waits_for_the_store_in_little_memory() {
    let house = House::new().await;
    let mut partner = house.partner().await;
    let gate = hold_parts(&house);
    let start = pattern(16 << 20);
    let handle = partner.open("a", W | C | T).await;
    let burst = in_blocks(&handle, &start);
    assert!(partner.exchange(burst).await.iter().all(is_ok));
    let mut burst = Burst::new();
    let flood = 20_000;
    for at in 0..flood {
        burst.write(&handle, (16 << 20) + at, &[7]);
    }
    let sent = partner.send(burst).await;
    gate.add_permits(1);
    for asked in sent {
        let (id, reply) = partner.sftp.reply().await.expect("answered");
        assert_eq!(id, asked, "in order");
        assert!(is_ok(&reply));
    }
    partner.ok(close(&handle)).await;
    let stored = house.object("a").await.expect("stored");
    assert_eq!(stored.len() as u64, (16 << 20) + flood);
}
