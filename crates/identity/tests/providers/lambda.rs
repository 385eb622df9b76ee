//! Functions, run for real by Python.

use std::path::Path;
use std::time::Duration;

use identity::provider::ProviderError;
use identity::providers::lambda::{LambdaProvider, LambdaSettings};
use identity::providers::{AwsAccess, AwsCredentials, Endpoint, Roots};
use model::Secret;
use testkit::functions::{Function, Functions};

use crate::asked::{KEY, ROLE, handler, is_verified, keys, login, name};

/// A running endpoint, and the folder of what its functions know.
struct World {
    functions: Functions,
    _folder: tempfile::TempDir,
}

async fn world() -> World {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("accounts.json");
    let known = format!(
        r#"{{"bob":{{"password":"hunter2","keys":["{KEY}"],"answer":{{"Role":"{ROLE}","HomeDirectory":"/inbox/bob"}}}}}}"#
    );
    std::fs::write(&file, known).expect("written");
    let mut accounts = Function::new("accounts", &handler("accounts.py"));
    let variable = ("ACCOUNTS_FILE", file.display().to_string());
    accounts.environment.push(variable);
    let mut slow = Function::new("slow", &handler("slow.py"));
    slow.timeout = Duration::from_millis(300);
    let rest = ["refusing", "crashing", "malformed"];
    let rest = rest.map(|name| Function::new(name, &handler(&format!("{name}.py"))));
    let mut all: Vec<Function> = [accounts, slow].into_iter().chain(rest).collect();
    for function in all.iter_mut().filter(|function| function.name != "slow") {
        // Python takes its time to start where much else runs.
        function.timeout = Duration::from_secs(60);
    }
    let functions = Functions::start(Path::new("/usr/bin/python3"), all).await;
    World {
        functions: functions.expect("functions"),
        _folder: folder,
    }
}

fn provider(url: &str, function: &str) -> LambdaProvider {
    let settings = LambdaSettings {
        function: function.to_owned(),
        qualifier: None,
        server_id: Some("s-36d2dbb2bb8941f59".to_owned()),
        roots: Roots::System,
        access: access(url),
    };
    LambdaProvider::new(name(), settings).expect("a provider")
}

pub(crate) fn access(url: &str) -> AwsAccess {
    AwsAccess {
        region: "eu-west-1".to_owned(),
        endpoint: Some(Endpoint::parse(url, false).expect("a URL")),
        credentials: AwsCredentials::Static {
            access_key: "testing".to_owned(),
            secret_key: Secret::new("testing".to_owned()),
        },
    }
}

#[tokio::test]
async fn a_function_is_asked_as_aws_transfer_asks_it() {
    let world = world().await;
    let functions = &world.functions;
    let provider = provider(&functions.url(), "accounts");
    let profile = login(&provider, "bob", "hunter2").await.expect("an answer");
    let profile = profile.expect("admitted");
    assert!(is_verified(&profile));
    assert_eq!(profile.home.directory, "/inbox/bob");
    let profile = keys(&provider, "bob").await.expect("an answer");
    assert_eq!(profile.expect("admitted").keys.len(), 1);
    for (user, text) in [("bob", "wrong"), ("eve", "hunter2")] {
        let refused = login(&provider, user, text).await.expect("an answer");
        assert_eq!(refused.expect_err("refused"), "its answer holds no Role");
    }
    let asked = &functions.asked()[0];
    assert_eq!(asked.target, "/2015-03-31/functions/accounts/invocations");
    assert_eq!(
        asked.header("x-amz-invocation-type"),
        Some("RequestResponse")
    );
    assert_eq!(
        String::from_utf8_lossy(&asked.body),
        r#"{"username":"bob","password":"hunter2","protocol":"SFTP","serverId":"s-36d2dbb2bb8941f59","sourceIp":"192.0.2.7"}"#
    );
}

#[tokio::test]
async fn functions_that_refuse_crash_or_take_too_long_admit_nobody() {
    let world = world().await;
    let url = world.functions.url();
    let refused = login(&provider(&url, "refusing"), "bob", "hunter2").await;
    assert_eq!(
        refused.expect("an answer").expect_err("refused"),
        "its answer holds no Role"
    );
    for (function, user, kind, text) in [
        ("crashing", "bob", "unusable", "failed with KeyError"),
        (
            "crashing",
            "exit",
            "unusable",
            "failed with Runtime.ExitError",
        ),
        ("slow", "bob", "unavailable", "the function timed out"),
        (
            "unknown",
            "bob",
            "unavailable",
            "404, ResourceNotFoundException",
        ),
    ] {
        let error = login(&provider(&url, function), user, "hunter2").await;
        said(&error.expect_err("no answer"), kind, text);
    }
}

#[tokio::test]
async fn malformed_answers_admit_nobody_and_say_what_is_wrong() {
    let world = world().await;
    let functions = &world.functions;
    let provider = provider(&functions.url(), "malformed");
    for (user, kind, text) in [
        ("list", "malformed", "it is not a JSON object"),
        ("text", "malformed", "it is not a JSON object"),
        ("number", "unusable", "Role: it must be a string"),
        (
            "details",
            "unusable",
            "HomeDirectoryDetails: it must be a string that holds a JSON list",
        ),
        ("set", "unusable", "failed with Runtime.MarshalError"),
    ] {
        let error = login(&provider, user, "hunter2").await;
        said(&error.expect_err("no answer"), kind, text);
    }
    let blank = login(&provider, "blank", "hunter2").await;
    assert!(blank.expect("an answer").is_err(), "a blank role refuses");
    let error = keys(&provider, "keys").await.expect_err("no answer");
    said(
        &error,
        "unusable",
        "PublicKeys: it must be a list of strings",
    );
}

/// What the error says: its kind, this text, and no password.
fn said(error: &ProviderError, kind: &str, text: &str) {
    let message = error.to_string();
    assert_eq!(error.reason(), kind, "{message}");
    assert!(message.contains(text), "{message}");
    assert!(!message.contains("hunter2"), "{message}");
}

#[tokio::test]
async fn an_endpoint_that_is_not_lambda_is_named() {
    // Nobody listens on the port of discarded things.
    let gone = "http://127.0.0.1:9";
    let error = login(&provider(gone, "accounts"), "bob", "hunter2").await;
    said(
        &error.expect_err("nobody there"),
        "unavailable",
        "Connection refused",
    );
}

/// The proposal's function on a table of moto's.
pub(crate) async fn of_the_proposal(python: &Path, table: &str, url: &str) -> Functions {
    let mut function = Function::new("lambda-99-upload", &handler("lambda_function.py"));
    // Python imports much.
    function.timeout = Duration::from_secs(60);
    for (name, value) in [
        ("TABLE", table),
        ("SERVER_IDS", "s-36d2dbb2bb8941f59"),
        ("AWS_ENDPOINT_URL_DYNAMODB", url),
        ("AWS_DEFAULT_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "testing"),
        ("AWS_SECRET_ACCESS_KEY", "testing"),
    ] {
        function.environment.push((name, value.to_owned()));
    }
    Functions::start(python, vec![function])
        .await
        .expect("functions")
}

pub(crate) fn proposal(url: &str) -> LambdaProvider {
    provider(url, "lambda-99-upload")
}
