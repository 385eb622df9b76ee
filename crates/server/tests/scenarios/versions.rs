//! An upgrade under load, node by node: this version, a next one that adds to the schema, and the one
//! after it that takes away.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::cluster::Cluster;
use crate::load::Load;
use crate::world::aside;

const THIS: &str = env!("CARGO_BIN_EXE_pierhead");

/// The program under the name of another version.
fn version(name: &str, folder: &Path) -> PathBuf {
    let path = folder.join(name);
    symlink(THIS, &path).expect("linked");
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_take_turns_under_load_and_no_transfer_fails() {
    let settings = "drain.delay = \"3s\"\ndrain.deadline = \"90s\"";
    let mut cluster = Cluster::new(settings).await;
    let folder = cluster.world.folder().to_owned();
    let this = Path::new(THIS);
    let next: &Path = &version("pierhead-next", &folder);
    let last: &Path = &version("pierhead-after-next", &folder);
    let mut load = Load::start(&cluster.world, cluster.address(), 1 << 20, 9);
    load.goes_on().await;
    // The first node of the next version expands the schema, and one of this version can restart
    // on it: the way back is open as long as nothing was taken away.
    for (number, program) in [(0, next), (1, this), (1, next)] {
        cluster.replace(number, program).await;
        load.goes_on().await;
    }
    // Now that nobody is left who needs what was there before, it goes.
    for number in 0..cluster.size() {
        cluster.replace(number, last).await;
        load.goes_on().await;
    }
    let mut late = cluster.world.node(settings);
    let (late, refused) = aside(move || {
        let refused = late.start();
        (late, refused)
    })
    .await;
    refused.expect_err("its time is over");
    let log = late.log().expect("it said why");
    assert!(log.contains("newer pierhead"), "{log}");
    cluster.world.look_as(last);
    load.end(&cluster.world).await;
}
