//! What sessions sign is accepted by Bitcoin Core's script interpreter.

use crate::support::core::{is_accepted, is_accepted_with};
use crate::support::draft::{Draft, stranger};
use crate::support::parties::{aggregated_first, complete, derived_first, key, wallet};
use bitcoin::OutPoint;
use bitcoin::sighash::TapSighashType;
use core::slice::from_ref;
use musig2_psbt::{Psbt, Reviews, SpendPath, Wallet};

/// Signs everything with all groups. Returns how many groups there were, too.
fn signed(psbts: &[Psbt], wallets: &[Wallet]) -> (usize, Vec<Psbt>) {
    let reviews = Reviews::of(psbts, wallets, &[key(0)]).unwrap();
    let groups = reviews.groups();
    let done = groups.iter().fold(psbts.to_vec(), |psbts, group| complete(group, &psbts));
    (groups.len(), done)
}

fn paid(draft: Draft) -> Psbt {
    draft.pay_script(stranger(), 10_000).pay_script(stranger(), 11_000).psbt()
}

#[test]
fn both_orders_of_derivation_are_signed() {
    for wallet in [aggregated_first(), derived_first()] {
        for (branch, index) in [(0, 0), (1, 0), (0, 5), (1, 999)] {
            let psbt = paid(Draft::new().spend(&wallet, branch, index, 60_000));
            let (_, done) = signed(&[psbt], from_ref(&wallet));
            assert!(is_accepted(&done[0]), "{}: {branch}/{index}", wallet.name());
        }
    }
}

#[test]
fn an_altered_transaction_is_not_accepted() {
    let wallet = aggregated_first();
    let draft = Draft::new().spend(&wallet, 0, 3, 60_000);
    let (_, done) = signed(&[paid(draft)], &[wallet]);
    let mut fields = done[0].fields().clone();
    fields.unsigned_tx.output[0].value = bitcoin::Amount::from_sat(10_001);
    assert!(!is_accepted(&Psbt::try_from(&fields).unwrap()));
}

#[test]
fn inputs_with_different_keys_are_signed_in_one_transaction() {
    let leafy = wallet("leafy", "tr([D]/0/*,{pk(musig([A],[C])/0/*),pk([D]/1/*)})");
    let three = wallet("three", "rawtr(musig([A],[B],[C])/0/*)");
    let wallets = [aggregated_first(), derived_first(), leafy, three];
    let mut draft = Draft::new();
    for index in 0..2 {
        draft = wallets
            .iter()
            .fold(draft, |draft, wallet| draft.spend(wallet, 0, index, 20_000 + u64::from(index)));
    }
    let (groups, done) = signed(&[paid(draft)], &wallets);
    // One that derives first has other participants at each address.
    assert_eq!(groups, 5);
    assert!(is_accepted(&done[0]));
}

#[test]
fn every_sighash_type_is_signed() {
    use TapSighashType as Type;
    let kinds = [
        Type::Default,
        Type::All,
        Type::None,
        Type::Single,
        Type::AllPlusAnyoneCanPay,
        Type::NonePlusAnyoneCanPay,
        Type::SinglePlusAnyoneCanPay,
    ];
    let by_key = aggregated_first();
    let by_leaf = wallet("leafy", "tr([D]/0/*,pk(musig([A],[B])/0/*))");
    for wallet in [by_key, by_leaf] {
        for kind in kinds {
            let draft = Draft::new().spend(&wallet, 0, 3, 60_000).of_type(kind);
            let psbts = [paid(draft)];
            let reviews = Reviews::of(&psbts, from_ref(&wallet), &[key(0)]).unwrap();
            let is_fixed = matches!(kind, Type::Default | Type::All);
            assert_eq!(reviews[0].fee.is_fixed, is_fixed, "{kind}");
            assert_eq!(reviews[0].summary().contains("CHANGE"), !is_fixed, "{kind}");
            let (_, done) = signed(&psbts, from_ref(&wallet));
            assert!(is_accepted(&done[0]), "{kind}");
            let transaction = done[0].final_transaction().unwrap();
            let length = if kind == Type::Default { 64 } else { 65 };
            assert_eq!(transaction.input[0].witness[0].len(), length, "{kind}");
        }
    }
}

