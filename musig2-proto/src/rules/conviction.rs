//! Checking a proof: who did what, judged from bytes alone.
//!
//! Nothing here can convict a signer that followed the protocol. Each proof needs statements under
//! the signer's own signature that the protocol never lets it make. A board, a relay or an accuser
//! can withhold statements, but cannot add any.

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
use serde::{Serialize, Serializer};
use std::collections::BTreeSet;

/// The largest evidence that [`Evidence::from_bytes`] accepts, in bytes.
pub const MAX_EVIDENCE_SIZE: usize = 4 << 20;

/// What a signer did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// It restarted more often than [`MAX_RESTARTS`](crate::MAX_RESTARTS). Its machine may be
    /// broken.
    RestartLimit,
    /// Its key ran in two places at once. This may be its operator's mistake.
    ConcurrentInstances,
    /// Its nonces are not points on the curve, or not one for each item.
    InvalidNonce,
    /// Its partial signature does not verify.
    InvalidPartialSignature,
    /// It told different signers different things.
    Equivocation,
}

impl Fault {
    /// Returns the fault as a word for programs.
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

/// Serialises the word of [`Fault::as_str`].
impl Serialize for Fault {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

/// The fault as a sentence for people.
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

/// The signer that a proof convicts, and of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Conviction {
    /// The signer's position in the evidence's manifest.
    pub signer: SignerIndex,
    /// The signer's key.
    pub key: PublicKey,
    /// What the signer did.
    pub fault: Fault,
}

/// Why evidence proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// It is not evidence in its one canonical encoding.
    #[error("not evidence: {0}")]
    Encoding(DecodeError),
    /// Its manifest breaks a rule, so no session with this manifest can have existed.
    #[error("not a valid manifest: {0}")]
    Manifest(#[from] ManifestError),
    /// A list in it does not have one entry for each item of its session, or its restarts are not
    /// those of signers of the session, in order.
    #[error("its lists do not fit its session")]
    Misfit,
    /// A statement in it is not signed by its named author.
    #[error("a statement in it is not signed by its author")]
    BadSignature,
    /// The statements do not show a fault.
    #[error("what it shows is not a fault")]
    NoFault,
}

impl Evidence {
    /// Encodes the evidence, to store it or to show it.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode_message(self)
    }

    /// Decodes evidence of at most [`MAX_EVIDENCE_SIZE`] bytes. This proves nothing yet: see
    /// [`Evidence::verify`].
    ///
    /// # Errors
    /// If the bytes are not evidence in its one canonical encoding.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EvidenceError> {
        decode_message(bytes, MAX_EVIDENCE_SIZE).map_err(EvidenceError::Encoding)
    }

    /// Names the culprit. This needs no node and trusts nobody's word.
    ///
    /// Cheap checks come first: what the statements say, then their signatures. The session's keys
    /// are aggregated only if the proof is about a partial signature, and only the key of the item
    /// that it names is tweaked, so the work does not grow with the number of items. It follows
    /// that the manifest may break a rule about a key that the proof is not about. This harms
    /// nobody, because nobody who follows the protocol states anything in a session with such a
    /// manifest.
    ///
    /// # Errors
    /// If it proves nothing.
    pub fn verify<C: Crypto>(&self) -> Result<Conviction, EvidenceError> {
        // Allows whatever some node's configuration may have allowed, so only the rules that hold
        // everywhere are checked. Otherwise two nodes could disagree about the same evidence.
        let permissive = Config::default()
            .with_max_signers(MAX_SIGNERS)
            .with_max_items(MAX_ITEMS)
            .with_max_memo(MAX_MEMO)
            .with_max_session_duration(Duration::MAX)
            .with_allow_raw_tweaks(true);
        check_shape(&self.manifest, &permissive)?;
        let case = Case { session: self.manifest.id(), manifest: &self.manifest };
        let conviction = self.proof.check_statements::<C>(&case)?;
        let key = match self.proof.item() {
            Some(item) => ItemKey::<C>::of(&self.manifest, item)?,
            None => None,
        };
        let key = key.as_ref().map(|key| &key.aggregate);
        self.proof.check_partial::<C>(&self.manifest, key, conviction)
    }
}

