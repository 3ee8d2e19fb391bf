//! What monitoring asks a daemon: `/healthz` and `/metrics`.

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

/// How long a healthy node takes for an answer at most.
const HEALTHY: Duration = Duration::from_secs(2);

/// How long a client may take to ask: whoever asks nothing keeps others from their places.
const ASKING: Duration = Duration::from_secs(1);

/// How long a connection lasts at most. It takes one request.
const PATIENCE: Duration = Duration::from_secs(10);

/// What Prometheus reads.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Listens, and gives the address with it: its port may have been left to the system.
pub(crate) async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), Failure> {
    let failed = |error| Failure::Http { address, error };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

/// Answers until it is dropped. `problems`: how many there are now.
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

/// `axum::serve` would keep as many connections as come, for as long as they like.
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

/// Whether the node's task answers.
async fn healthz(State(handle): State<Handle>) -> (StatusCode, &'static str) {
    match tokio::time::timeout(HEALTHY, handle.sessions()).await {
        Ok(Ok(_)) => (StatusCode::OK, "ok\n"),
        Ok(Err(_)) => (StatusCode::SERVICE_UNAVAILABLE, "the node has stopped\n"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the node does not answer\n"),
    }
}
