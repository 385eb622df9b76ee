//! The admin address: `/healthz`, `/readyz` and `/metrics`, over HTTP or TLS.

mod listener;
mod tls;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

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
    /// Absent until the node serves.
    parts: Arc<OnceLock<Arc<dyn Readiness>>>,
}

impl Health {
    /// Health of a node that starts.
    pub(crate) fn new(metrics: PrometheusHandle) -> Self {
        Self {
            metrics,
            draining: Arc::default(),
            parts: Arc::default(),
        }
    }

    /// The node serves; `parts` speaks for what it needs.
    pub(crate) fn start_serving(&self, parts: Arc<dyn Readiness>) {
        let _ = self.parts.set(parts);
    }

    /// From now on `/readyz` says 503, so that a load balancer looks elsewhere.
    pub(crate) fn start_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    async fn readiness(&self) -> Result<(), String> {
        if self.draining.load(Ordering::Relaxed) {
            return Err("draining".to_owned());
        }
        match self.parts.get() {
            Some(parts) => parts.check().await,
            None => Err("starting".to_owned()),
        }
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
    match health.readiness().await {
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
