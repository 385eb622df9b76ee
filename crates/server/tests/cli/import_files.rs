//! `pierhead import files`: folders, OpenSSH and buckets as sources, kill -9 in the midst.

mod long;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use testkit::s3::{Effect, Fault, Options, S3Server};
use testkit::sshd::Sshd;

use crate::node::{pierhead, run};
use crate::served::write_config;

/// How often a test looks.
const LOOK: Duration = Duration::from_millis(10);

/// An installation on a folder, and somewhere to move from.
struct House {
    folder: tempfile::TempDir,
    config: PathBuf,
}

impl House {
    fn new(storage: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = write_config(&folder.path().join("new"), "", storage);
        fs::create_dir(folder.path().join("old")).expect("made");
        Self { folder, config }
    }

    fn source(&self) -> PathBuf {
        self.folder.path().join("old")
    }

    /// Where the local store has a key of the bucket `files`.
    fn target(&self, key: &str) -> PathBuf {
        self.folder.path().join("new/data/objects/files").join(key)
    }

    fn command<'a>(&'a self, from: &'a str, to: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        let config = self.config.to_str().expect("UTF-8");
        let fixed = [
            "import", "files", "--json", "--config", config, "--from", from, "--to", to,
        ];
        [&fixed[..], more].concat()
    }

    /// Runs a pass: whether everything is in step, and the report.
    fn pass(&self, from: &str, to: &str, more: &[&str]) -> (bool, Value) {
        let (ok, out, err) = run(&self.command(from, to, more));
        let whole: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{err}"));
        (ok, whole["report"].clone())
    }
}

fn count(report: &Value, kind: &str, state: &str) -> (u64, u64) {
    let counts = report["counts"].as_array().expect("counts");
    let found = counts
        .iter()
        .find(|count| count["kind"] == kind && count["state"] == state);
    found.map_or((0, 0), |count| {
        let number = |name: &str| count[name].as_u64().expect("a number");
        (number("entries"), number("changed_now"))
    })
}

/// Name and reason of each difference.
fn differences(report: &Value) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let all = report["differences"].as_array().expect("differences");
    all.iter()
        .map(|it| (text(&it["name"]), text(&it["reason"])))
        .collect()
}

fn write(path: &Path, bytes: &[u8], mode: u32, seconds: u64) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    fs::write(path, bytes).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set");
    touch(path, seconds);
}

