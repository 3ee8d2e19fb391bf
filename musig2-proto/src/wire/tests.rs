//! The wire format stays what `PROTOCOL.md` says, byte for byte, and takes nothing else.

use super::announcement::{Announcement, AnnouncementContent, KnownContact, Publication};
use super::bitmap::Bitmap;
use super::frame::{BoardDigest, Frame, Have, Request};
use super::hello::{Hello, HelloContent};
use super::proof::{Evidence, Proof, Restarted, Signed};
use super::statement::{
    Abort, AbortReason, Body, Decline, DeclineReason, Join, NonceSource, Nonces, Note, Partials,
    Statement,
};
use crate::base::bounded::{Bytes, List};
use crate::base::bytes::{
    ChainCode, MerkleRoot, Message, PartialSignature, PublicKey, PublicNonce, Signature,
    TweakScalar,
};
use crate::base::codec::DecodeError;
use crate::base::codec::{decode_message, encode, encode_message};
use crate::base::ids::{AttemptId, Boot, Contact, SessionId, SignerIndex, Transcript};
use crate::base::time::Timestamp;
use crate::crypto::{PlainTweak, TweakKind};
use crate::terms::item::Item;
use crate::terms::manifest::{Manifest, Salt};
use crate::terms::tweak::Tweak;
use proptest::prelude::*;

fn manifest() -> Manifest {
    let tweaks = vec![
        Tweak::BIP86,
        Tweak::Taproot { merkle_root: Some(MerkleRoot::new([0x41; 32])) },
        Tweak::Bip32 {
            chain_code: ChainCode::new([0x42; 32]),
            path: List::new(vec![0, 300]).unwrap(),
        },
        Tweak::Raw(PlainTweak { kind: TweakKind::XOnly, scalar: TweakScalar::new([0x43; 32]) }),
    ];
    Manifest {
        signers: List::new(vec![PublicKey::new([0x02; 33]), PublicKey::new([0x03; 33])]).unwrap(),
        coordinator: SignerIndex::new(1),
        identities: List::empty(),
        items: List::new(vec![
            Item::new(Message::new([0x11; 32])),
            Item::new(Message::new([0x12; 32])).with_tweaks(tweaks).unwrap(),
        ])
        .unwrap(),
        extractor: None,
        created_at: Timestamp::from_millis(1_800_000_000_000),
        expires_at: Timestamp::from_millis(1_800_000_600_000),
        salt: Salt::new([0x5a; 32]),
        memo: Bytes::new(b"memo".to_vec()).unwrap(),
    }
}

fn announcement() -> Announcement {
    let contact = Contact::new(b"peer".to_vec()).unwrap();
    let contacts = List::new(vec![KnownContact { signer: SignerIndex::new(1), contact }]).unwrap();
    Announcement {
        content: AnnouncementContent { manifest: manifest(), private: false, contacts },
        signature: Signature::new([0xa0; 64]),
    }
}

fn statement(body: Body) -> Statement {
    Statement { author: SignerIndex::new(1), body, signature: Signature::new([0xb0; 64]) }
}

fn join() -> Statement {
    let contact = Contact::new(b"here".to_vec()).unwrap();
    statement(Body::Join(Join { boot: Boot::new([0xbb; 16]), contact }))
}

fn nonces() -> Statement {
    let nonces =
        List::new(vec![PublicNonce::new([0x21; 66]), PublicNonce::new([0x22; 66])]).unwrap();
    statement(Body::Nonces(Nonces {
        boot: Boot::new([0xbb; 16]),
        attempt: AttemptId::FIRST,
        source: NonceSource::Inline(nonces),
    }))
}

fn partials() -> Statement {
    let partials =
        List::new(vec![PartialSignature::new([0x31; 32]), PartialSignature::new([0x32; 32])])
            .unwrap();
    statement(Body::Partials(Partials {
        boot: Boot::new([0xbb; 16]),
        attempt: AttemptId::new([0xcc; 32]),
        transcript: Transcript::new([0xdd; 32]),
        partials,
    }))
}

fn abort() -> Statement {
    let reason = AbortReason::Requested(Note::new("no"));
    statement(Body::Abort(Abort { boot: Boot::new([0xbb; 16]), reason, proof: None }))
}

fn decline() -> Statement {
    statement(Body::Decline(Decline {
        reason: DeclineReason::Clock { time: Timestamp::from_millis(300) },
    }))
}

