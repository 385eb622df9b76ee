//! The in-memory S3 server as a program, for tests that are not written in Rust: prints one JSON
//! object with its endpoint and keys, and serves until it is ended.

use std::io::Write as _;

use testkit::s3::{Options, S3Server};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let server = S3Server::start(Options::default()).await?;
    let mut stdout = std::io::stdout();
    writeln!(
        stdout,
        r#"{{"endpoint":"{}","access_key":"{}","secret_key":"{}"}}"#,
        server.endpoint(),
        server.access_key(),
        server.secret_key()
    )?;
    stdout.flush()?;
    std::future::pending().await
}
