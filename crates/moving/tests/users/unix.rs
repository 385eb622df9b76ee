//! Machines with OpenSSH.

use std::collections::BTreeMap;
use std::path::Path;

use model::Timestamp;
use moving::users::unix::sshd_config::Included;
use moving::users::unix::{self, Machine};
use moving::users::{Arrivals, ArrivingPassword, Weight};

use crate::{KEY, SHA512, found, hash, names, user};

const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\n\
    daemon:x:1:1::/usr/sbin:/usr/sbin/nologin\n\
    acme:x:1000:100:ACME,,,:/home/acme:/usr/sbin/nologin\n\
    beta:x:1001:1001::/home/beta:/bin/bash\n\
    gone:x:1002:1002::/home/gone:/bin/false\n\
    nobody:x:65534:65534::/nonexistent:/usr/sbin/nologin\n";
const GROUP: &str = "sftp:x:100:\nstaff:x:50:beta,gone\nbeta:x:1001:\n";

/// 2027-01-31.
const NOW: Timestamp = Timestamp::from_seconds(1_801_353_600);
const TODAY: i64 = 1_801_353_600 / 86_400;

#[derive(Default)]
struct Box {
    shadow: String,
    config: &'static str,
    included: Included,
    only: Option<&'static str>,
    files: BTreeMap<&'static str, String>,
}

impl Box {
    fn read(&self) -> moving::Result<Arrivals> {
        let machine = Machine {
            passwd: PASSWD,
            shadow: Some(&self.shadow),
            group: Some(GROUP),
            gshadow: Some("staff:!::acme\nothers:!::beta\n"),
            sshd_config: Some(self.config),
            included: &self.included,
            only: self.only,
            min_uid: 1000,
            home: "/inbox/${transfer:UserName}",
            now: NOW,
        };
        let file = |path: &Path, _: &Path, _: &str| {
            let path = path.to_str().expect("UTF-8");
            match self.files.get(path).map(String::as_str) {
                Some("unreadable") => Err("permission denied".to_owned()),
                text => Ok(text.map(str::to_owned)),
            }
        };
        unix::read(&machine, &file)
    }

    fn arrivals(&self) -> Arrivals {
        self.read().expect("read")
    }
}

fn shadow(lines: &[(&str, &str)]) -> Box {
    let lines = lines.iter().map(|(name, rest)| format!("{name}:{rest}\n"));
    Box {
        shadow: lines.collect(),
        ..Box::default()
    }
}

