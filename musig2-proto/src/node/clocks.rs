//! Whose clock is wrong. A time that a signer signed and that is still to come shows that two clocks differ, whoever passes it on. One that is over
//! shows nothing: anyone can repeat what was said long ago.

use super::Node;
use crate::bytes::PublicKey;
use crate::context::Call;
use crate::crypto::Crypto;
use crate::event::{Event, Offence, Output};
use crate::ids::Source;
use crate::sources::Work;
use crate::time::Timestamp;
use crate::wire::announcement::Announcement;
use core::time::Duration;
use rand_core::CryptoRng;
use std::collections::BTreeMap;

/// Of how many signers it is told within a [`PAUSE`]; of these, half are signers that this node knew before.
const MAX_SIGNERS: usize = 64;

/// After which it is told of the same signer again.
const PAUSE: Duration = Duration::from_secs(60);

/// When it was last told of whom.
#[derive(Debug, Clone, Hash, Default)]
pub(super) struct Clocks(BTreeMap<PublicKey, Timestamp>);

impl Clocks {
    fn may_tell(&mut self, now: Timestamp, signer: &PublicKey, is_known: bool) -> bool {
        self.0.retain(|_, told| now < told.saturating_add(PAUSE));
        let room = if is_known { MAX_SIGNERS } else { MAX_SIGNERS / 2 };
        self.0.len() < room && !self.0.contains_key(signer)
    }

    pub(super) fn set_back(&mut self, by: Duration) {
        self.0.values_mut().for_each(|told| *told = told.saturating_sub(by));
    }
}

/// How an announcement came, which says who pays for looking at it.
#[derive(Clone, Copy)]
pub(super) enum Way {
    Published,
    InFrame,
}

impl<C: Crypto> Node<C> {
    /// An announcement says that it was made later than now, `ahead` beyond what clocks may differ by: tells the application, if one of this node's keys
    /// is to sign and the coordinator did say so.
    pub(super) fn notice_clock<R: CryptoRng>(
        &mut self,
        call: &mut Call<'_, R>,
        from: &Source,
        way: Way,
        announcement: &Announcement,
        ahead: Duration,
    ) -> Result<(), Offence> {
        let manifest = &announcement.content.manifest;
        let Some(proposer) = manifest.signer(manifest.coordinator()).copied() else { return Ok(()) };
        let is_own = matches!(self.own_place(manifest), Ok(Some(_)));
        if !is_own || !self.clocks.may_tell(call.now, &proposer, self.knows(&proposer)) {
            return Ok(());
        }
        match way {
            Way::Published => {
                let work = Work::Announcements { own: true };
                call.charge_publication(&mut self.surroundings, from, work, 1)?;
            }
            Way::InFrame => call.within(&mut self.surroundings).charge_for(from, 1)?,
        }
        if !announcement.verify::<C>() {
            return Err(Offence::BadSignature);
        }
        self.clocks.0.insert(proposer, call.now);
        let session = manifest.id();
        call.out.push(Output::Event(Event::SessionInFuture { session, proposer, ahead }));
        Ok(())
    }
}
