//! How much work each source can ask for, and from which sources signers speak.

use crate::base::bytes::PublicKey;
use crate::base::ids::Source;
use crate::base::time::Timestamp;
use crate::env::buckets::{Bucket, Buckets, Limit, Taken};
use core::time::Duration;
use std::collections::BTreeMap;

/// For how many signers their sources are remembered. Beyond that, the one heard least recently is
/// forgotten.
const MAX_SIGNERS: usize = 1024;

/// How many sources of one signer are remembered, the latest ones. There are several because a
/// signer can move, and because a peer that relays the signer's statements before they come from
/// the signer must not take its place.
const MAX_SOURCES: usize = 4;

/// The kinds of work that a source can cause. Each has its own bucket, so that one kind takes
/// nothing from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// Handling its frames.
    Frames,
    /// Handling announcements that it passes on. Those that name a key of this node (`own`) are
    /// counted apart from others.
    Announcements { own: bool },
    /// Handling hellos that it passes on. Those of signers of sessions that this node knows
    /// (`known`) are counted apart from others.
    Hellos { known: bool },
}

/// One value for each kind of work.
type Each<T> = [T; 5];

impl Work {
    const ALL: Each<Self> = [
        Self::Frames,
        Self::Announcements { own: true },
        Self::Announcements { own: false },
        Self::Hellos { known: true },
        Self::Hellos { known: false },
    ];

    fn of<T>(self, each: &mut Each<T>) -> &mut T {
        let [frames, own, others, known, unknown] = each;
        match self {
            Self::Frames => frames,
            Self::Announcements { own: true } => own,
            Self::Announcements { own: false } => others,
            Self::Hellos { known: true } => known,
            Self::Hellos { known: false } => unknown,
        }
    }
}

/// The work that sources may still ask for. A source is proven if a signer's own statement came
/// from it, in a session that this node had joined. Proven sources have buckets that no number of
/// other sources can take away, so strangers cannot crowd out co-signers.
#[derive(Debug, Clone, Hash)]
pub(crate) struct Sources {
    limit: Limit,
    strangers: Each<Buckets<Source>>,
    proven: BTreeMap<Source, Account>,
    signers: BTreeMap<PublicKey, Voice>,
    /// Signers in the order in which they were last heard.
    by_heard: BTreeMap<u64, PublicKey>,
    heard: u64,
}

/// What is known of a proven source.
#[derive(Debug, Clone, Hash)]
struct Account {
    buckets: Each<Bucket>,
    /// How many signers speak from this source.
    signers: usize,
}

/// The sources that a signer was heard from, the latest one last.
#[derive(Debug, Clone, Hash, Default)]
struct Voice {
    heard: u64,
    sources: Vec<Source>,
}

impl Sources {
    pub(crate) fn new(limit: Limit) -> Self {
        Self {
            limit,
            strangers: Work::ALL.map(|_| Buckets::new(limit)),
            proven: BTreeMap::new(),
            signers: BTreeMap::new(),
            by_heard: BTreeMap::new(),
            heard: 0,
        }
    }

    /// Charges a source for work that takes as long as this many signature checks.
    pub(crate) fn take(
        &mut self,
        now: Timestamp,
        source: &Source,
        work: Work,
        checks: usize,
    ) -> Taken {
        match self.proven.get_mut(source) {
            Some(account) => match work.of(&mut account.buckets).take(self.limit, now, checks) {
                true => Taken::Yes,
                false => Taken::TooMany,
            },
            None => work.of(&mut self.strangers).take(now, source, checks),
        }
    }

    /// Marks a source as proven. Call this when a statement of this signer came from there in its
    /// author's own frame, was new here and verified, in a session that this node has joined.
    pub(crate) fn prove(&mut self, now: Timestamp, source: &Source, signer: &PublicKey) {
        // A counter, not the time: it orders signers strictly, and a clock that is set back cannot
        // disturb it.
        self.heard += 1;
        let voice = self.signers.entry(*signer).or_default();
        self.by_heard.remove(&voice.heard);
        voice.heard = self.heard;
        self.by_heard.insert(self.heard, *signer);
        let known = voice.sources.iter().position(|known| known == source);
        // A source heard again moves to the end, so that the first one is the one to forget.
        let moved = known.map(|place| voice.sources.remove(place));
        voice.sources.push(source.clone());
        let forgotten = (voice.sources.len() > MAX_SOURCES).then(|| voice.sources.remove(0));
        if moved.is_none() {
            self.admit(now, source);
        }
        forgotten.iter().for_each(|source| self.dismiss(source));
        if self.signers.len() > MAX_SIGNERS
            && let Some((_, longest)) = self.by_heard.pop_first()
            && let Some(voice) = self.signers.remove(&longest)
        {
            voice.sources.iter().for_each(|source| self.dismiss(source));
        }
    }

