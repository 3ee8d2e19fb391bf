//! What a signer without the core's scruples needs.

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
    /// With the key of the seat of this number.
    pub(super) fn new(number: u8) -> Self {
        let keypair = C::keypair(&secret(number)).unwrap_or_else(|error| panic!("{error}"));
        Self { keypair, drawn: 0 }
    }

    pub(super) fn keypair(&self) -> &C::Keypair {
        &self.keypair
    }

    /// 32 bytes that were not drawn before.
    pub(super) fn draw(&mut self) -> [u8; 32] {
        self.drawn += 1;
        tagged("pen", &[C::public_key(&self.keypair).as_bytes(), &self.drawn.to_le_bytes()])
    }

    /// A statement in anyone's name. Never twice the same signature.
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

/// What follows from one statement of nonces of each signer: the last in the pool, of this attempt and, where it is the signer's own,
/// this life. None where someone's are missing, or are no nonces.
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

/// The lives of each signer that joined more than once, as the statements in a pool say.
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
            Body::Join(_) | Body::Abort(_) | Body::Decline(_) => None,
        }
    }
}

/// As many of them as there is room for.
pub(super) fn list<T, const MAX: usize>(elements: impl IntoIterator<Item = T>) -> List<T, MAX> {
    List::new(elements.into_iter().take(MAX).collect()).unwrap_or_else(|_| List::empty())
}