fn proof() -> Proof {
    let boots = List::new(vec![Boot::new([0xb1; 16]), Boot::new([0xb2; 16])]).unwrap();
    let restarted = List::new(vec![Restarted { signer: SignerIndex::new(1), boots }]).unwrap();
    let nonces = || Signed::of(&nonces()).unwrap();
    Proof::ConcurrentInstances { first: nonces(), second: nonces(), restarted }
}

fn have() -> Have {
    let of =
        |members: &[u16]| Bitmap::new(10, members.iter().map(|&signer| SignerIndex::new(signer)));
    Have {
        signer: SignerIndex::new(1),
        boot: Boot::new([0xbb; 16]),
        sequence: 300,
        attempt: AttemptId::FIRST,
        joins: of(&[0, 1, 9]),
        nonces: of(&[8]),
        partials: of(&[]),
        reach: of(&[0, 1]),
        ended: false,
        digest: BoardDigest::new([0xee; 32]),
    }
}

fn frame() -> Frame {
    Frame {
        session: SessionId::new([0x77; 32]),
        request: Request::Statements,
        have: Some(have()),
        announcement: Some(announcement()),
        statements: List::new(vec![join(), nonces(), partials(), abort()]).unwrap(),
        signatures: Some(List::new(vec![Signature::new([0xf1; 64])]).unwrap()),
    }
}

fn hex(bytes: &[u8]) -> String {
    hex::encode(bytes)
}

/// `x` repeated `n` times.
fn rep(x: &str, n: usize) -> String {
    x.repeat(n)
}

fn manifest_hex() -> String {
    [
        "02",
        &rep("02", 33),
        &rep("03", 33), // signers
        "01",           // coordinator
        "00",           // identities
        "02",           // items
        &rep("11", 32),
        "00",
        "00",
        &rep("12", 32),
        "04",
        "0000", // taproot, no root
        "0001",
        &rep("41", 32), // taproot, root
        "01",
        &rep("42", 32),
        "02",
        "00",
        "ac02", // BIP32 0/300
        "0201",
        &rep("43", 32), // raw x-only
        "00",           // no adaptor
        "00",           // no extractor
        "80a0f1c2b134", // 1_800_000_000_000
        "c0ef95c3b134", // 1_800_000_600_000
        &rep("5a", 32),
        "04",
        "6d656d6f",
    ]
    .concat()
}

fn announcement_hex() -> String {
    [
        manifest_hex(),
        "00".into(),
        "01".into(),
        "01".into(),
        "04".into(),
        "70656572".into(),
        rep("a0", 64),
    ]
    .concat()
}

#[test]
fn manifests_are_as_written_down() {
    assert_eq!(hex(&encode(&manifest())), manifest_hex());
    assert_eq!(
        manifest().id().to_string(),
        "1a4c073deb15a723784e8787db71589ca6d7e3b90aec528ff0a8b090e1ca9a6b"
    );
}

#[test]
fn announcements_are_as_written_down() {
    assert_eq!(hex(&encode(&announcement())), announcement_hex());
    let publication = Publication::Announcement { fresh: [9; 8], announcement: announcement() };
    assert_eq!(
        hex(&encode_message(&publication)),
        ["01", "00", &rep("09", 8), &announcement_hex()].concat()
    );
}

