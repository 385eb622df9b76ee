//! Every format against hashes that other programs made (`vectors.tsv`), and against nonsense.

use proptest::prelude::*;

use super::*;

#[derive(Debug)]
struct Vector {
    format: &'static str,
    program: &'static str,
    password: &'static str,
    hash: &'static str,
}

/// Made by libxcrypt, passlib, argon2's reference and Python's hashlib.
fn vectors() -> Vec<Vector> {
    let lines = include_str!("vectors.tsv").lines();
    let vector = |line: &'static str| {
        let mut fields = line.split('\t');
        let mut field = || fields.next().expect("four fields");
        Vector {
            format: field(),
            program: field(),
            password: field(),
            hash: field(),
        }
    };
    lines
        .filter(|line| !line.starts_with('#'))
        .map(vector)
        .collect()
}

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

fn verifies(password: &str, hash: &PasswordHash) -> bool {
    hash.verify(&secret(password)).expect("hashed")
}

#[test]
fn the_hashes_of_other_programs_fit_their_passwords_and_no_others() {
    let vectors = vectors();
    assert!(vectors.len() >= 250, "{}", vectors.len());
    for Vector {
        format,
        program,
        password,
        hash,
    } in vectors
    {
        let parsed = PasswordHash::parse(hash).expect(hash);
        assert_eq!(parsed.format().as_str(), format, "{hash}");
        assert!(verifies(password, &parsed), "{program}: {hash}");
        let wrong = [format!("!{password}"), password.chars().skip(1).collect()];
        for wrong in wrong.iter().filter(|wrong| *wrong != password) {
            assert!(!verifies(wrong, &parsed), "{program}: {hash} by {wrong}");
        }
    }
}

#[test]
fn every_format_has_vectors() {
    use HashFormat::*;
    let formats = [
        Argon2id,
        Argon2i,
        Argon2d,
        Bcrypt,
        Scrypt,
        Pbkdf2Sha1,
        Pbkdf2Sha256,
        Pbkdf2Sha512,
        Yescrypt,
        Sha512Crypt,
        Sha256Crypt,
        Md5Crypt,
        Apr1,
        Md5,
        SaltedMd5,
        Sha1,
        SaltedSha1,
        Sha256,
        SaltedSha256,
        Sha512,
        SaltedSha512,
        Sha224,
    ];
    let vectors = vectors();
    for format in formats {
        let count = vectors
            .iter()
            .filter(|vector| vector.format == format.as_str())
            .count();
        assert!(count >= 5, "{format}: {count}");
    }
}

#[test]
fn costs_are_told() {
    for (hash, cost) in [
        (
            "$2b$12$L6Bc/AlTQHyd9liGgGEZyOFLPHNgyxeEPfgYfBCVxJ7JIlwxyVU3u",
            "cost=12",
        ),
        ("$6$rounds=1000$0123456789abcdef$", ""),
    ] {
        let told = PasswordHash::parse(hash)
            .map(|hash| hash.cost())
            .unwrap_or_default();
        assert_eq!(told, cost);
    }
    let cost_of = |start: &str| {
        let found = vectors()
            .into_iter()
            .find(|vector| vector.hash.starts_with(start));
        let hash = PasswordHash::parse(found.expect(start).hash).expect(start);
        format!("{hash:?}")
    };
    assert_eq!(
        cost_of("$argon2id$v=19$m=64,t=2,p=2"),
        "PasswordHash(argon2id m=64,t=2,p=2)"
    );
    assert_eq!(
        cost_of("$6$saltsalt0$"),
        "PasswordHash(sha512-crypt rounds=5000)"
    );
    assert_eq!(cost_of("$y$j9T$"), "PasswordHash(yescrypt N=4096,r=32)");
    assert_eq!(cost_of("$7$6"), "PasswordHash(scrypt ln=8,r=8,p=1)");
    assert_eq!(
        cost_of("pbkdf2_sha256$800$"),
        "PasswordHash(pbkdf2-sha256 rounds=800)"
    );
    assert_eq!(cost_of("{SSHA}"), "PasswordHash(salted-sha1)");
}

#[test]
fn hashes_that_cost_too_much_are_refused_and_say_so() {
    let salt = "AAAAAAAAAAAAAAAAAAAAAA";
    let bytes32 = "A".repeat(43);
    for hash in [
        format!("$argon2id$v=19$m=524288,t=1,p=1${salt}${bytes32}"),
        format!("$argon2id$v=19$m=65536,t=17,p=1${salt}${bytes32}"),
        format!("$argon2id$v=19$m=65536,t=1,p=65${salt}${bytes32}"),
        "$2b$15$L6Bc/AlTQHyd9liGgGEZyOFLPHNgyxeEPfgYfBCVxJ7JIlwxyVU3u".to_owned(),
        format!("$scrypt$ln=22,r=1,p=1${salt}${bytes32}"),
        format!("$scrypt$ln=20,r=8,p=1${salt}${bytes32}"),
        format!("$scrypt$ln=15,r=8,p=64${salt}${bytes32}"),
        format!("$scrypt$ln=1,r=4294967295,p=4294967295${salt}${bytes32}"),
        format!("$pbkdf2-sha256$3000001${salt}${bytes32}"),
        format!("$pbkdf2-sha256$99999999999${salt}${bytes32}"),
        format!("$pbkdf2$2000000${salt}${}", "A".repeat(86)),
        format!("$y$jFT${salt}${}", ".".repeat(43)),
        format!("$6$rounds=1000001$salt${}", ".".repeat(86)),
        format!("$5$rounds=999999999$salt${}", ".".repeat(43)),
    ] {
        let refused = PasswordHash::parse(&hash).expect_err(&hash);
        assert!(
            matches!(refused, InvalidHash::TooDear { .. }),
            "{hash}: {refused}"
        );
        assert!(refused.to_string().contains("costs too much"), "{refused}");
        assert!(!refused.to_string().contains(salt), "{refused}");
    }
}

