//! Compares one of each object that `--json` and the socket can print with the README's table of
//! objects, including those that no process test produces.

#[path = "../tests/processes/objects.rs"]
mod readme;

use crate::model::co_signer::AtPeer;
use crate::model::conviction::Conviction;
use crate::model::ending::Signer;
use crate::model::line::{Line, SignerSet, Timed};
use crate::model::result::SessionResult;
use crate::model::steps::{InSession, Reloaded, RoundProgress, Step};
use crate::model::transport::Transport;
use crate::model::verification::ItemVerdict;
use crate::model::words::Reply;
use crate::text::hex::Hex;
use musig2_libp2p::musig2_proto::SessionId;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;

const KEY: &str = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";

/// Builds one value of each variant. A new variant does not compile until it is listed here.
macro_rules! one_of_each {
    ($type:ident$(<$lifetime:lifetime>)?: $($variant:ident $content:tt,)*) => {{
        #[expect(unused, reason = "it is there to be compiled")]
        fn is_here(one: &$type$(<$lifetime>)?) {
            match one {
                $($type::$variant { .. } => {})*
            }
        }
        vec![$($type::$variant $content,)*]
    }};
}

#[test]
fn the_readme_lists_exactly_the_objects_that_are_printed() {
    let mut printed = BTreeSet::new();
    let mut check = |line: &Line<'_>| {
        let object = serde_json::to_value(Timed::now(line)).expect("it can be written");
        readme::check(&object);
        for name in ["type", "event"] {
            printed.extend(object[name].as_str().map(ToOwned::to_owned));
        }
    };
    lines().iter().for_each(&mut check);
    replies().iter().for_each(|reply| check(&Line::Reply(reply)));
    for (step, node) in steps().iter().zip([None, Some(1)].into_iter().cycle()) {
        check(&Line::Event { at_ms: 1, node, step });
    }
    let groups = readme::TABLE.values().flatten().filter_map(|field| field.strip_prefix('+'));
    let groups: BTreeSet<_> = groups.collect();
    let documented =
        readme::TABLE.keys().filter(|name| !groups.contains(*name)).map(ToString::to_string);
    assert_eq!(printed, documented.collect());
}

fn lines() -> Vec<Line<'static>> {
    let key = KEY.parse().expect("a key");
    let file = Path::new("file");
    let address = || Box::leak(Box::new("/ip4/192.0.2.1/tcp/4001".parse().expect("an address")));
    one_of_each! { Line<'_>:
        Key { public_key: key, file, encrypted: true },
        JointKey { signers: Box::leak(Box::new([key])), key: key.x_only(), address: Some("bc1p…".into()) },
        PublicKey { public_key: key },
        Config {
            file,
            public_key: key,
            label: Some(from(json!("alice"))),
            signer_sets: Box::leak(Box::new([SignerSet {
                signers: vec![key],
                labels: vec![None],
                key: key.x_only(),
                address: "bc1p…".into(),
            }])),
            notes: Box::leak(Box::new(["a note".into()])),
            signs_nothing: Some("messages"),
        },
        Serving {
            public_key: key,
            socket: file,
            http: Some(([127, 0, 0, 1], 9464).into()),
            signs_nothing: Some("messages"),
        },
        Listening { address: address(), node: Some(1) },
        Event { at_ms: 1, node: None, step: Box::leak(Box::new(Step::Missed { events: 1 })) },
        Verified (ItemVerdict { item: 0, valid: false, problems: vec!["wrong".into()] }),
        Conviction (Conviction {
            session: Hex([1; 32]),
            signer: 0,
            public_key: Hex([2; 33]),
            fault: "equivocation",
            what: String::new(),
            shown_by: String::new(),
            signers: vec![Hex([2; 33])],
        }),
        Result (Box::leak(Box::new(result()))),
        Text { text: "text" },
        Failure (from(failure())),
        Reply (Box::leak(Box::new(Reply::Sessions { sessions: vec![] }))),
    }
}

fn replies() -> Vec<Reply> {
    let count = 1;
    one_of_each! { Reply:
        Status (from(json!({
            "version": "1", "public_key": KEY, "peer_id": "", "uptime_seconds": 1, "listening": ["/"],
            "connected_peers": [{"peer_id": "", "signers": [at_peer()]}], "co_signers": [co_signer()], "open_sessions": 1, "problems": [""], "signs_nothing_without": null, "policy_read_at": "",
            "results": {"signed": 1, "unsigned": 1, "declined": 1, "waiting": 1, "problem": null},
        }))),
        Sessions { sessions: vec![from(summary())] },
        Reloaded (reloaded()),
        Details (from(record())),
        Record (from(record())),
        Results { count, more: false, damaged: count },
        Session (from(summary())),
        Result (result()),
        Failure (from(failure())),
    }
}

