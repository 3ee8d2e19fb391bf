//! What is shown as ours is what a wallet's descriptor gives, whatever a PSBT says.

use crate::support::draft::{Draft, origins_of, stranger};
use crate::support::parties::{aggregated_first, derived_first, key, wallet, xpub};
use bitcoin::Amount;
use core::slice::from_ref;
use musig2_psbt::{DEFAULT_GAP, InputOwner, Place, Recipient, Review, Wallet};

fn review(draft: &Draft, wallets: &[Wallet]) -> Review {
    Review::of(&draft.psbt(), wallets, &[key(0)]).unwrap()
}

fn place(wallet: &Wallet, branch: u32, index: u32) -> Place {
    Place { wallet: wallet.name().to_owned(), branch, index }
}

#[test]
fn change_is_proved_from_the_descriptor() {
    for wallet in [aggregated_first(), derived_first()] {
        let draft = Draft::new()
            .spend(&wallet, 0, 3, 60_000)
            .pay_script(stranger(), 30_000)
            .pay(&wallet, 1, 7, 29_000);
        let review = review(&draft, from_ref(&wallet));
        assert_eq!(review.outputs[0].recipient, Recipient::Foreign);
        assert_eq!(review.outputs[1].recipient, Recipient::Change(place(&wallet, 1, 7)));
        assert_eq!(review.outflow(), Amount::from_sat(31_000));
        let text = review.summary();
        assert!(text.contains("0.00029 BTC change to ours (…/1/7), fee 1,000 sat ("), "{text}");
        assert!(text.contains("pays 0.0003 BTC to bc1qq"), "{text}");
    }
}

/// The fields name the wallet's own fingerprint and a path of its, under another key's script.
#[test]
fn change_that_only_fields_claim_is_shown_as_not_ours() {
    let own = derived_first();
    let thief = wallet("thief", "tr(musig([C]/<0;1>/*,[D]/<0;1>/*))");
    let stolen = thief.address(1, 7).unwrap().address.script_pubkey();
    for script in [stranger(), stolen] {
        let draft = Draft::new().spend(&own, 0, 3, 60_000).pay_script(script, 59_000);
        let claimed = draft.with(|psbt| {
            psbt.outputs[0].tap_key_origins = origins_of(xpub(0).fingerprint(), 1, 7);
        });
        let review = review(&claimed, from_ref(&own));
        assert_eq!(review.outputs[0].recipient, Recipient::FalselyClaimed);
        assert!(!review.outputs[0].is_ours());
        assert_eq!(review.outflow(), Amount::from_sat(60_000));
        assert!(review.summary().contains("NOT ours"), "{}", review.summary());
    }
}

#[test]
fn a_claimed_input_is_shown_as_not_ours_and_is_not_signed() {
    let own = derived_first();
    let script = wallet("other", "tr(musig([C],[D])/0/*)").address(0, 3).unwrap().address;
    let draft = Draft::new().spend_script(script.script_pubkey(), 60_000);
    let claimed = draft.pay_script(stranger(), 59_000).with(|psbt| {
        psbt.inputs[0].tap_key_origins = origins_of(xpub(0).fingerprint(), 0, 3);
    });
    let review = review(&claimed, &[own]);
    assert_eq!(review.inputs[0].owner, InputOwner::Foreign { is_claimed: true });
    assert!(review.inputs[0].spends().is_empty());
}

#[test]
fn change_beyond_the_gap_counts_as_somebody_elses() {
    let wallet = aggregated_first();
    let recipient = |wallet: &Wallet, index| {
        let draft = Draft::new().spend(wallet, 0, 3, 60_000).pay(wallet, 1, index, 59_000);
        let review = review(&draft, from_ref(wallet));
        let output = review.outputs[0].clone();
        assert_eq!(review.outflow().to_sat(), if output.is_change() { 1_000 } else { 60_000 });
        output.recipient
    };
    let change = |index| Recipient::Change(place(&wallet, 1, index));
    let beyond = |index| Recipient::BeyondGap(place(&wallet, 1, index));
    assert_eq!(recipient(&wallet, DEFAULT_GAP), change(DEFAULT_GAP));
    assert_eq!(recipient(&wallet, DEFAULT_GAP + 1), beyond(DEFAULT_GAP + 1));
    assert_eq!(recipient(&wallet, (1 << 31) - 1), beyond((1 << 31) - 1));
    let used = wallet.clone().with_used(1, 1);
    assert_eq!(recipient(&used, DEFAULT_GAP + 1), change(DEFAULT_GAP + 1));
    let strict = wallet.clone().with_gap(20);
    assert_eq!(recipient(&strict, 20), change(20));
    assert_eq!(recipient(&strict, 21), beyond(21));
}

#[test]
fn another_own_wallet_is_ours_but_no_change() {
    let (from, to) = (aggregated_first(), derived_first());
    let draft = Draft::new().spend(&from, 0, 3, 60_000).pay(&to, 0, 2, 59_000);
    let review = review(&draft, &[from, to.clone()]);
    assert_eq!(review.outputs[0].recipient, Recipient::Wallet(place(&to, 0, 2)));
    assert_eq!(review.outflow(), Amount::from_sat(60_000));
}

#[test]
fn a_thousand_inputs_are_reviewed() {
    let wallet = aggregated_first();
    let spend = |draft: Draft, index| draft.spend(&wallet, 0, index, 10_000);
    let draft = (0..1000).fold(Draft::new(), spend).pay_script(stranger(), 9_000_000);
    let review = review(&draft, from_ref(&wallet));
    assert_eq!(review.fee.amount, Amount::from_sat(1_000_000));
    let mut messages: Vec<_> =
        review.inputs.iter().map(|input| input.spends()[0].message).collect();
    messages.sort();
    messages.dedup();
    assert_eq!(messages.len(), 1000);
    let last = &review.inputs[999].owner;
    let InputOwner::Wallet { place, .. } = last else { panic!("ours") };
    assert_eq!((place.branch, place.index), (0, 999));
}
