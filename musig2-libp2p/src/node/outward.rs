//! Keeps addresses from strangers out of the owner's network.

use super::addresses::Reach;
use libp2p::Multiaddr;
use libp2p::core::transport::{DialOpts, ListenerId, Transport, TransportError, TransportEvent};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Dials only public addresses, unless private ones are allowed, whichever behaviour asks.
///
/// The hash table, hole punching and AutoNAT dial addresses that peers name, and a peer must not
/// make this node probe hosts inside its owner's network. This stands below DNS, so that a name
/// cannot bypass it.
pub(super) struct Outward<T> {
    inner: T,
    dials_private: bool,
}

impl<T> Outward<T> {
    pub(super) fn new(inner: T, dials_private: bool) -> Self {
        Self { inner, dials_private }
    }
}

impl<T: Transport<Error = io::Error> + Unpin> Transport for Outward<T> {
    type Output = T::Output;
    type Error = io::Error;
    type ListenerUpgrade = T::ListenerUpgrade;
    type Dial = T::Dial;

    fn listen_on(
        &mut self,
        id: ListenerId,
        address: Multiaddr,
    ) -> Result<(), TransportError<io::Error>> {
        self.inner.listen_on(id, address)
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        self.inner.remove_listener(id)
    }

    fn dial(
        &mut self,
        address: Multiaddr,
        options: DialOpts,
    ) -> Result<T::Dial, TransportError<io::Error>> {
        if !self.dials_private && Reach::of(&address) != Some(Reach::World) {
            return Err(TransportError::Other(io::Error::other(format!(
                "{address} is not a public address, and this node seems to be on the internet: see `dial_private`"
            ))));
        }
        self.inner.dial(address, options)
    }

    fn poll(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<TransportEvent<T::ListenerUpgrade, io::Error>> {
        Pin::new(&mut self.inner).poll(context)
    }
}
