//! A local store whose disk is full, or may not be written: refused, invisible, nothing left, and
//! the node stays up.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bytes::Bytes;
use testkit::client::Stop;
use testkit::dice::Dice;

use crate::world::{BUCKET, World, noise, started};

/// Says that a test runs in a namespace of its own already.
const INSIDE: &str = "PIERHEAD_TEST_NAMESPACE";

/// A file system of its own in memory, unmounted at the end.
struct Mount(tempfile::TempDir);

impl Mount {
    /// None where this process may not mount: then `test`, of this file, has run in a namespace of
    /// its own, where it may, and has passed there.
    fn new(size: &str, test: &str) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let options = format!("size={size}");
        if mount(&["-t", "tmpfs", "-o", &options, "tmpfs"], folder.path()) {
            return Some(Self(folder));
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "a test says so to itself, in another process"
        )]
        let is_inside = std::env::var_os(INSIDE).is_some();
        assert!(!is_inside, "{NOT_PERMITTED}");
        run_in_a_namespace(test);
        None
    }

    fn root(&self) -> PathBuf {
        self.0.path().join("objects")
    }

    /// The mount alone: in a namespace one may not do so to the file system.
    fn remount(&self, how: &str) {
        let options = format!("remount,bind,{how}");
        assert!(mount(&["-o", &options], self.0.path()), "remount {how}");
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily: a node that failed its test may still hold it.
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

const NOT_PERMITTED: &str = "mounting a tmpfs is not permitted here, and neither is it in a user \
                             namespace: run the tests as root, or allow user namespaces";

/// Runs one test once more, as the root of a user namespace with mounts of its own.
fn run_in_a_namespace(test: &str) {
    let this = std::env::current_exe().expect("this program");
    let mut command = Command::new("unshare");
    command
        .args(["--user", "--map-root-user", "--mount"])
        .arg(this);
    command.args(["--exact", &format!("disk::{test}"), "--nocapture"]);
    let done = command.env(INSIDE, "yes").output();
    let done = done.unwrap_or_else(|error| panic!("{NOT_PERMITTED} (unshare: {error})"));
    let (out, err) = (
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr),
    );
    assert!(!out.is_empty(), "{NOT_PERMITTED}\n{err}");
    // A filter that fits no test passes as well.
    let passed = done.status.success() && out.contains("1 passed");
    assert!(
        passed,
        "{test} fails in a namespace of its own:\n{out}{err}"
    );
}

fn mount(arguments: &[&str], folder: &Path) -> bool {
    let mut command = Command::new("mount");
    command.args(arguments).arg(folder).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Files below the folder of what is unfinished; the markers of folders themselves do not count.
fn unfinished_files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root.join(".pierhead").join(BUCKET)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.expect("readable").path();
            match path.is_dir() {
                true => folders.push(path),
                false => found.push(path),
            }
        }
    }
    found
}

async fn refused(world: &World, address: std::net::SocketAddr, path: &str, content: &Bytes) {
    let mut session = world.session(address).await;
    match session.put(path, content).await {
        Err(Stop::Refused(status)) => assert!(!status.message.is_empty(), "it says why"),
        other => panic!("{path}: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_and_leaves_nothing() {
    let Some(mount) = Mount::new("24m", "a_full_disk_refuses_and_leaves_nothing") else {
        return;
    };
    let world = World::with_folder(&mount.root());
    let node = started(world.node("")).await;
    let mut dice = Dice::seeded(1);
    let (small, large) = (noise(&mut dice, 1 << 20), noise(&mut dice, 40 << 20));
    let mut session = world.session(node.address()).await;
    session.put("kept", &small).await.expect("there is room");
    for path in ["new", "kept"] {
        refused(&world, node.address(), path, &large).await;
    }
    assert_eq!(world.object("new"), None);
    assert_eq!(world.object("kept"), Some(small.clone()), "untouched");
    assert_eq!(unfinished_files(&mount.root()), Vec::<PathBuf>::new());
    session
        .put("after", &small)
        .await
        .expect("there is room again");
    let told = world.uploads_told().await;
    let paths: Vec<_> = told
        .iter()
        .map(|(path, count)| (path.as_str(), *count))
        .collect();
    assert_eq!(paths, [("after", 1), ("kept", 1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_disk_refuses_and_goes_on_serving() {
    let Some(mount) = Mount::new("24m", "a_read_only_disk_refuses_and_goes_on_serving") else {
        return;
    };
    let world = World::with_folder(&mount.root());
    let node = started(world.node("")).await;
    let content = noise(&mut Dice::seeded(2), 100_000);
    let mut session = world.session(node.address()).await;
    session
        .put("kept", &content)
        .await
        .expect("it can be written");
    mount.remount("ro");
    for path in ["new", "kept"] {
        refused(&world, node.address(), path, &content).await;
    }
    assert_eq!(
        session.get("kept").await.expect("it can be read").concat(),
        content
    );
    assert_eq!(world.object("new"), None);
    mount.remount("rw");
    session
        .put("new", &content)
        .await
        .expect("it can be written again");
    assert_eq!(world.object("new"), Some(content));
    assert_eq!(unfinished_files(&mount.root()), Vec::<PathBuf>::new());
    assert_eq!(world.uploads_told().await.len(), 2);
}
