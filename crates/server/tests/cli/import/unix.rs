//! A Unix machine with OpenSSH.

use super::clients::{Shows, sftp};
use super::{House, PASSWORD, crypt, make_key};

/// Users by the hashes of the formats that machines of the last twenty years have.
const HASHED: [(&str, &str); 5] = [
    ("yescrypt", "$y$j9T$F5Jx5fExrKuPp53xLKQ..1"),
    ("sha512", "$6$saltsalt"),
    ("sha256", "$5$saltsalt"),
    ("md5", "$1$saltsalt"),
    ("bcrypt", "$2b$05$abcdefghijklmnopqrstuu"),
];

/// Writes the files of a machine below `machine`, and the words that move it in.
fn machine(house: &House, key: &str) -> Vec<String> {
    let mut passwd = "root:x:0:0:root:/root:/bin/bash\n".to_owned();
    let mut shadow = format!("root:{}:19000:0:99999:7:::\n", crypt("$6$rootroot"));
    let mut add = |name: &str, id: usize, hash: &str, rest: &str| {
        passwd.push_str(&format!(
            "{name}:x:{id}:100::/home/{name}:/usr/sbin/nologin\n"
        ));
        shadow.push_str(&format!("{name}:{hash}:{rest}\n"));
    };
    for (at, (name, salt)) in HASHED.into_iter().enumerate() {
        add(name, 1000 + at, &crypt(salt), "19000:0:99999:7:::");
    }
    let hash = crypt("$6$lockedup");
    add("keyed", 1010, "*", "19000:0:99999:7:::");
    add("abroad", 1011, "*", "19000:0:99999:7:::");
    add("locked", 1012, &format!("!{hash}"), "19000:0:99999:7:::");
    add("expired", 1013, &hash, "19000:0:99999:7::19000:");
    add("mustchange", 1014, &hash, "0:0:99999:7:::");
    add("lapsed", 1016, "*", "19000:0:99999:7:::");
    add("chrooted", 1015, &hash, "19000:0:99999:7:::");
    let keys = |name: &str, line: &str| {
        house.file(&format!("homes/{name}/.ssh/authorized_keys"), line);
    };
    keys("keyed", &format!("from=\"127.0.0.0/8\",no-pty {key}\n"));
    keys("abroad", &format!("from=\"192.0.2.0/24\" {key}\n"));
    keys("lapsed", &format!("expiry-time=\"20200101\" {key}\n"));
    house.file("etc/ssh_host_ed25519_key.note", "beside the keys");
    let chroot = "Match User chrooted\n  ChrootDirectory %h\n";
    house.file("etc/sshd_config.d/chroot.conf", chroot);
    house.file("etc/group", "sftp:x:100:\nroot:x:0:\n");
    let words = [
        ("--passwd", house.file("etc/passwd", &passwd)),
        ("--shadow", house.file("etc/shadow", &shadow)),
        (
            "--sshd-config",
            house.file(
                "etc/sshd_config",
                "Include /etc/ssh/sshd_config.d/*.conf\nSubsystem sftp internal-sftp\n",
            ),
        ),
        (
            "--home-root",
            house
                .folder()
                .join("homes")
                .to_str()
                .expect("UTF-8")
                .to_owned(),
        ),
        (
            "--host-keys",
            house
                .folder()
                .join("etc")
                .to_str()
                .expect("UTF-8")
                .to_owned(),
        ),
    ];
    let words = words
        .into_iter()
        .flat_map(|(word, value)| [word.to_owned(), value]);
    ["unix".to_owned(), "--group".to_owned(), "sftp".to_owned()]
        .into_iter()
        .chain(words)
        .collect()
}