fn touch(path: &Path, seconds: u64) {
    let time: SystemTime = UNIX_EPOCH + Duration::from_secs(seconds);
    let file = fs::File::open(path).expect("opened");
    file.set_modified(time).expect("set");
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[test]
fn a_folder_moves_in_and_what_cannot_is_told() {
    let house = House::new("");
    let old = house.source();
    write(&old.join("home/ann/a.csv"), b"a,b\n", 0o640, 1_000_000_000);
    write(&old.join("home/ann/käse"), b"", 0o600, 1_100_000_000);
    fs::create_dir_all(old.join("home/ann/empty")).expect("made");
    touch(&old.join("home/ann/empty"), 1_200_000_000);
    symlink("a.csv", old.join("home/ann/link")).expect("made");
    let _socket = std::os::unix::net::UnixListener::bind(old.join("socket")).expect("made");
    fs::write(old.join(std::ffi::OsStr::from_bytes(b"l\xe4rm")), "x").expect("written");
    write(&old.join(".pierhead/staging/x"), b"x", 0o600, 1);
    fs::create_dir(old.join("new")).expect("made");

    let (ok, _, err) = run(&house.command(text(house.folder.path()), "local:/files", &[]));
    assert!(!ok && err.contains("lie in one another"), "{err}");
    let (ok, _, err) = run(&house.command(text(&old), "s3://files", &[]));
    assert!(!ok && err.contains("write local:/"), "{err}");
    let (ok, report) = house.pass(text(&old), "local:/files", &["--dry-run"]);
    assert!(!ok);
    assert_eq!(count(&report, "file", "moved"), (2, 2), "{report}");
    assert!(!house.target("home").exists(), "nothing was moved");

    let manifest = house.folder.path().join("manifest");
    let (ok, report) = house.pass(text(&old), "local:/files", &["--manifest", text(&manifest)]);
    assert!(!ok, "not everything can move");
    assert_eq!(count(&report, "file", "moved"), (2, 2), "{report}");
    assert_eq!(count(&report, "directory", "moved"), (4, 4), "{report}");
    let told = differences(&report);
    let why = |name: &str| {
        told.get(name)
            .unwrap_or_else(|| panic!("{name}: {told:?}"))
            .as_str()
    };
    assert!(why("home/ann/link").contains("symbolic link"));
    assert!(why("socket").contains("socket"));
    assert!(why("l\\xe4rm").contains("UTF-8"));
    assert!(why(".pierhead/staging/x").contains("belongs to the gateway"));
    // The reserved folder, what is in it, and the three above.
    assert_eq!(told.len(), 6, "{told:?}");
    assert_eq!(
        fs::read(house.target("home/ann/a.csv")).expect("it stands"),
        b"a,b\n"
    );
    assert!(house.target("home/ann/empty").is_dir());
    let said = std::process::Command::new("sha256sum")
        .args(["--check", "--quiet", text(&manifest)])
        .current_dir(&old)
        .status();
    assert!(
        said.expect("it runs").success(),
        "the manifest is sha256sum's"
    );
    assert_eq!(
        fs::metadata(&manifest).expect("it stands").mode() & 0o777,
        0o600
    );

    // The text says the same, and the next pass moves what changed.
    write(
        &old.join("home/ann/a.csv"),
        b"a,b\n1,2\n",
        0o640,
        1_000_000_001,
    );
    let config = text(&house.config);
    let command = [
        "import",
        "files",
        "--config",
        config,
        "--from",
        text(&old),
        "--to",
        "local:/files",
    ];
    let (ok, out, err) = run(&command);
    assert!(
        !ok && err.contains("the report names each difference"),
        "{err}"
    );
    assert!(out.contains("1 files of 8 bytes, 0 directories"), "{out}");
    assert!(
        out.contains("home/ann/link  (it is a symbolic link"),
        "{out}"
    );
    let (body, seal) = out
        .rsplit_once("report       SHA-256 of the lines above ")
        .expect("sealed");
    let check = house.folder.path().join("body");
    fs::write(&check, body).expect("written");
    let said = std::process::Command::new("sha256sum")
        .arg(&check)
        .output()
        .expect("it runs");
    assert!(
        String::from_utf8_lossy(&said.stdout).starts_with(seal.trim_end()),
        "{out}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn files_move_from_openssh_whose_host_key_is_remembered() {
    let server = Sshd::start("").await.expect("sshd runs");
    let house = House::new("");
    let old = house.source();
    write(
        &old.join("in/large"),
        &vec![7; 3_000_000],
        0o604,
        1_300_000_000,
    );
    write(&old.join("in/small"), b"x", 0o640, 1_000_000_000);
    fs::create_dir(old.join("empty")).expect("made");
    symlink("small", old.join("in/link")).expect("made");
    let from = format!(
        "sftp://{}@{}{}",
        server.user(),
        server.address(),
        old.display()
    );
    let identity = server.key_file();
    let identity = ["--identity", text(&identity)];
    let command = house.command(&from, "local:/files/moved", &identity);
    let (ok, _, err) = run(&command);
    assert!(!ok && err.contains("--host-key"), "{err}");
    let trusting = [&identity[..], &["--trust-host-key"]].concat();
    let (ok, out, err) = run(&house.command(&from, "local:/files/moved", &trusting));
    assert!(!ok && err.contains(server.fingerprint()), "{err}");
    let report: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{err}"));
    let report = &report["report"];
    assert_eq!(count(report, "file", "moved"), (2, 2), "{report}");
    assert_eq!(count(report, "directory", "moved"), (2, 2), "{report}");
    assert_eq!(differences(report).keys().collect::<Vec<_>>(), ["in/link"]);
    assert!(fs::read(house.target("moved/in/large")).expect("it stands") == vec![7; 3_000_000]);
    // Nobody has to say it again; and another one is refused.
    fs::remove_file(old.join("in/link")).expect("removed");
    let (ok, report) = house.pass(&from, "local:/files/moved", &identity);
    assert!(ok, "{report}");
    assert_eq!(count(&report, "file", "moved"), (2, 0));
    let other = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU";
    let wrong = [&identity[..], &["--host-key", other]].concat();
    let (ok, _, err) = run(&house.command(&from, "local:/files/moved", &wrong));
    assert!(
        !ok && err.contains("not the known one") && err.contains(server.fingerprint()),
        "{err}"
    );
}

/// Two buckets of one server: the default store, and a named one.
async fn buckets() -> (S3Server, String) {
    let server = S3Server::start(Options::default())
        .await
        .expect("it starts");
    server.add_bucket("old");
    let storage = format!(
        "[storage]\nkind = \"s3\"\n[storage.s3]\nendpoint = {:?}\nregion = \"us-east-1\"\n\
         access_key_id = {:?}\nsecret_access_key = {:?}\n",
        server.endpoint(),
        server.access_key(),
        server.secret_key()
    );
    (server, storage)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_moves_into_a_folder_that_cannot_hold_all_of_it() {
    let (server, storage) = buckets().await;
    let filled = House::new(&storage);
    let old = filled.source();
    for name in ["a", "a-b", "b/c"] {
        write(&old.join(name), name.as_bytes(), 0o640, 1_000_000_000);
    }
    let (ok, report) = filled.pass(text(&old), "s3://old/data", &[]);
    assert!(ok, "{report}");
    fs::remove_file(old.join("a")).expect("removed");
    write(&old.join("a/b"), b"beside", 0o640, 1_000_000_000);
    let (_, report) = filled.pass(text(&old), "s3://old/data", &[]);
    assert_eq!(
        server.keys("old"),
        ["data/a", "data/a-b", "data/a/b", "data/b/", "data/b/c"],
        "{report}"
    );

    let folder = tempfile::tempdir().expect("a folder");
    let config = write_config(
        folder.path(),
        "",
        &format!(
            "[[stores]]\nname = \"cloud\"\nbuckets = [\"old\"]\nkind = \"s3\"\ns3.endpoint = {:?}\n\
             s3.access_key_id = {:?}\ns3.secret_access_key = {:?}\n",
            server.endpoint(),
            server.access_key(),
            server.secret_key()
        ),
    );
    let house = House { folder, config };
    let (ok, report) = house.pass("s3://old/data", "local:/files", &[]);
    assert!(!ok, "{report}");
    assert_eq!(
        differences(&report).keys().collect::<Vec<_>>(),
        ["a/b"],
        "{report}"
    );
    let standing = house.folder.path().join("data/objects/files");
    for name in ["a", "a-b", "b/c"] {
        assert_eq!(
            fs::read(standing.join(name)).expect("it stands"),
            name.as_bytes()
        );
    }
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_kill_9_a_large_file_is_gone_on_with() {
    /// Parts that the store takes before it stops answering.
    const TAKEN: u32 = 4;
    /// Bytes of each.
    const PART: usize = 8 << 20;
    let (server, storage) = buckets().await;
    let house = House::new(&storage);
    let old = house.source();
    let words = (0..10_000_000_u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
    let large: Vec<u8> = words.flatten().collect();
    write(&old.join("large"), &large, 0o640, 1_000_000_000);
    write(&old.join("small"), b"x", 0o640, 1_000_000_000);
    let on_parts = |effect| Fault::new(effect).on("UploadPart").keys_with("large");
    let passes = || on_parts(Effect::Latency(Duration::ZERO));
    server.break_with(passes().times(TAKEN));
    server.break_with(on_parts(Effect::Hang));
    let command = house.command(text(&old), "s3://old", &[]);
    let child = pierhead(&command)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let killed = Killed(child.expect("it runs"));
    let mut looks = tokio::time::interval(LOOK);
    while server.parts("old", "large").len() < TAKEN as usize
        || server.object("old", "small").is_none()
    {
        looks.tick().await;
    }
    drop(killed);
    assert!(
        !server.keys("old").contains(&"large".to_owned()),
        "whole or not at all"
    );
    let (parts, stored) = (large.len().div_ceil(PART), server.parts("old", "large"));
    // What stands behind a part that is missing is made void and sent again.
    let safe = (1..).zip(&stored).take_while(|(n, part)| n == *part);
    let safe = safe.count();
    let missing = parts - safe + (stored.len() - safe);
    server.repair();
    // The same upload is gone on with, and no part more is sent.
    let denied = || Effect::Status(403, "AccessDenied");
    server.break_with(passes().times(u32::try_from(missing).expect("few")));
    server.break_with(on_parts(denied()));
    let anew = Fault::new(denied()).on("CreateMultipartUpload");
    server.break_with(anew.keys_with("large"));
    let (ok, report) = house.pass(text(&old), "s3://old", &[]);
    assert!(ok, "of {parts} parts the store had {stored:?}: {report}");
    assert!(server.object("old", "large").expect("it stands") == large);
    assert_eq!(server.uploads("old").len(), 0);
    assert!(house.pass(text(&old), "s3://old", &["--verify"]).0);
}

/// Peak of the memory that a process held so far, in KiB.
fn peak(id: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_files_move_in_bounded_memory() {
    const FILES: u64 = 10_000;
    let house = House::new("");
    let old = house.source();
    for number in 0..FILES {
        let path = old.join(format!("{:02}/{number:05}", number % 50));
        write(
            &path,
            format!("file {number}").as_bytes(),
            0o640,
            1_000_000_000 + number,
        );
    }
    let mut highest = 0;
    for expected in [FILES, 0] {
        let command = house.command(text(&old), "local:/files", &[]);
        let child = pierhead(&command)
            .stdout(Stdio::piped())
            .spawn()
            .expect("it runs");
        let mut running = Killed(child);
        let mut out = running.0.stdout.take().expect("piped");
        let reading = std::thread::spawn(move || std::io::read_to_string(&mut out));
        let mut looks = tokio::time::interval(LOOK);
        while running.0.try_wait().expect("asked").is_none() {
            highest = highest.max(peak(running.0.id()).unwrap_or(0));
            looks.tick().await;
        }
        let text = reading.join().expect("it read").expect("UTF-8");
        let whole: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(
            count(&whole["report"], "file", "moved"),
            (FILES, expected),
            "{text}"
        );
    }
    // The program itself takes some 40 MiB in a build for tests.
    assert!((1..200 << 10).contains(&highest), "{highest} KiB");
    println!("{highest} KiB at most");
}
