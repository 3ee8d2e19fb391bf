//! How boards converge. Each node pushes its own statements once to each signer in reach, and
//! relays those that their authors cannot deliver. An unfinished node polls for what it lacks, and
//! a node that is asked answers. (PROTOCOL.md, "Who sends what when".)

use super::link::Heard;
use super::{Outcome, Session};
use crate::api::output::Destination;
use crate::base::ids::{SignerIndex, Source};
use crate::base::time::Timestamp;
use crate::config::{Config, Topology};
use crate::crypto::Crypto;
use crate::env::contacts::ContactBook;
use crate::env::context::Context;
use crate::session::asking::Asking;
use crate::session::board::Filed;
use crate::session::outgoing::{Parcel, send};
use crate::wire::bitmap::Bitmap;
use crate::wire::frame::{Have, Request};
use crate::wire::hello::HelloContent;
use crate::wire::statement::Body;
use rand_core::CryptoRng;
use std::sync::Arc;

/// After this many polls in vain, a hub's signer no longer relies on the coordinator, which may be
/// withholding: it asks the signers that it awaits directly, and one other.
const FRUITLESS_POLLS: u32 = 2;

/// Every third poll resends all of this node's statements, in case the peer's `have` is a lie.
const POLLS_PER_DOUBT: u32 = 3;

impl<C: Crypto> Session<C> {
    /// Returns what this node holds, for the head of a frame; `None` before it joined. `known`
    /// caches it for the other frames of the same call, which differ only in their sequence
    /// numbers.
    fn have<R>(&mut self, cx: &Context<'_, R>, known: &mut Option<Have>) -> Option<Have> {
        self.timing.sequence += 1;
        if known.is_none() {
            *known = self.holdings(&cx.env.config, &cx.env.contacts);
        }
        let sequence = self.timing.sequence;
        known.clone().map(|have| Have { sequence, ..have })
    }

    fn holdings(&self, config: &Config, contacts: &ContactBook) -> Option<Have> {
        let count = self.agreement.manifest.signer_count();
        // A node is in its own reach, so a full bitmap means that it reaches everybody.
        let reach = self.in_reach(config, contacts).into_iter().chain([self.me]);
        Some(Have {
            signer: self.me,
            boot: self.life.as_ref()?.boot,
            sequence: 0,
            attempt: self.board.attempt(),
            joins: Bitmap::new(count, self.board.joined()),
            nonces: Bitmap::new(count, self.with_nonces()),
            partials: Bitmap::new(count, self.with_partials()),
            reach: Bitmap::new(count, reach),
            ended: self.outcome.is_some(),
            digest: self.board.digest(),
        })
    }

    /// Returns an author's statements that a peer with this `have` lacks, as far as anyone still
    /// needs them. After the session's expiry that includes no partial signatures: they may never
    /// have left before, and nobody may release any then.
    fn lacking(&self, now: Timestamp, author: SignerIndex, have: Option<&Have>) -> Vec<Arc<Filed>> {
        let attempt = self.board.attempt();
        // A `have` for another attempt says nothing about this one, so the peer is sent everything.
        let abreast = have.filter(|have| have.attempt == attempt);
        let holds_join = abreast.is_some_and(|have| have.joins.contains(author));
        let holds_nonces = abreast.is_some_and(|have| have.nonces.contains(author));
        let holds_partials = abreast.is_some_and(|have| have.partials.contains(author));
        // Nonces bring along the joins of their author, through which their boot exists: the bitmap
        // of joins does not say which of several the peer has.
        let joins = self
            .board
            .joins(author)
            .map(|(_, filed)| filed)
            .filter(|_| !holds_join || !holds_nonces);
        let nonces =
            self.board.nonces(author, attempt).map(|(_, filed)| filed).filter(|_| !holds_nonces);
        let in_time = now < self.agreement.manifest.expires_at();
        // The bitmap covers only the current attempt. Partial signatures of earlier ones always go
        // along, as those attempts may still be completed.
        let partials = self.rounds.iter().filter(|_| in_time).filter_map(|round| {
            let (_, filed) = round.partials(&self.board, author)?;
            (round.attempt != attempt || !holds_partials).then_some(filed)
        });
        joins.chain(nonces).chain(partials).chain(self.board.abort(author)).cloned().collect()
    }

