//! What a daemon offers to monitoring: `/healthz` and `/metrics`.

use super::clients::{self, Place};
use crate::failure::Failure;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use musig2_libp2p::{Handle, Metrics};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// The longest that a healthy node takes to answer.
const HEALTHY: Duration = Duration::from_secs(2);

/// How long a client may take to ask: a client that asks nothing keeps others from its place.
const ASKING: Duration = Duration::from_secs(1);

/// The longest that a connection lasts. It takes one request.
const PATIENCE: Duration = Duration::from_secs(10);

/// The content type for Prometheus.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Listens, and returns the actual address: the system may have chosen the port.
pub(crate) async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), Failure> {
    let failed = |error| Failure::Http { address, error };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

/// Answers until it is dropped. `problems` returns how many there are now.
pub(crate) async fn serve(
    listener: TcpListener,
    handle: Handle,
    metrics: Metrics,
    problems: impl Fn() -> usize + Clone + Send + Sync + 'static,
) {
    let encoded = async move || {
        metrics.set_problems(problems());
        ([(CONTENT_TYPE, OPEN_METRICS)], metrics.encode())
    };
    let router = Router::new()
        .route("/healthz", get(healthz))
        .with_state(handle)
        .route("/metrics", get(encoded));
    let accept = async || Ok(listener.accept().await?.0);
    clients::serve("the HTTP address", accept, |stream, place| {
        answer(stream, router.clone(), place)
    })
    .await;
}

/// Serves one connection. `axum::serve` would keep any number of connections for any time.
async fn answer(stream: TcpStream, router: Router, _place: Place) {
    let mut server = http1::Builder::new();
    server.keep_alive(false).timer(TokioTimer::new()).header_read_timeout(ASKING);
    let answered = server.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    match tokio::time::timeout(PATIENCE, answered).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a client of the HTTP address was not answered"),
        Err(_) => tracing::debug!("a client of the HTTP address took too long"),
    }
}

/// Answers whether the node's task responds.
async fn healthz(State(handle): State<Handle>) -> (StatusCode, &'static str) {
    match tokio::time::timeout(HEALTHY, handle.sessions()).await {
        Ok(Ok(_)) => (StatusCode::OK, "ok\n"),
        Ok(Err(_)) => (StatusCode::SERVICE_UNAVAILABLE, "the node has stopped\n"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the node does not answer\n"),
    }
}
