//! The bytes and hashes of `PROTOCOL.md`, written from that page alone: what an attacker's own program would have.

use musig2_proto::wire::VERSION;
use musig2_proto::wire::bitmap::Bitmap;
use musig2_proto::wire::bounded::List;
use musig2_proto::wire::frame::{BoardDigest, Frame, Have, Request};
use musig2_proto::wire::hello::HelloContent;
use musig2_proto::wire::statement::{Body, Statement};
use musig2_proto::{AggregateNonce, AttemptId, Boot, SessionId, SignerIndex, Transcript};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

/// The tag of statements.
pub const STATEMENT: &str = "musig2-proto/statement";

/// The tag of hellos.
pub const HELLO: &str = "musig2-proto/hello";

/// A version byte, then the value.
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_extend(value, vec![VERSION]).unwrap()
}

pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> T {
    assert_eq!(bytes[0], VERSION);
    postcard::from_bytes(&bytes[1..]).unwrap()
}

/// BIP340's tagged hash.
pub fn tagged(tag: &str, parts: &[&[u8]]) -> [u8; 32] {
    let tag = Sha256::digest(tag);
    let hash = Sha256::new().chain_update(tag).chain_update(tag);
    parts.iter().fold(hash, Digest::chain_update).finalize().into()
}

/// The 64 bytes that are signed.
pub fn signed_message(tag: &str, hash: &[u8; 32]) -> [u8; 64] {
    [Sha256::digest(tag).as_slice(), hash].concat().try_into().unwrap()
}

pub fn statement_hash(session: &SessionId, author: SignerIndex, body: &Body) -> [u8; 32] {
    let stated = postcard::to_allocvec(&(author, body)).unwrap();
    tagged(STATEMENT, &[&[VERSION], session.as_bytes(), &stated])
}

pub fn hello_hash(content: &HelloContent) -> [u8; 32] {
    tagged(HELLO, &[&[VERSION], &postcard::to_allocvec(content).unwrap()])
}

/// The hash of all nonce statements, in signer order.
pub fn nonce_root(session: &SessionId, nonces: &[Statement]) -> [u8; 32] {
    let hashes = nonces.iter().map(|nonces| statement_hash(session, nonces.author, &nonces.body));
    tagged("musig2-proto/nonce-bodies", &[&hashes.collect::<Vec<_>>().concat()])
}

pub fn transcript(
    session: &SessionId,
    attempt: &AttemptId,
    nonce_root: &[u8; 32],
    aggregates: &[AggregateNonce],
) -> Transcript {
    let all = aggregates.iter().flat_map(|aggregate| *aggregate.as_bytes()).collect::<Vec<_>>();
    let all = tagged("musig2-proto/aggregate-nonces", &[&all]);
    let parts: [&[u8]; 4] = [session.as_bytes(), attempt.as_bytes(), nonce_root, &all];
    Transcript::new(tagged("musig2-proto/transcript", &parts))
}

/// Of those who joined more than once, ascending, each with all its boots.
pub fn attempt(session: &SessionId, restarted: &[(SignerIndex, Vec<Boot>)]) -> AttemptId {
    if restarted.is_empty() {
        return AttemptId::FIRST;
    }
    let mut listed = Vec::new();
    for (signer, boots) in restarted {
        let mut boots = boots.clone();
        boots.sort_unstable();
        listed.extend(signer.get().to_le_bytes());
        listed.extend(u32::try_from(boots.len()).unwrap().to_le_bytes());
        listed.extend(boots.iter().flat_map(|boot| *boot.as_bytes()));
    }
    AttemptId::new(tagged("musig2-proto/attempt", &[session.as_bytes(), &listed]))
}

/// What a node says it holds, true or not, and that nothing it says later is newer.
pub fn summary(signers: usize, signer: SignerIndex, boot: Boot, holds_everything: bool) -> Have {
    let everyone = (0..signers as u16).map(SignerIndex::new).filter(|_| holds_everything);
    let all = Bitmap::new(signers, everyone);
    Have {
        signer,
        boot,
        sequence: u64::MAX,
        attempt: AttemptId::FIRST,
        joins: all.clone(),
        nonces: all.clone(),
        partials: all.clone(),
        reach: all,
        ended: holds_everything,
        digest: BoardDigest::new([0; 32]),
    }
}

/// A frame with nothing but statements.
pub fn frame(session: SessionId, statements: impl IntoIterator<Item = Statement>) -> Frame {
    Frame {
        session,
        request: Request::Nothing,
        have: None,
        announcement: None,
        statements: List::new(statements.into_iter().collect()).unwrap(),
        signatures: None,
    }
}