    /// Pushes this node's statements that have not been pushed, and relays those that their authors
    /// cannot deliver. Relays are searched for only when one may be due: in large sessions this
    /// search dominates the cost.
    pub(crate) fn flush<R: CryptoRng>(&mut self, cx: &mut Context<'_, R>) {
        if !self.is_active() {
            return;
        }
        let relay_due = self.timing.relay_at.take_if(|at| cx.now >= *at).is_some();
        let needy: Vec<_> = self.others().filter(|&author| self.is_needy(author)).collect();
        let own = self.lacking(cx.now, self.me, None);
        let mut holdings = None;
        for to in self.in_reach(&cx.env.config, &cx.env.contacts) {
            let mut statements = self.pushes(cx, to, &own);
            let releases =
                statements.iter().any(|filed| matches!(filed.statement.body, Body::Partials(_)));
            // Relays that still wait go along with own partial signatures, which need a frame
            // anyway, and with the end of this node's part, after which it relays nothing. If it
            // has the final signatures, these make the relays unnecessary and replace them.
            let relays = match relay_due || releases || self.outcome.is_some() {
                true => self.relays(cx, to, &needy),
                false => Vec::new(),
            };
            let signatures = match &self.outcome {
                Some(Outcome::Complete(signatures)) if !relays.is_empty() => {
                    Some(signatures.clone())
                }
                _ => {
                    statements.extend(relays);
                    None
                }
            };
            if !statements.is_empty() || signatures.is_some() {
                // A coordinator's first frame to a signer brings the announcement: gossip may be
                // slower, or never arrive.
                let introduce = self.is_coordinator() && !self.is_known(to);
                let parcel = Parcel { statements, signatures, ..self.parcel(introduce) };
                self.send(cx, to, &mut holdings, parcel);
            }
        }
    }

    /// Whether a signer's last `have` says that it does not reach everybody.
    pub(super) fn is_needy(&self, author: SignerIndex) -> bool {
        let have = self.links.get(author.as_usize()).and_then(|link| link.have.as_ref());
        have.is_some_and(|have| have.reach.count() < self.agreement.manifest.signer_count())
    }

    /// Whether a signer was sent the announcement, or is known to hold it.
    fn is_known(&self, signer: SignerIndex) -> bool {
        self.links.get(signer.as_usize()).is_some_and(|link| link.introduced || link.have.is_some())
    }

    fn was_sent(&self, to: SignerIndex, filed: &Filed) -> bool {
        self.links.get(to.as_usize()).is_some_and(|link| link.sent.contains(&filed.hash))
    }

    /// Returns this node's statements that have not been pushed to a signer. A hub's coordinator
    /// holds its join and nonces back so that everyone else's can go along: until it releases or
    /// aborts, and each for at most `relay_delay`.
    fn pushes<R>(
        &mut self,
        cx: &Context<'_, R>,
        to: SignerIndex,
        own: &[Arc<Filed>],
    ) -> Vec<Arc<Filed>> {
        let released = own
            .iter()
            .any(|filed| matches!(filed.statement.body, Body::Partials(_) | Body::Abort(_)));
        let holds_back =
            cx.env.config.topology == Topology::Hub && self.is_coordinator() && !released;
        let mut statements = Vec::new();
        for filed in own {
            if self.was_sent(to, filed) {
                continue;
            }
            let due = relay_time(filed, cx);
            if holds_back && cx.now < due {
                self.timing.relay_by(due);
            } else {
                statements.push(Arc::clone(filed));
            }
        }
        statements
    }

