//! The board: a session's growing set of signed statements, from which everything else is derived.
//!
//! Statements come late, twice, out of order and by way of others; the board makes nothing of it. Its size is bounded for each author, so
//! that nobody can take another's place.

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

/// How many statements of rounds other than the current one are kept of each other author and kind.
const MAX_SET_ASIDE: usize = 3;

/// How many lives of one author can take part in an attempt: two, which proves that it is one too many.
const MAX_LIVES: usize = 2;

/// A verified statement.
#[derive(Debug, Hash)]
pub(crate) struct Filed {
    pub(crate) statement: Statement,
    pub(crate) hash: StatementHash,
    pub(crate) arrived: Timestamp,
}

/// What became of a statement.
#[derive(Debug)]
pub(crate) enum Filing {
    /// It is on the board.
    New,
    /// Something else stands in its place.
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
    /// Only while there is no join.
    decline: Option<Arc<Filed>>,
}

#[derive(Debug, Clone, Hash)]
pub(crate) struct Board {
    session: SessionId,
    me: SignerIndex,
    columns: Vec<Column>,
    /// Follows from the joins; kept because everything asks for it.
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

    /// How many statements there are.
    pub(crate) fn len(&self) -> usize {
        let of_author = |column: &Column| {
            let words = column.abort.iter().len() + column.decline.iter().len();
            column.joins.len() + column.nonces.len() + column.partials.len() + words
        };
        self.columns.iter().map(of_author).sum()
    }

    /// Whether there is a place for a statement: something else may stand there for good, or its author have used up its room.
    pub(crate) fn has_place(&self, statement: &Statement) -> bool {
        match &statement.body {
            // One life may move, and end its part for more than one reason: the first word stands.
            Body::Join(_) => {
                let joins =
                    self.column(statement.author).map_or(MAX_JOINS, |column| column.joins.len());
                self.standing(statement).is_none() && joins < MAX_JOINS
            }
            // One that waits for its life's join must not keep out one that counts.
            Body::Abort(abort) => self.standing(statement).is_none_or(|standing| {
                let counts = |boot: Boot| self.knows(statement.author, &boot);
                counts(abort.boot) && !standing.statement.boot().is_some_and(counts)
            }),
            // Whoever has joined takes part, whatever it said before.
            Body::Decline(decline) => {
                let may_change = |filed: &Arc<Filed>| {
                    decline_of(filed).is_some_and(|said| said.reason.may_change())
                };
                let makes_way = |standing| may_change(standing) && !decline.reason.may_change();
                !self.has_joined(statement.author) && self.standing(statement).is_none_or(makes_way)
            }
            // A second one is the proof of a fault.
            Body::Nonces(_) | Body::Partials(_) => true,
        }
    }

    /// Whether this very statement is there. Says nothing of the signature, which need not be looked at again.
    pub(crate) fn holds(&self, statement: &Statement) -> bool {
        self.standing(statement).is_some_and(|filed| filed.statement.body == statement.body)
    }

