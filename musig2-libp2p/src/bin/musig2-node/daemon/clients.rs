//! Who connects to this daemon to ask something: some are served at once, and others wait.

use std::io;
use std::time::Duration;
use tokio::task::JoinSet;

/// How many clients of one listener are served at once, so that they leave descriptors for co-signers.
pub(super) const MAX_CLIENTS: usize = 32;
/// After a connection could not be accepted (too many open files, say).
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// Serves clients until it is dropped. `accept` must be cancel-safe.
pub(super) async fn serve<C, S>(
    listener: &str,
    accept: impl AsyncFn() -> io::Result<C>,
    serve_one: impl Fn(C) -> S,
) where
    S: Future<Output = ()> + Send + 'static,
{
    let mut clients = JoinSet::new();
    let mut refuses = false;
    loop {
        while clients.try_join_next().is_some() {}
        tokio::select! {
            client = accept(), if clients.len() < MAX_CLIENTS => match client {
                Ok(client) => {
                    if std::mem::take(&mut refuses) {
                        tracing::info!("accepts clients on {listener} again");
                    }
                    drop(clients.spawn(serve_one(client)));
                }
                Err(error) => {
                    if !std::mem::replace(&mut refuses, true) {
                        tracing::error!(%error, "cannot accept clients on {listener}: trying again each second");
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = clients.join_next() => {}
        }
    }
}