    /// Returns statements that `to` lacks, by signers that cannot send to it themselves.
    fn relays<R>(
        &self,
        cx: &Context<'_, R>,
        to: SignerIndex,
        needy: &[SignerIndex],
    ) -> Vec<Arc<Filed>> {
        let have = self.links.get(to.as_usize()).and_then(|link| link.have.as_ref());
        let authors = needy.iter().filter(|&&author| author != to && !self.may_reach(author, to));
        let lacking = authors.flat_map(|&author| self.lacking(cx.now, author, have));
        lacking.filter(|filed| !self.was_sent(to, filed)).collect()
    }

    /// Whether a signer can send to another one itself, for all that this node knows.
    fn may_reach(&self, author: SignerIndex, to: SignerIndex) -> bool {
        let have = self.links.get(author.as_usize()).and_then(|link| link.have.as_ref());
        have.is_none_or(|have| have.reach.contains(to))
    }

    /// Asks the awaited signers, and one other at random, for what is missing. Brings this node's
    /// statements that they are not known to hold. A node polls even if it awaits only itself, its
    /// application or its engine: the others may have finished or aborted unnoticed.
    pub(super) fn poll<R: CryptoRng>(&mut self, cx: &mut Context<'_, R>) {
        let awaited: Vec<_> =
            self.awaiting().into_iter().filter(|&signer| signer != self.me).collect();
        let (mut targets, others) =
            if self.is_hub_signer(&cx.env.config) && self.timing.fruitless < FRUITLESS_POLLS {
                (vec![self.agreement.manifest.coordinator()], Vec::new())
            } else {
                (awaited, self.with_contact(&cx.env.contacts))
            };
        let others: Vec<_> =
            others.into_iter().filter(|signer| !targets.contains(signer)).collect();
        if let Some(index) = (cx.rng.next_u32() as usize).checked_rem(others.len()) {
            targets.extend(others.get(index));
        }
        // A `have` is not signed, so it may be a lie that hides from this node what a peer lacks.
        // Every third poll does not believe it.
        let mut holdings = None;
        let believe = self.timing.fruitless % POLLS_PER_DOUBT != POLLS_PER_DOUBT - 1;
        for to in targets {
            self.ask(cx, to, &mut holdings, believe);
        }
    }

    /// Whether a peer may learn that this session is known here. Anyone can make a session that
    /// names anyone's key, and an answer would show where that key is in use. So until this node
    /// has joined, it answers only where another signer of the session has spoken from before, in a
    /// session that this node had joined.
    fn may_tell<R>(&self, cx: &Context<'_, R>, peer: &Source) -> bool {
        let manifest = &self.agreement.manifest;
        let mut others = self.others().filter_map(|signer| manifest.signer(signer));
        self.is_joined() || others.any(|key| cx.env.sources.is_of(peer, key))
    }

    /// Asks signers whose connection came back: what was sent to or by them may be lost.
    pub(super) fn ask_again<R: CryptoRng>(&mut self, cx: &mut Context<'_, R>) {
        let mut holdings = None;
        for to in self.others() {
            let Some(link) = self.links.get_mut(to.as_usize()) else { continue };
            if link.back.is_due(cx.now) {
                link.back.done(cx.now, cx.env.config.max_poll_interval);
                self.ask(cx, to, &mut holdings, true);
            }
        }
    }

    /// Asks a signer for what is missing, and brings this node's statements that it is not known to
    /// hold. If `believe` is false, its last `have` is ignored and it is sent all of them.
    fn ask<R: CryptoRng>(
        &mut self,
        cx: &mut Context<'_, R>,
        to: SignerIndex,
        holdings: &mut Option<Have>,
        believe: bool,
    ) {
        let have =
            self.links.get(to.as_usize()).and_then(|link| link.have.as_ref()).filter(|_| believe);
        let statements = self.lacking(cx.now, self.me, have);
        let introduce = have.is_none();
        let request = Request::Statements;
        let parcel = Parcel { request, statements, ..self.parcel(introduce) };
        self.send(cx, to, holdings, parcel);
    }

