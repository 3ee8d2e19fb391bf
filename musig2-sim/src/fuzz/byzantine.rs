//! One honest node among signers that hold real keys and are under the fuzzer's control.

use super::crowd::Crowd;
use super::moves::Move;
use crate::engine::Engine;
use musig2_proto::Event;

/// The most moves of one run.
const MAX_MOVES: usize = 120;

/// Fuzzes one honest node that faces two signers whose keys the fuzzer holds. The bytes, six for
/// each move, say what these two state under their signatures, valid or invalid; which of that, and
/// of what was heard, reaches the honest node, in which frames and order; and how time passes.
///
/// The honest node never panics and never contradicts itself. It uses each nonce once, ends each
/// session once and in time, and completes only with valid signatures. It convicts nobody but the
/// other two, with evidence that verifies from its bytes, and never says that it is its own rival
/// while nobody else has its key. Nothing that it states is a proof against it.
///
/// # Panics
/// If any of this does not hold.
pub fn byzantine<C: Engine>(data: &[u8]) {
    meet::<C>(data);
}

/// Makes the moves, and returns how the honest node's sessions ended.
fn meet<C: Engine>(data: &[u8]) -> Vec<Event> {
    let mut crowd = Crowd::<C>::new();
    for bytes in data.as_chunks().0.iter().take(MAX_MOVES) {
        crowd.make(&Move::read(*bytes));
    }
    crowd.conclude()
}

#[cfg(test)]
mod tests {
    use super::super::seeds::encounters;
    use super::*;
    use crate::engine::Transparent;
    use musig2_proto::{AbortCause, Fault};

    #[test]
    fn the_fuzzing_seeds_reach_signatures_and_every_fault() {
        let ends = encounters().into_iter().flat_map(|(_, moves)| meet::<Transparent>(&moves));
        let (mut complete, mut faults) = (0, Vec::new());
        for end in ends {
            match end {
                Event::SessionComplete { .. } => complete += 1,
                Event::SessionAborted { cause: AbortCause::Convicted { fault, .. }, .. } => {
                    faults.push(fault);
                }
                _ => {}
            }
        }
        faults.sort_unstable();
        faults.dedup();
        assert!(complete >= 3, "{complete}");
        let all = [
            Fault::RestartLimit,
            Fault::ConcurrentInstances,
            Fault::InvalidNonce,
            Fault::InvalidPartialSignature,
            Fault::Equivocation,
        ];
        assert_eq!(faults, all);
    }
}
