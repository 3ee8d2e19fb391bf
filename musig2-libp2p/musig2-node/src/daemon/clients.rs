//! Serves the clients of a daemon: a bounded number at once, and others wait.

use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

/// The most clients of one listener that are served at once, so that file descriptors are left for
/// co-signers.
pub(super) const MAX_CLIENTS: usize = 32;
/// How long to wait after a connection could not be accepted (because too many files are open, for
/// instance).
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// A client's place. When it is dropped, the next client is served.
pub(super) type Place = OwnedSemaphorePermit;

/// Serves clients until it is dropped. `accept` must be cancel-safe.
pub(super) async fn serve<C, S>(
    listener: &str,
    accept: impl AsyncFn() -> io::Result<C>,
    serve_one: impl Fn(C, Place) -> S,
) where
    S: Future<Output = ()> + Send + 'static,
{
    let mut clients = JoinSet::new();
    let places = Arc::new(Semaphore::new(MAX_CLIENTS));
    let mut refuses = false;
    loop {
        while clients.try_join_next().is_some() {}
        tokio::select! {
            (client, place) = accept_with(&accept, &places) => match client {
                Ok(client) => {
                    if std::mem::take(&mut refuses) {
                        tracing::info!("accepting clients on {listener} again");
                    }
                    drop(clients.spawn(serve_one(client, place)));
                }
                Err(error) => {
                    if !std::mem::replace(&mut refuses, true) {
                        tracing::error!(%error, "cannot accept clients on {listener}: retrying every second");
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = clients.join_next() => {}
        }
    }
}

/// Accepts the next client once there is a place for it. Cancel-safe.
async fn accept_with<C>(
    accept: &impl AsyncFn() -> io::Result<C>,
    places: &Arc<Semaphore>,
) -> (io::Result<C>, Place) {
    let place = Arc::clone(places).acquire_owned().await.expect("it is never closed");
    (accept().await, place)
}
