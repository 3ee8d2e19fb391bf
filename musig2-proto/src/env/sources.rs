//! How much work each source can ask for, and which sources signers speak from.

use crate::base::bytes::PublicKey;
use crate::base::ids::Source;
use crate::base::time::Timestamp;
use crate::env::buckets::{Bucket, Buckets, Limit, Taken};
use core::time::Duration;
use std::collections::BTreeMap;

/// Of how many signers it is remembered where they speak from. Beyond that the one longest unheard of is forgotten.
const MAX_SIGNERS: usize = 1024;

/// How many sources of one signer are remembered, the latest: a signer can move, and whoever passes its statements on before they come from
/// itself must not take its place.
const MAX_SOURCES: usize = 4;

/// What a source can make this node work for. Each is paid for out of a bucket of its own, so that none takes anything from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// By its frames.
    Frames,
    /// By announcements that it passes on: those that name a key of this node, and others.
    Announcements { own: bool },
    /// By hellos that it passes on: those of signers of sessions that are known here, and others.
    Hellos { known: bool },
}

/// A thing for each kind of work.
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

/// What sources may still ask for. Sources from which a signer's own statement came, in a session that this node had joined, have buckets that no
/// other source can take away from them, however many of these there are.
#[derive(Debug, Clone, Hash)]
pub(crate) struct Sources {
    limit: Limit,
    strangers: Each<Buckets<Source>>,
    proven: BTreeMap<Source, Account>,
    signers: BTreeMap<PublicKey, Voice>,
    /// Signers by when they were last heard.
    by_heard: BTreeMap<u64, PublicKey>,
    heard: u64,
}

/// Of a proven source.
#[derive(Debug, Clone, Hash)]
struct Account {
    buckets: Each<Bucket>,
    /// How many signers speak from there.
    signers: usize,
}

/// Where a signer was last heard, the latest place last.
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

    /// A statement of this signer that was new here, and verified, came from there by its author's own frame, in a session that this node has
    /// joined.
    pub(crate) fn prove(&mut self, now: Timestamp, source: &Source, signer: &PublicKey) {
        self.heard += 1;
        let voice = self.signers.entry(*signer).or_default();
        self.by_heard.remove(&voice.heard);
        voice.heard = self.heard;
        self.by_heard.insert(self.heard, *signer);
        let known = voice.sources.iter().position(|known| known == source);
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

    /// Whether a statement of this signer has come from there.
    pub(crate) fn is_of(&self, source: &Source, signer: &PublicKey) -> bool {
        self.signers.get(signer).is_some_and(|voice| voice.sources.contains(source))
    }

    /// One more signer speaks from there. What the source had taken before stays taken.
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

    /// The caller's clock was set back.
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
