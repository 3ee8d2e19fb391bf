//! Checking a proof: who did what, from bytes alone.
//!
//! Nothing here can convict a signer that followed the protocol: each proof needs statements under the signer's own signature that the
//! protocol never lets it make. A board, a relayer or an accuser can hide statements; they cannot add any.

use crate::agreement::{Agreement, ManifestError};
use crate::bytes::PublicKey;
use crate::config::Config;
use crate::crypto::Crypto;
use crate::event::Offence;
use crate::ids::{AttemptId, SignerIndex};
use crate::manifest::{MAX_ITEMS, MAX_MEMO, MAX_SIGNERS};
use crate::session::transcript;
use crate::wire::evidence::{Content, Evidence, MAX_JOINS, Proof, Restarted, Signed};
use crate::wire::statement::{Nonces, Partials, Statement};
use crate::wire::{decode_message, encode_message};
use core::time::Duration;
use std::collections::BTreeSet;

/// The largest evidence that [`Evidence::from_bytes`] takes, in bytes.
pub const MAX_EVIDENCE_SIZE: usize = 4 << 20;

/// What a signer did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Fault {
    /// It restarted more often than [`MAX_RESTARTS`](crate::MAX_RESTARTS). It may be a broken machine.
    RestartLimit,
    /// Its key ran in two places at once. It may be a mistake of its operator.
    ConcurrentInstances,
    /// Its nonces are not nonces.
    InvalidNonce,
    /// Its partial signature does not verify.
    InvalidPartialSignature,
    /// It told different signers different things.
    Equivocation,
}

/// Who is convicted of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conviction {
    /// The signer's place in the evidence's manifest.
    pub signer: SignerIndex,
    /// Its key.
    pub key: PublicKey,
    /// What it did.
    pub fault: Fault,
}

/// Evidence that proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// It is not evidence in its one encoding.
    #[error("not evidence: {0}")]
    Encoding(Offence),
    /// Its manifest breaks a rule, so no session of it can have been.
    #[error("the manifest is none: {0}")]
    Manifest(#[from] ManifestError),
    /// A statement is not the named signer's.
    #[error("a statement in it is not signed by its author")]
    BadSignature,
    /// The statements are in order.
    #[error("what it shows is no fault")]
    NoFault,
}

impl Evidence {
    /// As bytes, to keep or to show.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode_message(self)
    }

    /// From bytes of at most [`MAX_EVIDENCE_SIZE`]. Proves nothing yet: see [`Evidence::verify`].
    ///
    /// # Errors
    /// Where the bytes are not evidence in its one encoding.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EvidenceError> {
        decode_message(bytes, MAX_EVIDENCE_SIZE).map_err(EvidenceError::Encoding)
    }

    /// Names the culprit. Needs no node and nobody's word.
    ///
    /// # Errors
    /// Where it proves nothing.
    pub fn verify<C: Crypto>(&self) -> Result<Conviction, EvidenceError> {
        // What some node's configuration may have allowed: only the rules that hold everywhere.
        let permissive = Config::default()
            .with_max_signers(MAX_SIGNERS)
            .with_max_items(MAX_ITEMS)
            .with_max_memo(MAX_MEMO)
            .with_max_session_duration(Duration::MAX)
            .with_raw_tweaks_allowed(true);
        self.proof.verify(&Agreement::<C>::new(self.manifest.clone(), &permissive)?)
    }
}

impl Proof {
    /// From two statements that stand in one slot.
    pub(crate) fn of_equivocation(first: &Statement, second: &Statement) -> Option<Self> {
        if let (Some(first), Some(second)) = (Signed::of(first), Signed::of(second)) {
            return Some(Self::EquivocatingNonces { first, second });
        }
        Some(Self::EquivocatingPartials { first: Signed::of(first)?, second: Signed::of(second)? })
    }

