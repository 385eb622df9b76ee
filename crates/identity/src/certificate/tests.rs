//! Certificates and revocation lists that ssh-keygen made (`vectors.tsv`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);

fn vector(name: &str) -> &'static str {
    let lines = include_str!("vectors.tsv").lines();
    let mut named = lines.filter_map(|line| line.split_once('\t'));
    named.find(|(other, _)| *other == name).expect(name).1
}

fn key(name: &str) -> PublicKey {
    PublicKey::parse(vector(name)).expect(name)
}

/// A certificate as it travels in SSH.
fn blob(name: &str) -> Vec<u8> {
    let body = vector(name).split(' ').nth(1).expect("body");
    STANDARD.decode(body).expect("base64")
}

fn revoked(name: &str) -> Revocations {
    let list = STANDARD.decode(vector(name)).expect("base64");
    Revocations::parse_krl(&list).expect(name)
}

fn authorities(revoked: Revocations) -> CertificateAuthorities {
    let trusted = ["ca", "ca-ecdsa", "ca-ecdsa521", "ca-rsa"]
        .map(key)
        .to_vec();
    CertificateAuthorities::new(trusted, revoked)
}

fn validate_from(name: &str, address: &str) -> Result<Certified, CertificateRefused> {
    let address = address.parse().expect("address");
    authorities(Revocations::default()).validate(&blob(name), &["bob"], address, NOW)
}

fn validate(name: &str) -> Result<Certified, CertificateRefused> {
    validate_from(name, "192.0.2.1")
}

fn refused(name: &str) -> &'static str {
    validate(name).expect_err(name).reason()
}

#[test]
fn a_certificate_says_whose_it_is() {
    let certified = validate("plain").expect("valid");
    let expected = Certified {
        key: PublicKey::from_blob(key("bob").blob()).expect("key"),
        key_id: "bob@laptop".to_owned(),
        serial: 42,
        principal: "bob".to_owned(),
        authority: key("ca").fingerprint(),
        valid_until: Some(Timestamp::from_seconds(1_893_456_000)),
        sftp_only: false,
    };
    assert_eq!(certified, expected);
}

#[test]
fn authorities_of_every_kind_are_taken_but_none_with_sha1() {
    for name in ["by-ecdsa", "by-ecdsa521", "by-rsa", "by-rsa-sha256"] {
        validate(name).expect(name);
    }
    assert_eq!(refused("by-rsa-sha1"), "signature");
}

#[test]
fn only_trusted_authorities_count() {
    assert_eq!(refused("by-other"), "unknown_authority");
    let nobody = CertificateAuthorities::default();
    let address = IpAddr::from([192, 0, 2, 1]);
    let none = nobody.validate(&blob("plain"), &["bob"], address, NOW);
    assert_eq!(none.expect_err("none").reason(), "unknown_authority");
    let said = validate("by-other").expect_err("other").to_string();
    assert!(said.contains(&key("other").fingerprint()), "{said}");
}

#[test]
fn a_certificate_is_for_its_principals_alone() {
    let address = IpAddr::from([192, 0, 2, 1]);
    let authorities = authorities(Revocations::default());
    let with = |principals: &[&str]| authorities.validate(&blob("plain"), principals, address, NOW);
    assert_eq!(with(&["robert"]).expect("valid").principal, "robert");
    assert_eq!(
        with(&["alice", "robert"]).expect("valid").principal,
        "robert"
    );
    for wrong in [
        &["alice"][..],
        &["Bob"],
        &["bob,robert"],
        &["*"],
        &[""],
        &[],
    ] {
        assert_eq!(
            with(wrong).expect_err("other").reason(),
            "other_principal",
            "{wrong:?}"
        );
    }
    assert_eq!(refused("no-principals"), "no_principals");
}

#[test]
fn a_certificate_is_valid_from_its_first_second_to_before_its_last() {
    let address = IpAddr::from([192, 0, 2, 1]);
    let authorities = authorities(Revocations::default());
    let reason = |name: &str, seconds: i64| {
        let at = Timestamp::from_seconds(seconds);
        let valid = authorities.validate(&blob(name), &["bob"], address, at);
        valid.map_or_else(|refused| refused.reason(), |_| "valid")
    };
    let (from, to) = (1_767_225_600, 1_893_456_000);
    for (seconds, expected) in [
        (-1, "not_yet_valid"),
        (from - 1, "not_yet_valid"),
        (from, "valid"),
        (to - 1, "valid"),
        (to, "expired"),
        (i64::MAX, "expired"),
    ] {
        assert_eq!(reason("plain", seconds), expected, "{seconds}");
    }
    assert_eq!(reason("forever", 0), "valid");
    assert_eq!(validate("forever").expect("valid").valid_until, None);
}

#[test]
fn hosts_and_weak_keys_are_refused() {
    assert_eq!(refused("of-host"), "not_for_users");
    assert_eq!(refused("weak-key"), "key");
}

#[test]
fn a_source_address_is_kept() {
    for (address, valid) in [
        ("192.0.2.1", true),
        ("::ffff:192.0.2.1", true),
        ("198.51.100.7", true),
        ("2001:db8::1", true),
        ("192.0.3.1", false),
        ("198.51.100.8", false),
        ("2001:db9::1", false),
    ] {
        assert_eq!(
            validate_from("from-network", address).is_ok(),
            valid,
            "{address}"
        );
    }
    assert_eq!(
        validate_from("from-network", "192.0.3.1")
            .expect_err("far")
            .reason(),
        "other_address"
    );
    for wrong in ["", "192.0.2.0/33", "192.0.2.1,,", "!192.0.2.1", "any"] {
        assert_eq!(networks(wrong), None, "{wrong:?}");
    }
}

