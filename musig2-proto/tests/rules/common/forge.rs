//! Frames and statements made by hand, as no node would make them.

use super::{Room, source};
use musig2_proto::wire::bounded::List;
use musig2_proto::wire::encode_message;
use musig2_proto::wire::frame::{Frame, Request};
use musig2_proto::wire::proof::Signed;
use musig2_proto::wire::statement::{Body, NonceSource, Nonces, Statement};
use musig2_proto::{
    AttemptId, Audience, Boot, Command, Config, Crypto, Event, Input, Item, Libsecp256k1, Node,
    Output, Proposal, PublicNonce, SecretKey, SessionId, SignerIndex,
};
use sha2::{Digest, Sha256};

/// Makes a frame that says nothing.
pub fn empty(session: SessionId) -> Frame {
    let (request, statements) = (Request::Nothing, List::empty());
    Frame { session, request, have: None, announcement: None, statements, signatures: None }
}

pub fn input(from: usize, frame: &Frame) -> Input {
    Input::Frame { from: source(from), bytes: encode_message(frame) }
}

/// Returns the secret key of this number: the room's node n has the key n + 1.
pub fn secret(number: u8) -> SecretKey {
    SecretKey::new([number; 32])
}

/// Signs a statement as PROTOCOL.md says.
pub fn sign(session: SessionId, author: u16, body: Body, key: &SecretKey) -> Statement {
    let author = SignerIndex::new(author);
    let domain = Sha256::digest("musig2-proto/statement");
    let content =
        [&[1], &session.as_bytes()[..], &postcard::to_allocvec(&(author, &body)).unwrap()].concat();
    let hash = Sha256::digest([&domain[..], &domain[..], &content].concat());
    let message: [u8; 64] = [domain, hash].concat().try_into().unwrap();
    let keypair = Libsecp256k1::keypair(key).unwrap();
    Statement {
        author,
        body,
        signature: Libsecp256k1::sign_statement(&keypair, &message, &[3; 32]).unwrap(),
    }
}

/// Makes signed nonces of the first attempt and of a boot of ones.
pub fn nonces(
    session: SessionId,
    author: u16,
    fill: u8,
    count: usize,
    key: &SecretKey,
) -> Signed<Nonces> {
    let source = NonceSource::Inline(List::new(vec![PublicNonce::new([fill; 66]); count]).unwrap());
    let nonces = Nonces { boot: Boot::new([1; 16]), attempt: AttemptId::FIRST, source };
    Signed::of(&sign(session, author, Body::Nonces(nonces), key)).unwrap()
}

/// Returns the last statement of a kind that a node sent, whichever signer made it.
pub fn said(room: &Room, node: usize, is_wanted: impl Fn(&Body) -> bool) -> Statement {
    let frames = room.frames.iter().filter(|(from, ..)| *from == node);
    let statements = frames.flat_map(|(.., bytes)| {
        let frame: Frame = postcard::from_bytes(&bytes[1..]).unwrap();
        frame.statements.iter().cloned().collect::<Vec<_>>()
    });
    statements.filter(|statement| is_wanted(&statement.body)).last().unwrap()
}

/// Makes the announcement of a session of `items` by a stranger, with the room's first node as a
/// co-signer.
pub fn of_a_stranger(room: &mut Room, secret: [u8; 32], items: Vec<Item>) -> Vec<u8> {
    let config = Config::default()
        .with_allow_raw_tweaks(true)
        .with_max_items(4096)
        .with_max_frame_size(1 << 21);
    let mut stranger: Node = Node::new(config).unwrap();
    let key = stranger.add_key(&SecretKey::new(secret)).unwrap();
    let proposal = items.into_iter().fold(Proposal::new([key, room.keys[0]]), Proposal::with_item);
    let created =
        stranger.execute(room.now, &mut room.rng, Command::CreateSession(proposal)).unwrap();
    let [Output::Event(Event::SessionCreated { session })] = created[..] else { panic!() };
    let announce = Command::AnnounceSession { session, audience: Audience::Everyone };
    let announced = stranger.execute(room.now, &mut room.rng, announce).unwrap();
    announced
        .into_iter()
        .find_map(|output| match output {
            Output::Publish(bytes) => Some(bytes),
            _ => None,
        })
        .unwrap()
}
