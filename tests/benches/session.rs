//! A session's processor time for one signer: of a node, of the bare library calls, and of the
//! `musig2` crate's rounds, for n signers and k messages.
//!
//! ```console
//! $ cargo bench -p musig2-benches --bench session
//! ```

use criterion::{
    BenchmarkGroup, Criterion, criterion_group, criterion_main, measurement::WallTime,
};
use musig2_benches::{floor::Floor, room::Room, rounds::Rounds};
use std::time::Duration;

/// Signers and messages. 100 signers with 256 messages would take minutes for each session.
const SIZES: [(usize, usize); 5] = [(3, 1), (15, 1), (100, 1), (3, 256), (15, 256)];

fn session(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("session");
    group.sample_size(10);
    for (signers, messages) in SIZES {
        let size = format!("{signers}x{messages}");
        let mut room = Room::new(signers);
        room.session(messages);
        measure(&mut group, &format!("node/{size}"), || room.session(messages).cpu());
        let mut floor = Floor::new(signers);
        measure(&mut group, &format!("floor/{size}"), || floor.session(messages));
        let mut rounds = Rounds::new(signers);
        measure(&mut group, &format!("musig2-crate/{size}"), || rounds.session(messages));
    }
    group.finish();
}

/// Measures processor time, of which the work itself says how much is one signer's.
fn measure(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    mut session: impl FnMut() -> Duration,
) {
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|times| (0..times).map(|_| session()).sum());
    });
}

criterion_group!(benches, session);
criterion_main!(benches);
