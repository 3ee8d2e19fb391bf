//! The board: a session's growing set of verified, signed statements. Everything else is derived
//! from it.
//!
//! Statements may arrive late, twice, out of order, or by way of others, and the board tolerates
//! all of that. It is bounded for each author separately, so that no author can take another's
//! room.

use crate::base::bounded::List;
use crate::base::hash::{Tag, TaggedHash};
use crate::base::ids::{AttemptId, Boot, SessionId, SignerIndex};
use crate::base::time::Timestamp;
use crate::rules::lineage::attempt_of;
use crate::terms::manifest::MAX_SIGNERS;
use crate::wire::frame::BoardDigest;
use crate::wire::proof::{MAX_JOINS, Proof, Restarted, Signed};
use crate::wire::statement::{
    Abort, Body, Decline, Join, Nonces, Partials, Statement, StatementHash,
};
use std::collections::BTreeMap;
use std::sync::Arc;

static BOARD: Tag = Tag::new("musig2-proto/board");

/// How many statements that do not count in the current attempt are kept of each other author, for
/// nonces and for partial signatures each.
const MAX_SET_ASIDE: usize = 3;

/// How many lives of one author may state something in an attempt. Two are kept: enough to prove
/// that a key runs twice.
const MAX_LIVES: usize = 2;

/// A verified statement.
#[derive(Debug, Hash)]
pub(crate) struct Filed {
    pub(crate) statement: Statement,
    pub(crate) hash: StatementHash,
    pub(crate) arrived: Timestamp,
}

/// What became of a statement that was filed.
#[derive(Debug)]
pub(crate) enum Filing {
    /// It is on the board.
    New,
    /// A different statement stands in its place, which is proof of a fault.
    Conflict(Arc<Filed>),
    /// Its author has used up its room.
    Full,
}

type Slot = (AttemptId, Boot);

/// What one signer has stated.
#[derive(Debug, Clone, Hash, Default)]
struct Column {
    joins: BTreeMap<Boot, Arc<Filed>>,
    nonces: BTreeMap<Slot, Arc<Filed>>,
    partials: BTreeMap<Slot, Arc<Filed>>,
    abort: Option<Arc<Filed>>,
    /// Empty once there is a join.
    decline: Option<Arc<Filed>>,
}

impl Column {
    fn len(&self) -> usize {
        let words = self.abort.iter().len() + self.decline.iter().len();
        self.joins.len() + self.nonces.len() + self.partials.len() + words
    }
}

#[derive(Debug, Clone, Hash)]
pub(crate) struct Board {
    session: SessionId,
    me: SignerIndex,
    columns: Vec<Column>,
    /// Follows from the joins. It is kept because everything asks for it.
    attempt: AttemptId,
}

impl Board {
    pub(crate) fn new(session: SessionId, signers: usize, me: SignerIndex) -> Self {
        Self {
            session,
            me,
            columns: (0..signers).map(|_| Column::default()).collect(),
            attempt: AttemptId::FIRST,
        }
    }

    /// Returns how many statements there are.
    pub(crate) fn len(&self) -> usize {
        self.columns.iter().map(Column::len).sum()
    }

    /// Whether there is a place for a statement. There is none if another one stands there for
    /// good, or if its author has used up its room. Asked before the signature is verified, so that
    /// statements that cannot be filed cost no check.
    pub(crate) fn has_place(&self, statement: &Statement) -> bool {
        match &statement.body {
            // A second join of one boot is no fault, since a life may move to another contact. Nor
            // is a second abort, for another reason. In both cases the first one stands.
            Body::Join(_) => {
                let joins =
                    self.column(statement.author).map_or(MAX_JOINS, |column| column.joins.len());
                self.standing(statement).is_none() && joins < MAX_JOINS
            }
            // An abort counts only once its boot has joined. One that still waits for that join
            // must not keep out one that counts.
            Body::Abort(abort) => self.standing(statement).is_none_or(|standing| {
                let counts = |boot: Boot| self.knows(statement.author, &boot);
                counts(abort.boot) && !standing.statement.boot().is_some_and(counts)
            }),
            // A signer that has joined takes part, whatever it said before. `clock` makes way for a
            // final reason: a clock may be set right.
            Body::Decline(decline) => {
                let may_change = |filed: &Arc<Filed>| {
                    decline_of(filed).is_some_and(|said| said.reason.may_change())
                };
                let makes_way = |standing| may_change(standing) && !decline.reason.may_change();
                !self.has_joined(statement.author) && self.standing(statement).is_none_or(makes_way)
            }
            // A second one that differs is proof of a fault, so there is always a place.
            Body::Nonces(_) | Body::Partials(_) => true,
        }
    }

