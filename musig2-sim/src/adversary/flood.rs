//! Floods the others with more than anyone asked for.

use super::letters::send;
use super::two_manifests::announce;
use super::{Adversary, Means, RogueSigner};
use crate::engine::Engine;
use crate::ids::NodeId;
use crate::protocol;
use core::time::Duration;
use musig2_proto::wire::VERSION;
use musig2_proto::wire::announcement::Publication;
use musig2_proto::wire::bounded::List;
use musig2_proto::wire::frame::{Frame, Request};
use musig2_proto::wire::hello::{Hello, HelloContent};
use musig2_proto::wire::statement::{Body, Join, Statement};
use musig2_proto::{
    Boot, Message, Output, Proposal, SessionId, SessionView, Signature, SignerIndex, Timestamp,
};

/// The pause between two waves.
const PAUSE: Duration = Duration::from_millis(100);
/// How many waves there are, counted from its first session. Each has some frames to every node,
/// and a publication.
const WAVES: u32 = 40;
/// How many sessions it proposes. Simulated honest applications join everything, and have room for
/// ten.
const SESSIONS: usize = 3;

/// The wave that also carries a frame larger than nodes accept and, if nodes accept only a few
/// checks, more signatures than they have time to check.
const LARGEST: u32 = 8;
/// A limit of checks per source counts as "only a few" up to this.
const LITTLE: u32 = 200;

/// Follows the protocol, and floods everyone in addition.
#[derive(Default)]
pub(super) struct Flood {
    waves: u32,
    next: Option<Timestamp>,
    announcements: Vec<Vec<u8>>,
}

impl<C: Engine> Adversary<C> for Flood {
    fn after(&mut self, means: &mut Means<'_, C>, mut outputs: Vec<Output>) -> Vec<Output> {
        if self.waves >= WAVES || self.next.is_some_and(|next| means.now < next) {
            return outputs;
        }
        let views: Vec<_> = means.node.sessions().collect();
        let Some(view) = views.get(means.below(views.len())) else {
            // There is nothing to flood until there is a session again.
            self.next = None;
            return outputs;
        };
        self.waves += 1;
        self.next = Some(means.now.saturating_add(PAUSE));
        for to in means.others() {
            for _ in 0..3 {
                let bytes = frame(means, view);
                outputs.extend(bytes.map(|bytes| match send(to, &protocol::frame(view.id, [])) {
                    Output::Send { to, .. } => Output::Send { to, bytes },
                    other => other,
                }));
            }
        }
        outputs.extend(self.publication(means, view).map(Output::Publish));
        if self.waves == LARGEST {
            outputs.extend(largest(means, view));
        }
        outputs
    }

    fn next_deadline(&self) -> Option<Timestamp> {
        self.next.filter(|_| self.waves < WAVES)
    }
}

impl Flood {
    fn publication<C: Engine>(
        &mut self,
        means: &mut Means<'_, C>,
        view: &SessionView,
    ) -> Option<Vec<u8>> {
        match means.below(4) {
            0 => Some(garbage(means)),
            1 => hello(means),
            // Its own announcements again, published as new.
            2 => {
                let place = means.below(self.announcements.len());
                let again = protocol::decode(self.announcements.get(place)?)?;
                let Publication::Announcement { announcement, .. } = again else { return None };
                let fresh = means.random();
                Some(protocol::encode(&Publication::Announcement { fresh, announcement }))
            }
            _ if self.announcements.len() < SESSIONS => {
                let keys = view.manifest.signers();
                let victim = *keys.get(means.below(keys.len()))?;
                let proposal =
                    Proposal::new([means.key(), victim]).with_message(Message::new(means.random()));
                let (_, bytes) = announce(means, proposal)?;
                self.announcements.push(bytes.clone());
                Some(bytes)
            }
            _ => None,
        }
    }
}

