//! What a signer without the core's scruples needs: its key, and the hashes of `PROTOCOL.md`.

use super::seat::secret;
use musig2_proto::wire::VERSION;
use musig2_proto::wire::bounded::List;
use musig2_proto::wire::statement::{Body, Nonces, Partials, Statement};
use musig2_proto::{
    AggregateNonce, AttemptId, Boot, Crypto, PublicNonce, SessionId, SessionView, SignerIndex, Transcript,
};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// A key that signs whatever it is given.
pub(super) struct Pen<C: Crypto> {
    keypair: C::Keypair,
    signed: u64,
}

impl<C: Crypto> Pen<C> {
    /// With the key of the seat of this number.
    pub(super) fn new(number: u8) -> Self {
        let keypair = C::keypair(&secret(number)).unwrap_or_else(|error| panic!("{error}"));
        Self { keypair, signed: 0 }
    }

    pub(super) fn keypair(&self) -> &C::Keypair {
        &self.keypair
    }

    /// 32 bytes that were not drawn before.
    pub(super) fn draw(&mut self) -> [u8; 32] {
        self.signed += 1;
        tagged("pen", &[C::public_key(&self.keypair).as_bytes(), &self.signed.to_le_bytes()])
    }

    /// A statement in anyone's name. Never twice the same signature.
    pub(super) fn state(&mut self, session: &SessionId, author: SignerIndex, body: Body) -> Statement {
        let hash = statement_hash(session, author, &body);
        let mut message = [0; 64];
        message[..32].copy_from_slice(&Sha256::digest(STATEMENT));
        message[32..].copy_from_slice(&hash);
        let auxiliary = self.draw();
        let signature = C::sign_statement(&self.keypair, &message, &auxiliary);
        let signature = signature.unwrap_or_else(|| panic!("an engine that cannot sign"));
        Statement { author, body, signature }
    }
}

/// An attempt's nonces, brought together.
#[derive(Debug, Clone)]
pub(super) struct Gathered {
    pub(super) nonce_root: [u8; 32],
    pub(super) aggregates: Vec<AggregateNonce>,
    pub(super) transcript: Transcript,
}

/// From one statement of nonces of each signer: the last in the pool, of this attempt and, where it is the signer's own, this life.
/// None where someone's are missing, or are no nonces.
pub(super) fn gather<C: Crypto>(
    view: &SessionView,
    attempt: AttemptId,
    own: (SignerIndex, Boot),
    pool: &[Statement],
) -> Option<Gathered> {
    let of = |signer: SignerIndex| {
        pool.iter().rev().find(|one| {
            let fits = one.author == signer && (signer != own.0 || one.boot() == own.1);
            fits && matches!(&one.body, Body::Nonces(nonces) if nonces.attempt == attempt)
        })
    };
    let selected = view.manifest.indices().map(of).collect::<Option<Vec<_>>>()?;
    let aggregates = (0..view.manifest.items().len())
        .map(|item| {
            let nonces = selected.iter().map(|one| nonces_of(one).get(item).copied());
            C::aggregate_nonces(&nonces.collect::<Option<Vec<_>>>()?)
        })
        .collect::<Option<Vec<_>>>()?;
    let hashes = selected.iter().map(|one| statement_hash(&view.id, one.author, &one.body));
    let nonce_root = tagged("musig2-proto/nonce-bodies", &[&hashes.collect::<Vec<_>>().concat()]);
    Some(Gathered::new(&view.id, &attempt, nonce_root, aggregates))
}

impl Gathered {
    /// From what a signer puts its name to, true or not.
    pub(super) fn new(
        session: &SessionId,
        attempt: &AttemptId,
        nonce_root: [u8; 32],
        aggregates: Vec<AggregateNonce>,
    ) -> Self {
        let transcript = transcript(session, attempt, &nonce_root, &aggregates);
        Self { nonce_root, aggregates, transcript }
    }
}

fn nonces_of(statement: &Statement) -> &[PublicNonce] {
    match &statement.body {
        Body::Nonces(nonces) => nonces.source.nonces(),
        _ => &[],
    }
}

fn transcript(
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

/// The lives of each signer that joined more than once, as the statements in a pool say.
pub(super) fn restarted(pool: &[Statement]) -> BTreeMap<SignerIndex, Vec<Boot>> {
    let mut lives = BTreeMap::<_, Vec<_>>::new();
    for join in pool.iter().filter(|one| matches!(one.body, Body::Join(_))) {
        lives.entry(join.author).or_default().push(join.boot());
    }
    for boots in lives.values_mut() {
        boots.sort_unstable();
        boots.dedup();
    }
    lives.retain(|_, boots| boots.len() > 1);
    lives
}

/// The attempt that follows from these lives.
pub(super) fn attempt(session: &SessionId, restarted: &BTreeMap<SignerIndex, Vec<Boot>>) -> AttemptId {
    if restarted.is_empty() {
        return AttemptId::FIRST;
    }
    let mut listed = Vec::new();
    for (signer, boots) in restarted {
        listed.extend(signer.get().to_le_bytes());
        listed.extend(u32::try_from(boots.len()).unwrap_or(u32::MAX).to_le_bytes());
        listed.extend(boots.iter().flat_map(|boot| *boot.as_bytes()));
    }
    AttemptId::new(tagged("musig2-proto/attempt", &[session.as_bytes(), &listed]))
}

const STATEMENT: &str = "musig2-proto/statement";

pub(super) fn statement_hash(session: &SessionId, author: SignerIndex, body: &Body) -> [u8; 32] {
    tagged(STATEMENT, &[&[VERSION], session.as_bytes(), &encoded(&(author, body))])
}

fn encoded<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_allocvec(value).unwrap_or_else(|error| panic!("{error}"))
}

/// BIP340's tagged hash.
fn tagged(tag: &str, parts: &[&[u8]]) -> [u8; 32] {
    let tag = Sha256::digest(tag);
    let hash = Sha256::new().chain_update(tag).chain_update(tag);
    parts.iter().fold(hash, Digest::chain_update).finalize().into()
}

/// What an honest signer states once at most: its nonces, or its partial signatures, of one life in one attempt of one session.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot {
    session: SessionId,
    partials: bool,
    attempt: AttemptId,
    boot: Boot,
}

impl Slot {
    /// Where a statement stands; none for those that may be repeated with other words.
    pub(super) fn of(session: SessionId, body: &Body) -> Option<Self> {
        match body {
            Body::Nonces(Nonces { attempt, boot, .. }) => {
                Some(Self { session, partials: false, attempt: *attempt, boot: *boot })
            }
            Body::Partials(Partials { attempt, boot, .. }) => {
                Some(Self { session, partials: true, attempt: *attempt, boot: *boot })
            }
            Body::Join(_) | Body::Abort(_) => None,
        }
    }
}

/// As many of them as there is room for.
pub(super) fn list<T, const MAX: usize>(elements: impl IntoIterator<Item = T>) -> List<T, MAX> {
    List::new(elements.into_iter().take(MAX).collect()).unwrap_or_else(|_| List::empty())
}