    /// Whether this very statement is on the board. Signatures are not compared: a statement that
    /// was verified once need not be verified again under another signature.
    pub(crate) fn holds(&self, statement: &Statement) -> bool {
        self.standing(statement).is_some_and(|filed| filed.statement.body == statement.body)
    }

    /// Returns the statement that stands where this one would.
    fn standing(&self, statement: &Statement) -> Option<&Arc<Filed>> {
        let column = self.column(statement.author)?;
        match &statement.body {
            Body::Join(join) => column.joins.get(&join.boot),
            Body::Nonces(nonces) => column.nonces.get(&(nonces.attempt, nonces.boot)),
            Body::Partials(partials) => column.partials.get(&(partials.attempt, partials.boot)),
            Body::Abort(_) => column.abort.as_ref(),
            Body::Decline(_) => column.decline.as_ref(),
        }
    }

    /// Puts a verified statement on the board.
    pub(crate) fn file(
        &mut self,
        statement: Statement,
        hash: StatementHash,
        arrived: Timestamp,
    ) -> Filing {
        if !self.has_place(&statement) {
            return Filing::Full;
        }
        let is_round = matches!(statement.body, Body::Nonces(_) | Body::Partials(_));
        let standing =
            self.standing(&statement).filter(|standing| is_round && standing.hash != hash);
        if let Some(standing) = standing {
            return Filing::Conflict(Arc::clone(standing));
        }
        let (current, own) = (self.attempt, statement.author == self.me);
        let Some(column) = self.columns.get_mut(statement.author.as_usize()) else {
            return Filing::Full;
        };
        let joins = &column.joins;
        // Own statements are always kept. If this node forgot one and heard it again from others,
        // it would take it for the word of a rival. Others' statements are kept while they count:
        // in the current attempt, from a boot that has joined.
        let is_kept =
            |(attempt, boot): &Slot| own || (*attempt == current && joins.contains_key(boot));
        let filed = Arc::new(Filed { statement, hash, arrived });
        let filed_now = match &filed.statement.body {
            Body::Join(join) => {
                column.decline = None;
                let is_new = column.joins.insert(join.boot, filed).is_none();
                // Only a join changes the attempt.
                self.attempt = self.attempt_of_joins();
                is_new
            }
            Body::Nonces(Nonces { attempt, boot, .. }) => {
                file_for_round(&mut column.nonces, (*attempt, *boot), filed, own, is_kept)
            }
            Body::Partials(Partials { attempt, boot, .. }) => {
                file_for_round(&mut column.partials, (*attempt, *boot), filed, own, is_kept)
            }
            Body::Abort(_) => {
                column.abort = Some(filed);
                true
            }
            Body::Decline(_) => {
                column.decline = Some(filed);
                true
            }
        };
        if filed_now { Filing::New } else { Filing::Full }
    }

    fn column(&self, author: SignerIndex) -> Option<&Column> {
        self.columns.get(author.as_usize())
    }

    fn indexed(&self) -> impl Iterator<Item = (SignerIndex, &Column)> {
        SignerIndex::all(self.columns.len()).zip(&self.columns)
    }

    /// Returns the attempt that follows from the joins: zero while nobody has joined twice, else
    /// the hash of all signers that did, with their boots.
    pub(crate) fn attempt(&self) -> AttemptId {
        self.attempt
    }

    fn attempt_of_joins(&self) -> AttemptId {
        let restarted = self.twice_joined();
        let restarted =
            restarted.map(|(signer, column)| (signer, column.joins.len(), column.joins.keys()));
        attempt_of(&self.session, restarted)
    }

    fn twice_joined(&self) -> impl Iterator<Item = (SignerIndex, &Column)> {
        self.indexed().filter(|(_, column)| column.joins.len() > 1)
    }

    /// Returns the signers that have joined more than once, and how often.
    pub(crate) fn lives_of_restarted(&self) -> impl Iterator<Item = (SignerIndex, usize)> {
        self.twice_joined().map(|(signer, column)| (signer, column.joins.len()))
    }

    /// Returns the signers that have joined more than once, with their boots. The attempt is their
    /// hash.
    fn restarted(&self) -> List<Restarted, MAX_SIGNERS> {
        let restarted = self.twice_joined().map(|(signer, column)| {
            let boots = column.joins.keys().copied().collect();
            // A column holds at most `MAX_JOINS` joins, so they always fit.
            Restarted { signer, boots: List::new(boots).unwrap_or_else(|_| List::empty()) }
        });
        List::new(restarted.collect()).unwrap_or_else(|_| List::empty())
    }