    /// Answers a peer's request with what it lacks by the `have` in that same frame.
    pub(crate) fn answer<R: CryptoRng>(
        &mut self,
        cx: &mut Context<'_, R>,
        to: &Source,
        request: Request,
        have: Option<&Have>,
    ) {
        // A node that has ended asks only for the final signatures, which an open session does not
        // have.
        let has_ended = have.is_some_and(|have| have.ended);
        if request == Request::Nothing
            || has_ended
            || !self.may_tell(cx, to)
            || cx.charge(to).is_err()
        {
            return;
        }
        let announcement = match request {
            Request::Nothing | Request::Statements => None,
            Request::Announcement => self.announcement.clone(),
        };
        let have = have.filter(|_| request == Request::Statements);
        // The bitmaps are equal, but the digests are not. This node cannot tell which statements
        // differ, so it sends all of them.
        let differs = have.is_some_and(|have| {
            have.digest != self.board.digest()
                && self.others().chain([self.me]).all(|signer| {
                    let holds_join = self.board.joins(signer).next().is_some();
                    let holds_nonces = self.board.nonces(signer, have.attempt).is_some();
                    have.joins.contains(signer) == holds_join
                        && have.nonces.contains(signer) == holds_nonces
                })
        });
        let known = have.filter(|_| !differs);
        let statements: Vec<_> = self
            .agreement
            .manifest
            .indices()
            .flat_map(|author| self.lacking(cx.now, author, known))
            .collect();
        if statements.is_empty() && announcement.is_none() {
            return;
        }
        let parcel = Parcel { announcement, statements, ..Parcel::new(self.id(), None) };
        if cx.charge_for(to, parcel.price()).is_err() {
            return;
        }
        let have = self.have(cx, &mut None);
        send(cx, &Destination::Source(to.clone()), Parcel { have, ..parcel });
    }

    /// Sends everything to a signer that said hello, since it may have forgotten the session.
    /// Returns `false` if the signer's allowance is used up for now.
    pub(crate) fn greet<R: CryptoRng>(
        &mut self,
        cx: &mut Context<'_, R>,
        hello: &HelloContent,
    ) -> bool {
        // The coordinator tells nobody of a session that still waits for its turn.
        if self.is_queued() && self.is_coordinator() {
            return true;
        }
        let signer =
            self.agreement.manifest.index_of(&hello.signer).filter(|&signer| signer != self.me);
        let (Some(signer), Some(announcement)) = (signer, &self.announcement) else { return true };
        let Some(link) = self.links.get_mut(signer.as_usize()) else { return true };
        if link.hello.as_ref().is_none_or(|heard| hello.time > heard.said) {
            link.hello =
                Some(Heard { arrived: cx.now, said: hello.time, contact: hello.contact.clone() });
        }
        if !hello.has_contact() {
            cx.publish_to(&hello.signer, announcement);
            return true;
        }
        // Charge before any work is done for the answer.
        if !cx.charge_greeting(&hello.signer, 1) {
            return false;
        }
        let announcement = Some(announcement.clone());
        let mut statements: Vec<_> = self
            .agreement
            .manifest
            .indices()
            .flat_map(|author| self.lacking(cx.now, author, None))
            .collect();
        // The signer's own joins go first: if not all fits into one frame, they are in the same
        // frame as the announcement. They show the signer that it had consented.
        statements.sort_by_key(|filed| {
            filed.statement.author != signer || !matches!(filed.statement.body, Body::Join(_))
        });
        let parcel = Parcel { announcement, statements, ..Parcel::new(self.id(), None) };
        // An answer that costs more than the signer has left comes with a later hello. Waiting for
        // it would hold up everything else that the signer is to be told.
        if cx.charge_greeting(&hello.signer, parcel.price()) {
            let have = self.have(cx, &mut None);
            send(cx, &Destination::Contact(hello.contact.clone()), Parcel { have, ..parcel });
        }
        true
    }

