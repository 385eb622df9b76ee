//! AWS Transfer Family.

use database::HomeType;
use moving::users::{Weight, aws_transfer};

use crate::{KEY, found, names, user};

fn describe(user: &str) -> String {
    format!(r#"{{"ServerId":"s-0123456789abcdef0","User":{user}}}"#)
}

#[test]
fn users_come_with_role_home_policy_and_keys() {
    let list = r#"{"ServerId":"s-0123456789abcdef0","Users":[
        {"Arn":"arn:x","UserName":"acme","HomeDirectory":"/b/acme","HomeDirectoryType":"PATH","SshPublicKeyCount":1},
        {"Arn":"arn:y","UserName":"beta"},{"Arn":"arn:z","UserName":"forgotten"}]}"#;
    let acme = describe(&format!(
        r#"{{"UserName":"acme","Role":"arn:aws:iam::111122223333:role/sftp/partner","HomeDirectory":"/b/acme",
            "HomeDirectoryType":"PATH","Policy":"{{\"Version\":\"2012-10-17\"}}","Tags":[{{"Key":"cost","Value":"7"}},{{"Key":"department","Value":"sales"}}],
            "PosixProfile":{{"Uid":1,"Gid":1}},
            "SshPublicKeys":[{{"SshPublicKeyId":"key-1","SshPublicKeyBody":"{KEY}","DateImported":"2020-01-01"}},
                             {{"SshPublicKeyId":"key-2","SshPublicKeyBody":"ssh-dss AAAA"}}]}}"#
    ));
    let beta = describe(
        r#"{"UserName":"beta","Role":"arn:aws:iam::111122223333:role/reader","HomeDirectoryType":"LOGICAL",
            "HomeDirectoryMappings":[{"Entry":"/","Target":"/b/beta"},{"Entry":"/p.csv","Target":"/b/p.csv","Type":"FILE"}]}"#,
    );
    let iam = r#"{"RoleName":"partner","PolicyName":"put","PolicyDocument":{"Version":"2012-10-17","Statement":[]}}
        {"RoleDetailList":[{"Arn":"arn:aws:iam::111122223333:role/reader","RolePolicyList":[],
            "AttachedManagedPolicies":[{"PolicyName":"read","PolicyArn":"arn:p"}]}],
         "Policies":[{"Arn":"arn:p","PolicyVersionList":[{"IsDefaultVersion":false,"Document":{}},
            {"IsDefaultVersion":true,"Document":{"Version":"2012-10-17"}}]}]}"#;
    // As a shell loop leaves them: one behind the other in a file.
    let files = [list.to_owned(), format!("{acme}\n{beta}\n")];
    let arrivals = aws_transfer::read(&files, &[iam.to_owned()], Some("department")).unwrap();
    assert_eq!(names(&arrivals), ["acme", "beta"]);
    let acme = user(&arrivals, "acme");
    assert_eq!(acme.profile.home_type, HomeType::Path);
    assert_eq!(acme.profile.home_directory, "/b/acme");
    assert_eq!(acme.keys.len(), 1);
    assert_eq!(acme.profile.group.as_deref(), Some("sales"));
    assert!(
        acme.profile
            .session_policy
            .as_deref()
            .unwrap()
            .contains("2012-10-17")
    );
    let beta = user(&arrivals, "beta");
    assert_eq!(beta.profile.group, None);
    assert_eq!(beta.profile.home_type, HomeType::Logical);
    assert_eq!(beta.profile.mappings[1].entry, "/p.csv");
    assert!(found(&arrivals, Weight::Fault, "forgotten")[0].contains("describe-user"));
    assert!(found(&arrivals, Weight::Fault, "acme, key key-2")[0].contains("DSA"));
    let notes = found(&arrivals, Weight::Note, "acme");
    assert_eq!(notes.len(), 2);
    assert!(notes[1].ends_with(": cost"), "{notes:?}");
    let roles: Vec<(&str, usize)> = arrivals
        .roles
        .iter()
        .map(|role| (role.name.as_str(), role.policies.len()))
        .collect();
    assert_eq!(roles, [("reader", 1), ("partner", 1)]);
}

#[test]
fn what_is_cut_off_or_odd_lets_nobody_in() {
    let error = aws_transfer::read(&["{\"Users\":[".to_owned()], &[], None).unwrap_err();
    assert!(error.to_string().contains("line 1"), "{error}");
    let error = aws_transfer::read(&["{\"Items\":[]}".to_owned()], &[], None).unwrap_err();
    assert!(error.to_string().contains("list-users"), "{error}");
    for (odd, why) in [
        (r#"{"UserName":"a b","Role":"r"}"#, "not valid"),
        (r#"{"UserName":"acme"}"#, "no role"),
        (
            r#"{"UserName":"acme","Role":"r","HomeDirectory":"/"}"#,
            "HomeDirectory",
        ),
        (
            r#"{"UserName":"acme","Role":"r","HomeDirectoryType":"LOGICAL"}"#,
            "Mappings",
        ),
        (
            r#"{"UserName":"acme","Role":"r","HomeDirectoryType":"LOGICAL","HomeDirectoryMappings":[{"Entry":"/"}]}"#,
            "Mappings",
        ),
        (
            r#"{"UserName":"acme","Role":"r","HomeDirectoryType":"LOGIC"}"#,
            "neither",
        ),
    ] {
        let arrivals = aws_transfer::read(&[describe(odd)], &[], None).unwrap();
        assert!(arrivals.users().is_empty(), "{odd}");
        let faults = found(&arrivals, Weight::Fault, "");
        assert!(faults[0].contains(why), "{odd}: {faults:?}");
    }
}