    /// Returns the proof that two lives of one signer take part in the current attempt. The attempt
    /// hashes both boots, so each life stated its nonces when both boots existed. A signer that
    /// restarted honestly does not do that: its earlier life ended before the later boot was drawn.
    pub(crate) fn concurrent_instances(&self) -> Option<Proof> {
        self.indexed().find_map(|(signer, _)| {
            let mut lives = self.lives(signer);
            let (first, second) = (lives.next()?, lives.next()?);
            let (first, second) = (Signed::of(&first.statement)?, Signed::of(&second.statement)?);
            Some(Proof::ConcurrentInstances { first, second, restarted: self.restarted() })
        })
    }

    /// Returns how many restarts the joins show.
    pub(crate) fn restarts(&self) -> u32 {
        let restarts =
            self.columns.iter().map(|column| column.joins.len().saturating_sub(1)).sum::<usize>();
        u32::try_from(restarts).unwrap_or(u32::MAX)
    }

    /// Returns the nonces of a signer's lives that take part in the current attempt. There is one
    /// such life unless the key runs twice.
    pub(crate) fn lives(&self, signer: SignerIndex) -> impl Iterator<Item = &Arc<Filed>> {
        self.column(signer).into_iter().flat_map(|column| {
            let existing = |(boot, _): &(&Boot, _)| column.joins.contains_key(boot);
            of_attempt(&column.nonces, self.attempt()).filter(existing).map(|(_, filed)| filed)
        })
    }

    /// Returns the proof that a signer has restarted more often than allowed.
    pub(crate) fn restart_limit(&self) -> Option<Proof> {
        let column = self.columns.iter().find(|column| column.joins.len() >= MAX_JOINS)?;
        let joins =
            column.joins.values().filter_map(|filed| Signed::of(&filed.statement)).collect();
        Some(Proof::RestartLimit { joins: List::new(joins).ok()? })
    }

    pub(crate) fn has_joined(&self, signer: SignerIndex) -> bool {
        self.column(signer).is_some_and(|column| !column.joins.is_empty())
    }

    /// Returns the signers that have joined.
    pub(crate) fn joined(&self) -> impl Iterator<Item = SignerIndex> {
        self.indexed().filter_map(|(signer, column)| (!column.joins.is_empty()).then_some(signer))
    }

    /// Whether a boot of a signer exists. Only its join makes it exist.
    pub(crate) fn knows(&self, signer: SignerIndex, boot: &Boot) -> bool {
        self.column(signer).is_some_and(|column| column.joins.contains_key(boot))
    }

    /// Returns a signer's joins.
    pub(crate) fn joins(&self, signer: SignerIndex) -> impl Iterator<Item = (&Join, &Arc<Filed>)> {
        let joins = self.column(signer).into_iter().flat_map(|column| column.joins.values());
        joins.filter_map(|filed| match &filed.statement.body {
            Body::Join(join) => Some((join, filed)),
            _ => None,
        })
    }

    /// Returns a signer's selected nonces for an attempt. Nonces of a boot that has not joined
    /// wait. Of several, it selects those of the least boot, so that all nodes select the same.
    pub(crate) fn nonces(
        &self,
        signer: SignerIndex,
        attempt: AttemptId,
    ) -> Option<(&Nonces, &Arc<Filed>)> {
        let column = self.column(signer)?;
        let mut filed =
            of_attempt(&column.nonces, attempt).filter(|(boot, _)| column.joins.contains_key(boot));
        filed.find_map(|(_, filed)| match &filed.statement.body {
            Body::Nonces(nonces) => Some((nonces, filed)),
            _ => None,
        })
    }

    /// Returns a signer's partial signatures that one life made in one attempt.
    pub(crate) fn partials(
        &self,
        signer: SignerIndex,
        attempt: AttemptId,
        boot: Boot,
    ) -> Option<(&Partials, &Arc<Filed>)> {
        let filed = self.column(signer)?.partials.get(&(attempt, boot))?;
        match &filed.statement.body {
            Body::Partials(partials) => Some((partials, filed)),
            _ => None,
        }
    }

    /// Returns the proof in somebody's abort. A proof holds whoever shows it, so the abort's boot
    /// need not have joined. One is enough, as no session outlives it.
    pub(crate) fn shown_proof(&self) -> Option<&Proof> {
        self.columns.iter().find_map(|column| match &column.abort.as_ref()?.statement.body {
            Body::Abort(Abort { proof: Some(proof), .. }) => Some(proof.as_ref()),
            _ => None,
        })
    }

