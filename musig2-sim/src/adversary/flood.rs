//! More than anyone asked for.

use super::letters::send;
use super::two_manifests::announce;
use super::{Adversary, Means, RogueSigner};
use crate::network::NodeId;
use crate::oracle::Engine;
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

/// Between two waves.
const PAUSE: Duration = Duration::from_millis(100);
/// How many waves there are, from its first session on: each of some frames to every node, and a publication.
const WAVES: u32 = 40;
/// How many sessions it proposes. Honest applications in a simulation want everything, and have room for ten.
const SESSIONS: usize = 3;

/// In this wave come what is larger than a node takes, and more than it has time for where it takes only little.
const LARGEST: u32 = 8;
/// So many signature checks of one source are little.
const LITTLE: u32 = 200;

/// Follows the protocol, and floods everyone beside it.
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
            // Nothing to flood until there is a session again.
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
            // Its own announcements again, as fresh ones.
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

/// A frame that no honest node sends.
fn frame<C: Engine>(means: &mut Means<'_, C>, view: &SessionView) -> Option<Vec<u8>> {
    let signers = view.manifest.signer_count();
    let anyone = SignerIndex::new(means.below(signers) as u16);
    let mut rogue = RogueSigner::<C>::new(means.secret, means.me.contact(), view.clone()).ok()?;
    rogue.boot = Boot::new(means.random());
    let empty = protocol::frame(view.id, []);
    let frame = match means.below(6) {
        0 => return Some(garbage(means)),
        // Of a session that there is not.
        1 => Frame {
            session: SessionId::new(means.random()),
            ..protocol::frame(view.id, [rogue.join()])
        },
        // In anyone's name, and of a signer that there is not.
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

/// What is larger than a frame may be; and, of a node that checks little, more signatures than that, in frames and in publications.
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
        // New ones each time: what was checked is not checked again.
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

/// Its own, that says it is where somebody else is: those who remember it write to that node.
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
