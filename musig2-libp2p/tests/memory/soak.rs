//! Many sessions on the same nodes.

use crate::signers::{QUIC, Signer, TCP, network, proposal};
use crate::{MEMORY, TURN};
use musig2_libp2p::NodeConfig;
use musig2_libp2p::musig2_proto::{Command, Config};
use std::fs;
use std::time::{Duration, Instant};

const SESSIONS: usize = 200;
/// After this many sessions, everything that is ever used has been used.
const WARM: usize = 20;
/// How long a session may last: ended sessions are remembered until they would have expired.
const DURATION: Duration = Duration::from_secs(2);
const SKEW: Duration = Duration::from_millis(50);
/// Gossipsub remembers for two minutes who delivered what, and no setting changes that: at most
/// this many bytes for the announcements of one session, on three nodes.
const OF_GOSSIP: usize = 6 << 10;
/// Allows for what comes and goes: a table that has just grown, a connection's buffer.
const SLACK: usize = 64 << 10;

/// What this process holds while it is idle.
#[derive(Debug)]
struct Held {
    bytes: usize,
    descriptors: usize,
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_and_file_descriptors_do_not_grow_with_past_sessions() {
    let _turn = TURN.lock().await;
    for (listen, gossip) in [(TCP, false), (QUIC, false), (TCP, true)] {
        let protocol = Config::default()
            .with_max_session_duration(DURATION)
            .with_announcement_ttl(DURATION)
            .with_clock_skew(SKEW)
            .with_enable_auto_cleanup(false);
        let adjust = |config: NodeConfig| {
            config
                .with_protocol(protocol.clone())
                .with_event_capacity(16)
                .with_enable_gossipsub(gossip)
        };
        let mut signers = network(3, listen, adjust).await;
        for known in 0..2 {
            let contact = signers[known].contact().await;
            signers[2].knows(&signers[known], &contact).await;
        }
        let proposal = proposal(&signers);
        let mut warm = None;
        for number in 1..=SESSIONS {
            let (proposer, cosigners) = signers.split_last_mut().expect("there are three");
            let [one, other] = cosigners else { panic!("there are three") };
            tokio::join!(proposer.propose(proposal.clone()), one.cosign(), other.cosign());
            if number == WARM {
                warm = Some(held_in_quiet(&signers).await);
            }
        }
        let (warm, end) = (warm.expect("it came by"), held_in_quiet(&signers).await);
        println!(
            "{listen}, gossip {gossip}: after {WARM} sessions {warm:?}, after {SESSIONS} {end:?}"
        );
        assert!(end.descriptors <= warm.descriptors, "{warm:?} {end:?}");
        let remembered = if gossip { (SESSIONS - WARM) * OF_GOSSIP } else { 0 };
        assert!(end.bytes <= warm.bytes + SLACK + remembered, "{warm:?} {end:?}");
        for signer in &signers {
            signer.handle.stop().await;
        }
    }
}

/// Measures what the process holds once no session is remembered any more.
async fn held_in_quiet(signers: &[Signer]) -> Held {
    let forgotten = Instant::now() + DURATION + 3 * SKEW;
    tokio::time::sleep_until(forgotten.into()).await;
    for signer in signers {
        signer.handle.execute(Command::Cleanup).await.expect("the node runs");
        assert_eq!(signer.handle.sessions().await, Ok(Vec::new()));
    }
    let descriptors = fs::read_dir("/proc/self/fd").expect("this is Linux").count();
    Held { bytes: MEMORY.current_usage(), descriptors }
}