#[test]
fn the_weight_in_the_review_is_that_of_the_final_transaction() {
    let wallets = [aggregated_first(), wallet("leafy", "tr([D]/0/*,pk(musig([A],[B])/0/*))")];
    for wallet in wallets {
        let psbts = [paid(Draft::new().spend(&wallet, 0, 3, 60_000))];
        let reviews = Reviews::of(&psbts, from_ref(&wallet), &[key(0)]).unwrap();
        let (_, done) = signed(&psbts, from_ref(&wallet));
        let weight = done[0].final_transaction().unwrap().weight().to_wu();
        let said = reviews[0].fee.weight;
        // A leaf's signature may be of a type, which takes one byte more.
        let more = u64::from(reviews[0].fee.is_estimated);
        assert_eq!(more == 1, wallet.name() == "leafy");
        assert!((weight..=weight + more).contains(&said), "{}: {said}, {weight}", wallet.name());
    }
}

#[test]
fn a_chain_of_unsigned_transactions_is_signed_at_once() {
    let wallet = aggregated_first();
    let first = Draft::new().spend(&wallet, 0, 3, 60_000).pay(&wallet, 1, 4, 59_000);
    let coin = first.0.unsigned_tx.output[0].clone();
    let txid = first.0.unsigned_tx.compute_txid();
    let second = Draft::new().spend(&wallet, 1, 4, 59_000).pay_script(stranger(), 58_000);
    let second = second.with(|psbt| {
        psbt.unsigned_tx.input[0].previous_output = OutPoint::new(txid, 0);
        psbt.inputs[0].witness_utxo = None;
    });
    let psbts = [second.psbt(), first.psbt()];
    let reviews = Reviews::of(&psbts, from_ref(&wallet), &[key(0)]).unwrap();
    assert_eq!(reviews[0].inputs[0].made_by, Some(1));
    assert_eq!(reviews.outflow().to_sat(), 60_000);
    let (groups, done) = signed(&psbts, &[wallet]);
    assert_eq!(groups, 1);
    assert!(is_accepted(&done[1]));
    assert!(is_accepted_with(&done[0], &[coin]));
}

#[test]
fn a_leaf_is_signed_in_place_of_the_key_path_if_it_is_chosen() {
    let wallet = wallet("both", "tr(musig([A],[B],[C])/0/*,pk(musig([A],[B])/1/*))");
    let psbts = [paid(Draft::new().spend(&wallet, 0, 3, 60_000))];
    let reviews = Reviews::of(&psbts, &[wallet], &[key(0)]).unwrap();
    let [key_path, leaf] = reviews[0].inputs[0].spends() else { panic!("two ways") };
    assert_eq!(key_path.path, SpendPath::KeyPath);
    let item = musig2_proto::Item::new(leaf.message).with_tweaks(leaf.tweaks.clone()).unwrap();
    let manifest = crate::support::manifests::manifest(&leaf.signers(), &[item]);
    let group = reviews.agrees(&manifest).unwrap();
    let done = complete(&group, &psbts);
    assert!(is_accepted(&done[0]));
    assert_eq!(done[0].final_transaction().unwrap().input[0].witness.len(), 3);
    let chosen = reviews.with_chosen(&group);
    assert_eq!(
        chosen[0].inputs[0].chosen().map(|spend| spend.path),
        Some(group.tasks[0].spend.path)
    );
}

#[test]
fn a_transaction_with_a_foreign_input_stays_unfinished() {
    let wallet = aggregated_first();
    let draft = Draft::new().spend(&wallet, 0, 3, 60_000).spend_script(stranger(), 5_000);
    let psbt = paid(draft);
    let (_, done) = signed(from_ref(&psbt), from_ref(&wallet));
    assert_eq!(done[0].final_transaction(), None);
    assert!(done[0].fields().inputs[0].final_script_witness.is_some());
    assert_eq!(done[0].fields().inputs[1], psbt.fields().inputs[1]);
    // There is nothing left to sign for the group.
    assert!(Reviews::of(&done, &[wallet], &[key(0)]).unwrap().groups().is_empty());
}

#[test]
fn a_relative_timelock_decides_whether_a_leaf_is_open() {
    let wallet = wallet("later", "tr([D]/0/*,and_v(v:pk(musig([A],[B])/0/*),older(144)))");
    let reviewed = |sequence: u32| {
        let draft = Draft::new().spend(&wallet, 0, 3, 60_000).with(|psbt| {
            psbt.unsigned_tx.input[0].sequence = bitcoin::Sequence(sequence);
        });
        let psbts = [paid(draft)];
        let reviews = Reviews::of(&psbts, from_ref(&wallet), &[key(0)]).unwrap();
        (reviews, psbts)
    };
    for sequence in [0, 143, 0xffff_fffd] {
        assert!(reviewed(sequence).0.groups().is_empty(), "{sequence}");
    }
    let (reviews, psbts) = reviewed(144);
    let done = complete(&reviews.groups()[0], &psbts);
    assert!(is_accepted(&done[0]));
}
