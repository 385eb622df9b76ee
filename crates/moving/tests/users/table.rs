//! Tables: DynamoDB's scans and maps of columns.

use database::HomeType;
use moving::users::{Weight, dynamodb, sql};

use crate::{KEY, SHA512, found, hash, names, user};

#[test]
fn items_become_users_by_the_attributes_of_the_provider() {
    let scan = format!(
        r#"{{"Items":[
            {{"username":{{"S":"acme"}},"password":{{"S":"{SHA512}"}},"PublicKeys":{{"SS":["{KEY}"]}},
              "HomeDirectoryDetails":{{"L":[{{"M":{{"Entry":{{"S":"/"}},"Target":{{"S":"/b/acme"}}}}}}]}},
              "Role":{{"S":"partner"}},"expires":{{"N":"1801353600"}},"other":{{"BOOL":true}}}},
            {{"username":{{"S":"beta"}},"pw":{{"S":"x"}},"PublicKeys":{{"B":"AAAA"}}}}],"Count":2}}"#
    );
    let home = Some("/inbox/${transfer:UserName}");
    let arrivals = dynamodb::read(&[scan], &[], home).unwrap();
    assert_eq!(names(&arrivals), ["acme", "beta"]);
    let acme = user(&arrivals, "acme");
    assert_eq!(hash(acme), Some(SHA512));
    assert_eq!(acme.keys.len(), 1);
    assert_eq!(acme.profile.mappings[0].target, "/b/acme");
    assert_eq!(acme.profile.role.as_deref(), Some("partner"));
    assert_eq!(acme.profile.expires.unwrap().as_seconds(), 1_801_353_600);
    assert!(found(&arrivals, Weight::Fault, "item 2")[0].contains("PublicKeys"));
    assert_eq!(acme.profile.home_type, HomeType::Logical);
    assert_eq!(user(&arrivals, "beta").profile.home_type, HomeType::Path);
    let renamed = [("name".to_owned(), "login".to_owned())];
    let scan = r#"{"Items":[{"login":{"S":"acme"}}]}"#.to_owned();
    let arrivals = dynamodb::read(&[scan], &renamed, home).unwrap();
    assert_eq!(names(&arrivals), ["acme"]);
    for wrong in ["{}", "[]", "{\"Items\": 7}", "{\"User\": {}}", "x"] {
        dynamodb::read(&[wrong.to_owned()], &[], home).expect_err(wrong);
    }
}

#[test]
fn a_map_is_lines_of_fields_and_columns() {
    let map = sql::map("name = \"login\"\npassword_hash = \"pw\"\n").unwrap();
    assert_eq!(map[0], ("name".to_owned(), "login".to_owned()));
    for wrong in ["name", "name = 7", "[name]"] {
        sql::map(wrong).unwrap_err();
    }
}

#[tokio::test]
async fn what_is_no_database_is_not_asked() {
    for url in ["", "mysql", "sqlite:///etc/passwd", "mysql://h:no-port/"] {
        let error = sql::read(url, "SELECT 1", None, None).await.unwrap_err();
        assert!(
            error.to_string().contains("the URL of the database"),
            "{url}: {error}"
        );
    }
}
