//! A hundred thousand small files and one of 3 GiB: minutes, and 10 GB of disk, so it runs when asked for.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{House, Killed, LOOK, buckets, count, peak, text, touch, write};
use crate::node::pierhead;

const SMALL: u64 = 100_000;
const IN_A_FOLDER: u64 = 200;
const LARGE: u64 = 3 << 30;
/// What a process has read when it is killed: most small files, and half of the large one.
const KILLED_AT: u64 = LARGE / 2;
const CHANGED: u64 = 1000;
const GONE: u64 = 500;
const THEN: u64 = 1_000_000_000;
/// The most that any pass may hold, in KiB.
const MEMORY: u64 = 400 << 10;

fn small(old: &Path, number: u64) -> std::path::PathBuf {
    old.join(format!("{:03}/{number:06}.csv", number / IN_A_FOLDER))
}

fn fill(old: &Path) {
    for number in 0..SMALL {
        let line = format!("{number};an order of some bytes;{}\n", number * 7);
        let lines = line.repeat(1 + usize::try_from(number % 40).expect("small"));
        write(&small(old, number), lines.as_bytes(), 0o640, THEN + number);
    }
    let mut large = fs::File::create(old.join("large.bin")).expect("made");
    let mut block: Vec<u8> = (0..1_u32 << 20)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    for number in 0..LARGE >> 20 {
        block[..8].copy_from_slice(&number.to_le_bytes());
        large.write_all(&block).expect("written");
    }
    touch(&old.join("large.bin"), THEN);
}

/// What a process used so far: bytes read, and seconds of CPU.
fn used(id: u32) -> Option<(u64, f64)> {
    let io = fs::read_to_string(format!("/proc/{id}/io")).ok()?;
    let read = io.lines().find_map(|line| line.strip_prefix("rchar: "))?;
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    let ticks = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
    Some((read.trim().parse().ok()?, ticks / 100.0))
}

/// Runs a pass and prints what it took; one that is to be killed has no report.
async fn pass(house: &House, to: &str, more: &[&str], kill: bool) -> Option<Value> {
    let begun = Instant::now();
    let old = house.source();
    let command = house.command(text(&old), to, more);
    let child = pierhead(&command).stdout(Stdio::piped()).spawn();
    let mut running = Killed(child.expect("it runs"));
    let mut out = running.0.stdout.take().expect("piped");
    let reading = std::thread::spawn(move || std::io::read_to_string(&mut out));
    let (mut looks, id) = (tokio::time::interval(LOOK), running.0.id());
    let (mut highest, mut last) = (0, (0, 0.0));
    while running.0.try_wait().expect("asked").is_none() {
        highest = highest.max(peak(id).unwrap_or(0));
        last = used(id).unwrap_or(last);
        if kill && last.0 >= KILLED_AT {
            running.0.kill().expect("killed");
        }
        looks.tick().await;
    }
    let took: Duration = begun.elapsed();
    let whole = reading.join().expect("it read").expect("UTF-8");
    println!(
        "{to} {more:?} killed {kill}: {:.1} s, {:.1} s of CPU, {} MiB read, at most {} MiB held",
        took.as_secs_f64(),
        last.1,
        last.0 >> 20,
        highest >> 10
    );
    assert!((1..MEMORY).contains(&highest), "{highest} KiB");
    if kill {
        assert!(whole.is_empty(), "it ended by itself: {whole}");
        return None;
    }
    let whole: Value = serde_json::from_str(&whole).expect("JSON");
    Some(whole["report"].clone())
}

async fn run(house: &House, to: &str) {
    let old = house.source();
    fill(&old);
    pass(house, to, &[], true).await;
    let report = pass(house, to, &[], false).await.expect("a report");
    assert_eq!(report["in_step"], true, "{report}");
    assert_eq!(count(&report, "file", "moved").0, SMALL + 1, "{report}");
    for number in 0..CHANGED {
        write(&small(&old, number * 90), b"changed\n", 0o640, THEN);
    }
    for number in 0..GONE {
        fs::remove_file(small(&old, number * 180 + 1)).expect("removed");
    }
    let report = pass(house, to, &["--delete"], false)
        .await
        .expect("a report");
    assert_eq!(report["in_step"], true, "{report}");
    assert_eq!(count(&report, "file", "moved"), (SMALL + 1 - GONE, CHANGED));
    assert_eq!(count(&report, "file", "deleted"), (GONE, GONE));
    let report = pass(house, to, &["--verify"], false)
        .await
        .expect("a report");
    assert_eq!(report["in_step"], true, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "minutes and 10 GB: cargo test -p server --test cli -- --ignored --nocapture long::"]
async fn a_hundred_thousand_files_and_a_large_one_move_into_a_folder() {
    run(&House::new(""), "local:/files").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "minutes and 10 GB: cargo test -p server --test cli -- --ignored --nocapture long::"]
async fn a_hundred_thousand_files_and_a_large_one_move_into_a_bucket() {
    let (_server, storage) = buckets().await;
    run(&House::new(&storage), "s3://old").await;
}
