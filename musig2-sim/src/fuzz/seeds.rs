//! The inputs that fuzzing begins with: messages, scripts and cases that reach deep.

use super::loot::Loot;
use super::room::Room;
use super::three_nodes::run;
use musig2_proto::{Evidence, Libsecp256k1};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// Scripts for three nodes: a name, the configuration, and the operations.
pub(super) const SCRIPTS: [(&str, u8, &[u8]); 8] = [
    ("calm", 0, &[0, 0, 1, 0, 12, 1, 12, 2, 1, 0, 1, 0, 1, 0, 1, 0]),
    ("hub", 1, &[0, 4, 1, 0, 12, 0, 12, 2, 1, 0, 1, 0, 1, 0, 10, 100, 1, 0, 1, 0]),
    ("known-contacts-and-skew", 6, &[0, 2, 1, 0, 12, 0, 12, 1, 1, 0, 1, 0, 10, 60, 1, 0]),
    (
        "crash-after-nonces",
        0,
        &[0, 0, 1, 0, 12, 1, 12, 2, 1, 0, 8, 1, 1, 0, 9, 1, 1, 0, 12, 1, 1, 0, 1, 0],
    ),
    (
        "coordinator-crashes",
        2,
        &[0, 0, 1, 0, 12, 1, 12, 2, 2, 1, 2, 0, 8, 0, 10, 200, 1, 0, 9, 0, 1, 0, 12, 0],
    ),
    (
        "everyone-crashes-in-turn",
        0,
        &[
            0, 1, 1, 0, 12, 0, 12, 2, 1, 0, 2, 3, 8, 0, 9, 0, 1, 0, 8, 1, 9, 1, 1, 0, 8, 2, 9, 2,
            1, 0, 12, 0, 12, 1, 12, 2, 1, 0, 8, 0, 9, 0,
        ],
    ),
    (
        "lossy",
        0,
        &[
            0, 0, 4, 0, 10, 100, 5, 0, 12, 2, 4, 1, 5, 1, 6, 0, 3, 9, 10, 200, 7, 1, 10, 250, 12,
            1, 1, 0,
        ],
    ),
    (
        "clocks-and-aborts",
        0,
        &[0, 0, 1, 0, 12, 1, 14, 6, 14, 10, 1, 0, 14, 15, 0, 1, 14, 0, 15, 0, 0, 2, 12, 0, 14, 4],
    ),
];

/// The two dishonest signers join, state nonces, or state partial signatures, and send what they
/// stated.
const JOIN: [[u8; 6]; 3] = [[3, 0, 0, 0, 0, 0], [3, 1, 0, 0, 0, 0], [12, 0, 1, 0, 0, 0]];
const NONCES: [[u8; 6]; 3] = [[4, 0, 0, 0, 0, 0], [4, 1, 0, 0, 0, 0], [12, 1, 1, 0, 0, 0]];
const PARTIALS: [[u8; 6]; 3] = [[7, 0, 0, 0, 0, 0], [7, 1, 0, 0, 0, 0], [12, 0, 1, 0, 0, 0]];
/// The honest node proposes a session of one item, or of two; or another signer proposes one, and
/// the honest node joins it.
const PROPOSE: [[u8; 6]; 1] = [[0, 0, 0, 0, 0, 0]];
const PROPOSE_TWO: [[u8; 6]; 1] = [[0, 0, 1, 0, 0, 0]];
const DISCOVER: [[u8; 6]; 2] = [[1, 1, 1, 0, 0, 0], [2, 0, 0, 0, 0, 0]];

