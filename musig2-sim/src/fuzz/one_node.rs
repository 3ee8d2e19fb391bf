//! One node, and a fuzzer that plays everything around it.

use super::seat::{BEGINNING, Seat, contact, source};
use crate::engine::Engine;
use arbitrary::{Result, Unstructured};
use core::time::Duration;
use musig2_proto::wire::announcement::Publication;
use musig2_proto::wire::encode_message;
use musig2_proto::wire::frame::Frame;
use musig2_proto::wire::statement::Note;
use musig2_proto::{
    AbortCause, Audience, Command, Config, DeclineReason, Event, Input, Item, Output, Proposal,
    PublicKey, SessionId, Stepping, Timestamp, Topology,
};

/// The most operations of one run.
const MAX_OPERATIONS: usize = 100;

/// Every clock stays before this, some 30,000 years after 1970.
const LAST_TIME: u64 = 1 << 50;

/// Fuzzes one node with any configuration near the defaults, and with arbitrary orders, frames,
/// publications, clocks, and news of its peers. Everything it hears that others signed comes from
/// one honest proposer.
///
/// No call panics, a refused order changes nothing, everything that is sent decodes, each call
/// returns a bounded number of outputs, and afterwards the node's deadline is later than now, so
/// that a driver that wakes it at its deadlines makes progress. It convicts nobody, since nobody
/// broke the protocol.
///
/// # Panics
/// If any of this does not hold.
pub fn one_node<C: Engine>(data: &[u8]) {
    let mut from = Unstructured::new(data);
    // The run ends when the bytes do.
    let _ = run::<C>(&mut from);
}

fn run<C: Engine>(from: &mut Unstructured<'_>) -> Result<()> {
    let config = config(from)?;
    let mut bench = Bench::<C> {
        node: Seat::new(0, config),
        proposer: Seat::new(1, Config::default()),
        now: BEGINNING,
        sessions: Vec::new(),
        heard: Vec::new(),
        announcements: Vec::new(),
    };
    for _ in 0..MAX_OPERATIONS {
        if from.is_empty() {
            break;
        }
        bench.operate(from)?;
    }
    Ok(())
}

/// Makes a configuration with small numbers, so that runs reach the limits.
fn config(from: &mut Unstructured<'_>) -> Result<Config> {
    let choices: u8 = from.arbitrary()?;
    let on = |bit: u8| choices >> bit & 1 == 1;
    Ok(Config::default()
        .with_topology(if on(0) { Topology::Hub } else { Topology::Mesh })
        .with_stepping(if on(1) { Stepping::Manual } else { Stepping::Automatic })
        .with_allow_raw_tweaks(on(2))
        .with_enable_auto_cleanup(!on(3))
        .with_max_concurrent_sessions(if on(4) { 2 } else { 10 })
        .with_max_discovered_sessions(if on(5) { 2 } else { 64 })
        .with_max_items(if on(6) { 2 } else { 256 })
        .with_source_burst(if on(7) { 60 } else { 1000 }))
}

struct Bench<C: Engine> {
    node: Seat<C>,
    /// Makes announcements that are validly signed.
    proposer: Seat<C>,
    now: Timestamp,
    sessions: Vec<SessionId>,
    /// Frames and publications, including the node's own.
    heard: Vec<Input>,
    announcements: Vec<Vec<u8>>,
}

impl<C: Engine> Bench<C> {
    fn operate(&mut self, from: &mut Unstructured<'_>) -> Result<()> {
        match from.int_in_range(0..=11)? {
            0..=2 => {
                let command = self.command(from)?;
                self.order(command);
            }
            3 => self.hear_proposal(from)?,
            4 => {
                // A well-formed frame for a known session gets past the decoder, to the code behind
                // it.
                let mut frame: Frame = from.arbitrary()?;
                frame.session = self.session(from)?;
                let bytes = encode_message(&frame);
                self.give(Input::Frame { from: source(from.arbitrary()?), bytes });
            }
            5 => {
                let publication: Publication = from.arbitrary()?;
                let bytes = encode_message(&publication);
                self.give(Input::Announcement { from: source(from.arbitrary()?), bytes });
            }
            6 => {
                // Raw bytes test the decoder and the limits in front of it.
                let (source, bytes) = (source(from.arbitrary()?), from.arbitrary()?);
                self.give(Input::Frame { from: source, bytes });
            }
            7 => self.give_again(from)?,
            8 => {
                let peer = source(from.arbitrary()?);
                let input = match from.int_in_range(0..=3)? {
                    0 => Input::PeerConnected(peer),
                    1 => Input::PeerLost(peer),
                    2 => Input::AudienceGrew,
                    _ => Input::Tick,
                };
                self.give(input);
            }
            9 => {
                self.now =
                    self.now.saturating_add(Duration::from_millis(from.arbitrary::<u32>()?.into()));
                self.give(Input::Tick);
            }
            10 => {
                let deadline = self.node.node.next_deadline();
                self.now = self.now.max(deadline.unwrap_or(self.now));
                self.give(Input::Tick);
            }
            // The clock may be set to anything, also back.
            _ => self.now = Timestamp::from_millis(from.arbitrary::<u64>()? % LAST_TIME),
        }
        self.now = self.now.min(Timestamp::from_millis(LAST_TIME));
        Ok(())
    }

