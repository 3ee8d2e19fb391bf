//! Many sessions on the same nodes.
#![cfg(all(feature = "node", target_os = "linux"))]

mod signers;

use musig2_libp2p::musig2_proto::{Command, Config};
use peak_alloc::PeakAlloc;
use signers::{QUIC, Signer, TCP, network, proposal};
use std::fs;
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const SESSIONS: usize = 200;
/// By now everything has been used that is ever used.
const WARM: usize = 20;
/// Ended sessions are remembered until they would have expired.
const DURATION: Duration = Duration::from_secs(2);
const SKEW: Duration = Duration::from_millis(50);

/// What this process holds on to while nothing goes on.
#[derive(Debug)]
struct Held {
    bytes: usize,
    descriptors: usize,
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_and_file_descriptors_do_not_grow_with_the_sessions_behind() {
    for listen in [TCP, QUIC] {
        let protocol = Config::default()
            .with_max_session_duration(DURATION)
            .with_announcement_ttl(DURATION)
            .with_clock_skew(SKEW)
            .with_auto_cleanup(false);
        let mut signers =
            network(3, listen, |config| config.with_protocol(protocol.clone()).with_event_capacity(16)).await;
        let proposal = proposal(&signers);
        let mut warm = None;
        for number in 1..=SESSIONS {
            let (proposer, cosigners) = signers.split_last_mut().expect("there are three");
            let [one, other] = cosigners else { panic!("there are three") };
            tokio::join!(proposer.propose(proposal.clone()), one.cosign(), other.cosign());
            if number % 60 == 0 { println!("{number}: {:?}", held_in_quiet(&signers).await); }
            if number == WARM {
                warm = Some(held_in_quiet(&signers).await);
            }
        }
        let (warm, end) = (warm.expect("it came by"), held_in_quiet(&signers).await);
        println!("{listen}: after {WARM} sessions {warm:?}, after {SESSIONS} {end:?}");
        assert!(end.descriptors <= warm.descriptors, "{warm:?} {end:?}");
        assert!(end.bytes < warm.bytes + warm.bytes / 10 + (64 << 10), "{warm:?} {end:?}");
        for signer in &signers {
            signer.handle.stop().await;
        }
    }
}

/// Once no session is remembered any more.
async fn held_in_quiet(signers: &[Signer]) -> Held {
    let forgotten = Instant::now() + DURATION + 3 * SKEW;
    tokio::time::sleep_until(forgotten.into()).await;
    for signer in signers {
        signer.handle.execute(Command::Cleanup).await.expect("the node runs");
        assert_eq!(signer.handle.sessions().await, Ok(Vec::new()));
    }
    let descriptors = fs::read_dir("/proc/self/fd").expect("this is Linux").count();
    Held { bytes: ALLOCATOR.current_usage(), descriptors }
}