#[test]
fn statements_are_as_written_down() {
    let boot = rep("bb", 16);
    let signature = rep("b0", 64);
    let of = |parts: &[&str]| ["01", &parts.concat(), &signature].concat();
    assert_eq!(hex(&encode(&join())), of(&["00", &boot, "04", "68657265"]));
    assert_eq!(
        hex(&encode(&nonces())),
        of(&["01", &boot, &rep("00", 32), "00", "02", &rep("21", 66), &rep("22", 66)])
    );
    assert_eq!(
        hex(&encode(&partials())),
        of(&["02", &boot, &rep("cc", 32), &rep("dd", 32), "02", &rep("31", 32), &rep("32", 32)])
    );
    assert_eq!(hex(&encode(&abort())), of(&["03", &boot, "00", "02", "6e6f", "00"]));
    let given_up = Body::Abort(Abort {
        boot: Boot::new([0xbb; 16]),
        reason: AbortReason::TimedOut,
        proof: None,
    });
    assert_eq!(hex(&encode(&statement(given_up))), of(&["03", &boot, "03", "00"]));
    assert_eq!(hex(&encode(&decline())), of(&["04", "04", "ac02"]));
    let reasons = [
        DeclineReason::Policy,
        DeclineReason::Person,
        DeclineReason::Busy,
        DeclineReason::Unsupported,
    ];
    for (number, reason) in (0..).zip(reasons) {
        let number = format!("{number:02x}");
        assert_eq!(
            hex(&encode(&statement(Body::Decline(Decline { reason })))),
            of(&["04", &number])
        );
        let reason = AbortReason::Declined { signer: SignerIndex::new(2), reason };
        let abort =
            statement(Body::Abort(Abort { boot: Boot::new([0xbb; 16]), reason, proof: None }));
        assert_eq!(hex(&encode(&abort)), of(&["03", &boot, "02", "02", &number, "00"]));
    }
    assert_eq!(
        hex(&join().hash(&SessionId::new([0x77; 32]))),
        "851fb2518edc50f47564fbf815a3bb8f8cb49dccf927f11d834947c0933568bc"
    );
}

#[test]
fn hellos_are_as_written_down() {
    let contact = Contact::new(b"here".to_vec()).unwrap();
    let [time, since] = [300, 200].map(Timestamp::from_millis);
    let content = HelloContent { signer: PublicKey::new([0x02; 33]), contact, time, since };
    let hello = Hello { content, signature: Signature::new([0xc0; 64]) };
    let publication = Publication::Hello { fresh: [9; 8], hello };
    let expected = [
        "01",
        "01",
        &rep("09", 8),
        &rep("02", 33),
        "04",
        "68657265",
        "ac02",
        "c801",
        &rep("c0", 64),
    ]
    .concat();
    assert_eq!(hex(&encode_message(&publication)), expected);
}

#[test]
fn proofs_are_as_written_down() {
    let signed = |parts: &[&str]| ["01", &parts.concat(), &rep("b0", 64)].concat();
    let boot = rep("bb", 16);
    let nonces_hex = signed(&[&boot, &rep("00", 32), "00", "02", &rep("21", 66), &rep("22", 66)]);
    let partials_hex =
        signed(&[&boot, &rep("cc", 32), &rep("dd", 32), "02", &rep("31", 32), &rep("32", 32)]);
    let join_hex = signed(&[&boot, "04", "68657265"]);
    let (nonces, partials) =
        (|| Signed::of(&nonces()).unwrap(), || Signed::of(&partials()).unwrap());
    let invalid = Proof::InvalidPartialSignature {
        nonces: nonces(),
        partials: partials(),
        nonce_root: [0xd1; 32],
        aggregates: List::new(vec![crate::base::bytes::AggregateNonce::new([0x51; 66])]).unwrap(),
        item: 300,
    };
    let cases = [
        (
            Proof::EquivocatingNonces { first: nonces(), second: nonces() },
            ["00", &nonces_hex, &nonces_hex].concat(),
        ),
        (
            Proof::EquivocatingPartials { first: partials(), second: partials() },
            ["01", &partials_hex, &partials_hex].concat(),
        ),
        (Proof::InvalidNonce { nonces: nonces() }, ["02", &nonces_hex].concat()),
        (
            invalid,
            ["03", &nonces_hex, &partials_hex, &rep("d1", 32), "01", &rep("51", 66), "ac02"]
                .concat(),
        ),
        (
            proof(),
            ["04", &nonces_hex, &nonces_hex, "01", "01", "02", &rep("b1", 16), &rep("b2", 16)]
                .concat(),
        ),
        (
            Proof::RestartLimit { joins: List::new(vec![Signed::of(&join()).unwrap()]).unwrap() },
            ["05", "01", &join_hex].concat(),
        ),
    ];
    for (proof, expected) in cases {
        assert_eq!(hex(&encode(&proof)), expected);
        let evidence = Evidence { manifest: manifest(), proof: proof.clone() };
        assert_eq!(hex(&evidence.to_bytes()), ["01", &manifest_hex(), &expected].concat());
        assert_eq!(Evidence::from_bytes(&evidence.to_bytes()), Ok(evidence));
        let abort = Abort {
            boot: Boot::new([0xbb; 16]),
            reason: AbortReason::Convicted,
            proof: Some(Box::new(proof)),
        };
        let abort_hex = signed(&["03", &boot, "01", "01", &expected]);
        assert_eq!(hex(&encode(&statement(Body::Abort(abort)))), abort_hex);
    }
}

