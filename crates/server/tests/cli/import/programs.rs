//! AWS Transfer Family, SFTPGo, DynamoDB and LDAP, by what their own tools print.

use serde_json::json;

use super::clients::{Shows, sftp};
use super::{House, PASSWORD, crypt, make_key};

fn login(house: &House, user: &str, shows: Shows<'_>, commands: &str) -> Option<String> {
    let address = house.node().address("sftp");
    std::fs::write(house.folder().join("hello"), "hello").expect("written");
    sftp(address, house.folder(), user, shows, None, commands)
}

#[test]
fn users_of_aws_transfer_move_in_with_roles_and_policies() {
    let house = House::new();
    let (key_file, key) = make_key(house.folder(), "id");
    let role = "arn:aws:iam::111122223333:role/partner";
    let users = json!({"ServerId": "s-1", "Users": [{"UserName": "acme"}, {"UserName": "beta"}]});
    let describe = |name: &str, home: serde_json::Value| {
        let mut user = json!({
            "UserName": name, "Role": role,
            "SshPublicKeys": [{"SshPublicKeyId": "key-1", "SshPublicKeyBody": key, "DateImported": "2024-01-01"}],
        });
        user.as_object_mut()
            .unwrap()
            .extend(home.as_object().unwrap().clone());
        json!({"ServerId": "s-1", "User": user})
    };
    let acme = describe(
        "acme",
        json!({"HomeDirectoryType": "PATH", "HomeDirectory": "/inbox/acme"}),
    );
    let beta = describe(
        "beta",
        json!({"HomeDirectoryType": "LOGICAL", "HomeDirectoryMappings": [{"Entry": "/", "Target": "/inbox/beta"}]}),
    );
    let policy = json!({"RoleName": "partner", "PolicyName": "put", "PolicyDocument": {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": ["s3:PutObject"], "Resource": "arn:aws:s3:::${transfer:HomeDirectory}/*"},
            {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": "arn:aws:s3:::${transfer:HomeBucket}"},
        ],
    }});
    let transfer = house.file("transfer.json", &format!("{users}\n{acme}\n{beta}\n"));
    let iam = house.file("iam.json", &policy.to_string());
    let out = house.import(&["aws-transfer", &transfer, "--iam", &iam]);
    assert!(
        out.contains("created  role partner") && out.contains("2 created"),
        "{out}"
    );
    assert!(
        house
            .import(&["aws-transfer", &transfer, "--iam", &iam])
            .contains("2 unchanged")
    );
    assert_eq!(house.user("acme")["role"], "partner");
    let said = login(&house, "acme", Shows::Key(&key_file), "put hello\npwd\n").expect("acme");
    assert!(
        said.contains("Remote working directory: /inbox/acme"),
        "{said}"
    );
    let said = login(&house, "beta", Shows::Key(&key_file), "put hello\npwd\n").expect("beta");
    assert!(said.contains("Remote working directory: /\n"), "{said}");
}

#[test]
fn users_of_sftpgo_move_in() {
    let house = House::new();
    let (key_file, key) = make_key(house.folder(), "id");
    let dump = json!({
        "users": [
            {"username": "acme", "status": 1, "password": crypt("$2b$05$abcdefghijklmnopqrstuu"),
             "public_keys": [key], "home_dir": "/srv/acme", "filesystem": {"provider": 0},
             "permissions": {"/": ["*"], "/out": ["list", "download"]}},
            {"username": "idle", "status": 0, "password": crypt("$6$saltsalt"), "permissions": {"/": ["*"]}},
        ],
        "groups": [], "folders": [], "admins": [], "version": 16,
    });
    let file = house.file("dump.json", &dump.to_string());
    let words = ["sftpgo", &file, "--home", "/inbox/${transfer:UserName}"];
    assert!(house.import(&words).contains("2 created"));
    assert!(house.import(&words).contains("2 unchanged"));
    login(&house, "acme", Shows::Password(PASSWORD), "put hello\n").expect("by password");
    let said = login(&house, "acme", Shows::Key(&key_file), "ls -1\n").expect("by key");
    assert!(said.contains("hello") && said.contains("out"), "{said}");
    assert!(login(&house, "idle", Shows::Password(PASSWORD), "pwd\n").is_none());
}

#[test]
fn users_of_a_directory_and_of_a_table_move_in() {
    let house = House::new();
    let (key_file, key) = make_key(house.folder(), "id");
    // By `openssl`: SHA-1 of password and salt, and the salt.
    let ssha = "{SSHA}zLnnSwYzaC7/4tKJ52RSKXdjlmVOYUNsNGFjbA==";
    let ldif = format!(
        "dn: uid=acme,dc=example\nuid: acme\nuserPassword: {ssha}\nsshPublicKey: {key}\n\n\
         dn: cn=partners,dc=example\ncn: partners\nmemberUid: acme\n"
    );
    let file = house.file("users.ldif", &ldif);
    let home = ["--home", "/inbox/${transfer:UserName}"];
    let words = [&["ldap", &file, "--groups-are", "groups"], &home[..]].concat();
    let out = house.import(&words);
    assert!(
        out.contains("created  group partners") && out.contains("1 created"),
        "{out}"
    );
    assert!(house.import(&words).contains("1 unchanged"));
    login(&house, "acme", Shows::Key(&key_file), "put hello\n").expect("by key");
    login(&house, "acme", Shows::Password(PASSWORD), "pwd\n").expect("by password");

    let item = json!({"Items": [{
        "username": {"S": "beta"}, "password": {"S": crypt("$5$saltsalt")}, "PublicKeys": {"SS": [key]},
    }], "Count": 1});
    let file = house.file("scan.json", &item.to_string());
    let words = [&["dynamodb", &file], &home[..]].concat();
    assert!(house.import(&words).contains("1 created"));
    assert!(house.import(&words).contains("1 unchanged"));
    login(&house, "beta", Shows::Password(PASSWORD), "put hello\n").expect("by password");
    login(&house, "beta", Shows::Key(&key_file), "pwd\n").expect("by key");
}