#[test]
fn what_is_no_hash_is_refused() {
    for (hash, why) in [
        ("", "none of the formats"),
        ("hunter2", "none of the formats"),
        ("5f4dcc3b5aa765d61d8327deb882cf99", "none of the formats"),
        ("abJnggxhB/yWI", "none of the formats"),
        ("$md5$rounds=5000$abc$def", "none of the formats"),
        ("{CLEARTEXT}hunter2", "none of the formats"),
        ("{CRYPT}", "none of the formats"),
        (
            "$2x$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e",
            "faulty bcrypt",
        ),
        (
            "$2b$03$L6Bc/AlTQHyd9liGgGEZyOFLPHNgyxeEPfgYfBCVxJ7JIlwxyVU3u",
            "below 4",
        ),
        (
            "$2b$12$L6Bc/AlTQHyd9liGgGEZyOFLPHNgyxeEPfgYfBCVxJ7JIlwxyVU3",
            "60 characters",
        ),
        ("$argon2id$v=19$m=65536,t=3,p=4", "$argon2id$v=19"),
        (
            "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ",
            "$argon2id$v=19",
        ),
        (
            "$argon2x$v=19$m=64,t=3,p=4$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=19",
        ),
        ("$6$salt$short", "$6$rounds=..$salt$hash"),
        ("$6$salt$....", "wrong length"),
        ("$6$rounds=999$salt$....", "fewer than 1000"),
        ("$6$rounds=05000$salt$....", "not a number"),
        ("$6$seventeenletters!$....", "more than 16"),
        ("$1$salt$....", "22 characters"),
        ("$y$j9T$salt$", "wrong length"),
        ("$y$.9T$salt$....", "flavour j"),
        ("$y$j9T.1$salt$....", "flavour j"),
        ("$pbkdf2-sha3$1000$AAAA$AAAA", "sha1, sha256 or sha512"),
        ("$pbkdf2-sha256$0$AAAA$AAAAAAAAAAAAAAAAAAAAAA", "no rounds"),
        ("$pbkdf2-sha256$1000$AAAA$AAAA", "16 to 64 bytes"),
        (
            "$pbkdf2-sha256$i=1000,l=32$AAAA$AAAAAAAAAAAAAAAAAAAAAA",
            "as long as it says",
        ),
        ("{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9", "whole base64"),
        ("{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9gA", "wrong length"),
        ("{SSHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "wrong length"),
    ] {
        let refused = PasswordHash::parse(hash).expect_err(hash).to_string();
        assert!(refused.contains(why), "{hash}: {refused}");
    }
    let endless = format!("{{SSHA}}{}", "A".repeat(2000));
    assert_eq!(
        PasswordHash::parse(&endless).expect_err("long"),
        InvalidHash::TooLong
    );
}

#[test]
fn letters_between_braces_may_be_small_and_space_around_is_dropped() {
    let hash = PasswordHash::parse(" {sha}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n").expect("hash");
    assert!(verifies("password", &hash));
}

#[test]
fn only_argon2id_of_todays_cost_is_left_as_it_is() {
    let today = HashCost {
        memory_kib: 64,
        passes: 1,
        lanes: 1,
    };
    for Vector { hash, .. } in vectors() {
        let ours = hash.contains("$argon2id$v=19$m=64,t=1,p=1$");
        let parsed = PasswordHash::parse(hash).expect(hash);
        assert_eq!(parsed.needs_rehash(today), !ours, "{hash}");
    }
}

#[test]
fn endless_passwords_and_zero_bytes_are_wrong_and_cheap() {
    for Vector { hash, .. } in vectors() {
        let parsed = PasswordHash::parse(hash).expect(hash);
        assert!(!verifies(&"x".repeat(Passwords::MAX_BYTES + 1), &parsed));
    }
    let empty = vectors()
        .into_iter()
        .find(|v| v.password.is_empty() && v.format == "bcrypt");
    let empty = PasswordHash::parse(empty.expect("vector").hash).expect("hash");
    assert!(!verifies("\0", &empty));
}

proptest! {
    #[test]
    fn nonsense_is_refused_without_a_panic(text in "\\PC{0,80}") {
        let _ = PasswordHash::parse(&text);
    }

    #[test]
    fn nonsense_behind_a_known_beginning_is_refused_without_a_panic(
        start in proptest::sample::select(READERS.map(|(start, _)| start).to_vec()),
        rest in "[$,=./0-9A-Za-z+-]{0,120}",
    ) {
        if let Ok(hash) = PasswordHash::parse(&format!("{start}{rest}")) {
            let _ = format!("{hash:?}");
        }
    }

    /// A slip within the salt, the hash or the settings is either seen, or the password is wrong.
    #[test]
    fn a_hash_with_one_character_changed_does_not_fit(
        vector in (0..vectors().len()).prop_map(|at| vectors().remove(at)),
        place in 4_usize..120,
        character in "[$,=./0-9A-Za-z+]",
    ) {
        let original = PasswordHash::parse(vector.hash).expect("vector");
        let mut text = vector.hash.to_owned();
        prop_assume!(place < text.len());
        text.replace_range(place..=place, &character);
        prop_assume!(!text.eq_ignore_ascii_case(vector.hash));
        if let Ok(changed) = PasswordHash::parse(&text)
            // What became dearer is not worth the wait.
            && changed.cost() == original.cost()
        {
            prop_assert!(!verifies(vector.password, &changed), "{}", text);
        }
    }
}
