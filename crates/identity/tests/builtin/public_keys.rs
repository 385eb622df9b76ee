//! Public keys as people hand them in.

use identity::PublicKey;
use proptest::prelude::*;

/// What `ssh-keygen` made, and what `ssh-keygen -l` says of it.
pub(crate) const KEYS: [(&str, &str); 5] = [
    (
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMSwqe2HfRfewYo2idd6Rc4JcF+PCc6YRYloAfsh5Y2l me@laptop",
        "SHA256:7RHQIFDSkRcgZDVnitPhq86TSSJaoIXNrRygUoZvoeo",
    ),
    (
        "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBBAdcVPOHs5n4nmqWR2AAs3oUBGs/AGa/aaA6Grzv1R/UvW+jfkU84dKd570ydtT8IV0wZglh+3X2Uaw7Gksd9s= me@laptop",
        "SHA256:DNUeRV72P9G4/qZ/aEciKlfHRbG/uDe9eNlFtThqArw",
    ),
    (
        "ecdsa-sha2-nistp384 AAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAAAIbmlzdHAzODQAAABhBFNhoe5w3CUuOYwpRS6FiOj+2wfz4cBiblRgM5p5tzYW2pf7SngQh9fDJEGdwkrTU4qYIRt1iqhXsqCI/QTy1XwUiaAj15HpXbZfu9eWl/6wCeAYnhvyRRKh/8/MXl1oPw== me@laptop",
        "SHA256:VQhVVJELfV7BZreAiJJQHD0ryI5va9Yon+ZcjIzUiUk",
    ),
    (
        "ecdsa-sha2-nistp521 AAAAE2VjZHNhLXNoYTItbmlzdHA1MjEAAAAIbmlzdHA1MjEAAACFBAArmEj066QcISeqBBL3rtrDRY592P/9/igIdGg7JQedWRBeh/1c1zEZM7qACUpvbGrUtKskj6eEikqJ59QiPerfPgBVlvxoqYeXzZvFerJ+X2QTo/QEw7zCHhmUpSqpf8nFfP3oewvXiFXFFrvTif01mICxMpbqx+U8rBJSvzT9vo5pYQ== me@laptop",
        "SHA256:5UmWI9iXVxlv8dKseckqMzYdcbjL/eB+WzvIvEsjn0w",
    ),
    (
        "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC7DS4LXCyQ782J9qHwy+UDT80LCgPpCHc8cGrrpafDMBChYjW3yNmtyIeNKpFrzkOShsPkVVubdwMvWi9cN/QEPKTtKTfSNSm84msK6F6tHk8/TrmfTcAYfOFOPdzZhuY1oWevOA71rwROLyufNzf8t38/suWpiWUtHGhQoYK/YQlAKaKH7ESUS/zruj5YFvsTkofcUS5GeuT+8oWVKCZVu4MC691aNR4ZnMRpYn3mLiaZL/akdYYNbGX3SP685YzzdWa1aILjwTqsq66HNzLQZDTGZJBv9eeepZTFOJ6JeFLr2J1b8xorryNSFY+RbEPYZMEBA0gnksJKG2UM/xuB me@laptop",
        "SHA256:sSLpnQjOOkgIqJUEZ8b3fppyrMdv7v5DMH8MhTcRumA",
    ),
];

const RSA_1024: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDbWPmrqRCNvd7KYRc4ZiYr5HJkE5lO8nE1fGKPoGIEv+wbAeLZ6i2NZKAydcpYZ5hZu9R7GXHKJK8+9GUkFWyySQXqs/sFCeCAmjT3k0FWA7CmGCHD0uMdSvHJraA7+ROputBWZy3cSNjRL8kzdFsi4MwceIs0nh9AXQ99JhI+WQ==";

fn strings(parts: &[&[u8]]) -> Vec<u8> {
    let mut blob = Vec::new();
    for part in parts {
        let length = u32::try_from(part.len()).expect("short");
        blob.extend(length.to_be_bytes());
        blob.extend(*part);
    }
    blob
}

fn error(text: &str) -> String {
    PublicKey::parse(text).expect_err(text).to_string()
}

#[test]
fn keys_of_openssh_are_read_and_written_back() {
    for (text, fingerprint) in KEYS {
        let key = PublicKey::parse(&format!("  {text}\r\n")).expect(text);
        assert_eq!(key.to_string(), text);
        assert_eq!(key.fingerprint(), fingerprint);
        assert_eq!(key.comment(), "me@laptop");
        let again = PublicKey::from_blob(key.blob()).expect("blob");
        assert_eq!(
            (again.algorithm(), again.body()),
            (key.algorithm(), key.body())
        );
    }
}

