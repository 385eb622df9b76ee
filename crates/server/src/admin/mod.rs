//! The admin address: `/healthz`, `/readyz` and `/metrics`, over HTTP or TLS.

mod listener;
mod tls;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;

pub(crate) use listener::serve;
pub(crate) use tls::Certificates;

/// Tells whether a part that the node needs answers.
#[async_trait::async_trait]
pub(crate) trait Readiness: Send + Sync {
    /// Nothing, or what is wrong in a line.
    async fn check(&self) -> Result<(), String>;
}

/// What the pages show.
#[derive(Clone)]
pub(crate) struct Health {
    metrics: PrometheusHandle,
    draining: Arc<AtomicBool>,
    parts: Arc<dyn Readiness>,
}

impl Health {
    /// Health of a node whose other parts `parts` speaks for.
    pub(crate) fn new(metrics: PrometheusHandle, parts: Arc<dyn Readiness>) -> Self {
        Self {
            metrics,
            draining: Arc::new(AtomicBool::new(false)),
            parts,
        }
    }

    /// From now on `/readyz` says 503, so that a load balancer looks elsewhere.
    pub(crate) fn start_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }
}

/// The pages.
pub(crate) fn router(health: Health) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(health)
}

async fn healthz() -> &'static str {
    "ok\n"
}

async fn readyz(State(health): State<Health>) -> Response {
    if health.draining.load(Ordering::Relaxed) {
        return (StatusCode::SERVICE_UNAVAILABLE, "draining\n").into_response();
    }
    match health.parts.check().await {
        Ok(()) => "ready\n".into_response(),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}

async fn metrics(State(health): State<Health>) -> Response {
    health.metrics.run_upkeep();
    let format = [(
        header::CONTENT_TYPE,
        "text/plain; version=0.0.4; charset=utf-8",
    )];
    (format, health.metrics.render()).into_response()
}
