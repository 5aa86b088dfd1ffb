//! Metrics as text for Prometheus, on a listener of their own that only the operator
//! can reach, so they need no login.

use std::error::Error;
use std::time::Duration;

use admittance::metrics::{SECONDS_BUCKETS, describe};
use axum::Router;
use axum::http::header;
use axum::routing::get;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use tokio::net::TcpListener;

/// Keeps what is recorded.
pub(crate) fn recorder() -> Result<PrometheusRecorder, Box<dyn Error>> {
    Ok(PrometheusBuilder::new()
        .set_buckets(&SECONDS_BUCKETS)?
        .build_recorder())
}

/// `GET /metrics`.
pub(crate) fn router(metrics: PrometheusHandle) -> Router {
    let text = move || async move {
        let content_type = (header::CONTENT_TYPE, "text/plain; version=0.0.4");
        ([content_type], metrics.render())
    };
    Router::new().route("/metrics", get(text))
}

/// Records from now on, and answers at `addr` in the background.
pub(crate) async fn serve(addr: &str) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(addr).await?;
    tracing::info!("metrics on http://{}/metrics", listener.local_addr()?);
    let recorder = recorder()?;
    let metrics = recorder.handle();
    metrics::set_global_recorder(recorder)?;
    describe();
    tokio::spawn({
        let metrics = metrics.clone();
        async move {
            // Times are kept one by one until then, also when nobody asks.
            let mut every = tokio::time::interval(Duration::from_secs(5));
            loop {
                every.tick().await;
                metrics.run_upkeep();
            }
        }
    });
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router(metrics)).await {
            tracing::error!(%error, "metrics are no longer served");
        }
    });
    Ok(())
}