#[test]
fn security_keys_are_taken() {
    let point: Vec<u8> = [4].into_iter().chain([7; 64]).collect();
    for blob in [
        strings(&[b"sk-ssh-ed25519@openssh.com", &[7; 32], b"ssh:"]),
        strings(&[
            b"sk-ecdsa-sha2-nistp256@openssh.com",
            b"nistp256",
            &point,
            b"ssh:",
        ]),
    ] {
        let key = PublicKey::from_blob(&blob).expect("key");
        assert_eq!(PublicKey::parse(&key.to_string()), Ok(key));
    }
}

#[test]
fn what_is_no_key_is_refused_with_a_reason() {
    let ed25519 = KEYS[0].0;
    let body = ed25519.split(' ').nth(1).expect("body");
    for (text, reason) in [
        (String::new(), "expected an algorithm"),
        ("ssh-ed25519".to_owned(), "expected an algorithm"),
        (format!("ssh-ed25519 {}", &body[..40]), "cut off"),
        (format!("ssh-ed25519 {}", &body[..41]), "not whole base64"),
        (format!("ssh-ed25519 {body}AAAA"), "bytes behind"),
        (format!("ssh-rsa {body}"), "another algorithm"),
        (format!("ssh-dss {body}"), "DSA"),
        (
            format!("ssh-ed25519-cert-v01@openssh.com {body}"),
            "certificates",
        ),
        (format!("from=\"10.0.0.1\" {ed25519}"), "options"),
        (format!("restrict {ed25519}"), "options"),
        (format!("{ed25519}\n{ed25519}"), "more than one line"),
        (format!("{ed25519}\u{7}"), "control character"),
        (
            "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blbn".to_owned(),
            "private key",
        ),
        (
            "---- BEGIN SSH2 PUBLIC KEY ----".to_owned(),
            "one-line format",
        ),
        (RSA_1024.to_owned(), "2048 bits"),
        (format!("{ed25519}{}", "x".repeat(5000)), "longer than"),
    ] {
        let error = error(&text);
        assert!(error.starts_with("read public key: "), "{error}");
        assert!(error.contains(reason), "{text:?}: {error}");
    }
}

#[test]
fn blobs_that_say_one_thing_and_hold_another_are_refused() {
    let point: Vec<u8> = [4].into_iter().chain([7; 64]).collect();
    let compressed: Vec<u8> = [2].into_iter().chain([7; 64]).collect();
    let modulus: Vec<u8> = [0].into_iter().chain([0xff; 256]).collect();
    let negative = [0xff; 256];
    let padded: Vec<u8> = [0, 0].into_iter().chain([0xff; 256]).collect();
    for blob in [
        strings(&[]),
        strings(&[b"ssh-ed25519"]),
        strings(&[b"ssh-ed25519", &[7; 31]]),
        strings(&[b"ssh-ed25519", &[7; 33]]),
        strings(&[b"ssh-ed25519", &[7; 32], b"more"]),
        strings(&[b"ecdsa-sha2-nistp256", b"nistp384", &point]),
        strings(&[b"ecdsa-sha2-nistp256", b"nistp256", &compressed]),
        strings(&[b"ecdsa-sha2-nistp384", b"nistp384", &point]),
        strings(&[b"sk-ssh-ed25519@openssh.com", &[7; 32]]),
        strings(&[b"sk-ssh-ed25519@openssh.com", &[7; 32], b""]),
        strings(&[b"ssh-rsa", &[1, 0, 1], &negative]),
        strings(&[b"ssh-rsa", &[1, 0, 1], &padded]),
        strings(&[b"ssh-rsa", &[1], &modulus]),
        strings(&[b"ssh-rsa", &[1, 0, 0], &modulus]),
        strings(&[b"ssh-rsa", &[], &modulus]),
        vec![0xff; 8],
    ] {
        assert!(PublicKey::from_blob(&blob).is_err(), "{blob:?}");
    }
    let whole = strings(&[b"ssh-rsa", &[1, 0, 1], &modulus]);
    assert!(PublicKey::from_blob(&whole).is_ok());
}

proptest! {
    #[test]
    fn no_bytes_upset_the_reader(blob in proptest::collection::vec(any::<u8>(), 0..200), text in ".{0,200}") {
        let _ = PublicKey::from_blob(&blob);
        let _ = PublicKey::parse(&text);
        let _ = PublicKey::parse(&format!("ssh-rsa {text}"));
    }

    #[test]
    fn a_cut_key_is_no_key(which in 0usize..5, cut in 0usize..1000) {
        let key = PublicKey::parse(KEYS[which].0).expect("key");
        let cut = cut % key.blob().len();
        prop_assert!(PublicKey::from_blob(&key.blob()[..cut]).is_err());
    }
}
