//! Nonces that are not valid convict the signer that signed them, whichever engine checks them.

use crate::room::Room;
use musig2_proto::{Crypto, Fault, K256, Libsecp256k1, PublicNonce};

/// Checks that the attacker is convicted for nonces of which the first is `change`d.
fn convicted_for(change: impl Fn(&mut [u8; 66])) {
    let mut room = Room::new(2, 1);
    let session = room.propose();
    room.settle();
    let mut mallory = room.attacker(0, session);
    let good = mallory.nonces();
    let mut nonces = musig2_sim::nonces_of(&good).to_vec();
    let mut bytes = *nonces[0].as_bytes();
    change(&mut bytes);
    nonces[0] = PublicNonce::new(bytes);
    let statements = [mallory.join(), mallory.nonces_with(nonces)];
    room.send_all(&statements);
    room.conclude_with_conviction(Fault::InvalidNonce);
}

#[test]
fn a_nonce_that_is_not_on_the_curve_convicts() {
    // 5 is not an x coordinate of secp256k1.
    convicted_for(|nonce| nonce[1..33].copy_from_slice(&[&[0; 31][..], &[5]].concat()));
    convicted_for(|nonce| nonce[34..].copy_from_slice(&[&[0; 31][..], &[5]].concat()));
}

#[test]
fn a_nonce_whose_coordinate_is_not_below_the_field_prime_convicts() {
    convicted_for(|nonce| nonce[1..33].fill(0xff));
}

#[test]
fn a_nonce_at_infinity_convicts() {
    convicted_for(|nonce| nonce[..33].fill(0));
    convicted_for(|nonce| nonce[33..].fill(0));
    convicted_for(|nonce| nonce.fill(0));
}

#[test]
fn a_nonce_that_is_not_compressed_convicts_on_both_engines() {
    for tag in (0..=255).filter(|tag| !matches!(tag, 2 | 3)) {
        let mut nonce = [2; 66];
        nonce[0] = tag;
        let nonce = PublicNonce::new(nonce);
        assert!(!Libsecp256k1::is_valid_nonce(&nonce), "{tag}");
        assert!(!K256::is_valid_nonce(&nonce), "{tag}");
    }
    for tag in [0, 1, 4, 5, 6, 7] {
        convicted_for(|nonce| nonce[0] = tag);
    }
}

#[test]
fn too_few_or_too_many_nonces_convict() {
    for count in [0, 1, 3, 200] {
        let mut room = Room::new(2, 1);
        let session = room.propose();
        room.settle();
        let mut mallory = room.attacker(0, session);
        let good = musig2_sim::nonces_of(&mallory.nonces())[0];
        let statements = [mallory.join(), mallory.nonces_with(vec![good; count])];
        room.send_all(&statements);
        room.conclude_with_conviction(Fault::InvalidNonce);
    }
}
