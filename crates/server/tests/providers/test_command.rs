//! `pierhead identity test`.

use serde_json::{Value, json};

use crate::gate::{DEADLINE, Gate, PASSWORD, ROLE};
use crate::web::Web;

async fn gate(web: &Web) -> Gate {
    let url = web.server.url();
    let mut providers = String::new();
    for name in ["honest", "role", "broken"] {
        providers += &format!(
            "[[identity.provider]]\nname = {name:?}\nkind = \"http\"\n{DEADLINE}\n\
             [identity.provider.http]\nurl = \"{url}/{name}\"\n"
        );
    }
    let gate = Gate::open(&providers).await;
    web.knows(gate.public_key());
    gate
}

fn parsed(said: &str) -> Value {
    let end = said.rfind('}').expect("an object");
    serde_json::from_str(&said[..=end]).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_is_tried_and_explained() {
    let web = Web::start().await;
    let gate = gate(&web).await;
    let password = ["--password-stdin", "--source-ip", "192.0.2.9", "--json"];
    let (admitted, said) = gate.test("bob@@honest", PASSWORD, &password);
    assert!(admitted, "{said}");
    let answer = parsed(&said);
    assert_eq!(answer["StatusCode"], 200);
    assert_eq!(answer["Url"], format!("{}/honest", web.server.url()));
    let response: Value =
        serde_json::from_str(answer["Response"].as_str().expect("text")).expect("JSON");
    assert_eq!(response["Role"], ROLE);
    assert_eq!(
        response["HomeDirectoryDetails"],
        r#"[{"Entry":"/","Target":"/inbox/bob"}]"#
    );
    let effective = &answer["effective"];
    assert_eq!(effective["role"], "transfer");
    assert_eq!(effective["recordedAs"], "bob@@honest");
    assert_eq!(
        effective["mappings"],
        json!([{"Entry": "/", "Target": "/inbox/bob"}])
    );
    let asked = web.server.asked();
    assert!(
        asked[0].target.ends_with("&sourceIp=192.0.2.9"),
        "{asked:?}"
    );
    let users = gate.node.command(&["user", "list"]).expect("listed");
    assert!(!users.contains("bob"), "it was recorded: {users}");
}

/// By what the AWS SDK finds: here the credentials of a container, from its endpoint.
#[tokio::test(flavor = "multi_thread")]
async fn questions_are_signed_by_the_credentials_that_are_found() {
    let web = Web::start().await;
    let url = web.server.url();
    let gate = Gate::open(&format!(
        "[[identity.provider]]\nname = \"signed\"\nkind = \"http\"\ndeadline = \"30s\"\n\
         [identity.provider.http]\nurl = \"{url}/signed\"\nsigning_region = \"eu-west-1\"\n"
    ))
    .await;
    web.knows(gate.public_key());
    let nowhere = gate.folder().join("none").display().to_string();
    let container = [
        (
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            format!("{url}/credentials"),
        ),
        ("AWS_CONFIG_FILE", nowhere.clone()),
        ("AWS_SHARED_CREDENTIALS_FILE", nowhere),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
    ];
    let arguments = ["--password-stdin"];
    let (admitted, said) = gate.test_in(&container, "bob@@signed", PASSWORD, &arguments);
    assert!(admitted, "{said}");
    assert!(web.asked("/credentials") >= 1);
    let (admitted, said) = gate.test_in(&container[1..], "bob@@signed", PASSWORD, &arguments);
    assert!(!admitted, "{said}");
    let why = "the gateway has no credentials to sign with";
    assert!(said.contains(why), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_tried_without_a_signature() {
    let web = Web::start().await;
    let gate = gate(&web).await;
    let file = gate.public_key_file();
    let (admitted, said) = gate.test("bob@@honest", "", &["--key", &file]);
    assert!(admitted, "{said}");
    for line in [
        "StatusCode  200",
        "role        transfer",
        "mapping     / -> /inbox/bob",
    ] {
        assert!(said.contains(line), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_would_not_come_in_is_told_why() {
    let web = Web::start().await;
    let gate = gate(&web).await;
    for (user, status, message, why) in [
        ("bob@@honest", 200, "", "its answer holds no Role"),
        (
            "bob@@broken",
            500,
            "Unable to call identity provider: ",
            "the API answered 500",
        ),
        (
            "bob@@nobody",
            200,
            "",
            "a provider that this server does not ask",
        ),
    ] {
        let password = "fawrawt45245 wrong";
        let (admitted, said) = gate.test(user, password, &["--password-stdin", "--json"]);
        assert!(!admitted, "{said}");
        let answer = parsed(&said);
        assert_eq!(answer["StatusCode"], status, "{said}");
        let found = answer["Message"].as_str().expect("text");
        assert!(
            found.starts_with(message) && found.is_empty() == message.is_empty(),
            "{said}"
        );
        assert!(
            answer["why"].as_str().expect("text").contains(why),
            "{said}"
        );
        assert_eq!(answer["Response"], "{}");
    }
    let (admitted, said) = gate.test("bob@@role", PASSWORD, &["--password-stdin"]);
    assert!(!admitted && said.contains("role/nobody-knows"), "{said}");
}
