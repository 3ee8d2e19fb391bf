//! The bytes and hashes of `PROTOCOL.md`, written from that page only and without the core's own
//! functions. This is what an attacker's program would have.

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

/// Encodes a value: a version byte, then the value.
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    // Writing to memory cannot fail.
    postcard::to_extend(value, vec![VERSION]).unwrap_or_default()
}

/// Decodes the value behind the version byte; `None` if the bytes are not a value of this type.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let (&VERSION, content) = bytes.split_first()? else { return None };
    postcard::from_bytes(content).ok()
}

/// Returns BIP340's tagged hash.
pub fn tagged(tag: &str, parts: &[&[u8]]) -> [u8; 32] {
    let tag = Sha256::digest(tag);
    let hash = Sha256::new().chain_update(tag).chain_update(tag);
    parts.iter().fold(hash, Digest::chain_update).finalize().into()
}

/// Returns the 64 bytes that are signed.
pub fn signed_message(tag: &str, hash: &[u8; 32]) -> [u8; 64] {
    let mut message = [0; 64];
    let (domain, content) = message.split_at_mut(32);
    domain.copy_from_slice(&Sha256::digest(tag));
    content.copy_from_slice(hash);
    message
}

/// Returns the hash of a statement without its signature.
pub fn statement_hash(session: &SessionId, author: SignerIndex, body: &Body) -> [u8; 32] {
    let stated = postcard::to_allocvec(&(author, body)).unwrap_or_default();
    tagged(STATEMENT, &[&[VERSION], session.as_bytes(), &stated])
}

/// Returns the hash of a hello without its signature.
pub fn hello_hash(content: &HelloContent) -> [u8; 32] {
    tagged(HELLO, &[&[VERSION], &postcard::to_allocvec(content).unwrap_or_default()])
}

/// Returns the hash of all nonce statements, in signer order.
pub fn nonce_root(session: &SessionId, nonces: &[Statement]) -> [u8; 32] {
    let hashes = nonces.iter().map(|nonces| statement_hash(session, nonces.author, &nonces.body));
    tagged("musig2-proto/nonce-bodies", &[&hashes.collect::<Vec<_>>().concat()])
}

/// Returns the transcript that partial signatures answer to.
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

/// Returns the attempt in which these signers joined more than once. `restarted` is ascending by
/// signer and lists all boots of each.
pub fn attempt(session: &SessionId, restarted: &[(SignerIndex, Vec<Boot>)]) -> AttemptId {
    if restarted.is_empty() {
        return AttemptId::FIRST;
    }
    let mut listed = Vec::new();
    for (signer, boots) in restarted {
        let mut boots = boots.clone();
        boots.sort_unstable();
        listed.extend(signer.get().to_le_bytes());
        listed.extend((boots.len() as u32).to_le_bytes());
        listed.extend(boots.iter().flat_map(|boot| *boot.as_bytes()));
    }
    AttemptId::new(tagged("musig2-proto/attempt", &[session.as_bytes(), &listed]))
}

/// Makes a summary of what a node claims to hold, true or not. Its sequence is the greatest there
/// is, so that nothing the node says later replaces it.
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

/// Makes a frame that has only statements, at most
/// [`MAX_STATEMENTS`](musig2_proto::wire::frame::MAX_STATEMENTS).
pub fn frame(session: SessionId, statements: impl IntoIterator<Item = Statement>) -> Frame {
    let statements =
        statements.into_iter().take(musig2_proto::wire::frame::MAX_STATEMENTS).collect();
    Frame {
        session,
        request: Request::Nothing,
        have: None,
        announcement: None,
        // Cut to the bound above, so this cannot fail.
        statements: List::new(statements).unwrap_or_else(|_| List::empty()),
        signatures: None,
    }
}
