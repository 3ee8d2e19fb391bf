//! Three honest nodes, and a fuzzer that carries their messages.

use super::room::Room;
use crate::engine::Engine;
use core::time::Duration;

/// The most operations of one run.
const MAX_OPERATIONS: usize = 300;

/// Fuzzes three honest nodes that sign. The bytes say which message is delivered, lost, duplicated
/// or delayed, who crashes with an empty disk and comes back, how time passes, and what
/// applications do. One byte is for the configuration, and then two for each operation.
///
/// Nobody is ever blamed, no nonce answers two challenges, every session ends once, and signatures
/// are valid. Whenever the bytes say so, and at the end, the network heals and everyone is up. Then
/// every session ends, and every session that no application ended is complete, unless the bytes
/// let too much time pass or set a clock.
///
/// # Panics
/// If any of this does not hold.
pub fn three_nodes<C: Engine>(data: &[u8]) {
    let Some((&configuration, script)) = data.split_first() else { return };
    run(Room::<C>::new(configuration), script);
}

/// Does what a script says, and settles.
pub(super) fn run<C: Engine>(mut room: Room<C>, script: &[u8]) -> Room<C> {
    for &[code, argument] in script.as_chunks().0.iter().take(MAX_OPERATIONS) {
        operate(&mut room, code, argument);
    }
    room.settle();
    room
}

fn operate<C: Engine>(room: &mut Room<C>, code: u8, argument: u8) {
    let seat = usize::from(argument % 3);
    match code % 16 {
        0 => room.propose(seat, argument / 3),
        1 => room.deliver_all(),
        2 | 3 => room.deliver(argument.into()),
        4 => room.lose(argument.into()),
        5 => room.double(argument.into()),
        6 => room.put_off(argument.into()),
        7 => room.lose_all_to(seat),
        8 => room.crash(seat),
        9 => room.start(seat),
        10 => room.pass(Duration::from_millis(10 * u64::from(argument))),
        11 => room.wake(seat),
        12 => room.answer(seat),
        13 => room.reach(seat, usize::from(argument / 3 % 3), argument >= 128),
        14 => match argument / 3 % 8 {
            0 => room.abort(seat),
            1 => room.decline(seat),
            2 => room.set_clock(seat, -600_000),
            3 => room.set_clock(seat, 600_000),
            4 => room.set_clock(seat, -20_000),
            5 => room.pass(Duration::from_secs(60)),
            6 => room.clean_up(seat),
            _ => room.say_hello(seat),
        },
        _ => room.settle(),
    }
}
