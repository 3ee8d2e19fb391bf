//! Checking a proof: who did what, from bytes alone.
//!
//! Nothing here can convict a signer that followed the protocol: each proof needs statements under the signer's own signature that the
//! protocol never lets it make. A board, a relayer or an accuser can hide statements; they cannot add any.

use crate::base::bytes::PublicKey;
use crate::base::codec::{DecodeError, decode_message, encode_message};
use crate::base::ids::{Boot, SessionId, SignerIndex};
use crate::config::Config;
use crate::crypto::Crypto;
use crate::rules::agreement::{Agreement, ItemKey, ManifestError, check_shape};
use crate::rules::lineage::{attempt_of, transcript};
use crate::terms::manifest::{MAX_ITEMS, MAX_MEMO, MAX_SIGNERS, Manifest};
use crate::wire::proof::{Content, Evidence, MAX_JOINS, Proof, Restarted, Signed};
use crate::wire::statement::{Nonces, Partials, Statement};
use core::fmt;
use core::time::Duration;
use std::collections::BTreeSet;

/// The largest evidence that [`Evidence::from_bytes`] takes, in bytes.
pub const MAX_EVIDENCE_SIZE: usize = 4 << 20;

/// What a signer did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

impl Fault {
    /// A word for programs.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::RestartLimit => "restart_limit",
            Self::ConcurrentInstances => "concurrent_instances",
            Self::InvalidNonce => "invalid_nonce",
            Self::InvalidPartialSignature => "invalid_partial_signature",
            Self::Equivocation => "equivocation",
        }
    }
}

/// A sentence for people.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RestartLimit => "a signer restarted too often",
            Self::ConcurrentInstances => "a signer's key ran in two places at once",
            Self::InvalidNonce => "a nonce is not on the curve",
            Self::InvalidPartialSignature => "a partial signature does not verify",
            Self::Equivocation => "a signer told different signers different things",
        })
    }
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
    Encoding(DecodeError),
    /// Its manifest breaks a rule, so no session of it can have been.
    #[error("not a valid manifest: {0}")]
    Manifest(#[from] ManifestError),
    /// A list in it is longer or shorter than its session has items, or its restarts are not of the session's signers, in order.
    #[error("its lists do not fit its session")]
    Misfit,
    /// A statement is not the named signer's.
    #[error("a statement in it is not signed by its author")]
    BadSignature,
    /// The statements are in order.
    #[error("what it shows is not a fault")]
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
    /// Cheap checks come first: what the statements say, then their signatures. The session's keys are aggregated only if the proof is about a
    /// partial signature, and tweaked only for the item that it names: what this takes does not grow with the number of items. So the manifest may break
    /// a rule about a key that the proof is not about; nobody who follows the protocol states anything in a session of such a manifest.
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
        check_shape(&self.manifest, &permissive)?;
        let case = Case { session: self.manifest.id(), manifest: &self.manifest };
        let conviction = self.proof.check_statements::<C>(&case)?;
        let key = match self.proof.item() {
            Some(item) => ItemKey::<C>::of(&self.manifest, item)?,
            None => None,
        };
        self.proof.check_partial(&self.manifest, key.as_ref(), conviction)
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

    /// Whether its lists are those of a proof that a node finds in a session of this manifest: one rule for a board, which keeps no others, and
    /// for evidence.
    pub(crate) fn fits(&self, manifest: &Manifest) -> bool {
        let items = manifest.items().len();
        let one_each = |nonces: &Signed<Nonces>| nonces.content.source.nonces().len() == items;
        match self {
            Self::EquivocatingNonces { first, second } => one_each(first) && one_each(second),
            Self::EquivocatingPartials { first, second } => {
                first.content.partials.len() == items && second.content.partials.len() == items
            }
            // That there are not so many may be the fault.
            Self::InvalidNonce { .. } => true,
            Self::InvalidPartialSignature { nonces, partials, aggregates, .. } => {
                one_each(nonces)
                    && partials.content.partials.len() == items
                    && aggregates.len() == items
            }
            Self::ConcurrentInstances { first, second, restarted } => {
                one_each(first) && one_each(second) && are_restarts(restarted, manifest)
            }
            Self::RestartLimit { .. } => true,
        }
    }

    /// What it takes to check it, in signature checks.
    pub(crate) fn checks(&self) -> usize {
        match self {
            // Whether two points are on the curve takes about a third of what a signature does, and where they are it is for nothing.
            Self::InvalidNonce { nonces } => 1 + nonces.content.source.nonces().len() / 3,
            Self::EquivocatingNonces { .. }
            | Self::EquivocatingPartials { .. }
            | Self::ConcurrentInstances { .. } => 2,
            // The partial signature's counts as one.
            Self::InvalidPartialSignature { .. } => 3,
            Self::RestartLimit { joins } => joins.len(),
        }
    }

    pub(crate) fn verify<C: Crypto>(
        &self,
        agreement: &Agreement<C>,
    ) -> Result<Conviction, EvidenceError> {
        let case = Case { session: agreement.id, manifest: &agreement.manifest };
        let conviction = self.check_statements::<C>(&case)?;
        let key = self.item().and_then(|item| agreement.keys.get(item));
        self.check_partial(&agreement.manifest, key, conviction)
    }

    /// Everything that can be told without the session's keys: all but whether a partial signature verifies.
    fn check_statements<C: Crypto>(&self, case: &Case<'_>) -> Result<Conviction, EvidenceError> {
        if !self.fits(case.manifest) {
            return Err(EvidenceError::Misfit);
        }
        match self {
            Self::EquivocatingNonces { first, second } => {
                let slot = |one: &Signed<Nonces>| (one.content.attempt, one.content.boot);
                let guilty = slot(first) == slot(second) && first.content != second.content;
                case.convict::<C, _>(Fault::Equivocation, guilty, &[first, second])
            }
            Self::EquivocatingPartials { first, second } => {
                let slot = |one: &Signed<Partials>| (one.content.attempt, one.content.boot);
                let guilty = slot(first) == slot(second) && first.content != second.content;
                case.convict::<C, _>(Fault::Equivocation, guilty, &[first, second])
            }
            Self::InvalidNonce { nonces } => {
                let conviction = case.convict::<C, _>(Fault::InvalidNonce, true, &[nonces])?;
                let nonces = nonces.content.source.nonces();
                let valid = nonces.len() == case.manifest.items().len()
                    && nonces.iter().all(C::is_valid_nonce);
                if valid { Err(EvidenceError::NoFault) } else { Ok(conviction) }
            }
            Self::InvalidPartialSignature { nonces, partials, nonce_root, aggregates, .. } => {
                let (made, used) = (&partials.content, &nonces.content);
                let answers_to = transcript(&case.session, made.attempt, nonce_root, aggregates);
                let same_round = nonces.author == partials.author
                    && (used.boot, used.attempt) == (made.boot, made.attempt)
                    && answers_to == made.transcript;
                case.convict::<C, _>(Fault::InvalidPartialSignature, same_round, &[nonces])?;
                case.convict::<C, _>(Fault::InvalidPartialSignature, same_round, &[partials])
            }
            Self::ConcurrentInstances { first, second, restarted } => {
                let (one, other) = (&first.content, &second.content);
                let both_joined = restarted.iter().any(|lives| {
                    lives.signer == first.author
                        && lives.boots.contains(&one.boot)
                        && lives.boots.contains(&other.boot)
                });
                let guilty = both_joined
                    && one.boot != other.boot
                    && one.attempt == other.attempt
                    && attempt_of(&case.session, lives(restarted)) == one.attempt;
                case.convict::<C, _>(Fault::ConcurrentInstances, guilty, &[first, second])
            }
            Self::RestartLimit { joins } => {
                let lives: BTreeSet<_> = joins.iter().map(|join| join.content.boot).collect();
                let joins: Vec<_> = joins.iter().collect();
                case.convict::<C, _>(Fault::RestartLimit, lives.len() >= MAX_JOINS, &joins)
            }
        }
    }

    /// The item whose key it takes to check it, if it is about a partial signature.
    fn item(&self) -> Option<usize> {
        match self {
            Self::InvalidPartialSignature { item, .. } => Some(usize::from(*item)),
            _ => None,
        }
    }

    /// Whether the partial signature that it is about, if it is about one, is invalid under the `key` of its item.
    fn check_partial<C: Crypto>(
        &self,
        manifest: &Manifest,
        key: Option<&ItemKey<C>>,
        conviction: Conviction,
    ) -> Result<Conviction, EvidenceError> {
        let Self::InvalidPartialSignature { nonces, partials, aggregates, item, .. } = self else {
            return Ok(conviction);
        };
        let item = usize::from(*item);
        let (Some(key), Some(content), Some(aggregate), Some(nonce), Some(partial)) = (
            key,
            manifest.items().get(item),
            aggregates.get(item),
            nonces.content.source.nonces().get(item),
            partials.content.partials.get(item),
        ) else {
            return Err(EvidenceError::NoFault);
        };
        // BIP327 PartialSigVerify, with the aggregate nonce that the signer itself put its name to. Without a round there is nothing that the
        // signer could have answered wrongly.
        let round =
            C::round(&key.aggregate, aggregate, content.message()).ok_or(EvidenceError::NoFault)?;
        if C::verify_partial(&round, &conviction.key, nonce, partial) {
            return Err(EvidenceError::NoFault);
        }
        Ok(conviction)
    }
}

