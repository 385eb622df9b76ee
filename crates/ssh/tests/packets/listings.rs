//! READDIR and its longnames.

use sftp::{Reply, StatusCode};

use crate::support::*;

#[tokio::test]
async fn longnames_are_what_ls_prints() {
    let house = House::new().await;
    let mut partner = house.partner().await;
    partner.ok(mkdir("a directory")).await;
    partner.put("a file", &pattern(1234)).await;
    partner.ok(setstat("a file", times(981_173_106))).await;
    let entries = partner.list("/").await;
    for (name, kind, size) in [("a directory", 'd', None), ("a file", '-', Some("1234"))] {
        let entry = entries
            .iter()
            .find(|entry| entry.name == name)
            .expect("listed");
        let line = std::str::from_utf8(&entry.longname).expect("UTF-8");
        assert!(line.ends_with(&format!(" {name}")), "{line}");
        let words: Vec<_> = line.split_whitespace().collect();
        let permissions: Vec<char> = words[0].chars().collect();
        assert_eq!(permissions.len(), 10, "{line}");
        assert_eq!(permissions[0], kind);
        assert!(
            permissions[1..]
                .iter()
                .all(|letter| "rwx-".contains(*letter)),
            "{line}"
        );
        assert!(words[1].parse::<u32>().is_ok(), "links: {line}");
        assert!(words[4].parse::<u64>().is_ok(), "size: {line}");
        assert!(size.is_none_or(|size| words[4] == size), "{line}");
        let months = "JanFebMarAprMayJunJulAugSepOctNovDec";
        assert_eq!(months.find(words[5]).map(|at| at % 3), Some(0), "{line}");
        if kind == '-' {
            assert_eq!(words[5..8], ["Feb", "3", "2001"], "{line}");
        }
    }
}

#[tokio::test]
async fn listings_come_in_packets_that_every_client_takes() {
    let house = House::new().await;
    let mut partner = house.partner().await;
    let name = |number: usize| format!("{number:04}-{}", "n".repeat(200));
    let mut expected = Vec::new();
    for number in 0..300 {
        house.plant(&name(number), b"x").await;
        expected.push(name(number));
    }
    let handle = partner.handle(opendir("/")).await;
    let mut listed = Vec::new();
    loop {
        match partner.call(readdir(&handle)).await {
            Reply::Name(entries) => {
                assert!(
                    !entries.is_empty(),
                    "a count of nought ends the listing for some"
                );
                let length: usize = entries.iter().map(sftp::Name::encoded_len).sum();
                assert!(length <= 64 << 10, "{length} bytes in one NAME");
                listed.extend(entries.into_iter().map(|entry| entry.name));
            }
            reply => {
                assert_eq!(code(&reply), Some(StatusCode::Eof), "{reply:?}");
                break;
            }
        }
    }
    assert_eq!(
        partner.code(readdir(&handle)).await,
        StatusCode::Eof,
        "as often as asked"
    );
    listed.retain(|name| name != "." && name != "..");
    assert_eq!(listed, expected);
}
