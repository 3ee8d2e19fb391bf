//! What statements answer to: the attempt, which follows from who joined, and the transcript, which
//! follows from whose nonces are used. Everybody computes both from statements; nobody's word is
//! taken for them.

use crate::base::bytes::AggregateNonce;
use crate::base::hash::{Tag, TaggedHash};
use crate::base::ids::{AttemptId, Boot, SessionId, SignerIndex, Transcript};
use crate::wire::proof::NonceRoot;

static ATTEMPT: Tag = Tag::new("musig2-proto/attempt");
static AGGREGATE_NONCES: Tag = Tag::new("musig2-proto/aggregate-nonces");
static TRANSCRIPT: Tag = Tag::new("musig2-proto/transcript");

/// Returns zero if nobody has joined twice, otherwise the hash of all who did, with their boots.
/// The number of each signer's boots precedes them, so that no two sets of restarts hash the same
/// bytes.
pub(crate) fn attempt_of<'a>(
    session: &SessionId,
    restarted: impl Iterator<Item = (SignerIndex, usize, impl Iterator<Item = &'a Boot>)>,
) -> AttemptId {
    let mut restarted = restarted.peekable();
    if restarted.peek().is_none() {
        return AttemptId::FIRST;
    }
    let hash = TaggedHash::new(&ATTEMPT).add(session.as_bytes());
    let hash = restarted.fold(hash, |hash, (signer, count, boots)| {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let hash = hash.add(signer.get().to_le_bytes()).add(count.to_le_bytes());
        boots.fold(hash, |hash, boot| hash.add(boot.as_bytes()))
    });
    AttemptId::new(hash.finish())
}

/// Returns the hash of what partial signatures answer to.
pub(crate) fn transcript(
    session: &SessionId,
    attempt: AttemptId,
    nonce_root: &NonceRoot,
    aggregates: &[AggregateNonce],
) -> Transcript {
    let all = TaggedHash::new(&AGGREGATE_NONCES);
    let all = aggregates.iter().fold(all, |hash, aggregate| hash.add(aggregate.as_bytes()));
    let hash = TaggedHash::new(&TRANSCRIPT).add(session.as_bytes()).add(attempt.as_bytes());
    Transcript::new(hash.add(nonce_root).add(all.finish()).finish())
}