    fn command(&self, from: &mut Unstructured<'_>) -> Result<Command> {
        let session = self.session(from)?;
        Ok(match from.int_in_range(0..=13)? {
            0 => Command::SetContact(from.arbitrary()?),
            1 => {
                Command::AddContact { signer: self.key(from)?, contact: contact(from.arbitrary()?) }
            }
            2 | 3 => Command::CreateSession(self.proposal(from)?),
            4 => {
                let everyone = from.arbitrary()?;
                let audience = if everyone { Audience::Everyone } else { Audience::KnownContacts };
                Command::AnnounceSession { session, audience }
            }
            5 => Command::JoinSession { session },
            6 => {
                let kept = from.choose_iter(self.announcements.iter()).cloned();
                let announcement = kept.or_else(|_| from.arbitrary())?;
                match from.ratio(1, 4)? {
                    true => Command::TellSignatures { announcement, signatures: from.arbitrary()? },
                    false => Command::ResumeSession { announcement },
                }
            }
            7 => Command::SayHello,
            8 => Command::DeclineSession { session, reason: Some(DeclineReason::Policy) },
            9 => Command::ShareNonces { session },
            10 => Command::SharePartialSignatures { session },
            11 => Command::FinalizeSession { session },
            12 => Command::AbortSession { session, reason: Note::new(from.arbitrary()?) },
            _ => Command::Cleanup,
        })
    }

    fn proposal(&self, from: &mut Unstructured<'_>) -> Result<Proposal> {
        let others =
            (0..from.int_in_range(0..=2)?).map(|_| self.key(from)).collect::<Result<Vec<_>>>()?;
        let keys = [self.node.key, self.proposer.key].into_iter().chain(others);
        let items = (0..from.int_in_range(0..=3)?).map(|_| from.arbitrary());
        let items = items.collect::<Result<Vec<Item>>>()?;
        let mut proposal = items.into_iter().fold(Proposal::new(keys), Proposal::with_item);
        if from.ratio(1, 4)? {
            proposal =
                proposal.with_duration(Duration::from_millis(from.arbitrary::<u32>()?.into()));
        }
        if from.ratio(1, 4)? {
            proposal = proposal.with_memo(from.arbitrary::<Vec<u8>>()?);
        }
        Ok(if from.arbitrary()? { proposal.with_keep_order(true) } else { proposal })
    }

    fn key(&self, from: &mut Unstructured<'_>) -> Result<PublicKey> {
        Ok(match from.int_in_range(0..=3)? {
            0 => self.node.key,
            1 => self.proposer.key,
            _ => from.arbitrary()?,
        })
    }

    fn session(&self, from: &mut Unstructured<'_>) -> Result<SessionId> {
        let known = from.choose_iter(self.sessions.iter()).copied();
        known.or_else(|_| from.arbitrary())
    }

    /// Gives the node a valid announcement or hello, or the last of the proposer's valid frames.
    fn hear_proposal(&mut self, from: &mut Unstructured<'_>) -> Result<()> {
        let proposal = self.proposal(from)?;
        let mut outputs = self.proposer.order(self.now, Command::CreateSession(proposal));
        let created = outputs.iter().find_map(|output| match output {
            Output::Event(Event::SessionCreated { session }) => Some(*session),
            _ => None,
        });
        if let Some(session) = created {
            let announce = Command::AnnounceSession { session, audience: Audience::Everyone };
            outputs.extend(self.proposer.order(self.now, announce));
        } else {
            outputs.extend(self.proposer.order(self.now, Command::SayHello));
        }
        self.overhear(&outputs, 1);
        if let Some(last) = self.heard.last().cloned() {
            self.give(last);
        }
        Ok(())
    }

    /// Gives the node something from before, perhaps with a byte changed. Or passes it to the
    /// proposer, whose answer joins what may be given later.
    fn give_again(&mut self, from: &mut Unstructured<'_>) -> Result<()> {
        let Ok(input) = from.choose_iter(self.heard.iter()).cloned() else { return Ok(()) };
        if from.arbitrary()? {
            let outputs = self.proposer.handle(self.now, input);
            self.overhear(&outputs, 1);
            return Ok(());
        }
        let mut input = input;
        if let Input::Frame { bytes, .. } | Input::Announcement { bytes, .. } = &mut input
            && from.ratio(1, 4)?
        {
            let place = from.choose_index(bytes.len())?;
            bytes[place] = from.arbitrary()?;
        }
        self.give(input);
        Ok(())
    }

    fn give(&mut self, input: Input) {
        let outputs = self.node.handle(self.now, input);
        self.take(&outputs);
    }

    fn order(&mut self, command: Command) {
        let outputs = self.node.order(self.now, command);
        self.take(&outputs);
    }

    fn take(&mut self, outputs: &[Output]) {
        self.overhear(outputs, 0);
        for output in outputs {
            let Output::Event(event) = output else { continue };
            let session = event.session();
            if !self.sessions.contains(&session) {
                self.sessions.push(session);
            }
            self.announcements.extend(self.node.node.announcement(&session));
            if let Event::SessionAborted { cause, .. } = event {
                let convicts =
                    matches!(cause, AbortCause::Convicted { .. } | AbortCause::RivalInstance);
                assert!(!convicts, "nobody else stated anything, and {cause:?}");
            }
        }
    }

    fn overhear(&mut self, outputs: &[Output], who: u8) {
        for output in outputs {
            match output.clone() {
                Output::Publish(bytes) => {
                    self.heard.push(Input::Announcement { from: source(who), bytes });
                }
                Output::Send { bytes, .. } => {
                    self.heard.push(Input::Frame { from: source(who), bytes });
                }
                _ => {}
            }
        }
    }
}
