//! What single messages cost a node: receiving a frame of each kind, decoding one, and making and
//! receiving announcements.
//!
//! ```console
//! $ cargo bench -p musig2-benches --bench messages
//! ```

use criterion::{
    BenchmarkGroup, Criterion, criterion_group, criterion_main, measurement::WallTime,
};
use musig2_benches::letters::{Announced, frames};
use musig2_benches::room::{Mishap, Room};
use musig2_benches::step::Step;
use musig2_proto::wire::{decode_message, frame::Frame};
use std::time::Duration;

const SIGNERS: [usize; 2] = [3, 15];

/// One whole session for each measurement, of which only the steps of one kind count.
fn receive(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("frames");
    group.sample_size(10);
    for signers in SIGNERS {
        for step in Step::OF_FRAMES {
            let room = Room::new(signers);
            let mut room = match step {
                Step::Repeat => room.with_mishap(Mishap::Repeated),
                Step::Answer => room.with_mishap(Mishap::Lost),
                _ => room,
            };
            measure(&mut group, &format!("{}/{signers}", step.name()), || {
                room.session(1).step(step).expect("the step occurs")
            });
        }
    }
    group.finish();
}

fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    for messages in [1, 256] {
        for (name, bytes) in frames(3, messages) {
            group.bench_function(format!("{name}/3x{messages}"), |bencher| {
                bencher.iter(|| decode_message::<Frame>(&bytes, 1 << 20).expect("a frame"));
            });
        }
    }
    group.finish();
}

fn announcement(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("announcement");
    for signers in [3, 15, 100] {
        let mut announced = Announced::new(signers);
        measure(&mut group, &format!("make/{signers}"), || announced.make());
        measure(&mut group, &format!("receive/signer/{signers}"), || announced.receive(true));
        measure(&mut group, &format!("receive/stranger/{signers}"), || announced.receive(false));
    }
    group.finish();
}

/// Measures processor time, of which the work itself says how much counts.
fn measure(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    mut work: impl FnMut() -> Duration,
) {
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|times| (0..times).map(|_| work()).sum());
    });
}

criterion_group!(benches, receive, decode, announcement);
criterion_main!(benches);