    /// Returns a signer's abort if the life that made it has joined.
    pub(crate) fn abort(&self, signer: SignerIndex) -> Option<&Arc<Filed>> {
        let counts = |filed: &&Arc<Filed>| {
            filed.statement.boot().is_some_and(|boot| self.knows(signer, &boot))
        };
        self.column(signer)?.abort.as_ref().filter(counts)
    }

    /// Returns the aborts of lives that have joined.
    pub(crate) fn aborts(&self) -> impl Iterator<Item = (SignerIndex, &Abort)> {
        self.indexed().filter_map(|(signer, _)| match &self.abort(signer)?.statement.body {
            Body::Abort(abort) => Some((signer, abort)),
            _ => None,
        })
    }

    /// Returns the signers that have declined and not joined, with their statements.
    pub(crate) fn declines(&self) -> impl Iterator<Item = (SignerIndex, &Decline, &Arc<Filed>)> {
        self.indexed().filter_map(|(signer, column)| {
            let filed = column.decline.as_ref()?;
            Some((signer, decline_of(filed)?, filed))
        })
    }

    /// Returns a signer's abort if it ends the session: because its life has joined, or because of
    /// the proof in it.
    pub(crate) fn ending(&self, signer: SignerIndex) -> Option<&Arc<Filed>> {
        let proves = |filed: &&Arc<Filed>| {
            matches!(&filed.statement.body, Body::Abort(Abort { proof: Some(_), .. }))
        };
        self.abort(signer).or_else(|| self.column(signer)?.abort.as_ref().filter(proves))
    }

    /// Returns a hash that differs between boards with different joins, or with different selected
    /// nonces for the current attempt.
    pub(crate) fn digest(&self) -> BoardDigest {
        let attempt = self.attempt();
        let hash = TaggedHash::new(&BOARD).add(self.session.as_bytes()).add(attempt.as_bytes());
        let hash = self.indexed().fold(hash, |hash, (signer, column)| {
            let nonces = self.nonces(signer, attempt).map(|(_, filed)| filed.hash);
            let hash = column.joins.keys().fold(hash, |hash, boot| {
                hash.add([1]).add(signer.get().to_le_bytes()).add(boot.as_bytes())
            });
            nonces.into_iter().fold(hash, |hash, nonces| {
                hash.add([2]).add(signer.get().to_le_bytes()).add(nonces)
            })
        });
        BoardDigest::new(hash.finish())
    }
}

fn decline_of(filed: &Filed) -> Option<&Decline> {
    match &filed.statement.body {
        Body::Decline(decline) => Some(decline),
        _ => None,
    }
}

fn of_attempt(
    slots: &BTreeMap<Slot, Arc<Filed>>,
    attempt: AttemptId,
) -> impl Iterator<Item = (&Boot, &Arc<Filed>)> {
    let from = (attempt, Boot::new([0; Boot::SIZE]));
    let to = (attempt, Boot::new([0xff; Boot::SIZE]));
    slots.range(from..=to).map(|((_, boot), filed)| (boot, filed))
}

/// Files nonces or partial signatures. `is_kept` says which ones count: an author may have those of
/// two lives in one attempt, enough to prove that its key runs twice. Of those that do not count,
/// the oldest makes room, but never the one that has just come: within one millisecond all are
/// equally old. Returns `false` if there is no room.
fn file_for_round(
    slots: &mut BTreeMap<Slot, Arc<Filed>>,
    slot: Slot,
    filed: Arc<Filed>,
    own: bool,
    is_kept: impl Fn(&Slot) -> bool,
) -> bool {
    // Statements of boots that have not joined only wait. They are not counted here, as they must
    // not keep out a life that has joined.
    let lives = slots.keys().filter(|other| other.0 == slot.0 && is_kept(other)).count();
    if !own && lives >= MAX_LIVES && is_kept(&slot) {
        return false;
    }
    slots.insert(slot, filed);
    let set_aside = || slots.iter().filter(|(slot, _)| !is_kept(slot));
    if set_aside().count() > MAX_SET_ASIDE {
        let others = set_aside().filter(|(other, _)| **other != slot);
        let oldest = others.min_by_key(|(_, filed)| filed.arrived).map(|(slot, _)| *slot);
        if let Some(oldest) = oldest {
            slots.remove(&oldest);
        }
    }
    true
}

#[cfg(test)]
mod tests;
