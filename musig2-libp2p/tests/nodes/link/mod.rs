//! A TCP link on loopback that can be cut.

use musig2_libp2p::libp2p::Multiaddr;
use musig2_libp2p::libp2p::multiaddr::Protocol;
use std::net::SocketAddr;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Open,
    /// Nothing arrives any more, and neither end is told.
    Silent,
    /// Connections are closed, and so are new ones.
    Cut,
}

/// Forwards connections to another address while it is open.
pub struct Link {
    pub address: Multiaddr,
    state: watch::Sender<State>,
}

impl Link {
    pub async fn to(target: &Multiaddr) -> Self {
        let target = socket(target);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback can be listened on");
        let port = listener.local_addr().expect("it is bound").port();
        let (state, states) = watch::channel(State::Open);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(carry(near, target, states.clone()));
            }
        });
        Self { address: format!("/ip4/127.0.0.1/tcp/{port}").parse().expect("an address"), state }
    }

    pub fn set(&self, state: State) {
        self.state.send_replace(state);
    }
}

async fn carry(mut near: TcpStream, target: SocketAddr, mut states: watch::Receiver<State>) {
    if *states.borrow() != State::Open {
        return;
    }
    let Ok(mut far) = TcpStream::connect(target).await else { return };
    tokio::select! {
        _ = copy_bidirectional(&mut near, &mut far) => {}
        _ = states.wait_for(|state| *state != State::Open) => {}
    }
    // The sockets stay open while the link is only silent.
    let _ = states.wait_for(|state| *state != State::Silent).await;
}

fn socket(address: &Multiaddr) -> SocketAddr {
    let mut parts = address.iter();
    match (parts.next(), parts.next()) {
        (Some(Protocol::Ip4(ip)), Some(Protocol::Tcp(port))) => SocketAddr::from((ip, port)),
        _ => panic!("{address} is not /ip4/…/tcp/…"),
    }
}
