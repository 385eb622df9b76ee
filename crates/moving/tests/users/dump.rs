//! Dumps of SFTPGo.

use moving::users::sftpgo::{self, Places};
use moving::users::{Arrivals, Weight};
use serde_json::{Value, json};

use crate::{KEY, SHA512, found, hash, names, user};

const PLACES: Places<'_> = Places {
    home: Some("/inbox/${transfer:UserName}"),
    folders: Some("/shared"),
};

fn read(users: Value) -> Arrivals {
    let dump = json!({
        "users": users,
        "groups": [{
            "name": "partners", "description": "those who send",
            "user_settings": {
                "max_sessions": 4, "quota_size": 1000,
                "filesystem": {"provider": 1, "s3config": {"bucket": "b", "key_prefix": "p/%username%/"}},
                "permissions": {"/out": ["list", "download"]},
                "filters": {"allowed_ip": ["192.0.2.0/24"]},
            },
        }, {
            "name": "keys", "user_settings": {"filters": {
                "denied_login_methods": ["password", "keyboard-interactive"],
                "denied_ip": ["192.0.2.7"],
            }},
        }],
        "folders": [{"name": "lists", "mapped_path": "/srv/lists", "filesystem": {"provider": 0}}],
        "admins": [{"username": "boss"}],
        "version": 16,
    });
    sftpgo::read(&dump.to_string(), PLACES).expect("a dump")
}

#[test]
fn users_come_with_rights_limits_and_credentials() {
    let arrivals = read(json!([{
        "username": "acme", "status": 1, "password": SHA512, "public_keys": [KEY],
        "home_dir": "/srv/acme", "expiration_date": 1_801_353_600_000_i64,
        "max_sessions": 2, "quota_size": 1_048_576, "quota_files": 10, "upload_bandwidth": 100,
        "permissions": {"/": ["list", "download", "upload", "create_dirs", "delete_files"], "/in": ["*"]},
        "virtual_folders": [{"name": "lists", "virtual_path": "/lists"}],
        "filters": {
            "allowed_ip": ["192.0.2.0/24"], "denied_ip": ["192.0.2.7/32"],
            "denied_login_methods": ["password", "keyboard-interactive"],
            "max_upload_file_size": 100,
            "file_patterns": [{"path": "/", "denied_patterns": ["*.exe"]}],
        },
        "filesystem": {"provider": 0},
    }]));
    let acme = user(&arrivals, "acme");
    assert_eq!(hash(acme), Some(SHA512));
    assert_eq!(acme.keys.len(), 1);
    let profile = &acme.profile;
    assert_eq!(profile.expires.unwrap().as_seconds(), 1_801_353_600);
    assert_eq!(profile.methods.as_deref(), Some("PUBLIC_KEY"));
    assert_eq!(profile.networks.allow, ["192.0.2.0/24"]);
    assert_eq!(profile.limits.bytes, Some(1_048_576));
    assert_eq!(profile.limits.upload_rate, Some(102_400));
    assert_eq!(profile.limits.denied_names, ["*.exe"]);
    let mappings = profile.mappings.iter().map(|it| {
        let may = it
            .permissions
            .map_or("all".to_owned(), |may| may.to_string());
        format!("{}={} {may}", it.entry, it.target)
    });
    assert_eq!(
        mappings.collect::<Vec<_>>(),
        [
            "/=/inbox/acme read,list,write,mkdir",
            "/in=/inbox/acme/in all",
            "/lists=/shared/lists read,list,write,mkdir",
        ]
    );
    let told = found(&arrivals, Weight::Note, "acme").join(" ");
    assert!(told.contains("delete_files"), "{told}");
    assert!(found(&arrivals, Weight::Note, "admins")[0].starts_with('1'));
}

#[test]
fn a_primary_group_gives_what_a_user_has_not() {
    let arrivals = read(json!([{
        "username": "acme", "status": 0, "password": SHA512,
        "permissions": {"/": ["*"]},
        "groups": [{"name": "keys", "type": 2}, {"name": "partners", "type": 1}],
    }]));
    let acme = &user(&arrivals, "acme").profile;
    assert!(acme.disabled);
    assert_eq!(acme.group.as_deref(), Some("partners"));
    assert_eq!(acme.home_directory, "/b/p/acme");
    assert_eq!(acme.networks.allow, ["192.0.2.0/24"]);
    assert_eq!(acme.networks.deny, ["192.0.2.7"]);
    assert_eq!(acme.methods.as_deref(), Some("PUBLIC_KEY"));
    assert_eq!(acme.mappings[1].entry, "/out");
    assert_eq!(acme.mappings[1].target, "/b/p/acme/out");
    assert_eq!(
        acme.mappings[1].permissions.unwrap().to_string(),
        "read,list"
    );
    assert_eq!(arrivals.groups[0].limits.sessions, Some(4));
    assert_eq!(arrivals.groups[0].limits.bytes, Some(1000));
}

#[test]
fn nobody_gets_in_by_less_than_there() {
    let every = [
        "publickey",
        "password",
        "keyboard-interactive",
        "publickey+password",
        "publickey+keyboard-interactive",
    ];
    let totp = |protocol: &str| json!({"enabled": true, "protocols": [protocol]});
    let arrivals = read(json!([
        {"username": "totp", "password": SHA512, "filters": {"totp_config": totp("SSH")}},
        {"username": "web", "password": SHA512, "filters": {"totp_config": totp("HTTP")}},
        {"username": "none", "password": SHA512, "filters": {"denied_login_methods": every}},
        {"username": "nights", "password": SHA512, "filters": {"access_time": [{"day_of_week": 1}]}},
    ]));
    assert_eq!(names(&arrivals), ["totp", "web", "none"]);
    assert!(user(&arrivals, "totp").profile.disabled);
    assert!(found(&arrivals, Weight::Note, "totp")[0].contains("totp enrol"));
    assert!(!user(&arrivals, "web").profile.disabled);
    assert!(user(&arrivals, "none").profile.disabled);
    assert!(found(&arrivals, Weight::Fault, "nights")[0].contains("access_time"));
}

#[test]
fn who_may_do_nothing_there_may_do_nothing_here() {
    let arrivals = read(json!([
        {"username": "silent", "password": SHA512},
        {"username": "web", "password": SHA512, "filters": {"denied_protocols": ["SSH"]}},
        {"username": "anybody", "filters": {"is_anonymous": true}},
        {"username": "azure", "permissions": {"/": ["*"]}, "filesystem": {"provider": 3}},
        {"username": "plain", "permissions": {"/": ["*"]}, "password": "hunter2"},
    ]));
    assert_eq!(names(&arrivals), ["silent", "plain"]);
    let silent = &user(&arrivals, "silent").profile;
    assert_eq!(silent.permissions, policy::Permissions::NONE);
    assert!(found(&arrivals, Weight::Skipped, "web")[0].contains("SSH"));
    assert!(found(&arrivals, Weight::Skipped, "anybody")[0].contains("anonymous"));
    assert!(found(&arrivals, Weight::Fault, "azure")[0].contains("S3"));
    assert!(found(&arrivals, Weight::Fault, "plain")[0].contains("cannot be taken over"));
    assert!(!format!("{:?}", arrivals.findings).contains("hunter2"));
}

#[test]
fn what_is_no_dump_is_refused() {
    for text in [
        "",
        "[]",
        "{}",
        r#"{"users":{}}"#,
        r#"{"users":[]}{"users":[]}"#,
        "{\"users\":[",
    ] {
        assert!(sftpgo::read(text, PLACES).is_err(), "{text}");
    }
}
