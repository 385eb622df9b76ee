//! An HTTP server that is an honest identity API at `/honest`, and everything else elsewhere.

use std::sync::{Arc, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use testkit::web::{Asked, Reply, WebServer};

use crate::gate::{PASSWORD, ROLE};

/// What may be wrong with a provider, and what the log says of it.
pub(crate) const LIES: [(&str, &str); 6] = [
    ("slow", "it did not answer within 2s"),
    ("json", "not a JSON object"),
    ("huge", "longer than 6 MiB"),
    ("redirect", "redirect"),
    ("broken", "500"),
    ("list", "read the identity provider's answer"),
];

/// The server, and where the users' public key is put once it is known.
pub(crate) struct Web {
    pub(crate) server: WebServer,
    key: Arc<OnceLock<String>>,
}

impl Web {
    pub(crate) async fn start() -> Self {
        let key: Arc<OnceLock<String>> = Arc::default();
        let known = Arc::clone(&key);
        let answering = move |asked: Asked| -> futures::future::BoxFuture<'static, Reply> {
            let reply = answer(&asked, known.get().map_or("", |key| key));
            Box::pin(std::future::ready(reply))
        };
        let server = WebServer::start(Arc::new(answering)).await;
        Self {
            server: server.expect("a server"),
            key,
        }
    }

    pub(crate) fn knows(&self, key: String) {
        self.key.set(key).expect("set once");
    }

    /// How often it was asked below this path.
    pub(crate) fn asked(&self, path: &str) -> usize {
        let asked = self.server.asked();
        asked
            .iter()
            .filter(|asked| asked.target.starts_with(path))
            .count()
    }
}

fn answer(asked: &Asked, key: &str) -> Reply {
    let first = asked.target.split('/').nth(1).unwrap_or_default();
    match first {
        "honest" => honest(asked, key, ROLE),
        "role" => honest(asked, key, "arn:aws:iam::111111111111:role/nobody-knows"),
        "certified" => certified(asked),
        "credentials" => Reply::json(CREDENTIALS),
        "picky" if asked.target.contains("/users/broken/") => Reply::json(r#"{"Role":7}"#),
        "picky" => honest(asked, key, ROLE),
        "signed" => signed(asked, key),
        "slow" => Reply::Silence,
        "json" => Reply::json("{\"Role\":"),
        "huge" => Reply::json(vec![b' '; 7 << 20]),
        "redirect" => {
            let honest = asked.target.replacen("redirect", "honest", 1);
            Reply::Answer(307, vec![("location", honest)], Vec::new().into())
        }
        "list" => Reply::json(format!(
            r#"{{"Role":"{ROLE}","PublicKeys":["{key}"],"HomeDirectoryType":"LOGICAL","HomeDirectoryDetails":[]}}"#
        )),
        _ => Reply::status(500),
    }
}

/// Of a container that AWS would run the gateway in.
const CREDENTIALS: &str = r#"{"AccessKeyId":"ASIACONTAINER","SecretAccessKey":"its-secret-key",
    "Token":"its-token","Expiration":"2099-01-01T00:00:00Z"}"#;

/// Lets in whom a certificate has proved: it knows neither keys nor passwords.
fn certified(asked: &Asked) -> Reply {
    let home = json!({ "Role": ROLE, "HomeDirectoryType": "LOGICAL",
        "HomeDirectoryDetails": r#"[{"Entry":"/","Target":"/inbox/bob"}]"# });
    match asked.header("passwordbase64") {
        None => Reply::json(home.to_string()),
        Some(_) => Reply::json("{}"),
    }
}

/// An API that is open to the container's identity alone.
fn signed(asked: &Asked, key: &str) -> Reply {
    let by = asked.header("authorization").unwrap_or_default();
    let container = "AWS4-HMAC-SHA256 Credential=ASIACONTAINER/";
    let token = asked.header("x-amz-security-token").unwrap_or_default();
    if by.starts_with(container) && token == "its-token" {
        return honest(asked, key, ROLE);
    }
    let error = "MissingAuthenticationTokenException".to_owned();
    Reply::Answer(403, vec![("x-amzn-errortype", error)], Vec::new().into())
}

/// Who has this key or this password is let in.
fn honest(asked: &Asked, key: &str, role: &str) -> Reply {
    let home = json!({ "Role": role, "HomeDirectory": "/inbox/bob", "HomeDirectoryType": "LOGICAL",
        "HomeDirectoryDetails": r#"[{"Entry":"/","Target":"/inbox/bob"}]"# });
    let mut answer = home;
    match asked.header("passwordbase64") {
        None => answer["PublicKeys"] = json!([key]),
        Some(text) if text == STANDARD.encode(PASSWORD) => {}
        Some(_) => answer = json!({}),
    }
    Reply::json(answer.to_string())
}
