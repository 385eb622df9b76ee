//! Texts that nobody meant well with: whatever they hold, they are read to an end, and nobody is let
//! in as root.

use std::path::Path;

use model::Timestamp;
use moving::users::ldif::{Directory, GroupsAre};
use moving::users::sftpgo::Places;
use moving::users::unix::Machine;
use moving::users::unix::sshd_config::Included;
use moving::users::{aws_transfer, csv, dynamodb, ldif, sftpgo, unix};
use proptest::prelude::*;

const NOW: Timestamp = Timestamp::from_seconds(1_801_353_600);

/// Words that readers look for, so that random texts get somewhere.
fn text() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("name"),
        Just("acme"),
        Just(":"),
        Just(","),
        Just("\n"),
        Just("\""),
        Just("x"),
        Just("$6$"),
        Just("ssh-ed25519 "),
        Just("from="),
        Just("Match User "),
        Just("ChrootDirectory "),
        Just("%"),
        Just("dn: "),
        Just(" "),
        Just("::"),
        Just("{"),
        Just("}"),
        Just("["),
        Just("]"),
        Just("\"users\":"),
        Just("-9223372036854775808"),
        Just("1000"),
        Just("/"),
        Just("é"),
        Just("\0"),
        Just("="),
        Just("*"),
        Just("!"),
        Just("ForceCommand internal-sftp -d "),
        Just("Items"),
        Just("\nInclude x\n"),
    ];
    prop::collection::vec(word, 0..60).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_text_is_read_to_an_end(text in text(), other in text()) {
        let home = Some("/inbox/${transfer:UserName}");
        let _ = csv::read(&text, home);
        let _ = aws_transfer::read(std::slice::from_ref(&text), std::slice::from_ref(&other), None);
        let _ = dynamodb::read(std::slice::from_ref(&text), &[], home);
        let _ = sftpgo::read(&text, Places { home, folders: None });
        let directory = Directory {
            name: "uid", home_attribute: None, home, only: None, groups: GroupsAre::Groups, now: NOW,
        };
        let _ = ldif::read(&text, &directory);
        let passwd = format!("root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/:/bin/sh\nacme:x:1000:1000::/home/acme:/bin/sh\n{text}");
        let included = Included::from([("x".to_owned(), vec![other.clone(), "Include x".to_owned()])]);
        let machine = Machine {
            passwd: &passwd, shadow: Some(&other), group: Some(&text), gshadow: Some(&other),
            sshd_config: Some(&text), included: &included, only: None, min_uid: 0, home: "/inbox/x", now: NOW,
        };
        let file = |_: &Path, _: &Path, _: &str| Ok(Some(other.clone()));
        let arrivals = unix::read(&machine, &file).unwrap();
        prop_assert!(!arrivals.users().iter().any(|user| ["root", "toor"].contains(&user.name.as_str())));
    }
}

#[test]
fn a_line_of_a_million_commas_takes_no_time() {
    let commas = ",".repeat(1_000_000);
    let line = format!("{commas} ssh-ed25519");
    let file = |_: &Path, _: &Path, _: &str| Ok(Some(line.clone()));
    let machine = Machine {
        passwd: "acme:x:1000:1000::/home/acme:/bin/sh\n",
        shadow: None,
        group: None,
        gshadow: None,
        sshd_config: Some(&commas),
        included: &Included::new(),
        only: None,
        min_uid: 1000,
        home: "/inbox/x",
        now: NOW,
    };
    assert_eq!(unix::read(&machine, &file).unwrap().users()[0].keys, []);
}
