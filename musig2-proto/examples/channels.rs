//! Runs three signers, each in its own thread, over channels: everything that a transport must do.
//!
//! ```console
//! $ cargo run -p musig2-proto --example channels
//! ```

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the core has neither clock nor threads; who embeds it has both"
)]

use getrandom::SysRng;
use musig2_proto::{
    Audience, Command, Contact, Destination, Event, Input, Message, Node, Output, Proposal,
    PublicKey, SecretKey, Signature, Source, Timestamp,
};
use rand_core::UnwrapErr;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, SystemTime};

/// The system's clock may be set while a signer sleeps.
const LONGEST_SLEEP: Duration = Duration::from_secs(5);

/// The operating system's generator. Nonces must come from nothing else.
fn rng() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}

struct Signer {
    node: Node,
    /// Where this signer is. Only the transport understands what a contact says: here, a number.
    number: u8,
    inbox: Receiver<Input>,
    /// Everyone's inbox, by number.
    peers: Vec<Sender<Input>>,
    results: Sender<Vec<Signature>>,
}

impl Signer {
    /// Passes on what arrives, and calls the node at its deadlines: the node has no clock.
    fn run(mut self) {
        loop {
            let input = match self.node.next_deadline() {
                Some(at) => {
                    match self.inbox.recv_timeout(at.saturating_since(now()).min(LONGEST_SLEEP)) {
                        Ok(input) => input,
                        Err(RecvTimeoutError::Timeout) => Input::Tick,
                        Err(RecvTimeoutError::Disconnected) => return,
                    }
                }
                None => match self.inbox.recv() {
                    Ok(input) => input,
                    Err(_) => return,
                },
            };
            // A transport with connections also reports `PeerConnected`, `PeerLost` and
            // `AudienceGrew`, so that the node asks sooner for what it missed.
            let outputs = self.node.handle(now(), &mut rng(), input);
            self.carry_out(outputs);
        }
    }

    fn order(&mut self, command: Command) {
        match self.node.execute(now(), &mut rng(), command) {
            Ok(outputs) => self.carry_out(outputs),
            // Nothing has changed, and the error says why.
            Err(error) => eprintln!("{}: {error}", self.number),
        }
    }

    /// Carries outputs out in their order, because later ones may depend on earlier ones.
    fn carry_out(&mut self, outputs: Vec<Output>) {
        let from = || Source::new([self.number]);
        let mut orders = Vec::new();
        for output in outputs {
            match output {
                Output::Publish(bytes) => {
                    for (_, peer) in self
                        .peers
                        .iter()
                        .enumerate()
                        .filter(|(at, _)| *at != usize::from(self.number))
                    {
                        // If a signer is gone, the frame is lost. The node asks again later.
                        let _ =
                            peer.send(Input::Announcement { from: from(), bytes: bytes.clone() });
                    }
                }
                Output::Send { to, bytes } => {
                    // To the address that a signer gave, or back to where a frame came from.
                    // Either may be a peer's invention.
                    let to = match &to {
                        Destination::Contact(contact) => contact.as_bytes().first(),
                        Destination::Source(source) => source.as_bytes().first(),
                    };
                    if let Some(peer) = to.and_then(|to| self.peers.get(usize::from(*to))) {
                        let _ = peer.send(Input::Frame { from: from(), bytes });
                    }
                }
                // A transport pauses or bans peers that misbehave: see `Severity`.
                Output::Report(report) => {
                    eprintln!("{}: {:?} {}", self.number, report.source, report.offence);
                }
                Output::Event(event) => orders.extend(self.decide(event)),
                // The enum may grow.
                _ => {}
            }
        }
        for order in orders {
            self.order(order);
        }
    }

    /// The application's part.
    fn decide(&self, event: Event) -> Option<Command> {
        println!("{}: {event:?}", self.number);
        match event {
            // To survive a crash, store `Node::announcement` before anything is sent, and order
            // `ResumeSession` after the restart.
            Event::SessionCreated { session } => {
                Some(Command::AnnounceSession { session, audience: Audience::Everyone })
            }
            // This is consent. Look at the signers and messages in `Node::session` first, and
            // order `DeclineSession` if they are not right.
            Event::SessionDiscovered { session } => Some(Command::JoinSession { session }),
            Event::SessionComplete { signatures, .. } => {
                let _ = self.results.send(signatures);
                None
            }
            _ => None,
        }
    }
}

fn now() -> Timestamp {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (senders, inboxes): (Vec<_>, Vec<_>) = (0..3).map(|_| channel()).unzip();
    let (results, finished) = channel();
    let mut signers = Vec::new();
    let mut keys: Vec<PublicKey> = Vec::new();
    for (number, inbox) in (0..).zip(inboxes) {
        let mut node = Node::new(Default::default())?;
        keys.push(node.add_key(&SecretKey::new([number + 1; 32]))?);
        signers.push(Signer {
            node,
            number,
            inbox,
            peers: senders.clone(),
            results: results.clone(),
        });
    }
    let proposal = Proposal::new(keys).with_message(Message::new([7; 32]));
    for mut signer in signers {
        let proposal = (signer.number == 0).then(|| proposal.clone());
        std::thread::spawn(move || {
            signer.order(Command::SetContact(
                Contact::new(vec![signer.number]).expect("a byte is not too long"),
            ));
            // A signer that restarted has forgotten its sessions. The others tell it.
            signer.order(Command::SayHello);
            if let Some(proposal) = proposal {
                signer.order(Command::CreateSession(proposal));
            }
            signer.run();
        });
    }
    let signatures: Vec<_> = finished.iter().take(3).collect();
    assert!(signatures.iter().all(|one| *one == signatures[0]), "everyone has the same");
    println!("{:?}", signatures[0]);
    Ok(())
}