#[test]
fn people_move_and_the_system_stays() {
    let machine = shadow(&[
        ("root", &format!("{SHA512}:19000:0:99999:7:::")),
        ("acme", &format!("{SHA512}:19000:0:99999:7:::")),
    ]);
    let arrivals = machine.arrivals();
    assert_eq!(names(&arrivals), ["acme", "beta", "gone"]);
    assert_eq!(hash(user(&arrivals, "acme")), Some(SHA512));
    assert!(matches!(
        user(&arrivals, "beta").password,
        ArrivingPassword::None
    ));
    assert_eq!(
        user(&arrivals, "acme").profile.home_directory,
        "/inbox/acme"
    );
    let members = |group| {
        let machine = Box {
            only: Some(group),
            ..Box::default()
        };
        names(&machine.arrivals())
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    assert_eq!(members("sftp"), ["acme"], "by his own group");
    assert_eq!(
        members("staff"),
        ["acme", "beta", "gone"],
        "gshadow adds one"
    );
    let nowhere = Box {
        only: Some("nowhere"),
        ..Box::default()
    };
    assert!(nowhere.read().unwrap_err().to_string().contains("nowhere"));
}

#[test]
fn locked_passwords_stay_behind_and_what_ended_stays_ended() {
    let machine = shadow(&[
        ("acme", &format!("!{SHA512}:19000:0:99999:7:::")),
        ("beta", &format!("{SHA512}:0:0:99999:7:::")),
        (
            "gone",
            &format!("{SHA512}:{}:0:90:7::{}:", TODAY - 91, TODAY - 1),
        ),
    ]);
    let arrivals = machine.arrivals();
    assert!(matches!(
        user(&arrivals, "acme").password,
        ArrivingPassword::None
    ));
    assert!(found(&arrivals, Weight::Note, "acme")[0].contains("locked"));
    let beta = user(&arrivals, "beta");
    assert!(beta.profile.disabled, "he must change it first");
    assert_eq!(hash(beta), Some(SHA512));
    let gone = user(&arrivals, "gone");
    assert!(gone.profile.disabled, "it is too old");
    let end = gone.profile.expires.expect("an end").as_seconds();
    assert_eq!(end, (TODAY - 1) * 86_400);
    let soon = shadow(&[("acme", &format!("{SHA512}:{}:0:90:7:::", TODAY - 30))]);
    let arrivals = soon.arrivals();
    assert!(!user(&arrivals, "acme").profile.disabled);
    let told = found(&arrivals, Weight::Note, "acme").join(" ");
    assert!(told.contains("do not get old here"), "{told}");
}

#[test]
fn a_hash_that_is_too_dear_or_unknown_is_told_without_it() {
    let dear = "$6$rounds=999999999$saltsalt$hRM5XZ86KXEw9UOmjigeVqFgULtFB2sgpC9lXQDfMib3Zgw7mEiUvBJI2EplzfAqxL5Vvwp2scFtv/uamSo5z0";
    let machine = shadow(&[
        ("acme", &format!("{dear}:19000:0:99999:7:::")),
        ("beta", "ab01FAX.bQRSU:19000:0:99999:7:::"),
        ("gone", "not nine fields"),
    ]);
    let arrivals = machine.arrivals();
    assert!(found(&arrivals, Weight::Fault, "acme")[0].contains("costs too much"));
    assert!(found(&arrivals, Weight::Fault, "beta")[0].contains("none of the formats"));
    assert!(found(&arrivals, Weight::Fault, "shadow, line 3")[0].contains("nine fields"));
    let told = format!("{:?}", arrivals.findings);
    assert!(
        !told.contains("hRM5XZ86") && !told.contains("FAX"),
        "{told}"
    );
}

#[test]
fn keys_come_with_their_bounds_or_not_at_all() {
    let text = [
        "# keys of acme".to_owned(),
        format!("from=\"192.0.2.0/24,!192.0.2.9\",no-pty,expiry-time=\"20280131\" {KEY}"),
        format!("command=\"/usr/bin/rrsync /srv\" {KEY}"),
        format!("command=\"internal-sftp -R\" {KEY}"),
        format!("from=\"*.example.com\" {KEY}"),
        format!("cert-authority {KEY}"),
        format!("no-such-option {KEY}"),
        "root:$6$hunter2:19000".to_owned(),
        "ssh-dss AAAAB3NzaC1kc3MAAACB old".to_owned(),
    ];
    let machine = Box {
        files: BTreeMap::from([
            ("/home/acme/.ssh/authorized_keys", text.join("\n")),
            (
                "/home/beta/.ssh/authorized_keys2",
                format!("restrict,command=\"/usr/lib/openssh/sftp-server\" {KEY}\n"),
            ),
            ("/home/gone/.ssh/authorized_keys", "unreadable".to_owned()),
        ]),
        ..Box::default()
    };
    let arrivals = machine.arrivals();
    let [key] = user(&arrivals, "acme").keys.as_slice() else {
        panic!("{:?}", user(&arrivals, "acme").keys);
    };
    assert_eq!(key.bounds.networks.allow, ["192.0.2.0/24"]);
    assert_eq!(key.bounds.networks.deny, ["192.0.2.9"]);
    assert!(key.bounds.expires.is_some());
    let faults = found(&arrivals, Weight::Fault, "acme");
    assert_eq!(faults.len(), 7, "{faults:?}");
    assert!(!format!("{faults:?}").contains("hunter2"));
    assert_eq!(user(&arrivals, "beta").keys.len(), 1);
    assert!(found(&arrivals, Weight::Fault, "gone")[0].contains("permission denied"));
}

#[test]
fn paths_stay_what_partners_know() {
    let tree = |config| {
        let machine = Box {
            config,
            ..Box::default()
        };
        let arrivals = machine.arrivals();
        let profile = &user(&arrivals, "acme").profile;
        let mappings = profile.mappings.iter();
        let mappings = mappings.map(|it| format!("{}={}", it.entry, it.target));
        (
            profile.home_directory.clone(),
            mappings.collect::<Vec<_>>().join(" "),
        )
    };
    for (config, home, mappings) in [
        ("", "/inbox/acme", "/home/acme=/inbox/acme"),
        (
            "Match Group sftp\n  ChrootDirectory %h\n  ForceCommand internal-sftp\n",
            "/inbox/acme",
            "",
        ),
        (
            "Match User a*\n  ChrootDirectory /srv/%u\n  ForceCommand internal-sftp -d /upload -l INFO\n",
            "/inbox/acme/upload",
            "/=/inbox/acme /upload=/inbox/acme/upload",
        ),
        (
            "Match Group sftp\nChrootDirectory /home\nForceCommand internal-sftp\n",
            "/inbox/acme",
            "/acme=/inbox/acme",
        ),
        (
            "Match Group staff,!sftp\nChrootDirectory %h\n",
            "/inbox/acme",
            "/home/acme=/inbox/acme",
        ),
        (
            "Match Address 192.0.2.0/24\nChrootDirectory %h\n",
            "/inbox/acme",
            "/home/acme=/inbox/acme",
        ),
    ] {
        assert_eq!(
            tree(config),
            (home.to_owned(), mappings.to_owned()),
            "{config}"
        );
    }
}

#[test]
fn what_sshd_config_denies_stays_denied() {
    let machine = Box {
        config: "AllowUsers acme@192.0.2.0/24 gone beta\nDenyUsers gone\nPasswordAuthentication no\n\
                 KbdInteractiveAuthentication no\nAuthorizedKeysFile /etc/keys/%u\nInclude /etc/x\n\
                 Match User beta\n ForceCommand /usr/bin/cvs server\n\
                 Match User acme\n AuthenticationMethods publickey,password\n ForceCommand internal-sftp -R\n",
        files: BTreeMap::from([("/etc/keys/acme", KEY.to_owned())]),
        ..shadow(&[("acme", &format!("{SHA512}:19000:0:99999:7:::"))])
    };
    let arrivals = machine.arrivals();
    assert_eq!(names(&arrivals), ["acme"]);
    assert!(found(&arrivals, Weight::Skipped, "gone")[0].contains("DenyUsers"));
    assert!(found(&arrivals, Weight::Skipped, "beta")[0].contains("ForceCommand"));
    assert!(found(&arrivals, Weight::Note, "sshd_config, line 6")[0].contains("include"));
    let acme = user(&arrivals, "acme");
    assert_eq!(acme.profile.networks.allow, ["192.0.2.0/24"]);
    assert_eq!(acme.profile.permissions.to_string(), "read,list");
    assert_eq!(
        acme.profile.methods.as_deref(),
        Some("PUBLIC_KEY_AND_PASSWORD")
    );
    assert!(hash(acme).is_none(), "no passwords were taken there");
    assert_eq!(acme.keys.len(), 1);
}

#[test]
fn what_sshd_config_includes_counts_where_it_stands() {
    let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    let machine = Box {
        config: "Include sshd_config.d/*.conf\nPasswordAuthentication yes\nKbdInteractiveAuthentication no\n\
                 Match Group sftp\n Include more/*\n Include gone/*\n ForceCommand internal-sftp\n",
        included: Included::from([
            (
                "sshd_config.d/*.conf".to_owned(),
                texts(&[
                    "Match User beta\n ChrootDirectory %h\n",
                    "PasswordAuthentication no\n",
                ]),
            ),
            (
                "more/*".to_owned(),
                texts(&["Match User acme\n ForceCommand internal-sftp -R\n", ""]),
            ),
        ]),
        ..shadow(&[("acme", &format!("{SHA512}:19000:0:99999:7:::"))])
    };
    let arrivals = machine.arrivals();
    let acme = user(&arrivals, "acme");
    assert!(
        hash(acme).is_none(),
        "the block for beta ended with its file"
    );
    assert_eq!(acme.profile.permissions.to_string(), "read,list");
    assert_eq!(acme.profile.mappings[0].entry, "/home/acme");
    let beta = user(&arrivals, "beta");
    assert_eq!(beta.profile.mappings, []);
    assert_eq!(beta.profile.permissions, policy::Permissions::ALL);
    assert_eq!(
        found(&arrivals, Weight::Note, "sshd_config, line 6").len(),
        1
    );
    let round = Box {
        config: "Include x\n",
        included: Included::from([
            ("x".to_owned(), texts(&["Include y\n"])),
            ("y".to_owned(), texts(&["Include x\nInclude x\n"])),
        ]),
        ..Box::default()
    };
    let arrivals = round.arrivals();
    let notes = found(&arrivals, Weight::Note, "");
    assert!(
        !notes.is_empty() && notes.len() < 3_000,
        "no round is endless"
    );
}
