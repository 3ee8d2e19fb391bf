//! When a node drops a whole frame, and when it drops a part and takes the rest.

use crate::common::forge::{empty, input, said, secret};
use crate::common::{Room, source};
use musig2_proto::wire::announcement::{Announcement, KnownContact, Publication};
use musig2_proto::wire::bitmap::Bitmap;
use musig2_proto::wire::bounded::List;
use musig2_proto::wire::frame::{Frame, Have, Request};
use musig2_proto::wire::statement::{Body, Statement};
use musig2_proto::wire::{decode_message, encode_message};
use musig2_proto::{
    Config, Contact, Crypto, Input, Libsecp256k1, Offence, SessionId, Signature, SignerIndex,
};
use sha2::{Digest, Sha256};

/// Makes two signers, of which node 0 hears nothing from node 1. Returns node 1's join, its nonces,
/// and what it says that it holds.
fn unheard() -> (Room, SessionId, Statement, Statement, Have) {
    let mut room = Room::new(2, &Config::default());
    room.lost = Box::new(|from, _| from == 1);
    let session = room.propose();
    room.settle();
    let join = said(&room, 1, |body| matches!(body, Body::Join(_)));
    let nonces = said(&room, 1, |body| matches!(body, Body::Nonces(_)));
    let frames = room.frames.iter().filter(|(from, ..)| *from == 1);
    let mut frames = frames.map(|(.., bytes)| decode_message::<Frame>(bytes, bytes.len()).unwrap());
    let have = frames.find_map(|frame| frame.have).unwrap();
    (room, session, join, nonces, have)
}

/// Returns how many statements node 0 then holds, what it reports, and whether it answers.
fn bring(room: &mut Room, frame: &Frame) -> (usize, Option<Offence>, bool) {
    let (sent, reported) = (room.frames.len(), room.reports[0].len());
    room.handle(0, input(9, frame));
    let offence = room.reports[0].get(reported).map(|report| report.offence.clone());
    let answers = room.frames[sent..].iter().filter(|(.., to, _)| *to == 9).count();
    (room.nodes[0].session(&frame.session).unwrap().statements, offence, answers > 0)
}

#[test]
fn a_frame_with_a_bad_statement_is_taken_in_part_and_not_answered() {
    let (mut room, session, join, nonces, have) = unheard();
    let forged = Statement { signature: Signature::new([1; 64]), ..join.clone() };
    let asks = Frame { request: Request::Statements, have: Some(have), ..empty(session) };
    let of = |statements| Frame { statements: List::new(statements).unwrap(), ..asks.clone() };
    let known = room.nodes[0].session(&session).unwrap().statements;
    let bad = bring(&mut room, &of(vec![forged, join]));
    assert_eq!(bad, (known + 1, Some(Offence::BadSignature), false));
    // With these nonces node 0 has all that it needs to state its partial signatures.
    assert_eq!(bring(&mut room, &of(vec![nonces])), (known + 3, None, true));
}

#[test]
fn a_frame_whose_summary_does_not_fit_its_session_is_dropped_whole() {
    let (mut room, session, join, _, have) = unheard();
    let known = room.nodes[0].session(&session).unwrap().statements;
    let nobody = Have { signer: SignerIndex::new(2), ..have.clone() };
    let third = Have { joins: Bitmap::new(8, [SignerIndex::new(2)]), ..have.clone() };
    let longer = Have { reach: Bitmap::new(9, []), ..have };
    for have in [nobody, third, longer] {
        let statements = List::new(vec![join.clone()]).unwrap();
        let frame =
            Frame { request: Request::Statements, have: Some(have), statements, ..empty(session) };
        assert_eq!(bring(&mut room, &frame), (known, Some(Offence::Misfit), false));
    }
}

#[test]
fn an_announcement_whose_contacts_are_not_strictly_ascending_is_dropped() {
    let mut room = Room::new(2, &Config::default());
    room.lost = Box::new(|_, _| true);
    let session = room.propose();
    let bytes = room.nodes[0].announcement(&session).unwrap();
    let announcement: Announcement = decode_message(&bytes, bytes.len()).unwrap();
    let coordinator = announcement.content.manifest.coordinator();
    assert_eq!(announcement.content.manifest.signers()[coordinator.as_usize()], room.keys[0]);
    let contact = |signer| KnownContact {
        signer: SignerIndex::new(signer),
        contact: Contact::new(vec![7]).unwrap(),
    };
    for (signers, good) in
        [(vec![1, 0], false), (vec![0, 0], false), (vec![0, 2], false), (vec![0, 1], true)]
    {
        let mut other = announcement.clone();
        other.content.contacts = List::new(signers.into_iter().map(contact).collect()).unwrap();
        other.signature = sign(&other);
        let publication = Publication::Announcement { fresh: [0; 8], announcement: other };
        let known = room.reports[1].len();
        let bytes = encode_message(&publication);
        room.handle(1, Input::Announcement { from: source(9), bytes });
        let report = room.reports[1].get(known).map(|report| report.offence.clone());
        assert_eq!(report, (!good).then_some(Offence::Misfit));
        assert_eq!(room.nodes[1].session(&session).is_some(), good);
    }
}

/// Signs an announcement as PROTOCOL.md says, with node 0's key.
fn sign(announcement: &Announcement) -> Signature {
    let domain = Sha256::digest("musig2-proto/announcement");
    let content = [vec![1], postcard::to_allocvec(&announcement.content).unwrap()].concat();
    let hash = Sha256::digest([&domain[..], &domain[..], &content].concat());
    let message: [u8; 64] = [domain, hash].concat().try_into().unwrap();
    let keypair = Libsecp256k1::keypair(&secret(1)).unwrap();
    Libsecp256k1::sign_statement(&keypair, &message, &[3; 32]).unwrap()
}
