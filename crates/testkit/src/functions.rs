//! An endpoint that speaks Lambda's Invoke API and really runs Python handlers, each in a process
//! of its own that lives from one invocation to the next, as Lambda's do.

mod runtime;

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Mutex;

use crate::web::{Asked, Reply, WebServer};
use runtime::{Outcome, Runtime};

/// A function: a file with a `lambda_handler`.
#[derive(Debug, Clone)]
pub struct Function {
    /// What it is invoked as.
    pub name: &'static str,
    /// The handler's file.
    pub file: PathBuf,
    /// How long one invocation may take.
    pub timeout: Duration,
    /// Its environment.
    pub environment: Vec<(&'static str, String)>,
}

impl Function {
    /// The handler in `file`, with three seconds for each invocation, Lambda's default.
    pub fn new(name: &'static str, file: &Path) -> Self {
        Self {
            name,
            file: file.to_owned(),
            timeout: Duration::from_secs(3),
            environment: Vec::new(),
        }
    }
}

/// A running endpoint; its processes end when this is dropped.
#[derive(Debug)]
pub struct Functions(WebServer);

type Deployed = HashMap<&'static str, Mutex<Runtime>>;

impl Functions {
    /// Starts an endpoint with these functions, run by `python`.
    ///
    /// # Errors
    /// Where no port can be had, or a process cannot be started.
    pub async fn start(python: &Path, functions: Vec<Function>) -> io::Result<Self> {
        let mut deployed = Deployed::new();
        for function in functions {
            let name = function.name;
            let runtime = Runtime::start(python.to_owned(), function)?;
            deployed.insert(name, Mutex::new(runtime));
        }
        let deployed = Arc::new(deployed);
        let answering = move |asked| {
            let deployed = Arc::clone(&deployed);
            let answer: futures::future::BoxFuture<'static, Reply> =
                Box::pin(async move { invoke(&deployed, &asked).await });
            answer
        };
        WebServer::start(Arc::new(answering)).await.map(Self)
    }

    /// Its URL.
    pub fn url(&self) -> String {
        self.0.url()
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.0.asked()
    }
}

/// `POST /2015-03-31/functions/{name}/invocations`.
async fn invoke(deployed: &Deployed, asked: &Asked) -> Reply {
    let scope = asked.header("authorization").unwrap_or_default();
    if !scope.starts_with("AWS4-HMAC-SHA256 ") || !scope.contains("/lambda/aws4_request") {
        return refused(
            403,
            "InvalidSignatureException",
            "it is not signed for lambda",
        );
    }
    let path = asked.target.split('?').next().unwrap_or_default();
    let name = path
        .strip_prefix("/2015-03-31/functions/")
        .and_then(|rest| rest.strip_suffix("/invocations"));
    let (Some(name), "POST") = (name, asked.method.as_str()) else {
        return refused(
            404,
            "UnknownOperationException",
            "this endpoint knows Invoke alone",
        );
    };
    let Some(runtime) = deployed.get(name) else {
        return refused(404, "ResourceNotFoundException", "Function not found");
    };
    let (payload, error) = match runtime.lock().await.invoke(&asked.body).await {
        Outcome::Returned(payload) => (payload, None),
        Outcome::Failed(payload) => (payload, Some("Unhandled".to_owned())),
    };
    let mut headers = vec![("x-amz-executed-version", "$LATEST".to_owned())];
    headers.extend(error.map(|error| ("x-amz-function-error", error)));
    Reply::Answer(200, headers, payload)
}

fn refused(status: u16, code: &str, message: &str) -> Reply {
    let kind = ("x-amzn-errortype", code.to_owned());
    let body = format!(r#"{{"Type":"User","Message":"{message}"}}"#);
    Reply::Answer(status, vec![kind], Bytes::from(body))
}
