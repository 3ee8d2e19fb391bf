//! What a signer needs that signs what the core would not.

use super::seat::secret;
use crate::adversary::Round;
use crate::protocol::{STATEMENT, signed_message, statement_hash, tagged};
use musig2_proto::wire::bounded::List;
use musig2_proto::wire::statement::{Body, Nonces, Partials, Statement};
use musig2_proto::{AttemptId, Boot, Crypto, SessionId, SessionView, SignerIndex};
use std::collections::BTreeMap;

/// A key that signs whatever it is given.
pub(super) struct Pen<C: Crypto> {
    keypair: C::Keypair,
    drawn: u64,
}

impl<C: Crypto> Pen<C> {
    /// Takes the key of the seat with this number.
    pub(super) fn new(number: u8) -> Self {
        let keypair = C::keypair(&secret(number)).unwrap_or_else(|error| panic!("{error}"));
        Self { keypair, drawn: 0 }
    }

    pub(super) fn keypair(&self) -> &C::Keypair {
        &self.keypair
    }

    /// Returns 32 bytes that were not drawn before.
    pub(super) fn draw(&mut self) -> [u8; 32] {
        self.drawn += 1;
        tagged("pen", &[C::public_key(&self.keypair).as_bytes(), &self.drawn.to_le_bytes()])
    }

    /// Makes a statement in anyone's name. It never makes the same signature twice.
    pub(super) fn state(
        &mut self,
        session: &SessionId,
        author: SignerIndex,
        body: Body,
    ) -> Statement {
        let message = signed_message(STATEMENT, &statement_hash(session, author, &body));
        let auxiliary = self.draw();
        let signature = C::sign_statement(&self.keypair, &message, &auxiliary);
        let signature = signature.unwrap_or_else(|| panic!("an engine that cannot sign"));
        Statement { author, body, signature }
    }
}

/// Returns the round that follows from one nonce statement of each signer: the last one in the pool
/// for this attempt, and for the signer's own life if it is its own. `None` if a signer's is
/// missing, or its nonces are not valid.
pub(super) fn gather<C: Crypto>(
    view: &SessionView,
    attempt: AttemptId,
    own: (SignerIndex, Boot),
    pool: &[Statement],
) -> Option<Round> {
    let of = |signer: SignerIndex| {
        let mut newest = pool.iter().rev();
        let found = newest.find(|one| {
            let fits = one.author == signer && (signer != own.0 || one.boot() == Some(own.1));
            fits && matches!(&one.body, Body::Nonces(nonces) if nonces.attempt == attempt)
        });
        found.cloned()
    };
    Round::new::<C>(view, attempt, view.manifest.indices().map(of).collect::<Option<_>>()?)
}

/// Returns the lives of each signer that joined more than once, according to the statements in a
/// pool.
pub(super) fn restarted(pool: &[Statement]) -> Vec<(SignerIndex, Vec<Boot>)> {
    let mut lives = BTreeMap::<_, Vec<_>>::new();
    for join in pool.iter().filter(|one| matches!(one.body, Body::Join(_))) {
        lives.entry(join.author).or_default().extend(join.boot());
    }
    for boots in lives.values_mut() {
        boots.sort_unstable();
        boots.dedup();
    }
    lives.into_iter().filter(|(_, boots)| boots.len() > 1).collect()
}

/// What an honest signer states at most once: its nonces, or its partial signatures, of one life in
/// one attempt of one session.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot {
    session: SessionId,
    partials: bool,
    attempt: AttemptId,
    boot: Boot,
}

impl Slot {
    /// Returns the slot of a statement; `None` for kinds that may be repeated with different
    /// content.
    pub(super) fn of(session: SessionId, body: &Body) -> Option<Self> {
        match body {
            Body::Nonces(Nonces { attempt, boot, .. }) => {
                Some(Self { session, partials: false, attempt: *attempt, boot: *boot })
            }
            Body::Partials(Partials { attempt, boot, .. }) => {
                Some(Self { session, partials: true, attempt: *attempt, boot: *boot })
            }
            Body::Join(_) | Body::Abort(_) | Body::Decline(_) => None,
        }
    }
}

/// Makes a list of as many elements as it has room for.
pub(super) fn list<T, const MAX: usize>(elements: impl IntoIterator<Item = T>) -> List<T, MAX> {
    List::new(elements.into_iter().take(MAX).collect()).unwrap_or_else(|_| List::empty())
}
