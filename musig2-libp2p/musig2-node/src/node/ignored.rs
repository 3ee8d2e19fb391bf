//! What peers sent and this node ignored. People are told once a minute, in one line: there may be
//! a hundred such messages a minute.

use crate::model::co_signer::{AtPeer, beside};
use crate::text::names;
use musig2_libp2p::libp2p::PeerId;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

/// The time between two lines.
const PAUSE: Duration = Duration::from_secs(60);
/// The most peers that are counted exactly.
const MAX_PEERS: usize = 64;

/// What nobody has been told of yet.
#[derive(Debug, Default)]
pub(crate) struct Ignored {
    count: usize,
    peers: BTreeSet<PeerId>,
    last: String,
    told: Option<Instant>,
}

impl Ignored {
    /// Adds one message.
    pub(crate) fn add(
        &mut self,
        peer: PeerId,
        signers: &[AtPeer],
        offence: &dyn std::fmt::Display,
        consequence: &dyn std::fmt::Display,
    ) {
        self.count += 1;
        if self.peers.len() <= MAX_PEERS {
            self.peers.insert(peer);
        }
        self.last = format!("{peer}{}: {offence} ({consequence})", beside(signers));
    }

    /// Waits until people are to be told. Cancel-safe.
    pub(crate) fn due(&self) -> impl Future<Output = ()> + use<> {
        let due =
            (self.count > 0).then(|| self.told.map_or_else(Instant::now, |told| told + PAUSE));
        async move {
            match due {
                Some(due) => tokio::time::sleep_until(due).await,
                None => std::future::pending().await,
            }
        }
    }

    /// Returns what to tell them.
    pub(crate) fn take(&mut self) -> String {
        let (count, peers) =
            (std::mem::take(&mut self.count), std::mem::take(&mut self.peers).len());
        self.told = Some(Instant::now());
        let peers = match peers {
            0..=MAX_PEERS => names::count(peers, "peer"),
            _ => format!("more than {MAX_PEERS} peers"),
        };
        match count {
            0 | 1 => format!("ignored a message that came through {}", self.last),
            count => format!(
                "ignored {count} messages that came through {peers}. The last one came through {}",
                self.last
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[tokio::test]
    async fn ignored_messages_are_summed_up_in_one_line_a_minute() {
        let mut ignored = Ignored::default();
        assert_eq!(ignored.due().now_or_never(), None);
        let add = |ignored: &mut Ignored| {
            ignored.add(PeerId::random(), &[], &"too much", &"no penalty");
        };
        add(&mut ignored);
        // The first one is reported at once.
        ignored.due().await;
        let first = ignored.take();
        assert!(
            first.ends_with(": too much (no penalty)") && !first.contains("messages"),
            "{first}"
        );
        assert_eq!(ignored.due().now_or_never(), None);
        (0..100).for_each(|_| add(&mut ignored));
        assert_eq!(ignored.due().now_or_never(), None);
        ignored.told = Instant::now().checked_sub(PAUSE);
        ignored.due().await;
        let more = ignored.take();
        assert!(
            more.starts_with("ignored 100 messages that came through more than 64 peers. "),
            "{more}"
        );
        assert_eq!(ignored.due().now_or_never(), None);
    }
}
