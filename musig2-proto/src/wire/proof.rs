//! Proofs of a signer's fault, made of statements that the signer signed.

use super::statement::{Body, Join, Nonces, Partials, Statement};
use crate::base::bounded::List;
use crate::base::bytes::{AggregateNonce, Signature};
use crate::base::ids::{Boot, SignerIndex};
use crate::terms::manifest::{MAX_ITEMS, MAX_SIGNERS, Manifest};
use core::fmt;
use serde::{Deserialize, Serialize};

/// How often one signer may restart in one session. This is a constant of the protocol, because a
/// proof of one restart too many must mean the same to everyone.
pub const MAX_RESTARTS: usize = 8;
/// The most joins that a board holds of one signer. It is one more than a signer may have, so that
/// the board can prove that there were too many.
pub const MAX_JOINS: usize = MAX_RESTARTS + 2;

/// A proof, with everything that is needed to check it. The check needs no node and no board, and
/// trusts nobody's word.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Evidence {
    /// The manifest of the session in which it happened.
    pub manifest: Manifest,
    /// The proof of what happened.
    pub proof: Proof,
}

/// What a signer did, shown by its own signed statements. None of these statements is an abort, so
/// a proof never contains another proof.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Proof {
    /// Two different `Nonces` of one life in one attempt.
    EquivocatingNonces {
        /// One of them.
        first: Signed<Nonces>,
        /// The other.
        second: Signed<Nonces>,
    },
    /// Two different `Partials` of one life in one attempt.
    EquivocatingPartials {
        /// One of them.
        first: Signed<Partials>,
        /// The other.
        second: Signed<Partials>,
    },
    /// `Nonces` that are not points on the curve, or that are not one for each item.
    InvalidNonce {
        /// The `Nonces`.
        nonces: Signed<Nonces>,
    },
    /// A partial signature that does not verify.
    InvalidPartialSignature {
        /// The signer's `Nonces`.
        nonces: Signed<Nonces>,
        /// Its `Partials` of the same life and attempt.
        partials: Signed<Partials>,
        /// The hash of all the nonce statements that went into the transcript.
        #[serde(with = "crate::base::bytes::array")]
        nonce_root: NonceRoot,
        /// The aggregate nonces that went into the transcript.
        aggregates: List<AggregateNonce, MAX_ITEMS>,
        /// The item whose partial signature does not verify.
        item: u16,
    },
    /// `Nonces` of two lives in one attempt, although that attempt follows from the joins of both.
    /// A restarted signer cannot do this: its earlier life, which lost its memory, knew nothing of
    /// the later join.
    ConcurrentInstances {
        /// The `Nonces` of one life.
        first: Signed<Nonces>,
        /// The `Nonces` of the other.
        second: Signed<Nonces>,
        /// The signers that had joined more than once in that attempt.
        restarted: List<Restarted, MAX_SIGNERS>,
    },
    /// More joins than [`MAX_RESTARTS`] allows.
    RestartLimit {
        /// [`MAX_JOINS`] joins of different lives.
        joins: List<Signed<Join>, MAX_JOINS>,
    },
}

/// A statement of one kind, as its author signed it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Signed<T> {
    /// The author.
    pub author: SignerIndex,
    /// What the author stated.
    pub content: T,
    /// The signature of the author's key, over the whole statement.
    pub signature: Signature,
}

/// A kind of statement that a proof can contain.
pub trait Content: Clone {
    /// Returns the body of the statement.
    fn to_body(&self) -> Body;
    /// Returns the content, if the statement is of this kind.
    fn of_body(body: &Body) -> Option<&Self>;
}

macro_rules! contents {
    ($($kind:ident)*) => {
        $(
            impl Content for $kind {
                fn to_body(&self) -> Body {
                    Body::$kind(self.clone())
                }

                fn of_body(body: &Body) -> Option<&Self> {
                    match body {
                        Body::$kind(content) => Some(content),
                        _ => None,
                    }
                }
            }
        )*
    };
}

contents!(Join Nonces Partials);

impl<T: Content> Signed<T> {
    /// Returns the whole statement, as it is on a board.
    pub fn statement(&self) -> Statement {
        Statement { author: self.author, body: self.content.to_body(), signature: self.signature }
    }

    /// Takes the content and signature of a statement of this kind. Returns `None` for another
    /// kind.
    pub fn of(statement: &Statement) -> Option<Self> {
        let content = T::of_body(&statement.body)?.clone();
        Some(Self { author: statement.author, content, signature: statement.signature })
    }
}

/// A signer that joined more than once, with its boots in ascending order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Restarted {
    /// The signer.
    pub signer: SignerIndex,
    /// The boots of its lives.
    pub boots: List<Boot, MAX_JOINS>,
}

/// The hash (32 bytes) of all signers' nonce statements.
pub(crate) type NonceRoot = [u8; 32];

/// Says in words, for people, what the proof shows.
impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EquivocatingNonces { .. } => {
                "two different sets of nonces that it signed for one attempt"
            }
            Self::EquivocatingPartials { .. } => {
                "two different sets of partial signatures that it signed for one attempt"
            }
            Self::InvalidNonce { .. } => "the nonces that it signed",
            Self::InvalidPartialSignature { .. } => {
                "the nonces and the partial signatures that it signed, \
                 and the aggregate nonces they answer to"
            }
            Self::ConcurrentInstances { .. } => {
                "nonces that two lives of its key signed for one attempt"
            }
            Self::RestartLimit { .. } => "the joins that it signed, each under another life",
        })
    }
}
