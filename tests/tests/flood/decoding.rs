//! How much memory it takes to decode a frame, which a node does before it knows anything about the
//! sender.

use crate::{ALLOCATED, alone};
use musig2_proto::wire::decode_message;
use musig2_proto::wire::frame::Frame;

/// The bound in SECURITY.md: this many times the size of a frame, and below what the longest list
/// of the largest elements takes while it grows.
const TIMES: usize = 16;
const GROWTH: usize = 640 << 10;

fn varint(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 0x7f {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// Encodes a list of the same element, this many times.
fn list(count: usize, element: &[u8]) -> Vec<u8> {
    [varint(count), element.repeat(count)].concat()
}

/// Encodes a frame with these items and contacts in its announcement, and these statements.
fn frame(items: &[u8], contacts: &[u8], statements: &[u8]) -> Vec<u8> {
    let manifest = [&[0, 0, 0][..], items, &[0, 0, 0], &[7; 32], &[0]].concat();
    let announcement = [&[1][..], &manifest, &[0], contacts, &[7; 64]].concat();
    [&[1][..], &[7; 32], &[0, 0], &announcement, statements, &[0]].concat()
}

/// Encodes an abort that shows two lives of one signer at once, after restarts that are listed in
/// only two bytes each.
fn accusation(restarts: usize) -> Vec<u8> {
    let nonces = [&[0][..], &[7; 16], &[7; 32], &[0, 0], &[7; 64]].concat();
    [&[0, 3][..], &[7; 16], &[1, 1, 4], &nonces, &nonces, &list(restarts, &[0, 0]), &[7; 64]]
        .concat()
}

#[test]
fn decoding_a_frame_takes_memory_bounded_by_its_size() {
    let _alone = alone();
    let tweaked = [&[7; 32][..], &list(8, &[0, 0]), &[0]].concat();
    let path = [&[1][..], &[7; 32], &list(15, &[1])].concat();
    let derived = [&[7; 32][..], &list(7, &path), &[0]].concat();
    let join = [&[0, 0][..], &[7; 16], &[0], &[7; 64]].concat();
    let none = [0];
    // Counts just beyond a size at which a list doubles, the largest count there may be, and
    // others.
    for count in [1, 3, 33, 1000, 1025, 2049, 3001, 4095, 4096] {
        for (what, bytes) in [
            ("tweaks in two bytes", frame(&list(count, &tweaked), &none, &none)),
            ("paths", frame(&list(count, &derived), &none, &none)),
            ("contacts", frame(&none, &list(count, &[0, 0]), &none)),
            ("joins", frame(&none, &none, &list(4 * count - 3, &join))),
            ("one accusation", frame(&none, &none, &list(1, &accusation(count)))),
            (
                "many accusations",
                frame(&none, &none, &list(1 + (900 << 10) / (2 * count + 500), &accusation(count))),
            ),
        ] {
            let before = ALLOCATED.current_usage();
            ALLOCATED.reset_peak_usage();
            let decoded = decode_message::<Frame>(&bytes, bytes.len());
            let (held, most) =
                (ALLOCATED.current_usage() - before, ALLOCATED.peak_usage() - before);
            assert!(decoded.is_ok(), "{what}: {decoded:?}");
            println!("{count} {what}: {} bytes decode to {held}, at most {most}", bytes.len());
            assert!(held <= TIMES * bytes.len(), "{what}: {} bytes decode to {held}", bytes.len());
            assert!(
                most <= TIMES * bytes.len() + GROWTH,
                "{what}: {} bytes take {most}",
                bytes.len()
            );
        }
    }
}