    pub(crate) fn verify<C: Crypto>(&self, agreement: &Agreement<C>) -> Result<Conviction, EvidenceError> {
        let (signer, fault) = match self {
            Self::EquivocatingNonces { first, second } => {
                let slot = |one: &Signed<Nonces>| (one.content.attempt, one.content.boot);
                let author = author(agreement, [first, second])?;
                let guilty = slot(first) == slot(second) && first.content != second.content;
                (guilty.then_some(author), Fault::Equivocation)
            }
            Self::EquivocatingPartials { first, second } => {
                let slot = |one: &Signed<Partials>| (one.content.attempt, one.content.boot);
                let author = author(agreement, [first, second])?;
                let guilty = slot(first) == slot(second) && first.content != second.content;
                (guilty.then_some(author), Fault::Equivocation)
            }
            Self::InvalidNonce { nonces } => {
                let author = author(agreement, [nonces])?;
                let nonces = nonces.content.source.nonces();
                let valid =
                    nonces.len() == agreement.manifest.items().len() && nonces.iter().all(C::is_valid_nonce);
                ((!valid).then_some(author), Fault::InvalidNonce)
            }
            Self::InvalidPartialSignature { nonces, partials, nonce_root, aggregates, item } => {
                let author = author(agreement, [nonces])?;
                let same_author = self::author(agreement, [partials])? == author;
                let (nonces, partials) = (&nonces.content, &partials.content);
                let same_round = nonces.boot == partials.boot
                    && nonces.attempt == partials.attempt
                    && transcript(&agreement.id, partials.attempt, nonce_root, aggregates)
                        == partials.transcript;
                let guilty = same_author
                    && same_round
                    && is_invalid(agreement, author, nonces, partials, aggregates, usize::from(*item));
                (guilty.then_some(author), Fault::InvalidPartialSignature)
            }
            Self::ConcurrentInstances { first, second, restarted } => {
                let author = author(agreement, [first, second])?;
                let (first, second) = (&first.content, &second.content);
                let lives = restarted.iter().find(|one| one.signer == author);
                let both = lives.is_some_and(|lives| {
                    lives.boots.contains(&first.boot) && lives.boots.contains(&second.boot)
                });
                let guilty = both
                    && first.boot != second.boot
                    && first.attempt == second.attempt
                    && attempt_of(agreement, restarted) == first.attempt;
                (guilty.then_some(author), Fault::ConcurrentInstances)
            }
            Self::RestartLimit { joins } => {
                let author = author(agreement, joins.iter())?;
                let lives: BTreeSet<_> = joins.iter().map(|join| join.content.boot).collect();
                ((lives.len() >= MAX_JOINS).then_some(author), Fault::RestartLimit)
            }
        };
        let signer = signer.ok_or(EvidenceError::NoFault)?;
        let key = *agreement.manifest.signer(signer).ok_or(EvidenceError::NoFault)?;
        Ok(Conviction { signer, key, fault })
    }
}

/// The one author of all these statements, each signed by it.
fn author<'a, C: Crypto, T: Content + 'a>(
    agreement: &Agreement<C>,
    statements: impl IntoIterator<Item = &'a Signed<T>>,
) -> Result<SignerIndex, EvidenceError> {
    let mut author = None;
    for signed in statements {
        if *author.get_or_insert(signed.author) != signed.author {
            return Err(EvidenceError::NoFault);
        }
        let key = agreement.manifest.signer(signed.author).ok_or(EvidenceError::NoFault)?;
        let statement = signed.statement();
        if !statement.verify::<C>(&statement.hash(&agreement.id), key) {
            return Err(EvidenceError::BadSignature);
        }
    }
    author.ok_or(EvidenceError::NoFault)
}

/// BIP327 PartialSigVerify, with the aggregate nonce that the signer itself put its name to.
fn is_invalid<C: Crypto>(
    agreement: &Agreement<C>,
    author: SignerIndex,
    nonces: &Nonces,
    partials: &Partials,
    aggregates: &[crate::bytes::AggregateNonce],
    item: usize,
) -> bool {
    let (Some(key), Some(content), Some(signer)) =
        (agreement.keys.get(item), agreement.manifest.items().get(item), agreement.manifest.signer(author))
    else {
        return false;
    };
    let (Some(aggregate), Some(nonce), Some(partial)) =
        (aggregates.get(item), nonces.source.nonces().get(item), partials.partials.get(item))
    else {
        return false;
    };
    // Without a round there is nothing that the signer could have answered wrongly.
    let Some(round) = C::round(&key.aggregate, aggregate, content.message()) else { return false };
    !C::verify_partial(&round, signer, nonce, partial)
}

fn attempt_of<C: Crypto>(agreement: &Agreement<C>, restarted: &[Restarted]) -> AttemptId {
    crate::board::attempt_of(
        &agreement.id,
        restarted.iter().map(|one| (one.signer, one.boots.len(), one.boots.iter())),
    )
}