/// Returns what happens between one honest node and two others: a name, and the moves.
pub(super) fn encounters() -> Vec<(String, Vec<u8>)> {
    let other_nonces = [[4, 0, 0, 0, 0, 0], [12, 1, 0, 0, 0, 0]];
    let bad_partials = [[7, 0, 0, 5, 7, 0], [7, 1, 0, 0, 0, 0], [12, 0, 1, 0, 0, 0]];
    let invalid_nonces = [[4, 0, 0, 5, 0, 0], [12, 0, 0, 0, 0, 0]];
    let restart =
        [[19, 0, 0, 0, 0, 0], [12, 0, 7, 0, 0, 0], [17, 0, 8, 0, 0, 0], [18, 0, 0, 0, 0, 0]];
    let two_lives = [
        [3, 0, 1, 0, 0, 0],
        [12, 0, 0, 0, 0, 0],
        [4, 0, 0, 0, 0, 0],
        [4, 0, 1, 0, 0, 0],
        [12, 0, 1, 0, 0, 0],
    ];
    let accuse = [[10, 2, 0, 1, 2, 0], [10, 3, 0, 4, 5, 0], [12, 0, 1, 0, 0, 0]];
    let claim = [[14, 2, 0, 9, 0x3f, 0x3f], [14, 3, 0, 9, 0, 0x28], [18, 0, 0, 0, 0, 0]];
    let many_joins: Vec<_> =
        (0..12).flat_map(|life| [[3, 0, life, 0, 0, 0], [12, 0, 0, 0, 0, 0]]).collect();
    let again =
        [[15, 0, 1, 0, 0, 0], [15, 0, 3, 0, 40, 1], [16, 0, 0, 0, 0, 0], [11, 8, 0, 2, 4, 0]];
    let late = [[17, 0, 0xff, 0xff, 0, 0]; 6];
    let story = |name: &str, moves: &[&[[u8; 6]]]| (name.to_owned(), moves.concat().concat());
    vec![
        story("honest", &[&PROPOSE, &JOIN, &NONCES, &PARTIALS]),
        story("honest-batch", &[&DISCOVER, &JOIN, &NONCES, &PARTIALS, &again]),
        story("equivocating-nonces", &[&PROPOSE, &JOIN, &NONCES, &other_nonces, &accuse]),
        story("invalid-partials", &[&PROPOSE_TWO, &JOIN, &NONCES, &bad_partials]),
        story("invalid-nonces", &[&DISCOVER, &JOIN, &invalid_nonces, &NONCES]),
        story("restarted-victim", &[&DISCOVER, &JOIN, &NONCES, &restart, &NONCES, &PARTIALS]),
        story("two-lives-at-once", &[&PROPOSE, &JOIN, &two_lives, &NONCES]),
        story("joins-again-and-again", &[&PROPOSE, &JOIN, &NONCES, &many_joins, &NONCES]),
        story("false-summaries", &[&PROPOSE, &claim, &JOIN, &claim, &NONCES, &claim, &PARTIALS]),
        story("silence", &[&DISCOVER, &JOIN, &late, &again, &late]),
        story(
            "never-joined",
            &[&DISCOVER[..1], &late, &[[1, 1, 1, 1, 0, 0], [11, 8, 0, 0, 0, 0]], &again, &late],
        ),
    ]
}

/// Returns the inputs that each target begins with, by name. They are always the same.
///
/// # Panics
/// If three honest nodes do not behave as they should.
pub fn seeds() -> BTreeMap<&'static str, Vec<(String, Vec<u8>)>> {
    let scripts = || {
        SCRIPTS.iter().map(|(name, configuration, script)| {
            (String::from(*name), [&[*configuration], *script].concat())
        })
    };
    let loot = Loot::new();
    let messages = messages();
    let evidence = loot.evidence.iter().map(Evidence::to_bytes).enumerate();
    let evidence: Vec<_> =
        evidence.map(|(number, bytes)| (format!("evidence-{number}"), bytes)).collect();
    let prefixed = |prefix: u8, all: &[(String, Vec<u8>)]| -> Vec<_> {
        all.iter().map(|(name, bytes)| (name.clone(), [&[prefix], &bytes[..]].concat())).collect()
    };
    BTreeMap::from([
        ("decode", [messages.clone(), evidence.clone()].concat()),
        (
            "round_trip",
            [prefixed(0, &messages), prefixed(1, &messages), prefixed(3, &evidence)].concat(),
        ),
        ("engines", drawn("engines")),
        ("one_node", drawn("one_node")),
        ("three_nodes", scripts().collect()),
        ("byzantine", encounters()),
        ("plan", plans()),
        ("evidence", [prefixed(0, &evidence), drawn("evidence")].concat()),
    ])
}

/// Returns frames, publications and announcements as three nodes sent them. Keeps only the first of
/// each size, so that there are few.
fn messages() -> Vec<(String, Vec<u8>)> {
    let mut sizes = BTreeSet::new();
    let mut messages = Vec::new();
    for (name, configuration, script) in SCRIPTS {
        let room = run(Room::<Libsecp256k1>::new(configuration).recorded(), script);
        for (number, bytes) in room.frames().iter().enumerate() {
            if sizes.insert(bytes.len()) {
                messages.push((format!("{name}-{number}"), bytes.clone()));
            }
        }
    }
    messages
}

/// Returns plans of every profile, with the rest drawn by chance.
fn plans() -> Vec<(String, Vec<u8>)> {
    let profiles = (0..5_u8).cycle();
    let plans = drawn("plan").into_iter().zip(profiles);
    plans.map(|((name, bytes), profile)| (name, [&[profile], &bytes[..]].concat())).collect()
}

/// Returns bytes without a meaning, from which structured targets draw what they need.
fn drawn(name: &str) -> Vec<(String, Vec<u8>)> {
    let draw = |number: u32, size: u32| {
        let blocks = (0..size).map(|block| Sha256::digest(format!("{name}/{number}/{block}")));
        blocks.flatten().collect::<Vec<_>>()
    };
    (0..8).map(|number| (format!("drawn-{number}"), draw(number, 4 << (number / 2)))).collect()
}