#[test]
fn frames_are_as_written_down() {
    let have = [
        "01",
        &rep("bb", 16),
        "ac02",
        &rep("00", 32),
        "020302",
        "020001",
        "020000",
        "020300",
        "00",
        &rep("ee", 32),
    ]
    .concat();
    let statements: String =
        [join(), nonces(), partials(), abort()].iter().map(|one| hex(&encode(one))).collect();
    let expected = [
        "01",
        &rep("77", 32),
        "01",
        "01",
        &have,
        "01",
        &announcement_hex(),
        "04",
        &statements,
        "01",
        "01",
        &rep("f1", 64),
    ]
    .concat();
    assert_eq!(hex(&encode_message(&frame())), expected);
    assert_eq!(decode_message::<Frame>(&encode_message(&frame()), 1 << 20), Ok(frame()));
}

#[test]
fn another_version_is_distinguished_from_garbage() {
    let mut bytes = encode_message(&frame());
    bytes[0] = 2;
    assert_eq!(decode_message::<Frame>(&bytes, 1 << 20), Err(DecodeError::Version(2)));
    assert_eq!(decode_message::<Frame>(&[], 1 << 20), Err(DecodeError::Malformed));
    assert_eq!(
        decode_message::<Frame>(&bytes, 10),
        Err(DecodeError::TooLarge { size: bytes.len(), max: 10 })
    );
    bytes[0] = 1;
    assert!(decode_message::<Frame>(&bytes, bytes.len()).is_ok());
}

#[test]
fn a_second_encoding_of_the_same_frame_is_refused() {
    let bytes = encode_message(&frame());
    // The sequence, 300, in three bytes instead of two.
    let at = bytes.windows(2).position(|pair| pair == [0xac, 0x02]).unwrap();
    let mut longer = bytes.clone();
    longer.splice(at..at + 2, [0xac, 0x82, 0x00]);
    assert_eq!(decode_message::<Frame>(&longer, 1 << 20), Err(DecodeError::Malformed));
    let mut trailing = bytes;
    trailing.push(0);
    assert_eq!(decode_message::<Frame>(&trailing, 1 << 20), Err(DecodeError::Malformed));
}

#[test]
fn a_length_without_its_content_is_refused() {
    // One frame says that it holds 2^60 statements, the other that it holds as many as are allowed.
    // Both end there.
    for length in [&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10][..], &[0x80, 0x80, 0x01]]
    {
        let bytes = [&[1][..], &[0x77; 32], &[0, 0, 0], length].concat();
        assert_eq!(decode_message::<Frame>(&bytes, 1 << 20), Err(DecodeError::Malformed));
    }
}

#[test]
fn text_from_strangers_is_escaped() {
    assert_eq!(Note::new("a\n\u{1b}[2Jb").to_string(), "a\\n\\u{1b}[2Jb");
    assert_eq!(format!("{:?}", Note::new("a\n")), "\"a\\n\"");
}

proptest! {
    #[test]
    fn bytes_that_decode_encode_to_the_same_bytes(
        bytes in prop::collection::vec(any::<u8>(), 0..400)
    ) {
        let bytes = [&[1][..], &bytes].concat();
        if let Ok(frame) = decode_message::<Frame>(&bytes, 1 << 20) {
            prop_assert_eq!(encode_message(&frame), bytes.clone());
        }
        if let Ok(publication) = decode_message::<Publication>(&bytes, 1 << 20) {
            prop_assert_eq!(encode_message(&publication), bytes);
        }
    }

    #[test]
    fn a_changed_frame_that_decodes_encodes_to_the_same_bytes(
        at in any::<prop::sample::Index>(),
        to in any::<u8>(),
        cut in any::<prop::sample::Index>()
    ) {
        let mut bytes = encode_message(&frame());
        let at = at.index(bytes.len());
        bytes[at] = to;
        if let Ok(frame) = decode_message::<Frame>(&bytes, 1 << 20) {
            prop_assert_eq!(encode_message(&frame), bytes.clone());
        }
        bytes.truncate(cut.index(bytes.len()));
        prop_assert!(decode_message::<Frame>(&bytes, 1 << 20).is_err());
    }
}
