//! Serves the admin pages on a socket, until told to stop.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Certificates;

/// Time for a TLS handshake and for the head of a request.
const PATIENCE: Duration = Duration::from_secs(10);
/// Connections at once; more wait in the kernel's queue.
const CONNECTIONS: usize = 256;

/// Serves `pages` until `stop`; then ends open connections.
pub(crate) async fn serve(
    listener: TcpListener,
    certificates: Option<Arc<Certificates>>,
    pages: Router,
    stop: CancellationToken,
) {
    let tasks = TaskTracker::new();
    let places = Arc::new(tokio::sync::Semaphore::new(CONNECTIONS));
    while let Some(stream) = next(&listener, &stop).await {
        let Some(Ok(place)) = stop
            .run_until_cancelled(Arc::clone(&places).acquire_owned())
            .await
        else {
            break;
        };
        let (pages, certificates, stop) = (pages.clone(), certificates.clone(), stop.clone());
        tasks.spawn(async move {
            let _place = place;
            stop.run_until_cancelled(connection(stream, certificates, pages))
                .await;
        });
    }
    tasks.close();
    tasks.wait().await;
}

async fn next(listener: &TcpListener, stop: &CancellationToken) -> Option<TcpStream> {
    loop {
        match stop.run_until_cancelled(listener.accept()).await? {
            Ok((stream, _)) => return Some(stream),
            Err(error) => {
                // Out of descriptors, or the peer is gone already: neither ends the listener.
                tracing::debug!(%error, "admin accept failed");
                stop.run_until_cancelled(tokio::time::sleep(Duration::from_millis(100)))
                    .await?;
            }
        }
    }
}

async fn connection(stream: TcpStream, certificates: Option<Arc<Certificates>>, pages: Router) {
    match certificates {
        None => http(stream, pages).await,
        Some(certificates) => {
            let handshake = certificates.acceptor().accept(stream);
            match tokio::time::timeout(PATIENCE, handshake).await {
                Ok(Ok(stream)) => http(stream, pages).await,
                Ok(Err(error)) => tracing::debug!(%error, "admin TLS handshake failed"),
                Err(_) => tracing::debug!("admin TLS handshake took too long"),
            }
        }
    }
}

async fn http(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, pages: Router) {
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(pages))
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "admin connection ended");
    }
}