/// Makes a frame that no honest node sends.
fn frame<C: Engine>(means: &mut Means<'_, C>, view: &SessionView) -> Option<Vec<u8>> {
    let signers = view.manifest.signer_count();
    let anyone = SignerIndex::new(means.below(signers) as u16);
    let mut rogue = RogueSigner::<C>::new(means.secret, means.me.contact(), view.clone()).ok()?;
    rogue.boot = Boot::new(means.random());
    let empty = protocol::frame(view.id, []);
    let frame = match means.below(6) {
        0 => return Some(garbage(means)),
        // Of a session that does not exist.
        1 => Frame {
            session: SessionId::new(means.random()),
            ..protocol::frame(view.id, [rogue.join()])
        },
        // In somebody else's name, or in that of a signer that does not exist.
        2 => {
            let author = if anyone == view.me { SignerIndex::new(u16::MAX) } else { anyone };
            let Body::Join(join) = rogue.join().body else { return None };
            protocol::frame(view.id, [rogue.state_as(author, Body::Join(join))])
        }
        3 => {
            let have = protocol::summary(signers + 9, anyone, rogue.boot, true);
            Frame { have: Some(have), ..empty }
        }
        4 => {
            let signature = Signature::new([7; 64]);
            let signatures = List::new(vec![signature; view.manifest.items().len()]).ok();
            Frame { signatures, ..empty }
        }
        _ => Frame { request: Request::Announcement, ..empty },
    };
    Some(protocol::encode(&frame))
}

/// Makes a frame larger than allowed and, if nodes check only a little, more signatures than they
/// check, in frames and in publications.
fn largest<C: Engine>(means: &mut Means<'_, C>, view: &SessionView) -> Vec<Output> {
    let mut outputs = Vec::new();
    let Some(first) = means.others().next() else { return outputs };
    let config = means.node.config().clone();
    let to = |to, bytes| match send(to, &protocol::frame(view.id, [])) {
        Output::Send { to, .. } => Output::Send { to, bytes },
        other => other,
    };
    outputs.push(to(first, vec![VERSION; config.max_frame_size + 1]));
    if config.source_burst > LITTLE {
        return outputs;
    }
    let others: Vec<_> = means.others().collect();
    for _ in 0..config.source_burst / 8 {
        let Ok(mut rogue) = RogueSigner::<C>::new(means.secret, means.me.contact(), view.clone())
        else {
            return outputs;
        };
        let Body::Join(join) = rogue.join().body else { return outputs };
        // New ones each time, because a node does not check again what it has checked.
        let joins = (0..10).map(|_| {
            let join = Join { boot: Boot::new(means.random()), ..join.clone() };
            Statement {
                author: view.me,
                body: Body::Join(join),
                signature: Signature::new([7; 64]),
            }
        });
        let bytes = protocol::encode(&protocol::frame(view.id, joins.collect::<Vec<_>>()));
        if bytes.len() <= config.max_frame_size {
            outputs.extend(others.iter().map(|&other| to(other, bytes.clone())));
        }
    }
    let content = HelloContent {
        signer: means.key(),
        contact: means.me.contact(),
        time: means.now,
        since: means.now,
    };
    for _ in 0..config.source_burst + LITTLE / 4 {
        let hello = Hello { content: content.clone(), signature: Signature::new(means.random()) };
        outputs.push(Output::Publish(protocol::encode(&Publication::Hello {
            fresh: means.random(),
            hello,
        })));
    }
    outputs
}

fn garbage<C: Engine>(means: &mut Means<'_, C>) -> Vec<u8> {
    let mut bytes = means.random::<96>().to_vec();
    bytes.truncate(means.below(96));
    if means.below(2) == 0 {
        bytes.insert(0, VERSION);
    }
    bytes
}

/// Makes a hello of its own with another node's contact. Nodes that remember it then write to that
/// node.
fn hello<C: Engine>(means: &mut Means<'_, C>) -> Option<Vec<u8>> {
    let elsewhere = NodeId::new(means.below(usize::from(means.nodes)) as u16);
    let content = HelloContent {
        signer: means.key(),
        contact: elsewhere.contact(),
        time: means.now,
        since: means.now,
    };
    let message = protocol::signed_message(protocol::HELLO, &protocol::hello_hash(&content));
    let signature = C::sign_statement(&means.keypair(), &message, &means.random())?;
    let hello = Hello { content, signature };
    Some(protocol::encode(&Publication::Hello { fresh: means.random(), hello }))
}