    /// Returns whether a statement of this signer has come from this source.
    pub(crate) fn is_of(&self, source: &Source, signer: &PublicKey) -> bool {
        self.signers.get(signer).is_some_and(|voice| voice.sources.contains(source))
    }

    /// Counts one more signer that speaks from this source. The source keeps the buckets it had, so
    /// that becoming proven does not refill them.
    fn admit(&mut self, now: Timestamp, source: &Source) {
        let Self { limit, strangers, proven, .. } = self;
        let account = proven.entry(source.clone()).or_insert_with(|| {
            let mut bucket = |work: Work| work.of(strangers).remove(source);
            let buckets = Work::ALL.map(|work| bucket(work).unwrap_or(Bucket::new(*limit, now)));
            Account { buckets, signers: 0 }
        });
        account.signers += 1;
    }

    fn dismiss(&mut self, source: &Source) {
        if let Some(account) = self.proven.get_mut(source) {
            account.signers -= 1;
            if account.signers == 0 {
                self.proven.remove(source);
            }
        }
    }

    /// Adjusts to a caller's clock that was set back.
    pub(crate) fn set_back(&mut self, by: Duration) {
        self.strangers.iter_mut().for_each(|buckets| buckets.set_back(by));
        let accounts = self.proven.values_mut();
        accounts.flat_map(|account| &mut account.buckets).for_each(|bucket| bucket.set_back(by));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn sources() -> Sources {
        Sources::new(Limit { rate: 1, burst: 2 })
    }

    fn source(number: u32) -> Source {
        Source::new(number.to_be_bytes())
    }

    fn signer(number: u32) -> PublicKey {
        let mut key = [2; 33];
        key[1..5].copy_from_slice(&number.to_be_bytes());
        PublicKey::new(key)
    }

    fn take(sources: &mut Sources, number: u32) -> Taken {
        sources.take(NOW, &source(number), Work::Frames, 1)
    }

    #[test]
    fn each_kind_of_work_has_a_bucket_of_its_own() {
        let mut sources = sources();
        for work in Work::ALL {
            let taken = [(); 3].map(|()| sources.take(NOW, &source(1), work, 1));
            assert_eq!(taken, [Taken::Yes, Taken::Yes, Taken::TooMany], "{work:?}");
        }
        sources.prove(NOW, &source(2), &signer(2));
        for work in Work::ALL {
            let taken = [(); 3].map(|()| sources.take(NOW, &source(2), work, 1));
            assert_eq!(taken, [Taken::Yes, Taken::Yes, Taken::TooMany], "{work:?}");
        }
    }

    #[test]
    fn a_proven_source_keeps_its_bucket_among_any_number_of_strangers() {
        let mut sources = sources();
        assert_eq!(take(&mut sources, 1), Taken::Yes);
        sources.prove(NOW, &source(1), &signer(1));
        for number in 10..2000 {
            take(&mut sources, number);
        }
        assert_eq!(take(&mut sources, 5000), Taken::Crowded);
        assert_eq!([take(&mut sources, 1), take(&mut sources, 1)], [Taken::Yes, Taken::TooMany]);
    }

    #[test]
    fn the_last_four_sources_of_the_last_1024_signers_are_remembered() {
        let mut sources = sources();
        let is_of = |sources: &Sources, place, of| sources.is_of(&source(place), &signer(of));
        for place in [1, 2, 3, 4, 1, 5] {
            sources.prove(NOW, &source(place), &signer(1));
        }
        assert!([1, 3, 4, 5].iter().all(|&place| is_of(&sources, place, 1)));
        assert!(!is_of(&sources, 2, 1) && !is_of(&sources, 1, 2));
        assert_eq!(sources.proven.len(), 4);
        for number in 2..=1024 {
            sources.prove(NOW, &source(9), &signer(number));
        }
        assert!(is_of(&sources, 1, 1) && is_of(&sources, 9, 2));
        sources.prove(NOW, &source(1), &signer(1));
        sources.prove(NOW, &source(9), &signer(1025));
        assert!(is_of(&sources, 1, 1) && !is_of(&sources, 9, 2) && is_of(&sources, 9, 1025));
        assert_eq!(
            (sources.signers.len(), sources.by_heard.len(), sources.proven.len()),
            (1024, 1024, 5)
        );
    }
}
