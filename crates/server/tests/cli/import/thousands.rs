//! 4,000 users from a CSV file, one of each format of hashes among them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Instant;

use super::clients::{Shows, sftp};
use super::{House, make_key};

const VECTORS: &str = include_str!("../../../../identity/src/hash/vectors.tsv");

/// A hash of each format that another program made of `password`.
fn formats() -> BTreeMap<&'static str, &'static str> {
    let mut found = BTreeMap::new();
    for line in VECTORS.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split('\t').collect();
        if let [format, _, "password", hash] = fields.as_slice() {
            found.entry(*format).or_insert(*hash);
        }
    }
    found
}

/// The processor's time that programs took which this one started and waited for, by `proc(5)`.
fn children_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let (_, fields) = stat.rsplit_once(')').expect("a name in brackets");
    let fields: Vec<&str> = fields.split_whitespace().collect();
    // The state is the third field and the first behind the name; times count hundredths.
    let ticks = |field: usize| fields[field - 3].parse::<f64>().expect("a number");
    (ticks(16) + ticks(17)) / 100.0
}

#[test]
fn four_thousand_users_move_in_within_seconds_and_log_in_as_before() {
    let mut house = House::new();
    let (key_file, key) = make_key(house.folder(), "id");
    let (host_file, host_key) = make_key(house.folder(), "ssh_host_ed25519_key");
    let formats = formats();
    assert!(formats.len() >= 18, "{:?}", formats.keys());
    let mut text = "name,password_hash,keys,group\n".to_owned();
    for (format, hash) in &formats {
        writeln!(text, "{format},\"{hash}\",{key},partners").unwrap();
    }
    let some = formats["sha512-crypt"];
    for number in formats.len()..4_000 {
        writeln!(text, "user{number:04},\"{some}\",{key},partners").unwrap();
    }
    let file = house.file("users.csv", &text);
    let words = ["csv", &file, "--home", "/inbox/${transfer:UserName}"];
    let (begun, before) = (Instant::now(), children_seconds());
    let out = house.import(&words);
    let (took, spent) = (begun.elapsed(), children_seconds() - before);
    assert!(
        out.contains("4000 created, 0 changed, 0 unchanged, 0 skipped, 0 faults"),
        "{}",
        &out[out.len() - 200..]
    );
    // Of the processor's time, whatever else the machine does; hashing them all would take minutes.
    assert!(spent < 30.0, "{spent} s");
    println!("4,000 users in {took:?} and {spent} s of the processor's time");
    let again = house.import(&words);
    assert!(
        again.contains("0 created, 0 changed, 4000 unchanged"),
        "{again}"
    );

    // They know the old server's key, and no other.
    let host_file = host_file.to_str().expect("UTF-8");
    let (ok, _, err) = house.call(&["host-key", "import", host_file]);
    assert!(ok, "{err}");
    house.restart();
    let known_hosts = house.known_hosts(&host_key);
    let address = house.node().address("sftp");
    let login = |user: &str, shows| {
        let known_hosts = Some(known_hosts.as_ref());
        sftp(address, house.folder(), user, shows, known_hosts, "pwd\n")
    };
    for format in formats.keys() {
        assert!(
            login(format, Shows::Password("password")).is_some(),
            "{format}"
        );
        assert!(
            house.stored_hash(format).starts_with("$argon2id$"),
            "{format}"
        );
    }
    assert!(login("bcrypt", Shows::Password("Password")).is_none());
    for user in ["user3999", "bcrypt"] {
        assert!(login(user, Shows::Key(&key_file)).is_some(), "{user}");
    }
}

#[test]
fn generated_passwords_are_in_a_file_for_its_owner_alone_before_they_are_in_force() {
    use std::os::unix::fs::PermissionsExt as _;
    let house = House::new();
    let file = house.file(
        "users.csv",
        "name,password\nacme,generate\nbeta,correct horse\n",
    );
    let passwords = house.folder().join("passwords.csv");
    let passwords_text = passwords.to_str().unwrap();
    let words = ["csv", &file, "--home", "/inbox/${transfer:UserName}"];
    let (ok, _, err) = house.call(&[&["import"], &words[..]].concat());
    assert!(!ok && err.contains("--passwords-to"), "{err}");
    std::fs::write(&passwords, "somebody else's").unwrap();
    let with_file = [&words[..], &["--passwords-to", passwords_text]].concat();
    let (ok, _, err) = house.call(&[&["import"], &with_file[..]].concat());
    assert!(!ok && err.contains("passwords.csv"), "{err}");
    assert_eq!(
        std::fs::read_to_string(&passwords).unwrap(),
        "somebody else's"
    );
    assert!(!house.call(&["user", "show", "beta"]).0, "all or nothing");
    std::fs::remove_file(&passwords).unwrap();
    let out = house.import(&with_file);
    let mode = std::fs::metadata(&passwords).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let written = std::fs::read_to_string(&passwords).unwrap();
    let line = written.lines().nth(1).expect("acme's");
    let password = line.strip_prefix("\"acme\",").expect(line);
    assert!(
        !out.contains(password) && !written.contains("beta"),
        "{out}"
    );
    let address = house.node().address("sftp");
    let login = |user: &str, shows| sftp(address, house.folder(), user, shows, None, "pwd\n");
    assert!(login("acme", Shows::Password(password)).is_some());
    assert!(login("beta", Shows::Password("correct horse")).is_some());
}
