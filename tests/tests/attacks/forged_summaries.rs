//! What a frame says that its sender holds is an unsigned hint: a forged one delays the others a
//! little, and starves nobody.

use crate::node::source;
use crate::room::Room;
use musig2_proto::wire::frame::{Frame, Request};
use musig2_proto::{Boot, Config, Input, SessionId, Topology};
use musig2_sim::protocol;

/// Tells everyone, in everyone's name and life, that the sender holds everything, or nothing, and
/// that nothing newer will ever come.
fn forge(room: &mut Room, session: SessionId, everything: bool) {
    let signers = room.view(session).manifest.signer_count();
    let lives: Vec<_> = (0..room.honest())
        .map(|seat| (room.index(seat, session), boot(room, session, seat)))
        .collect();
    for seat in 0..room.honest() {
        for &(signer, boot) in &lives {
            let have = Some(protocol::summary(signers, signer, boot, everything));
            let frame =
                Frame { have, request: Request::Statements, ..protocol::frame(session, []) };
            room.handle(seat, Input::Frame { from: source(99), bytes: protocol::encode(&frame) });
        }
    }
}

/// Returns the life of an honest node, if a frame showed it.
fn boot(room: &Room, session: SessionId, seat: usize) -> Boot {
    let mut frames =
        room.frames.iter().filter(|(from, _, frame)| *from == seat && frame.session == session);
    let have = frames.find_map(|(_, _, frame)| frame.have.clone());
    have.map_or(Boot::new([0; 16]), |have| have.boot)
}

#[test]
fn a_session_finishes_with_forged_summaries_in_any_phase_and_loss() {
    for topology in [Topology::Mesh, Topology::Hub] {
        for everything in [true, false] {
            for moment in (0..30).step_by(5) {
                for lost in 0..4 {
                    let mut room =
                        Room::with_config(3, 0, Config::default().with_topology(topology));
                    // Everything that is sent to one signer before the lies is lost. (In the fourth
                    // case, nothing is.)
                    room.lost = Box::new(move |_, to| to == lost);
                    let session = room.propose();
                    for _ in 0..moment {
                        room.step();
                    }
                    forge(&mut room, session, everything);
                    room.settle();
                    room.lost = Box::new(|_, _| false);
                    forge(&mut room, session, everything);
                    room.conclude_with_signatures();
                }
            }
        }
    }
}

#[test]
fn a_session_finishes_with_forged_summaries_at_every_step() {
    let mut room = Room::new(3, 0);
    let session = room.propose();
    for step in 0..200 {
        room.step();
        if room
            .nodes
            .iter()
            .any(|node| node.session(&session).is_none_or(|view| view.signatures.is_none()))
        {
            forge(&mut room, session, step % 2 == 0);
        }
    }
    room.conclude_with_signatures();
}

#[test]
fn a_summary_that_does_not_fit_the_session_is_refused() {
    let mut room = Room::new(3, 0);
    room.lost = Box::new(|_, _| true);
    let session = room.propose();
    room.settle();
    let fits = protocol::summary(3, room.index(1, session), Boot::new([1; 16]), true);
    for (signers, signer) in [(3, 3), (3, u16::MAX), (9, 1), (0, 1)] {
        let other = protocol::summary(
            signers,
            musig2_proto::SignerIndex::new(signer),
            Boot::new([1; 16]),
            true,
        );
        let frame = Frame { have: Some(other), ..protocol::frame(session, []) };
        room.handle(0, Input::Frame { from: source(99), bytes: protocol::encode(&frame) });
    }
    assert_eq!(room.reports[0].len(), 4);
    let frame = Frame { have: Some(fits), ..protocol::frame(session, []) };
    room.handle(0, Input::Frame { from: source(99), bytes: protocol::encode(&frame) });
    assert_eq!(room.reports[0].len(), 4);
    room.lost = Box::new(|_, _| false);
    room.conclude_with_signatures();
}