#[test]
fn a_unix_machine_moves_in_and_partners_change_nothing() {
    let mut house = House::new();
    let (key_file, key) = make_key(house.folder(), "id");
    let (_, host_key) = make_key(&house.folder().join("."), "ssh_host_ed25519_key");
    let words = machine(&house, &key);
    for suffix in ["", ".pub"] {
        let name = format!("ssh_host_ed25519_key{suffix}");
        std::fs::rename(
            house.folder().join(&name),
            house.folder().join("etc").join(&name),
        )
        .unwrap();
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let dry = house.import(&[&words[..], &["--dry-run"]].concat());
    assert!(
        dry.contains("11 created, 0 changed, 0 unchanged, 1 skipped, 0 faults (dry run"),
        "{dry}"
    );
    assert!(dry.contains("to be imported"), "{dry}");
    assert!(
        !house.call(&["user", "show", "keyed"]).0,
        "nothing was changed"
    );
    let done = house.import(&words);
    assert!(done.contains("11 created"), "{done}");
    assert!(done.contains("skipped  locked: he has neither"), "{done}");
    assert!(
        !done.contains("$6$") && !done.contains("$y$"),
        "no secret is told"
    );
    let again = house.import(&words);
    assert!(
        again.contains("0 created, 0 changed, 11 unchanged"),
        "{again}"
    );
    house.restart();

    let address = house.node().address("sftp");
    let known_hosts = house.known_hosts(&host_key);
    let folder = house.folder();
    std::fs::write(folder.join("hello"), "hello").unwrap();
    let login = |user: &str, shows: Shows<'_>, commands: &str| {
        sftp(
            address,
            folder,
            user,
            shows,
            Some(known_hosts.as_ref()),
            commands,
        )
    };
    for (name, salt) in HASHED {
        assert!(house.stored_hash(name).starts_with(&salt[..3]), "{name}");
        // By relative and by absolute paths, as their scripts have them.
        let commands = format!("put hello\nput hello /home/{name}/again\nls -1\npwd\n");
        let said = login(name, Shows::Password(PASSWORD), &commands).expect(name);
        assert!(
            said.contains(&format!("Remote working directory: /home/{name}")),
            "{said}"
        );
        assert!(said.contains("again") && said.contains("hello"), "{said}");
        assert!(house.stored_hash(name).starts_with("$argon2id$"), "{name}");
        assert!(
            login(name, Shows::Password(PASSWORD), "pwd\n").is_some(),
            "{name} again"
        );
        assert!(
            login(name, Shows::Password("wrong horse"), "pwd\n").is_none(),
            "{name}"
        );
    }
    assert!(login("keyed", Shows::Key(&key_file), "put hello\n").is_some());
    assert!(
        login("abroad", Shows::Key(&key_file), "pwd\n").is_none(),
        "not from here"
    );
    assert!(
        login("lapsed", Shows::Key(&key_file), "pwd\n").is_none(),
        "no more"
    );
    assert!(login("expired", Shows::Password(PASSWORD), "pwd\n").is_none());
    assert!(login("mustchange", Shows::Password(PASSWORD), "pwd\n").is_none());
    let said = login("chrooted", Shows::Password(PASSWORD), "pwd\n").expect("chrooted");
    assert!(said.contains("Remote working directory: /\n"), "{said}");
    assert!(
        !house.call(&["user", "show", "root"]).0,
        "root stays where he is"
    );

    // What logins changed here is no change there.
    let after = house.import(&words);
    assert!(
        after.contains("0 created, 0 changed, 11 unchanged"),
        "{after}"
    );
}

#[test]
fn a_faulty_line_moves_nobody_until_it_is_left_behind() {
    let house = House::new();
    let passwd = house.file(
        "passwd",
        "acme:x:1000:100::/home/acme:/bin/sh\nbeta:x:1001:100::/home/beta:/bin/sh\n",
    );
    let dear = format!(
        "$6$rounds=900000000${}",
        "s".repeat(8) + "$" + &"x".repeat(86)
    );
    let shadow = house.file(
        "shadow",
        &format!(
            "acme:{dear}:19000:0:99999:7:::\nbeta:{}:19000:0:99999:7:::\n",
            crypt("$6$saltsalt")
        ),
    );
    let words = ["import", "unix", "--passwd", &passwd, "--shadow", &shadow];
    let (ok, out, err) = house.call(&words);
    assert!(
        !ok && err.contains("1 faults, so nothing was moved"),
        "{out}{err}"
    );
    assert!(
        out.contains("fault    acme: ") && out.contains("costs too much"),
        "{out}"
    );
    assert!(!out.contains("xxxx"), "no hash is told");
    assert!(!house.call(&["user", "show", "beta"]).0);
    // A slip in a path moves nobody, either.
    let empty = house.folder().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let host_keys = ["--skip-faulty", "--host-keys", empty.to_str().unwrap()];
    let (ok, _, err) = house.call(&[&words[..], &host_keys].concat());
    assert!(!ok && err.contains("holds no ssh_host_*_key"), "{err}");
    assert!(!house.call(&["user", "show", "beta"]).0);
    let out = house.import(&[&words[1..], &["--skip-faulty"]].concat());
    assert!(
        out.contains("created  user beta") && out.contains("1 created"),
        "{out}"
    );
}