/// A session that somebody is accused in.
struct Case<'a> {
    session: SessionId,
    manifest: &'a Manifest,
}

impl Case<'_> {
    /// Convicts the one author of all these statements, where they are a fault and its own. Signatures are looked at last.
    fn convict<C: Crypto, T: Content>(
        &self,
        fault: Fault,
        guilty: bool,
        statements: &[&Signed<T>],
    ) -> Result<Conviction, EvidenceError> {
        let signer = statements.first().ok_or(EvidenceError::NoFault)?.author;
        let key = *self.manifest.signer(signer).ok_or(EvidenceError::NoFault)?;
        if !guilty || statements.iter().any(|signed| signed.author != signer) {
            return Err(EvidenceError::NoFault);
        }
        let is_signed = |signed: &&Signed<T>| {
            let statement = signed.statement();
            statement.verify::<C>(&statement.hash(&self.session), &key)
        };
        if !statements.iter().all(is_signed) {
            return Err(EvidenceError::BadSignature);
        }
        Ok(Conviction { signer, key, fault })
    }
}

fn lives(
    restarted: &[Restarted],
) -> impl Iterator<Item = (SignerIndex, usize, impl Iterator<Item = &Boot>)> {
    restarted.iter().map(|one| (one.signer, one.boots.len(), one.boots.iter()))
}

/// Whether these are signers of the session, ascending, each with two boots or more, ascending: then one set of joins has one list, and the
/// attempt is the hash of it as it stands.
fn are_restarts(restarted: &[Restarted], manifest: &Manifest) -> bool {
    restarted.is_sorted_by(|one, next| one.signer < next.signer)
        && restarted.iter().all(|one| {
            manifest.signer(one.signer).is_some()
                && one.boots.len() > 1
                && one.boots.is_sorted_by(|boot, next| boot < next)
        })
}

#[cfg(test)]
mod tests;
