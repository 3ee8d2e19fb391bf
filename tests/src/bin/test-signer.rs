//! A signer for tests that kill processes and cut cables: see `musig2_tests::signer`. It ends when
//! its standard input ends. If `RUST_LOG` is set, it logs to standard error.

use musig2_libp2p::musig2_proto::{
    AbortCause, Audience, Command, CommandError, Config, Event, Message, Phase, Proposal,
    PublicKey, SessionId, Stepping,
};
use musig2_libp2p::{Events, Handle, HandleError, Node, NodeConfig, NodeEvent};
use musig2_tests::signer::{
    Line, Order, Settings, Told, Until, identity, in_order, number, peers, secret_key,
};
use std::collections::BTreeMap;
use std::io::stderr;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncBufReadExt, BufReader, Lines, Stdin, stdin};
use tracing_subscriber::EnvFilter;

type Error = Box<dyn std::error::Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::from_default_env())
        .with_writer(stderr)
        .init();
    tell(Told::Started);
    let mut orders = BufReader::new(stdin()).lines();
    let Some(settings) = orders.next_line().await? else { return Ok(()) };
    let settings: Settings = serde_json::from_str(&settings)?;
    let (handle, events) = start(&settings)?;
    let automatic = settings.until == Until::Signed;
    Signer { handle, order: in_order(settings.signers), until: settings.until, automatic }
        .run(&settings, events, orders)
        .await
}

fn start(settings: &Settings) -> Result<(Handle, Events), Error> {
    let stepping =
        if settings.until == Until::Signed { Stepping::Automatic } else { Stepping::Manual };
    let protocol = Config::default()
        .with_stepping(stepping)
        .with_announcement_ttl(settings.patience)
        .with_nonce_timeout(settings.patience)
        .with_partial_sig_timeout(settings.patience);
    let bootstrap: Result<Vec<_>, _> =
        settings.bootstrap.iter().map(|address| address.parse()).collect();
    let config = NodeConfig::default()
        .with_listen([settings.listen.parse()?])
        .with_bootstrap_peers(bootstrap?)
        .with_identity(identity(settings.number))
        .with_enable_mdns(settings.finds_neighbours)
        .with_relay_server(settings.relays)
        .with_protocol(protocol);
    let config = match &settings.store {
        Some(folder) => config.with_store(folder),
        None => config,
    };
    Ok(Node::start(config, [secret_key(settings.number)])?)
}

struct Signer {
    handle: Handle,
    /// All signers, in the order of a session.
    order: Vec<(PublicKey, u8)>,
    until: Until,
    /// Whether the node takes the steps on its own.
    automatic: bool,
}

impl Signer {
    async fn run(
        mut self,
        settings: &Settings,
        mut events: Events,
        mut orders: Lines<BufReader<Stdin>>,
    ) -> Result<(), Error> {
        let peers = peers(settings.signers);
        loop {
            tokio::select! {
                order = orders.next_line() => match order? {
                    Some(order) => self.carry_out(serde_json::from_str(&order)?).await?,
                    None => return Ok(()),
                },
                event = events.next() => {
                    let event = event.ok_or("the node stopped")?;
                    let session = match &event {
                        NodeEvent::Session { event, .. } => Some(event.session()),
                        _ => None,
                    };
                    self.report(event, &peers);
                    if let Some(session) = session {
                        self.advance(session).await?;
                    }
                }
            }
        }
    }

    async fn carry_out(&mut self, order: Order) -> Result<(), Error> {
        match order {
            Order::Propose(message) => {
                let signers = self.order.iter().map(|(key, _)| *key);
                tell(Told::Proposing);
                let proposal = Proposal::new(signers).with_message(Message::new([message; 32]));
                let session = self.handle.create_session(proposal).await?;
                self.handle
                    .execute(Command::AnnounceSession { session, audience: Audience::Everyone })
                    .await?;
            }
            Order::GoOn(until) => {
                self.until = until;
                for view in self.handle.sessions().await? {
                    self.advance(view.id).await?;
                }
            }
        }
        Ok(())
    }

    /// Takes all the steps that may be taken now.
    async fn advance(&self, session: SessionId) -> Result<(), Error> {
        let steps = [
            (Until::Joined, Command::JoinSession { session }),
            (Until::NoncesOut, Command::ShareNonces { session }),
            (Until::PartialsOut, Command::SharePartialSignatures { session }),
            (Until::Signed, Command::FinalizeSession { session }),
        ];
        let by_hand = if self.automatic { 1 } else { steps.len() };
        for (step, command) in
            steps.into_iter().take(by_hand).filter(|(step, _)| *step <= self.until)
        {
            match self.handle.execute(command).await {
                Ok(())
                | Err(HandleError::Command(
                    CommandError::AlreadyJoined(_)
                    | CommandError::NotReady(_)
                    | CommandError::NotAnnounced(_)
                    | CommandError::Ended(_),
                )) => {}
                Err(error) => tell(Told::Noted(format!("{step:?}: {error}"))),
            }
        }
        Ok(())
    }

    fn report(&self, event: NodeEvent, peers: &BTreeMap<musig2_libp2p::libp2p::PeerId, u8>) {
        let known = |peer| peers.get(&peer).copied().unwrap_or_default();
        tell(match event {
            NodeEvent::Listening { address } => Told::Listening(address.to_string()),
            NodeEvent::PeerConnected { peer, relayed: false, .. } => Told::Connected(known(peer)),
            NodeEvent::PeerConnected { peer, relayed: true, .. } => Told::Relayed(known(peer)),
            NodeEvent::PeerReachedDirectly { peer, .. } => Told::Direct(known(peer)),
            NodeEvent::Reachable { address } => Told::Reachable(address.to_string()),
            NodeEvent::PeerDisconnected { peer, .. } => Told::Disconnected(known(peer)),
            NodeEvent::Session { event, .. } => self.told(event),
            event => Told::Noted(format!("{event:?}")),
        });
    }

    fn told(&self, event: Event) -> Told {
        let number = |signer| number(&self.order, signer);
        let session = event.session().to_string();
        match event {
            Event::SessionCreated { .. } => Told::Created { session },
            Event::SessionDiscovered { .. } => Told::Discovered { session },
            Event::SignerJoined { signer, .. } => Told::Joined { session, signer: number(signer) },
            Event::SessionReady { .. } => Told::Ready { session },
            Event::NonceReceived { signer, .. } => Told::Nonces { session, signer: number(signer) },
            Event::NoncesComplete { .. } => Told::NoncesComplete { session },
            Event::PartialSigReceived { signer, .. } => {
                Told::Partials { session, signer: number(signer) }
            }
            Event::SessionComplete { signatures, .. } => {
                Told::Complete { session, signature: hex::encode(signatures[0].as_bytes()) }
            }
            Event::SessionAborted {
                cause:
                    AbortCause::TimedOut {
                        awaiting,
                        phase: Phase::Joining | Phase::Nonces | Phase::PartialSignatures,
                    },
                ..
            } => Told::TimedOut { session, awaiting: awaiting.into_iter().map(number).collect() },
            event => Told::Noted(format!("{event:?}")),
        }
    }
}

fn tell(told: Told) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_micros();
    let line = Line { at: u64::try_from(now).expect("before the year 500,000"), told };
    println!("{}", serde_json::to_string(&line).expect("plain data"));
}
