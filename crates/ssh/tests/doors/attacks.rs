//! Real clients that want what is not theirs: whatever they call it, they neither read nor change
//! a key outside of their home.

use std::collections::BTreeMap;
use std::process::Output;

use bytes::Bytes;
use database::{HomeType, NewUser};
use futures::TryStreamExt as _;
use model::{Clock as _, ObjectKey, SystemClock, UserName};
use ssh::HostKey;
use storage::{Entry, ListRequest, ObjectStoreExt as _};

use crate::world::World;

/// What nobody but its owner may see.
const SECRET: &str = "the neighbour's secret";
/// What the attacker writes wherever he can.
const OWN: &str = "the attacker's own bytes";

/// Keys beside the home `home`: of a neighbour whose name looks alike, in the bucket's root, in the
/// gateway's own prefix, and with names that are patterns or variables.
const OTHERS: [&str; 8] = [
    "home2/secret",
    "home2/sub/secret",
    "Home/secret",
    "secret",
    "other/home/secret",
    ".pierhead/staging/secret",
    "*/secret",
    "${transfer:HomeFolder}/secret",
];

/// Names that might lead there.
const NAMES: [&str; 24] = [
    "../home2/secret",
    "/../home2/secret",
    "../../b/home2/secret",
    "//home2/secret",
    "/home2/secret",
    "/b/home2/secret",
    "/b//home2//secret",
    "/b/home/../home2/secret",
    "/b/home2/../home2/./secret",
    "./../../home2/secret",
    "sub/../../home2/secret",
    "2/secret",
    "..%2fhome2/secret",
    "%2e%2e/home2/secret",
    "\u{ff0e}\u{ff0e}/home2/secret",
    "..\u{2044}home2\u{2044}secret",
    "../HOME2/secret",
    "../Home/secret",
    "../secret",
    "/.pierhead/staging/secret",
    "/b/.pierhead/staging/secret",
    "../\\*/secret",
    "/b/\\*/secret",
    "../${transfer:HomeFolder}/secret",
];

struct Attacker<'a> {
    world: &'a World,
    login: String,
}

impl Attacker<'_> {
    /// What `sftp` says and does to commands that may each fail.
    async fn sftp(&self, commands: &str) -> Output {
        let arguments = ["-b", "-", &self.login];
        self.world.openssh("sftp", &arguments, commands).await
    }

    /// The old protocol: the new one is `sftp`'s.
    async fn scp(&self, from: &str, to: &str) -> Output {
        self.world.openssh("scp", &["-O", "-r", from, to], "").await
    }

    /// Every verb that names can be given to.
    async fn attack_by_sftp(&self) {
        let commands = (0..)
            .zip(NAMES)
            .map(|(number, name)| every_verb(number, name));
        let commands: String = commands.collect();
        self.hears_nothing("sftp", &self.sftp(&commands).await);
    }

    async fn attack_by_scp(&self, number: usize, name: &str) {
        let (remote, local) = (format!("{}:{name}", self.login), format!("scp{number}"));
        self.hears_nothing(name, &self.scp(&remote, &local).await);
        self.hears_nothing(name, &self.scp("own", &remote).await);
    }

    fn hears_nothing(&self, name: &str, output: &Output) {
        for stream in [&output.stdout, &output.stderr] {
            let text = String::from_utf8_lossy(stream);
            assert!(!text.contains(SECRET), "{} by {name}: {text}", self.login);
        }
    }
}

fn every_verb(number: usize, name: &str) -> String {
    format!(
        "-get \"{name}\" \"got{number}\"\n\
         -ls -la \"{name}\"\n\
         -put own bait\n\
         -chmod 600 \"{name}\"\n\
         -rename bait \"{name}\"\n\
         -put own \"{name}\"\n\
         -put -a own \"{name}\"\n\
         -cp \"{name}\" copied{number}\n\
         -get copied{number} \"gotcopy{number}\"\n\
         -cp bait \"{name}\"\n\
         -rename \"{name}\" moved{number}\n\
         -get moved{number} \"gotmoved{number}\"\n\
         -mkdir \"{name}\"\n\
         -rmdir \"{name}\"\n\
         -rm \"{name}\"\n\
         -df \"{name}\"\n\
         -ln -s \"{name}\" link{number}\n\
         -get link{number} \"gotlink{number}\"\n"
    )
}

/// Everything in the bucket beside the home and what the gateway keeps for itself.
async fn beside_the_home(world: &World) -> BTreeMap<String, Bytes> {
    let request = ListRequest::default();
    let entries: Vec<Entry> = world
        .store
        .entries(request)
        .try_collect()
        .await
        .expect("listed");
    let mut found = BTreeMap::new();
    for entry in entries {
        let Entry::Object { key, .. } = entry else {
            continue;
        };
        if !key.starts_with("home/") {
            let object = ObjectKey::parse(key.as_str()).expect("a key");
            let bytes = world.store.read_whole(&object, 1 << 20).await;
            found.insert(key, bytes.expect("read"));
        }
    }
    found
}

async fn hide_secrets(world: &World) {
    for key in OTHERS {
        let key = ObjectKey::parse(key).expect("a key");
        let put = world
            .store
            .put_bytes(&key, Bytes::from_static(SECRET.as_bytes()));
        put.await.expect("put");
    }
    std::fs::write(world.path("own"), OWN).expect("written");
}

/// No file that a client made holds the secret.
fn nothing_was_got(world: &World) {
    let mut folders = vec![world.folder.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("read") {
            let path = entry.expect("read").path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.to_string_lossy().contains("db.sqlite") {
                let bytes = std::fs::read(&path).expect("read");
                let text = String::from_utf8_lossy(&bytes);
                assert!(!text.contains(SECRET), "{} holds it", path.display());
            }
        }
    }
}

async fn attack(world: &World, attacker: &Attacker<'_>) {
    let before = beside_the_home(world).await;
    assert_eq!(before.len(), OTHERS.len(), "{before:?}");
    attacker.attack_by_sftp().await;
    assert_eq!(beside_the_home(world).await, before);
    for (number, name) in (0..).zip(NAMES) {
        attacker.attack_by_scp(number, name).await;
        assert_eq!(beside_the_home(world).await, before, "after {name}");
    }
    nothing_was_got(world);
    // He was in all the time.
    attacker.sftp("put own inside\n").await;
    assert_eq!(
        world.object("inside").await.as_deref(),
        Some(OWN.as_bytes())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_name_leads_out_of_a_logical_home() {
    let world = World::new().await;
    hide_secrets(&world).await;
    let login = "acme@127.0.0.1".to_owned();
    let attacker = Attacker {
        world: &world,
        login,
    };
    attack(&world, &attacker).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_name_leads_out_of_a_home_by_path() {
    let world = World::new().await;
    hide_secrets(&world).await;
    let name = UserName::parse("partner").expect("a name");
    let mut partner = NewUser::new(world.user.server.clone(), name, "/b/home");
    partner.home_type = HomeType::Path;
    let now = SystemClock.now();
    let partner = world.database.users().create(partner, now).await;
    let key = std::fs::read_to_string(world.path("id")).expect("read");
    let key = HostKey::import(&key, None).expect("a key").public_key();
    let added = world
        .identity
        .add_key(partner.expect("made").id, &key)
        .await;
    added.expect("added");
    let login = "partner@127.0.0.1".to_owned();
    let attacker = Attacker {
        world: &world,
        login,
    };
    attack(&world, &attacker).await;
    world.stop().await;
}
