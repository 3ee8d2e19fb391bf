//! What monitoring asks a daemon: `/healthz` and `/metrics`.

use crate::failure::Failure;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use musig2_libp2p::{Handle, Metrics};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;

/// How long a healthy node takes for an answer at most.
const HEALTHY: Duration = Duration::from_secs(2);

/// What Prometheus reads.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Listens, and gives the address with it: its port may have been left to the system.
pub(crate) async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), Failure> {
    let failed = |error| Failure::Http { address, error };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

/// Answers until it is dropped.
pub(crate) async fn serve(listener: TcpListener, handle: Handle, metrics: Metrics) -> io::Result<()> {
    let encoded = async move || ([(CONTENT_TYPE, OPEN_METRICS)], metrics.encode());
    let router =
        Router::new().route("/healthz", get(healthz)).with_state(handle).route("/metrics", get(encoded));
    axum::serve(listener, router).await
}

/// Whether the node's task answers.
async fn healthz(State(handle): State<Handle>) -> (StatusCode, &'static str) {
    match tokio::time::timeout(HEALTHY, handle.sessions()).await {
        Ok(Ok(_)) => (StatusCode::OK, "ok\n"),
        Ok(Err(_)) => (StatusCode::SERVICE_UNAVAILABLE, "the node has stopped\n"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the node does not answer\n"),
    }
}
