//! Clients that die: no session and no handle outlives them, and of an upload what is safe.

use std::sync::Arc;

use bytes::Bytes;
use sftp::Write;
use storage::memory::{Fault, Operation};
use testkit::client::Error;
use tokio::sync::Semaphore;

use crate::support::*;

/// Enough for several parts, so that an upload has begun in the store.
const LARGE: usize = 40 << 20;

async fn send_large(partner: &mut Partner, handle: &Bytes) {
    let block = Bytes::from(pattern(1 << 17));
    for index in 0..(LARGE >> 17) as u64 {
        let write = Write {
            handle: handle.clone(),
            offset: index << 17,
            data: block.clone(),
        };
        partner
            .sftp
            .send_write(index as u32, &write)
            .await
            .expect("open");
    }
}

#[tokio::test]
async fn a_cut_connection_leaves_what_was_taken_to_its_owner() {
    let house = House::new().await;
    house.plant("a", b"before").await;
    for path in ["a", "b"] {
        let mut partner = house.partner().await;
        let handle = partner.open(path, W | C | T).await;
        send_large(&mut partner, &handle).await;
        let blocks = partner.replies(LARGE >> 17).await;
        assert!(blocks.iter().all(|(_, reply)| is_ok(reply)));
        partner.client.valve().cut();
        house.until_sessions(0).await;
        let mut again = house.partner().await;
        assert_eq!(again.size(path).await, Some(LARGE as u64));
        assert_eq!(house.object("a").await, Some(b"before".to_vec()));
        again.ok(remove(path)).await;
        house.until_no_uploads().await;
    }
    assert_eq!(house.keys().await, ["a"]);
    assert_eq!(house.object("a").await, Some(b"before".to_vec()));
}

#[tokio::test]
async fn a_connection_cut_in_the_middle_of_a_packet_leaves_nothing_behind() {
    let house = House::new().await;
    let mut partner = house.partner().await;
    let handle = partner.open("a", W | C | T).await;
    assert!(is_ok(&partner.write(&handle, 0, b"taken").await));
    // A WRITE of 100,000 bytes, of which ten come.
    let mut head = vec![0, 1, 0x86, 0xb9, 6, 0, 0, 0, 9, 0, 0, 0, handle.len() as u8];
    head.extend_from_slice(&handle);
    head.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 5, 0, 1, 0x86, 0xa0]);
    head.extend_from_slice(b"0123456789");
    let length = (head.len() - 4 - 10 + 100_000) as u32;
    head[..4].copy_from_slice(&length.to_be_bytes());
    partner.sftp.send_bytes(head).await.expect("open");
    // The server has read it once it answers what another channel asked behind it.
    let sftp = partner.client.sftp().await.expect("a second channel");
    partner.client.valve().cut();
    drop(sftp);
    house.until_sessions(0).await;
    assert_eq!(house.keys().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_channel_closed_without_close_publishes_nothing() {
    let house = House::new().await;
    for finish in [true, false] {
        let mut partner = house.partner().await;
        let handle = partner.open("a", W | C | T).await;
        assert!(is_ok(&partner.write(&handle, 0, b"never closed").await));
        let (mut requests, mut replies) = partner.sftp.split();
        if finish {
            requests.finish().await.expect("open");
            // OpenSSH's client waits for this before it exits.
            assert!(matches!(replies.next().await, Err(Error::Closed)));
        } else {
            requests.close().await.expect("open");
        }
        house.until_sessions(0).await;
        assert_eq!(house.keys().await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_commit_outlives_its_client() {
    let house = House::new().await;
    let mut partner = house.partner().await;
    let gate = Arc::new(Semaphore::new(0));
    let (held, reached) = (Arc::clone(&gate), Arc::new(Semaphore::new(0)));
    let arrived = Arc::clone(&reached);
    house
        .store
        .on_request(move |request| match request.operation {
            Operation::Put if request.key.ends_with('a') => {
                arrived.add_permits(1);
                Fault::Hold(Arc::clone(&held))
            }
            _ => Fault::None,
        });
    let handle = partner.open("a", W | C | T).await;
    let mut burst = Burst::new();
    burst.write(&handle, 0, b"whole");
    burst.add(&close(&handle));
    partner.send(burst).await;
    drop(reached.acquire().await);
    partner.client.valve().cut();
    gate.add_permits(1);
    house.until_sessions(0).await;
    house.transfers.drain().await;
    assert_eq!(house.object("a").await, Some(b"whole".to_vec()));
    let mut again = house.partner().await;
    assert_eq!(again.size("a").await, Some(5));
}

#[tokio::test]
async fn handles_of_a_dead_client_are_free_again() {
    let house = House::new().await;
    house.plant("a", b"x").await;
    for _ in 0..3 {
        let mut partner = house.partner().await;
        // As many as a session may have.
        let mut handles = 0;
        loop {
            match partner.call(open("a", R)).await {
                sftp::Reply::Handle(_) => handles += 1,
                reply => {
                    assert_eq!(code(&reply), Some(sftp::StatusCode::Failure), "{reply:?}");
                    break;
                }
            }
        }
        assert_eq!(handles, house.max_handles);
        partner.client.valve().cut();
        house.until_sessions(0).await;
    }
}
