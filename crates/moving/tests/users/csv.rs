//! CSV files.

use moving::users::{ArrivingPassword, Weight, csv};

use crate::{KEY, SHA512, found, hash, names, user};

#[test]
fn every_field_is_read() {
    let text = format!(
        "\u{feff}name,password_hash,home,keys,group,role,methods,permissions,allow_from,expires,disabled,max_bytes,mappings\r\n\
         acme,{SHA512},/inbox/acme,\"from=\"\"192.0.2.0/24\"\" {KEY}\n# a remark\n\",partners,sender,PASSWORD,\"read,list\",192.0.2.7 198.51.100.0/24,2027-01-31,no,10GiB,\r\n\
         beta,,,{KEY},,,,,,,yes,,/in=/b/in:write;/out=/b/out\r\n"
    );
    let arrivals = csv::read(&text, None).unwrap();
    assert_eq!(arrivals.findings, []);
    let acme = user(&arrivals, "acme");
    assert_eq!(hash(acme), Some(SHA512));
    assert_eq!(acme.keys[0].key.to_string(), KEY);
    assert_eq!(acme.keys[0].bounds.networks.allow, ["192.0.2.0/24"]);
    let profile = &acme.profile;
    assert_eq!(profile.home_directory, "/inbox/acme");
    assert_eq!(profile.group.as_deref(), Some("partners"));
    assert_eq!(profile.role.as_deref(), Some("sender"));
    assert_eq!(profile.methods.as_deref(), Some("PASSWORD"));
    assert_eq!(profile.permissions.to_string(), "read,list");
    assert_eq!(profile.networks.allow, ["192.0.2.7", "198.51.100.0/24"]);
    assert_eq!(profile.expires.unwrap().as_seconds(), 1_801_353_600);
    assert_eq!(profile.limits.bytes, Some(10 << 30));
    let beta = user(&arrivals, "beta");
    assert!(beta.profile.disabled);
    assert_eq!(
        beta.profile.mappings[0].permissions.unwrap().to_string(),
        "write"
    );
    assert_eq!(beta.profile.mappings[1].target, "/b/out");
}

#[test]
fn passwords_are_plain_hashed_or_generated() {
    let text = format!(
        "name;password;password_hash\nplain; with blanks ;\nhashed;;{SHA512}\nmade;generate;\nnone;;\n"
    );
    let arrivals = csv::read(&text, Some("/inbox/${transfer:UserName}")).unwrap();
    assert_eq!(arrivals.findings, []);
    match &user(&arrivals, "plain").password {
        ArrivingPassword::Plain(password) => assert_eq!(password.expose(), " with blanks "),
        other => panic!("{other:?}"),
    }
    assert_eq!(hash(user(&arrivals, "hashed")), Some(SHA512));
    assert!(matches!(
        user(&arrivals, "made").password,
        ArrivingPassword::Generate
    ));
    assert!(matches!(
        user(&arrivals, "none").password,
        ArrivingPassword::None
    ));
    assert_eq!(
        user(&arrivals, "made").profile.home_directory,
        "/inbox/made"
    );
}

#[test]
fn a_wrong_field_is_a_fault_of_its_user_alone_and_says_no_secret() {
    let dear = "$6$rounds=999999999$saltsalt$hRM5XZ86KXEw9UOmjigeVqFgULtFB2sgpC9lXQDfMib3Zgw7mEiUvBJI2EplzfAqxL5Vvwp2scFtv/uamSo5z0";
    let text = format!(
        "name,password,password_hash,home,expires,permissions\n\
         good,x1y2z3,,/b/good,,\n\
         both,hunter2,{SHA512},/b/both,,\n\
         misplaced,{SHA512},,/b/m,,\n\
         unknown,,$9$hunter2,/b/u,,\n\
         dear,,{dear},/b/d,,\n\
         homeless,hunter2,,,,\n\
         late,hunter2,,/b/l,soon,\n\
         may,hunter2,,/b/y,,wriet\n\
         a b,hunter2,,/b/z,,\n\
         good,hunter2,,/b/again,,\n"
    );
    let arrivals = csv::read(&text, None).unwrap();
    assert_eq!(names(&arrivals), ["good"]);
    for (about, why) in [
        ("both", "one of the two"),
        ("misplaced", "password_hash"),
        ("unknown", "none of the formats"),
        ("dear", "costs too much"),
        ("homeless", "--home"),
        ("late", "2027-01-31"),
        ("may", "not a permission"),
        ("line 10", "not valid"),
        ("good", "more than once"),
    ] {
        let faults = found(&arrivals, Weight::Fault, about);
        assert!(faults[0].contains(why), "{about}: {faults:?}");
    }
    let told = format!("{:?}", arrivals.findings);
    for secret in ["hunter2", "x1y2z3", "hRM5XZ86"] {
        assert!(!told.contains(secret), "{told}");
        assert!(!format!("{arrivals:?}").contains(secret));
    }
}

#[test]
fn a_file_that_is_none_is_refused_whole() {
    for (text, why) in [
        ("", "does not name the field `name`"),
        ("name,password\na,\"cut o", "a quote is not closed"),
        ("login,password\na,b\n", "\"login\" is not a field"),
        ("name,home,name\n", "name stands there twice"),
        (
            "name,password\na\n",
            "line 2: it has 1 fields, and the first line has 2",
        ),
    ] {
        let error = csv::read(text, None).unwrap_err().to_string();
        assert!(error.contains(why), "{text:?}: {error}");
    }
}
