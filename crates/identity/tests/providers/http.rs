//! An identity API, honest and not.

use std::sync::Arc;

use identity::provider::ProviderError;
use identity::providers::http::{HttpProvider, HttpSettings, Signing};
use identity::providers::{AwsCredentials, Endpoint, Roots};
use model::{ManualClock, Secret, Timestamp};
use testkit::web::{Asked, Reply, WebServer};

use crate::asked::{KEY, ROLE, is_verified, keys, login, name};

fn settings(url: &str) -> HttpSettings {
    HttpSettings {
        endpoint: Endpoint::parse(url, false).expect("a URL"),
        server_id: Some("s-36d2dbb2bb8941f59".to_owned()),
        roots: Roots::System,
        signing: None,
    }
}

fn provider(settings: HttpSettings) -> HttpProvider {
    let clock = ManualClock::new(Timestamp::from_seconds(1_790_000_000));
    HttpProvider::new(name(), settings, Arc::new(clock)).expect("a provider")
}

async fn server(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> WebServer {
    let answering = move |asked: Asked| -> futures::future::BoxFuture<'static, Reply> {
        Box::pin(std::future::ready(answer(&asked)))
    };
    WebServer::start(Arc::new(answering))
        .await
        .expect("a server")
}

/// What an API for AWS Transfer says of bob: by keys, and by the one password that he has.
fn bob(asked: &Asked) -> Reply {
    let home = r#""HomeDirectoryType":"LOGICAL","HomeDirectoryDetails":"[{\"Entry\":\"/\",\"Target\":\"/inbox/bob\"}]""#;
    match asked.header("passwordbase64") {
        None => Reply::json(format!(
            r#"{{"Role":"{ROLE}","PublicKeys":["{KEY}"],{home}}}"#
        )),
        Some("aHVudGVyMg==") => {
            Reply::json(format!(r#"{{"Role":"{ROLE}","Policy":"{{}}",{home}}}"#))
        }
        Some(_) => Reply::json("{}"),
    }
}

#[tokio::test]
async fn an_api_for_aws_transfer_serves_unchanged() {
    let server = server(bob).await;
    let provider = provider(settings(&format!("{}/prod/", server.url())));
    let profile = login(&provider, "bob", "hunter2").await.expect("an answer");
    let profile = profile.expect("admitted");
    assert!(is_verified(&profile) && profile.keys.is_empty());
    assert_eq!(profile.role.as_deref(), Some(ROLE));
    assert_eq!(profile.policy.as_deref(), Some("{}"));
    assert_eq!(profile.home.mappings[0].target, "/inbox/bob");
    let profile = keys(&provider, "bob").await.expect("an answer");
    let profile = profile.expect("admitted");
    assert!(!is_verified(&profile));
    assert_eq!(profile.keys[0].comment(), "bob");
    let refused = login(&provider, "bob", "wrong").await.expect("an answer");
    assert_eq!(refused.expect_err("refused"), "its answer holds no Role");
}

#[tokio::test]
async fn the_question_is_the_documented_one() {
    let server = server(bob).await;
    let provider = provider(settings(&format!("{}/prod", server.url())));
    for (user, text) in [
        ("bob@acme+x%y", "hunter2"),
        ("b\u{f6}b", " gr\u{fc}n\u{1F511}"),
    ] {
        let _ = login(&provider, user, text).await.expect("an answer");
    }
    let _ = keys(&provider, "bob").await.expect("an answer");
    let asked = server.asked();
    let path = |user: &str| {
        format!(
            "/prod/servers/s-36d2dbb2bb8941f59/users/{user}/config?protocol=SFTP&sourceIp=192.0.2.7"
        )
    };
    assert_eq!(asked[0].method, "GET");
    assert_eq!(asked[0].target, path("bob%40acme%2Bx%25y"));
    assert_eq!(asked[0].header("password"), Some("hunter2"));
    assert_eq!(asked[0].header("passwordbase64"), Some("aHVudGVyMg=="));
    assert_eq!(asked[1].target, path("b%C3%B6b"));
    assert_eq!(
        asked[1].header("password"),
        None,
        "it cannot stand in a header"
    );
    assert_eq!(asked[1].header("passwordbase64"), Some("IGdyw7xu8J+UkQ=="));
    assert_eq!(asked[2].target, path("bob"));
    assert_eq!(asked[2].header("passwordbase64"), None);
    assert!(
        asked
            .iter()
            .all(|asked| asked.header("authorization").is_none())
    );
}

#[tokio::test]
async fn questions_are_signed_where_the_api_wants_it() {
    let server = server(bob).await;
    let credentials = AwsCredentials::Static {
        access_key: "AKIDEXAMPLE".to_owned(),
        secret_key: Secret::new("secret".to_owned()),
    };
    let signing = Some(Signing {
        region: "eu-west-1".to_owned(),
        credentials,
    });
    let provider = provider(HttpSettings {
        signing,
        ..settings(&server.url())
    });
    let profile = login(&provider, "bob", "hunter2").await.expect("an answer");
    assert!(profile.is_ok());
    let asked = server.asked();
    let signed = asked[0].header("authorization").expect("signed");
    let scope =
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260921/eu-west-1/execute-api/aws4_request";
    assert!(signed.starts_with(scope), "{signed}");
    assert!(
        signed.contains("host;password;passwordbase64;x-amz-date"),
        "{signed}"
    );
}

#[tokio::test]
async fn refusals_are_answers() {
    for (reply, why) in [
        (Reply::json("{}"), "its answer holds no Role"),
        (Reply::json(r#"{"Role":" "}"#), "its answer holds no Role"),
        (Reply::json(""), "its answer holds no Role"),
        (Reply::status(401), "the API answered 401"),
        (Reply::status(403), "the API answered 403"),
        (Reply::status(404), "the API answered 404"),
    ] {
        let server = server(move |_| reply.clone()).await;
        let refused = login(&provider(settings(&server.url())), "bob", "hunter2").await;
        assert_eq!(refused.expect("an answer").expect_err("refused"), why);
    }
}

async fn fault(reply: Reply) -> ProviderError {
    let server = server(move |_| reply.clone()).await;
    let answer = login(&provider(settings(&server.url())), "bob", "hunter2").await;
    answer.expect_err("no answer")
}

#[tokio::test]
async fn lies_admit_nobody_and_are_named() {
    let admits = format!(r#"{{"Role":"{ROLE}","PublicKeys":["{KEY}"]}}"#);
    let broken = (
        "x-amzn-errortype",
        "MissingAuthenticationTokenException".to_owned(),
    );
    for (reply, kind, text) in [
        (
            Reply::json("<html>"),
            "malformed",
            "it is not a JSON object",
        ),
        (
            Reply::json(r#"{"Role":7}"#),
            "unusable",
            "Role: it must be a string",
        ),
        (
            Reply::json(admits),
            "unusable",
            "PublicKeys: it must not be there",
        ),
        (
            Reply::json(vec![b' '; 7 << 20]),
            "malformed",
            "longer than 6 MiB",
        ),
        (Reply::status(204), "malformed", "answered 204"),
        (Reply::status(500), "unavailable", "answered 500"),
        (
            Reply::Answer(403, vec![broken], Vec::new().into()),
            "unavailable",
            "MissingAuthenticationTokenException",
        ),
    ] {
        let error = fault(reply).await;
        assert_eq!(error.reason(), kind, "{error}");
        assert!(error.to_string().contains(text), "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = server(bob).await;
    for status in [301, 302, 303, 307, 308] {
        let location = ("location", format!("{}/x", elsewhere.url()));
        let error = fault(Reply::Answer(status, vec![location], Vec::new().into())).await;
        assert!(
            error
                .to_string()
                .contains("a redirect, which is not followed"),
            "{error}"
        );
    }
    assert!(elsewhere.asked().is_empty(), "the password went elsewhere");
}

#[tokio::test]
async fn an_api_that_is_not_there_is_named() {
    // Nobody listens on the port of discarded things.
    let gone = "http://127.0.0.1:9";
    let error = login(&provider(settings(gone)), "bob", "hunter2").await;
    let error = error.expect_err("nobody there");
    assert_eq!(error.reason(), "unavailable");
    let text = error.to_string();
    assert!(
        text.contains(gone) && text.contains("Connection refused"),
        "{text}"
    );
}