impl Proof {
    /// Makes a proof of two statements that claim the same slot of a board: the nonces, or the
    /// partial signatures, of one life in one attempt. Returns `None` for other statements.
    pub(crate) fn of_equivocation(first: &Statement, second: &Statement) -> Option<Self> {
        if let (Some(first), Some(second)) = (Signed::of(first), Signed::of(second)) {
            return Some(Self::EquivocatingNonces { first, second });
        }
        Some(Self::EquivocatingPartials { first: Signed::of(first)?, second: Signed::of(second)? })
    }

    /// Returns whether its lists have the lengths that a node's own proof in a session of this
    /// manifest would have. Boards, which keep no other proofs, and evidence use this one rule.
    pub(crate) fn fits(&self, manifest: &Manifest) -> bool {
        let items = manifest.items().len();
        let one_each = |nonces: &Signed<Nonces>| nonces.content.source.nonces().len() == items;
        match self {
            Self::EquivocatingNonces { first, second } => one_each(first) && one_each(second),
            Self::EquivocatingPartials { first, second } => {
                first.content.partials.len() == items && second.content.partials.len() == items
            }
            // A wrong count may itself be the fault.
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

    /// Returns how much work it is to check the proof, in signature checks.
    pub(crate) fn checks(&self) -> usize {
        match self {
            // Checking that two points are on the curve takes about a third of a signature check. A
            // proof that accuses honest nonces makes a node check all of them in vain, so all are
            // charged for.
            Self::InvalidNonce { nonces } => 1 + nonces.content.source.nonces().len() / 3,
            Self::EquivocatingNonces { .. }
            | Self::EquivocatingPartials { .. }
            | Self::ConcurrentInstances { .. } => 2,
            // Two signatures of statements, and one partial signature, which counts as one check.
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
        self.check_partial::<C>(&agreement.manifest, key, conviction)
    }

    /// Checks everything that can be checked without the session's keys, which is all but whether a
    /// partial signature verifies.
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
                // The signer signed this transcript itself, so no statement of other signers is
                // needed, and an accuser cannot make up aggregate nonces that the signer never
                // used.
                let answers_to = transcript(&case.session, made.attempt, nonce_root, aggregates);
                let same_round = nonces.author == partials.author
                    && (used.boot, used.attempt) == (made.boot, made.attempt)
                    && answers_to == made.transcript;
                case.convict::<C, _>(Fault::InvalidPartialSignature, same_round, &[nonces])?;
                case.convict::<C, _>(Fault::InvalidPartialSignature, same_round, &[partials])
            }
            Self::ConcurrentInstances { first, second, restarted } => {
                let (one, other) = (&first.content, &second.content);
                // An honest earlier life cannot know the later join that this attempt's hash
                // contains.
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

    /// Returns the item whose key is needed to check the proof, if it is about a partial signature.
    fn item(&self) -> Option<usize> {
        match self {
            Self::InvalidPartialSignature { item, .. } => Some(usize::from(*item)),
            _ => None,
        }
    }

    /// Checks that the partial signature which the proof is about, if it is about one, is invalid
    /// under the `key` of its item.
    fn check_partial<C: Crypto>(
        &self,
        manifest: &Manifest,
        key: Option<&C::KeyAggregate>,
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
        // BIP327 PartialSigVerify, with the aggregate nonce that the signer committed to in its own
        // signed transcript. If this nonce makes no round, there is nothing that the signer could
        // have answered wrongly.
        let round = C::round(key, aggregate, content.message()).ok_or(EvidenceError::NoFault)?;
        if C::verify_partial(&round, &conviction.key, nonce, partial) {
            return Err(EvidenceError::NoFault);
        }
        Ok(conviction)
    }
}

/// A session in which somebody is accused.
struct Case<'a> {
    session: SessionId,
    manifest: &'a Manifest,
}

impl Case<'_> {
    /// Convicts the one author of all these statements, if they show a fault and are its own.
    /// Signatures are verified last, because that is the most expensive check.
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

/// Returns whether these are signers of the session in ascending order, each with two or more boots
/// in ascending order. Then a set of joins has exactly one list, and the attempt is the hash of
/// that list as it stands.
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