    /// Returns an empty parcel of this session. To `introduce` the session, it holds the
    /// announcement.
    fn parcel(&self, introduce: bool) -> Parcel {
        let announcement = self.announcement.clone().filter(|_| introduce);
        Parcel { announcement, ..Parcel::new(self.id(), None) }
    }

    /// Sends a parcel to a signer with what this node holds, and remembers what the signer was
    /// sent.
    fn send<R: CryptoRng>(
        &mut self,
        cx: &mut Context<'_, R>,
        to: SignerIndex,
        holdings: &mut Option<Have>,
        parcel: Parcel,
    ) {
        let Some(destination) = self.route(&cx.env.contacts, to) else { return };
        if let Some(link) = self.links.get_mut(to.as_usize()) {
            link.introduced |= parcel.announcement.is_some();
            link.sent.extend(parcel.statements.iter().map(|filed| filed.hash));
        }
        let have = self.have(cx, holdings);
        send(cx, &destination, Parcel { have, ..parcel });
    }

    /// Returns a join of each signer that has joined: that of the life that takes part, if one
    /// does.
    pub(crate) fn one_join_each(&self) -> Vec<Arc<Filed>> {
        self.agreement.manifest.indices().filter_map(|signer| self.one_join(signer)).collect()
    }

    fn one_join(&self, signer: SignerIndex) -> Option<Arc<Filed>> {
        let alive = self.board.nonces(signer, self.board.attempt()).map(|(nonces, _)| nonces.boot);
        let mut joins =
            self.board.joins(signer).filter(|(join, _)| alive.is_none_or(|boot| join.boot == boot));
        joins.next().map(|(_, join)| Arc::clone(join))
    }

    /// Returns how this node asks for the signatures, if the session ended without them after this
    /// node's partial signatures had left.
    pub(crate) fn asking(
        &self,
        config: &Config,
        contacts: &ContactBook,
        now: Timestamp,
    ) -> Option<Asking> {
        let is_wanted = matches!(self.outcome, Some(Outcome::Aborted(_))) && self.released();
        let have = self.holdings(config, contacts).filter(|_| is_wanted)?;
        let have = Have { sequence: self.timing.sequence, ..have };
        let routes = self
            .others()
            .filter_map(|signer| Some((signer, self.route(contacts, signer)?)))
            .collect();
        let manifest = &self.agreement.manifest;
        let hub = self.is_hub_signer(config).then(|| manifest.coordinator());
        Some(Asking::new(now, manifest.expires_at(), config, have, routes, hub))
    }

    /// Returns what laggards are told if this session ended without signatures: the aborts, each
    /// with the join through which its boot exists. If there are none, what this node has released,
    /// which its own end does not take back.
    pub(crate) fn last_words(&self, now: Timestamp) -> Vec<Arc<Filed>> {
        let aborts = self.agreement.manifest.indices().filter_map(|signer| {
            let abort = self.board.ending(signer)?;
            let boot = abort.statement.boot();
            let join = self
                .board
                .joins(signer)
                .find(|(join, _)| Some(join.boot) == boot)
                .map(|(_, join)| join);
            Some(join.into_iter().chain([abort]).cloned())
        });
        let words: Vec<_> = aborts.flatten().collect();
        if words.is_empty() && self.released() { self.lacking(now, self.me, None) } else { words }
    }
}

/// Returns until when a statement may be held back so that others can go along with it. If it
/// arrived "in the future", the clock was set back since, and it is due now.
fn relay_time<R>(filed: &Filed, cx: &Context<'_, R>) -> Timestamp {
    if filed.arrived > cx.now {
        cx.now
    } else {
        filed.arrived.saturating_add(cx.env.config.relay_delay)
    }
}