    /// What stands where this statement would.
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
        // What this node said itself it must not forget: it would take it for the word of a rival.
        let is_kept =
            |(attempt, boot): &Slot| own || (*attempt == current && joins.contains_key(boot));
        let filed = Arc::new(Filed { statement, hash, arrived });
        let filed_now = match &filed.statement.body {
            Body::Join(join) => {
                column.decline = None;
                column.joins.insert(join.boot, filed).is_none()
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
        let restarted = self.twice_joined();
        let restarted =
            restarted.map(|(signer, column)| (signer, column.joins.len(), column.joins.keys()));
        self.attempt = attempt_of(&self.session, restarted);
        if filed_now { Filing::New } else { Filing::Full }
    }

    fn column(&self, author: SignerIndex) -> Option<&Column> {
        self.columns.get(author.as_usize())
    }

    fn indexed(&self) -> impl Iterator<Item = (SignerIndex, &Column)> {
        SignerIndex::all(self.columns.len()).zip(&self.columns)
    }

    /// The attempt that follows from the joins: zero while nobody has joined twice, else the hash of all who did, with their boots.
    pub(crate) fn attempt(&self) -> AttemptId {
        self.attempt
    }

    fn twice_joined(&self) -> impl Iterator<Item = (SignerIndex, &Column)> {
        self.indexed().filter(|(_, column)| column.joins.len() > 1)
    }

    /// Who has joined more than once, and how often.
    pub(crate) fn lives_of_restarted(&self) -> impl Iterator<Item = (SignerIndex, usize)> {
        self.twice_joined().map(|(signer, column)| (signer, column.joins.len()))
    }

    /// Who has joined more than once, and under which boots: what the attempt is the hash of.
    fn restarted(&self) -> List<Restarted, MAX_SIGNERS> {
        let restarted = self.twice_joined().map(|(signer, column)| {
            let boots = column.joins.keys().copied().collect();
            // A column never holds more.
            Restarted { signer, boots: List::new(boots).unwrap_or_else(|_| List::empty()) }
        });
        List::new(restarted.collect()).unwrap_or_else(|_| List::empty())
    }

    /// The proof that two lives of one signer take part in the current attempt, which follows from the joins of both.
    pub(crate) fn concurrent_instances(&self) -> Option<Proof> {
        self.indexed().find_map(|(signer, _)| {
            let mut lives = self.lives(signer);
            let (first, second) = (lives.next()?, lives.next()?);
            let (first, second) = (Signed::of(&first.statement)?, Signed::of(&second.statement)?);
            Some(Proof::ConcurrentInstances { first, second, restarted: self.restarted() })
        })
    }

    /// How many restarts the joins show.
    pub(crate) fn restarts(&self) -> u32 {
        let restarts =
            self.columns.iter().map(|column| column.joins.len().saturating_sub(1)).sum::<usize>();
        u32::try_from(restarts).unwrap_or(u32::MAX)
    }

    /// The nonces of a signer's lives that take part in the current attempt: one, unless it runs twice.
    pub(crate) fn lives(&self, signer: SignerIndex) -> impl Iterator<Item = &Arc<Filed>> {
        self.column(signer).into_iter().flat_map(|column| {
            let existing = |(boot, _): &(&Boot, _)| column.joins.contains_key(boot);
            of_attempt(&column.nonces, self.attempt()).filter(existing).map(|(_, filed)| filed)
        })
    }

    /// The proof that a signer has restarted more often than allowed.
    pub(crate) fn restart_limit(&self) -> Option<Proof> {
        let column = self.columns.iter().find(|column| column.joins.len() >= MAX_JOINS)?;
        let joins =
            column.joins.values().filter_map(|filed| Signed::of(&filed.statement)).collect();
        Some(Proof::RestartLimit { joins: List::new(joins).ok()? })
    }

    pub(crate) fn has_joined(&self, signer: SignerIndex) -> bool {
        self.column(signer).is_some_and(|column| !column.joins.is_empty())
    }

    /// Who has joined.
    pub(crate) fn joined(&self) -> impl Iterator<Item = SignerIndex> {
        self.indexed().filter_map(|(signer, column)| (!column.joins.is_empty()).then_some(signer))
    }

    /// Whether a boot of a signer exists: through its join alone.
    pub(crate) fn knows(&self, signer: SignerIndex, boot: &Boot) -> bool {
        self.column(signer).is_some_and(|column| column.joins.contains_key(boot))
    }

    /// A signer's joins.
    pub(crate) fn joins(&self, signer: SignerIndex) -> impl Iterator<Item = (&Join, &Arc<Filed>)> {
        let joins = self.column(signer).into_iter().flat_map(|column| column.joins.values());
        joins.filter_map(|filed| match &filed.statement.body {
            Body::Join(join) => Some((join, filed)),
            _ => None,
        })
    }

    /// A signer's nonces for an attempt. Nonces of a boot that does not exist yet wait.
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

    /// A signer's partial signatures made by one life in one attempt.
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

    /// The proof in somebody's abort. It proves by itself, whoever shows it; one is kept, as no session outlives it.
    pub(crate) fn shown_proof(&self) -> Option<&Proof> {
        self.columns.iter().find_map(|column| match &column.abort.as_ref()?.statement.body {
            Body::Abort(Abort { proof: Some(proof), .. }) => Some(proof.as_ref()),
            _ => None,
        })
    }

    /// A signer's abort, where a life that exists made it.
    pub(crate) fn abort(&self, signer: SignerIndex) -> Option<&Arc<Filed>> {
        let counts = |filed: &&Arc<Filed>| {
            filed.statement.boot().is_some_and(|boot| self.knows(signer, &boot))
        };
        self.column(signer)?.abort.as_ref().filter(counts)
    }

    /// Who has declined and not joined, with the statements that say so.
    pub(crate) fn declines(&self) -> impl Iterator<Item = (SignerIndex, &Decline, &Arc<Filed>)> {
        self.indexed().filter_map(|(signer, column)| {
            let filed = column.decline.as_ref()?;
            Some((signer, decline_of(filed)?, filed))
        })
    }

    /// A signer's abort, where it ends the session: by that life's word, or by the proof in it.
    pub(crate) fn ending(&self, signer: SignerIndex) -> Option<&Arc<Filed>> {
        let proves = |filed: &&Arc<Filed>| {
            matches!(&filed.statement.body, Body::Abort(Abort { proof: Some(_), .. }))
        };
        self.abort(signer).or_else(|| self.column(signer)?.abort.as_ref().filter(proves))
    }

    /// Tells boards with other joins, or other nonces for the current attempt, apart.
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

/// Files a statement of a round. Of those to be kept there are two lives in an attempt: the proof that it is one too many. Of the others,
/// the oldest makes room, and never the one that has just come: within one millisecond all are equally old. `false` if there is no room.
fn file_for_round(
    slots: &mut BTreeMap<Slot, Arc<Filed>>,
    slot: Slot,
    filed: Arc<Filed>,
    own: bool,
    is_kept: impl Fn(&Slot) -> bool,
) -> bool {
    // Those of boots without a join only wait: they must not keep out a life that has joined.
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