fn steps() -> Vec<Step> {
    let text = || String::from("text");
    let session = InSession { session: SessionId::new([1; 32]) };
    let terms = || from(terms());
    let signer: Signer = from(signer());
    let at_peer = || from::<Vec<AtPeer>>(json!([at_peer()]));
    let progress = RoundProgress { done: 1, of: 2, awaiting: vec![signer.clone()], left_ms: 1 };
    one_of_each! { Step:
        PeerConnected { peer: text(), signers: at_peer(), peer_node: Some(1) },
        PeerDisconnected { peer: text(), signers: at_peer() },
        DialFailed { peer: None, signers: at_peer(), bootstrap: Some(text()), error: text() },
        BootstrapIsOwn { address: text(), only: true },
        ListenFailed { address: None, error: text() },
        NotListening { address: text() },
        ListensNowhere {},
        AcceptFailed { error: text() },
        AcceptsAgain {},
        PeerReachedDirectly { peer: text(), signers: at_peer() },
        Reachable { address: text() },
        Offence { peer: text(), signers: at_peer(), offence: text(), consequence: text() },
        Missed { events: 1 },
        SessionCreated (terms()),
        SessionDiscovered (terms()),
        SessionResumed (terms()),
        SessionNotResumed { session, error: text() },
        SessionJoined (session),
        SessionDeclined { session, reason: text() },
        SignerJoined { session, signer: signer.clone(), progress: progress.clone() },
        SessionQueued (session),
        SessionReady (session),
        NonceReceived { session, signer: signer.clone(), progress: progress.clone() },
        NoncesComplete (session),
        PartialSigReceived { session, signer: signer.clone(), progress },
        PartialSigsComplete (session),
        SessionComplete (session),
        SessionAborted (from(ending())),
        SessionWithdrawn (from(ending())),
        SessionError { session, error: text() },
        Stalled { session, phase: "nonces", awaiting: vec![signer.clone()] },
        AttemptRestarted { session, restarts: 1, signers: vec![signer.clone()] },
        SessionRefused {
            session, public_key: KEY.parse().expect("a key"), label: Some("alice".parse().expect("a label")), reason: "clock", error: text(),
        },
        SignerDeclined { session, declined: from(declined()) },
        KeyInUseElsewhere { session, signer: signer.clone() },
        LateSignature (session),
        EvidenceKept { session, file: text() },
        Reloaded (reloaded()),
        NotReloaded { error: text() },
        DemoStarted { signers: 3, items: 1, transport: Transport::Tcp },
        VerifiedIndependently { items: 1 },
        Other { description: text() },
    }
}

fn from<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("it is as the type has it")
}

fn hex(bytes: usize) -> String {
    "01".repeat(bytes)
}

fn with(mut object: Value, more: Value) -> Value {
    let Value::Object(more) = more else { panic!("no object") };
    object.as_object_mut().expect("an object").extend(more);
    object
}

fn signer() -> Value {
    json!({"signer": 0, "public_key": KEY, "label": "alice"})
}

fn at_peer() -> Value {
    json!({"public_key": KEY, "label": "alice"})
}

fn co_signer() -> Value {
    json!({
        "public_key": KEY, "label": null, "connected": true, "since": "", "peer_id": "", "addresses": ["/"], "relayed": false,
        "round_trip_ms": 1, "clock_ahead_ms": -1, "last_session": {"session": hex(32), "phase": "nonces", "at": ""},
        "last_error": {"error": "", "at": ""},
    })
}

fn declined() -> Value {
    with(signer(), json!({"reason": "policy", "why": ""}))
}

fn reloaded() -> Reloaded {
    from(json!({"notes": ["a note"], "needs_restart": ["key"]}))
}

fn ending() -> Value {
    json!({
        "session": hex(32), "cause": "timed_out", "awaiting": [signer()], "declined": [declined()], "ended_by": signer(), "blamed": [signer()],
        "released": false, "evidence": "00",
    })
}

fn failure() -> Value {
    with(ending(), json!({"message": "", "code": 1}))
}

fn tweaks() -> Value {
    json!([{"kind": "plain", "tweak": hex(32)}])
}

fn terms() -> Value {
    let derivation = json!([
        {"kind": "bip32", "chain_code": hex(32), "path": "m/0/5"},
        {"kind": "raw"},
        {"kind": "taproot", "merkle_root": null},
    ]);
    json!({
        "session": hex(32), "signers": [hex(33)], "labels": ["alice"], "coordinator": 0, "me": 0, "memo": "", "created_at_ms": 1,
        "expires_at_ms": 2,
        "items": [{"message": hex(32), "derivation": derivation, "tweaks": tweaks(), "aggregate_key": hex(32), "address": "bc1p…"}],
    })
}

fn state() -> Value {
    json!({
        "phase": "nonces", "restarts": 0, "joined": [0], "nonces": [0], "partial_signatures": [0], "awaiting": [0], "declined": [declined()],
        "left_seconds": null, "released": true, "ending": null,
    })
}

fn summary() -> Value {
    let summary = json!({
        "session": hex(32), "signers": [hex(33)], "labels": ["alice"], "coordinator": 0, "me": 0, "messages": 1, "proposed_at": "",
        "changed_at": "",
    });
    with(summary, state())
}

fn record() -> Value {
    let trail = json!({
        "status": "signed", "approval": {"by": "program", "rule": "", "program": ""}, "proposed_at": "", "approved_at": null,
        "ended_at": null, "recorded_at_ms": 1, "signatures": [hex(64)],
    });
    with(with(terms(), state()), trail)
}

fn result() -> SessionResult {
    from(json!({
        "session": hex(32), "signers": [hex(33)],
        "items": [{"message": hex(32), "tweaks": tweaks(), "aggregate_key": hex(32), "signature": hex(64)}],
    }))
}
