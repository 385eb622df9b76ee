//! Names that are no names, and names that only look odd.

use sftp::{Extended, Reply, Request, StatusCode};

use crate::support::*;

#[tokio::test]
async fn names_that_cannot_be_are_refused_with_words_by_every_verb() {
    let house = House::new().await;
    let mut partner = house.partner().await;
    partner.put("a", b"a").await;
    let long_name = "n".repeat(256);
    let long_path = "p/".repeat(2100);
    let longer_path = "p/".repeat(5000);
    for name in [
        &b"caf\xe9"[..],
        b"\xff\xfe",
        b"a\0b",
        b"a\nb",
        b"a\x7fb",
        b"a\x1b[2Jb",
        "a\u{85}b".as_bytes(),
        long_name.as_bytes(),
        long_path.as_bytes(),
        longer_path.as_bytes(),
    ] {
        for request in [
            open(name, R),
            open(name, W | C | T),
            stat(name),
            lstat(name),
            setstat(name, times(1)),
            opendir(name),
            remove(name),
            mkdir(name),
            rmdir(name),
            realpath(name),
            rename("a", name),
            rename(name, "b"),
            posix_rename("a", name),
            Request::Readlink { path: bytes(name) },
            Request::Extended(Extended::Statvfs { path: bytes(name) }),
        ] {
            let reply = partner.call(request.clone()).await;
            let Reply::Status(status) = reply else {
                panic!("{request:?}: {reply:?}")
            };
            assert!(
                !matches!(status.code, StatusCode::Ok | StatusCode::Eof),
                "{request:?}: {status:?}"
            );
            let words = std::str::from_utf8(&status.message).expect("words");
            assert!(words.len() > 10, "{request:?}: {words:?}");
            assert!(!words.chars().any(char::is_control), "{words:?}");
        }
    }
    assert_eq!(partner.names("").await, ["a"], "nothing came of it");
    assert_eq!(house.keys().await, ["a"]);
}

#[tokio::test]
async fn odd_names_are_names() {
    let house = House::new().await;
    let mut partner = house.partner().await;
    let longest = "n".repeat(255);
    let names = [
        " leading and trailing ",
        "a%2Fb",
        "a\\b",
        "a*?[x]",
        "ünïcödé – 日本語 🚢",
        "-rf",
        "...",
        "~",
        "#1;'\"$(x)`",
        "a.b.c..d",
        longest.as_str(),
    ];
    for name in names {
        partner.put(&format!("/{name}"), name.as_bytes()).await;
    }
    let mut expected: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    expected.sort();
    assert_eq!(partner.names("/").await, expected);
    assert_eq!(house.keys().await, expected, "each name is its key");
    for name in names {
        assert_eq!(partner.get(name).await, name.as_bytes());
        partner.ok(rename(format!("/{name}"), "/moved")).await;
        partner.ok(rename("moved", name)).await;
        partner.ok(remove(name)).await;
    }
    assert_eq!(house.keys().await, Vec::<String>::new());
}

#[tokio::test]
async fn no_path_leads_out_of_the_home() {
    let house = House::new().await;
    house.plant_outside("secret", b"of another").await;
    let mut partner = house.partner().await;
    for path in [
        "../secret",
        "/../secret",
        "../../secret",
        "./../secret",
        "/x/../../secret",
        "../partner2/secret",
        "/..//secret",
    ] {
        assert_eq!(
            partner.code(open(path, R)).await,
            StatusCode::NoSuchFile,
            "{path}"
        );
        let reply = partner.call(stat(path)).await;
        assert_eq!(
            code(&reply),
            Some(StatusCode::NoSuchFile),
            "{path}: {reply:?}"
        );
    }
    partner.put("../secret", b"mine").await;
    assert_eq!(
        house.object("secret").await,
        Some(b"mine".to_vec()),
        "`..` of the home is it"
    );
    assert_eq!(house.outside("secret").await, Some(b"of another".to_vec()));
}
