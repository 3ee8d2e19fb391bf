use super::*;
use crate::base::codec::decode_message;
use crate::base::ids::{AttemptId, Boot, SignerIndex, Source};
use crate::base::time::Timestamp;
use crate::config::Config;
use crate::env::context::Environment;
use crate::wire::bitmap::Bitmap;
use crate::wire::frame::BoardDigest;
use crate::wire::statement::{Abort, AbortReason, Body};

fn statement(number: u16) -> Arc<Filed> {
    let mut boot = [0; 16];
    boot[..2].copy_from_slice(&number.to_le_bytes());
    let abort = Abort { boot: Boot::new(boot), reason: AbortReason::Convicted, proof: None };
    let (author, signature) = (SignerIndex::new(0), Signature::new([0; 64]));
    let statement = Statement { author, body: Body::Abort(abort), signature };
    Arc::new(Filed { statement, hash: [0; 32], arrived: Timestamp::default() })
}

fn have() -> Have {
    let [joins, nonces, partials, reach] = [(); 4].map(|()| Bitmap::new(3, []));
    let (signer, boot, digest) =
        (SignerIndex::new(0), Boot::new([0; 16]), BoardDigest::new([0; 32]));
    let attempt = AttemptId::FIRST;
    Have {
        signer,
        boot,
        sequence: 1,
        attempt,
        joins,
        nonces,
        partials,
        reach,
        ended: false,
        digest,
    }
}

fn parcel(statements: u16) -> Parcel {
    let parcel = Parcel::new(SessionId::new([1; 32]), Some(have()));
    Parcel { statements: (0..statements).map(statement).collect(), ..parcel }
}

/// Sends a parcel in frames of at most this many bytes. Returns the frames, each with its size.
fn frames(max_frame_size: usize, parcel: Parcel) -> Vec<(usize, Frame)> {
    let config = Config::default().with_max_frame_size(max_frame_size);
    let (mut out, mut env) = (Vec::new(), Environment::new(config));
    let now = Timestamp::default();
    let mut cx = Context { now, rng: &mut (), out: &mut out, env: &mut env };
    send(&mut cx, &Destination::Source(Source::new([1])), parcel);
    out.into_iter()
        .map(|output| match output {
            Output::Send { bytes, .. } => {
                (bytes.len(), decode_message(&bytes, usize::MAX).unwrap())
            }
            other => panic!("{other:?}"),
        })
        .collect()
}

fn numbers(frames: &[(usize, Frame)]) -> Vec<usize> {
    frames.iter().map(|(_, frame)| frame.statements.len()).collect()
}

/// Returns the size of a frame with this content by the rule of `send`: three bytes are set aside
/// for the number of statements.
fn size_of(parcel: Parcel) -> usize {
    let statements: usize =
        parcel.statements.iter().map(|filed| encoded_size(&filed.statement)).sum();
    frames(usize::MAX, Parcel { statements: Vec::new(), ..parcel })[0].0 + statements + 3
}

#[test]
fn a_frame_is_filled_and_the_rest_goes_into_the_next() {
    let exact = size_of(parcel(5));
    assert_eq!(numbers(&frames(exact, parcel(11))), [5, 5, 1]);
    assert_eq!(numbers(&frames(exact - 1, parcel(11))), [4, 4, 3]);
    let sent = frames(exact, parcel(11));
    assert!(sent.iter().all(|(size, frame)| *size <= exact && frame.have == Some(have())));
    let boots = sent.iter().flat_map(|(_, frame)| frame.statements.iter().map(Statement::boot));
    assert!(boots.eq((0..11).map(|number| statement(number).statement.boot())), "in order");
}

#[test]
fn the_request_and_signatures_go_only_with_the_first_frame() {
    let signatures = || Some(vec![Signature::new([7; 64]); 2]);
    let full = || Parcel { request: Request::Statements, signatures: signatures(), ..parcel(9) };
    let exact = size_of(Parcel { statements: parcel(2).statements, ..full() });
    let sent = frames(exact, full());
    // Two signatures take more room than one statement.
    assert_eq!(numbers(&sent), [2, 3, 3, 1]);
    assert!(sent[0].1.signatures.is_some() && sent[0].1.request == Request::Statements);
    let rest = |(_, frame): &(usize, Frame)| {
        frame.signatures.is_none() && frame.request == Request::Nothing
    };
    assert!(sent[1..].iter().all(rest));
    let alone = size_of(Parcel { statements: Vec::new(), ..full() });
    assert_eq!(numbers(&frames(alone, full()))[..2], [0, 1], "signatures that fill it go alone");
}

#[test]
fn a_statement_too_large_for_a_frame_goes_in_one_of_its_own() {
    assert_eq!(numbers(&frames(10, parcel(3))), [1, 1, 1]);
    assert_eq!(
        numbers(&frames(10, parcel(0))),
        [0],
        "a frame may be for what it says of its sender"
    );
}

#[test]
fn a_frame_has_no_more_statements_than_can_be_decoded() {
    let most = MAX_STATEMENTS as u16;
    assert_eq!(numbers(&frames(usize::MAX / 2, parcel(most + 1))), [MAX_STATEMENTS, 1]);
}
