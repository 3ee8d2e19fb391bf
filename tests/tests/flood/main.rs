//! A hundred thousand hostile messages of many kinds, while an honest session beside them completes
//! and memory stays within its bound; and what else others could make a program take memory for.
//!
//! These tests have a process of their own, because they count what the whole process allocates.

#[allow(dead_code, reason = "shared with the attacks, which use more of it")]
#[path = "../attacks/attacker.rs"]
mod attacker;
mod decoding;
mod evidence;
mod hostile;
#[allow(dead_code, reason = "shared with the attacks, which use more of it")]
#[path = "../attacks/node.rs"]
mod node;
#[allow(dead_code, reason = "shared with the attacks, which use more of it")]
#[path = "../attacks/room.rs"]
mod room;
mod session;
mod work;

use core::time::Duration;
use hostile::{Flood, is_hostile};
use musig2_proto::{
    Command, DeclineReason, Destination, Event, Input, Message, Output, Proposal, SessionId,
};
use peak_alloc::PeakAlloc;
use room::{Room, assert_signatures};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

/// Returns the lock that each test holds while it counts: the allocator counts what the whole
/// process allocates.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

const MESSAGES: usize = 100_000;

/// How much a node may hold because of what others sent it, in bytes: 1 MiB of stashed frames,
/// which take up to 16 times as much once they are decoded; 32 strangers' sessions that wait for
/// the application, each with a manifest of at most 256 items and 1024 tweak steps, its copy in the
/// announcement, and the keys of its items, 0.4 MiB together; 4096 declined sessions, 1024 contacts
/// and 1024 buckets, 1 MiB together; the board of the session in which an attacker signs, 0.3 MiB.
/// That is 31 MiB, and half as much for what the allocator rounds up.
const BOUND: usize = 48 << 20;

#[test]
fn a_flood_of_hostile_messages_stays_in_bounds_and_stops_no_session() {
    let _alone = alone();
    let mut room = Room::new(3, 1);
    let spoilt = room.propose();
    room.settle();
    let mut flood = Flood::new(&room, spoilt);
    let honest = Proposal::new(room.keys[..3].to_vec()).with_message(Message::new([5; 32]));
    let honest = room.propose_this(honest);
    flood.aim(honest);

    let before = ALLOCATED.current_usage();
    let (mut most, mut poured, mut answered) = (0, 0, 0);
    let mut kinds = BTreeMap::<_, usize>::new();
    let start = Instant::now();
    for number in 0..MESSAGES {
        let (kind, input) = flood.message(number, room.now);
        *kinds.entry(kind).or_default() += 1;
        poured += size(&input);
        let outputs = room.handle_apart(0, input);
        answered += answer(&mut room, outputs, kind == "a stranger's session");
        let held = ALLOCATED.current_usage().saturating_sub(before);
        most = most.max(held);
        assert!(held < BOUND, "{held} bytes are held after {number} messages, the last {kind}");
        // The honest session goes on meanwhile, with a few messages for every thousand, and so does
        // time.
        if number % 1000 == 999 {
            (0..3).for_each(|_| _ = room.step());
            room.now = room.now.saturating_add(Duration::from_millis(100));
            (0..3).for_each(|seat| room.handle(seat, Input::Tick));
        }
    }
    println!(
        "{poured} bytes poured in {:?}, {most} held at most, {answered} answered: {kinds:#?}",
        start.elapsed()
    );
    assert!(kinds.len() >= 15 && kinds.values().all(|&count| count > 1000), "{kinds:?}");
    (0..3).for_each(|seat| assert_complete(&room, seat, honest));

    // What has expired is gone with the next message of its kind at the latest.
    room.pass(Duration::from_secs(20 * 60));
    room.handle_apart(0, flood.message(3, room.now).1);
    let left = ALLOCATED.current_usage().saturating_sub(before);
    println!("{left} left in the end");
    assert!(left < 4 << 20, "{left} bytes are left in the end");
}

fn assert_complete(room: &Room, seat: usize, session: SessionId) {
    let signatures = room.events[seat].iter().find_map(|(_, event)| match event {
        Event::SessionComplete { session: of, signatures } if *of == session => Some(signatures),
        _ => None,
    });
    let signatures =
        signatures.unwrap_or_else(|| panic!("seat {seat} did not finish while the flood lasted"));
    assert_signatures(&room.view(session), signatures);
}

/// Deals with a node's outputs: counts and drops what goes to attackers, declines small sessions
/// that are discovered, leaves the largest waiting, and delivers the rest. Returns how many bytes
/// went to attackers.
fn answer(room: &mut Room, outputs: Vec<Output>, decline: bool) -> usize {
    let mut answered = 0;
    let mut rest = Vec::new();
    for output in outputs {
        match output {
            Output::Send { to: Destination::Source(to), bytes } if is_hostile(to.as_bytes()) => {
                answered += bytes.len();
            }
            Output::Send { to: Destination::Contact(to), bytes } if is_hostile(to.as_bytes()) => {
                answered += bytes.len();
            }
            Output::Report(_) => {}
            Output::Event(Event::SessionDiscovered { session }) => {
                if decline {
                    room.execute(
                        0,
                        Command::DeclineSession { session, reason: Some(DeclineReason::Policy) },
                    );
                }
            }
            other => rest.push(other),
        }
    }
    room.carry(0, rest);
    answered
}

fn size(input: &Input) -> usize {
    match input {
        Input::Frame { bytes, .. } | Input::Announcement { bytes, .. } => bytes.len(),
        _ => 0,
    }
}