#[test]
fn critical_options_that_are_not_understood_refuse() {
    assert!(validate("sftp-only").expect("valid").sftp_only);
    assert_eq!(refused("forced-command"), "forced_command");
    assert_eq!(refused("read-only-sftp"), "forced_command");
    assert_eq!(refused("verify-required"), "unknown_option");
    assert_eq!(refused("unknown-option"), "unknown_option");
    let said = validate("unknown-option").expect_err("option").to_string();
    assert!(said.contains("quota@example.com"), "{said}");
    validate("unknown-extension").expect("extensions may be anything");
}

#[test]
fn revocation_lists_of_ssh_keygen_are_kept() {
    let address = IpAddr::from([192, 0, 2, 1]);
    let reason = |list: &str, name: &str| {
        let authorities = authorities(revoked(list));
        match authorities.validate(&blob(name), &["bob"], address, NOW) {
            Ok(_) => "valid".to_owned(),
            Err(refused) => refused.to_string(),
        }
    };
    for (list, name, expected) in [
        ("krl-serial", "plain", "its serial number 42 is revoked"),
        ("krl-serial", "serial-7", "valid"),
        ("krl-ranges", "plain", "valid"),
        ("krl-ranges", "serial-7", "its serial number 7 is revoked"),
        (
            "krl-ranges",
            "serial-1005",
            "its serial number 1005 is revoked",
        ),
        ("krl-ranges", "serial-zero", "valid"),
        ("krl-ranges", "by-rsa", "valid"),
        ("krl-bitmap", "plain", "its serial number 42 is revoked"),
        ("krl-bitmap", "serial-7", "its serial number 7 is revoked"),
        ("krl-bitmap", "serial-1005", "valid"),
        ("krl-bitmap", "by-rsa", "valid"),
        ("krl-ids", "plain", "its key id is revoked"),
        ("krl-ids", "serial-7", "valid"),
        ("krl-keys", "plain", "its key is revoked"),
        ("krl-keys", "by-rsa", "valid"),
        ("krl-sha256", "plain", "its key is revoked"),
        ("krl-sha1", "plain", "its key is revoked"),
        ("krl-hash", "plain", "its key is revoked"),
        ("krl-sha1", "by-rsa", "valid"),
        ("krl-authority", "plain", "its authority is revoked"),
        ("krl-authority", "by-rsa", "valid"),
    ] {
        assert_eq!(reason(list, name), expected, "{list} {name}");
    }
}

#[test]
fn revocations_can_be_written_down_by_hand_and_joined() {
    let mut revoked = Revocations::default();
    revoked.revoke_serials(Some(&key("other")), 0..=u64::MAX);
    let address = IpAddr::from([192, 0, 2, 1]);
    let reason = |revoked: &Revocations, name: &str| {
        let authorities = authorities(revoked.clone());
        authorities
            .validate(&blob(name), &["bob"], address, NOW)
            .err()
    };
    assert_eq!(reason(&revoked, "plain"), None, "another authority's");
    let mut more = Revocations::default();
    more.revoke_serials(None, 40..=45);
    more.revoke_key_id(Some(&key("ca")), "seven");
    revoked.extend(more);
    let serial = CertificateRefused::Revoked(Revoked::Serial(42));
    assert_eq!(reason(&revoked, "plain"), Some(serial));
    let key_id = CertificateRefused::Revoked(Revoked::KeyId);
    assert_eq!(reason(&revoked, "serial-7"), Some(key_id));
    assert!(!authorities(revoked.clone()).is_revoked(&key("bob")));
    revoked.revoke_key(&key("bob"));
    assert!(authorities(revoked).is_revoked(&key("bob")));
}

#[test]
fn what_is_no_revocation_list_is_refused() {
    let whole = STANDARD.decode(vector("krl-ranges")).expect("base64");
    for cut in 0..whole.len() {
        // Between sections a list may end.
        if cut == 44 {
            continue;
        }
        assert!(Revocations::parse_krl(&whole[..cut]).is_err(), "{cut}");
    }
    let mut unknown = whole.clone();
    unknown[44] = 77;
    assert!(Revocations::parse_krl(&unknown).is_err());
    let mut later = whole;
    later[11] = 2;
    assert!(Revocations::parse_krl(&later).is_err());
}

proptest! {
    /// No byte of a certificate can be another and the certificate still be valid.
    #[test]
    fn a_changed_certificate_is_refused(place: prop::sample::Index, bit in 0_u8..8) {
        let mut changed = blob("plain");
        let place = place.index(changed.len());
        changed[place] ^= 1 << bit;
        let address = IpAddr::from([192, 0, 2, 1]);
        let valid = authorities(Revocations::default()).validate(&changed, &["bob"], address, NOW);
        prop_assert!(valid.is_err(), "{}", place);
    }

    #[test]
    fn bytes_are_read_without_a_panic(bytes: Vec<u8>, from in 0_usize..200) {
        let address = IpAddr::from([192, 0, 2, 1]);
        let mut certificate = blob("from-network");
        certificate.truncate(from);
        certificate.extend_from_slice(&bytes);
        let valid = authorities(Revocations::default()).validate(&certificate, &["bob"], address, NOW);
        prop_assert!(valid.is_err());
        let mut list = STANDARD.decode(vector("krl-bitmap")).expect("base64");
        list.truncate(from);
        list.extend_from_slice(&bytes);
        let _ = Revocations::parse_krl(&list);
    }
}
