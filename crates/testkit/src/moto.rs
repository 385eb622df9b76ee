//! moto's server: many AWS services in one process, from the environment that the caller names.

use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A running server; killed when this is dropped.
#[derive(Debug)]
pub struct Moto {
    process: Child,
    port: u16,
    python: PathBuf,
}

/// How it is started: one of its answers is mended.
const SERVER: &str = include_str!("moto/server.py");

/// Longest wait for the first answer: Python imports much.
const START: Duration = Duration::from_secs(60);

impl Moto {
    /// Starts the server of the environment that `executable` (`moto_server`) is in on a free
    /// loopback port, and waits until it answers.
    ///
    /// # Errors
    /// Where it cannot be started, ends at once, or does not answer within a minute.
    pub async fn start(executable: &Path) -> io::Result<Self> {
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let python = executable.with_file_name("python3");
        let process = Command::new(&python)
            .args(["-c", SERVER])
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let mut moto = Self {
            process,
            port,
            python,
        };
        match tokio::time::timeout(START, moto.answers()).await {
            Ok(answered) => answered.map(|()| moto),
            Err(_) => Err(io::Error::other(
                "moto_server did not answer within a minute",
            )),
        }
    }

    /// Its URL.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The Python that it runs in, which knows AWS's own client.
    pub fn python(&self) -> PathBuf {
        self.python.clone()
    }

    /// Makes an S3 bucket, which moto lets anybody do.
    ///
    /// # Errors
    /// Where it does not answer 200.
    pub async fn create_bucket(&self, name: &str) -> io::Result<()> {
        // moto tells services and accounts apart by the credential, which it does not check.
        let scope = "testing/20260101/us-east-1/s3/aws4_request";
        let authorization = format!(
            "Authorization: AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0\r\n"
        );
        let answer = self.ask("PUT", &format!("/{name}"), &authorization).await?;
        if answer.starts_with("HTTP/1.1 200") {
            return Ok(());
        }
        Err(io::Error::other(format!(
            "creating bucket {name}: {answer}"
        )))
    }

    async fn answers(&mut self) -> io::Result<()> {
        let mut again = tokio::time::interval(Duration::from_millis(50));
        loop {
            again.tick().await;
            if let Some(status) = self.process.try_wait()? {
                return Err(io::Error::other(format!("moto_server ended: {status}")));
            }
            if self.ask("GET", "/moto-api/", "").await.is_ok() {
                return Ok(());
            }
        }
    }

    async fn ask(&self, method: &str, path: &str, headers: &str) -> io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n{headers}Content-Length: 0\r\n\
             Connection: close\r\n\r\n",
            self.port
        );
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
