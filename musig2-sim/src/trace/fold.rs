//! Encodes steps as bytes for the running hash. Each starts with a number for its kind, and
//! everything of variable length starts with its length, so that two different runs give two
//! different byte strings.

use super::{Action, Step};
use crate::ids::NodeId;
use crate::network::{Alteration, Fate};
use crate::plan::Disk;
use crate::time::Micros;
use core::fmt;
use musig2_proto::{Audience, Command, Event, SessionId, Signature, SignerIndex};

pub(super) fn step(bytes: &mut Vec<u8>, step: &Step) {
    let mut fold = Fold(bytes);
    fold.number(step.at.get());
    fold.node(step.node);
    match &step.action {
        Action::Started => fold.kind(0),
        Action::Ordered(command) => {
            fold.kind(1);
            fold.command(command);
        }
        Action::Refused(error) => {
            fold.kind(2);
            fold.printed(error);
        }
        Action::Ticked => fold.kind(3),
        Action::Sent { message, to, bytes, fate } => {
            fold.kind(4);
            fold.number(message.0);
            fold.number(to.map_or(u64::MAX, |to| to.get().into()));
            fold.bytes(bytes);
            fold.fate(*fate);
        }
        Action::Published { message, bytes } => {
            fold.kind(5);
            fold.number(message.0);
            fold.bytes(bytes);
        }
        Action::Spread { message, to, fate } => {
            fold.kind(6);
            fold.number(message.0);
            fold.node(*to);
            fold.fate(*fate);
        }
        Action::Received { message, from } => {
            fold.kind(7);
            fold.number(message.0);
            fold.node(*from);
        }
        Action::Missed { message, from } => {
            fold.kind(8);
            fold.number(message.0);
            fold.node(*from);
        }
        Action::PeerLost(peer) => {
            fold.kind(9);
            fold.node(*peer);
        }
        Action::PeerConnected(peer) => {
            fold.kind(10);
            fold.node(*peer);
        }
        Action::Event(event) => {
            fold.kind(11);
            fold.event(event);
        }
        Action::Reported(report) => {
            fold.kind(12);
            fold.printed(report);
        }
        Action::Crashed { disk } => {
            fold.kind(13);
            match disk {
                Disk::Empty => fold.number(0),
                Disk::Kept => fold.number(1),
                Disk::RolledBack(age) => {
                    fold.number(2);
                    fold.number(age.get());
                }
            }
        }
        Action::Restarted => fold.kind(14),
        Action::ClockSet { ahead } => {
            fold.kind(15);
            fold.0.extend_from_slice(&ahead.to_be_bytes());
        }
        Action::Paused { deaf } => fold.kind(16 + u8::from(*deaf)),
        Action::Resumed => fold.kind(18),
    }
}

struct Fold<'a>(&'a mut Vec<u8>);

impl Fold<'_> {
    fn kind(&mut self, kind: u8) {
        self.0.push(kind);
    }

    fn number(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_be_bytes());
    }

    fn node(&mut self, node: NodeId) {
        self.0.extend_from_slice(&node.get().to_be_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn fate(&mut self, fate: Fate) {
        match fate {
            Fate::Lost => self.kind(0),
            Fate::Cut => self.kind(1),
            Fate::Nowhere => self.kind(2),
            // 3 and 4 belong to `Arrives` below.
            Fate::Crowded => self.kind(5),
            Fate::Arrives { at, again, reversed, altered } => {
                self.kind(3 + u8::from(reversed));
                self.number(at.get());
                self.number(again.map_or(u64::MAX, Micros::get));
                match altered {
                    None => self.kind(0),
                    Some(Alteration::Flipped(bits)) => self.0.extend_from_slice(&[1, bits]),
                    Some(Alteration::Grown(bytes)) => self.0.extend_from_slice(&[2, bytes]),
                    Some(Alteration::Cut(bytes)) => {
                        self.kind(3);
                        self.0.extend_from_slice(&bytes.to_be_bytes());
                    }
                }
            }
        }
    }

    /// Encodes the frequent orders field by field. Rare ones, and ones that the core adds later,
    /// are encoded as their `Debug` text.
    fn command(&mut self, command: &Command) {
        match command {
            Command::JoinSession { session } => self.session(0, session),
            Command::AnnounceSession { session, audience: Audience::Everyone } => {
                self.session(1, session);
            }
            Command::SetContact(contact) => {
                self.kind(2);
                self.bytes(contact.as_bytes());
            }
            Command::AddContact { signer, contact } => {
                self.kind(3);
                self.0.extend_from_slice(signer.as_bytes());
                self.bytes(contact.as_bytes());
            }
            other => {
                self.kind(4);
                self.printed(other);
            }
        }
    }

    /// Encodes the frequent events field by field. Rare ones, and ones that the core adds later,
    /// are encoded as their `Debug` text.
    fn event(&mut self, event: &Event) {
        match event {
            Event::SessionCreated { session } => self.session(0, session),
            Event::SessionDiscovered { session } => self.session(1, session),
            Event::SessionReady { session } => self.session(2, session),
            Event::NoncesComplete { session } => self.session(3, session),
            Event::PartialSigsComplete { session } => self.session(4, session),
            Event::NonceReceived { session, signer } => self.signer(5, session, *signer),
            Event::PartialSigReceived { session, signer } => self.signer(6, session, *signer),
            Event::SignerJoined { session, signer } => self.signer(7, session, *signer),
            Event::SessionComplete { session, signatures } => {
                self.signatures(8, session, signatures);
            }
            Event::LateSignature { session, signatures } => self.signatures(9, session, signatures),
            other => {
                self.kind(10);
                self.printed(other);
            }
        }
    }

    fn session(&mut self, kind: u8, session: &SessionId) {
        self.kind(kind);
        self.0.extend_from_slice(session.as_bytes());
    }

    fn signer(&mut self, kind: u8, session: &SessionId, signer: SignerIndex) {
        self.session(kind, session);
        self.0.extend_from_slice(&signer.get().to_be_bytes());
    }

    fn signatures(&mut self, kind: u8, session: &SessionId, signatures: &[Signature]) {
        self.session(kind, session);
        self.number(signatures.len() as u64);
        signatures.iter().for_each(|signature| self.0.extend_from_slice(signature.as_bytes()));
    }

    /// Appends the `Debug` text piece by piece as it is printed, without a buffer, and an end mark
    /// that no UTF-8 text contains.
    fn printed(&mut self, value: &impl fmt::Debug) {
        // The writer below never fails.
        let _ = fmt::write(self, format_args!("{value:?}"));
        self.kind(0xff);
    }
}

impl fmt::Write for Fold<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}
