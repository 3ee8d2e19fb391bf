//! DNS names, resolved as the system is configured at the time of the dial.

use futures::FutureExt;
use futures::future::BoxFuture;
use libp2p::core::transport::{DialOpts, ListenerId, Transport, TransportError, TransportEvent};
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, dns};
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

/// Where the system names its resolvers. (Windows keeps them elsewhere.)
const CONFIGURATION: &str = "/etc/resolv.conf";

/// Resolves names before the transport below dials. It reads the system's configuration at each
/// dial of a name, because networks change. A node without a configuration keeps running, and only
/// its dials of names fail.
pub(super) struct Names<T: Transport> {
    inner: Shared<T>,
    /// The resolver, with the configuration that it was made from.
    resolver: Option<(Vec<u8>, dns::tokio::Transport<Shared<T>>)>,
}

impl<T> Names<T>
where
    T: Transport<Error = io::Error> + Send + Unpin + 'static,
    T::Dial: Send,
{
    pub(super) fn new(inner: T) -> Self {
        let mut names = Self { inner: Shared(Arc::new(Mutex::new(inner))), resolver: None };
        if let Err(error) = names.resolver() {
            tracing::warn!(%error, "cannot resolve names: addresses that begin with /dns cannot be dialled until this is fixed");
        }
        names
    }

    fn resolver(&mut self) -> io::Result<&mut dns::tokio::Transport<Shared<T>>> {
        let failed = |error: io::Error| {
            io::Error::other(format!("cannot resolve names, because of {CONFIGURATION} ({error})"))
        };
        let is_file = cfg!(unix);
        let configuration = if is_file {
            std::fs::read(Path::new(CONFIGURATION)).map_err(failed)?
        } else {
            Vec::new()
        };
        let resolver = match self.resolver.take() {
            Some((made_from, resolver)) if made_from == configuration => resolver,
            _ => dns::tokio::Transport::system(self.inner.clone()).map_err(failed)?,
        };
        Ok(&mut self.resolver.insert((configuration, resolver)).1)
    }
}

impl<T> Transport for Names<T>
where
    T: Transport<Error = io::Error> + Send + Unpin + 'static,
    T::Dial: Send,
{
    type Output = T::Output;
    type Error = io::Error;
    type ListenerUpgrade = T::ListenerUpgrade;
    type Dial = BoxFuture<'static, Result<T::Output, io::Error>>;

    fn listen_on(
        &mut self,
        id: ListenerId,
        address: Multiaddr,
    ) -> Result<(), TransportError<io::Error>> {
        self.inner.lock().listen_on(id, address)
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        self.inner.lock().remove_listener(id)
    }

    fn dial(
        &mut self,
        address: Multiaddr,
        options: DialOpts,
    ) -> Result<Self::Dial, TransportError<io::Error>> {
        if !address.iter().any(is_name) {
            return Ok(self.inner.lock().dial(address, options)?.boxed());
        }
        let resolver = self.resolver().map_err(TransportError::Other)?;
        let dial = resolver.dial(address, options).map_err(|error| error.map(io::Error::other))?;
        Ok(dial.map(|dialled| dialled.map_err(io::Error::other)).boxed())
    }

    fn poll(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<TransportEvent<T::ListenerUpgrade, io::Error>> {
        Pin::new(&mut *self.inner.lock()).poll(context)
    }
}

fn is_name(part: Protocol<'_>) -> bool {
    matches!(part, Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_) | Protocol::Dnsaddr(_))
}

/// A transport shared by this node and the resolvers.
struct Shared<T>(Arc<Mutex<T>>);

impl<T> Shared<T> {
    /// Locks the transport, even after a panic: a transport that panicked can be used again.
    fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Transport + Unpin> Transport for Shared<T> {
    type Output = T::Output;
    type Error = T::Error;
    type ListenerUpgrade = T::ListenerUpgrade;
    type Dial = T::Dial;

    fn listen_on(
        &mut self,
        id: ListenerId,
        address: Multiaddr,
    ) -> Result<(), TransportError<T::Error>> {
        self.lock().listen_on(id, address)
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        self.lock().remove_listener(id)
    }

    fn dial(
        &mut self,
        address: Multiaddr,
        options: DialOpts,
    ) -> Result<T::Dial, TransportError<T::Error>> {
        self.lock().dial(address, options)
    }

    fn poll(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<TransportEvent<T::ListenerUpgrade, T::Error>> {
        Pin::new(&mut *self.lock()).poll(context)
    }
}
