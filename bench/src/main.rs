//! `memory-s3`: the object store of the measurements. It keeps what it is given in memory and checks
//! neither signatures nor checksums, so that it is never the limit; it is of no use for tests.

mod answer;
mod request;
mod store;

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::store::Store;

/// As far away as the first argument says, in milliseconds: each request is answered so much later.
fn distance() -> Result<Duration> {
    let Some(argument) = std::env::args().nth(1) else {
        return Ok(Duration::ZERO);
    };
    let milliseconds = argument.parse();
    let context = || format!("`{argument}` is no number of milliseconds");
    Ok(Duration::from_millis(milliseconds.with_context(context)?))
}

#[tokio::main]
async fn main() -> Result<()> {
    let distance = distance()?;
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .context("listen on 127.0.0.1")?;
    let address = listener
        .local_addr()
        .context("read the listener's address")?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{{\"endpoint\":\"http://{address}\"}}").context("print the endpoint")?;
    stdout.flush().context("print the endpoint")?;
    serve(listener, distance).await
}

/// Serves until the process is ended.
async fn serve(listener: TcpListener, distance: Duration) -> Result<()> {
    let store = Arc::new(Store::default());
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.context("accept")?;
        while connections.try_join_next().is_some() {}
        let store = Arc::clone(&store);
        connections.spawn(async move {
            let service = service_fn(move |request| {
                let store = Arc::clone(&store);
                async move {
                    let answer = request::serve(&store, request).await;
                    if !distance.is_zero() {
                        tokio::time::sleep(distance).await;
                    }
                    Ok::<_, std::convert::Infallible>(answer)
                }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .max_buf_size(1 << 20)
                .serve_connection(TokioIo::new(stream), service);
            if let Err(error) = connection.await {
                eprintln!("memory-s3: {error}");
            }
        });
    }
}
