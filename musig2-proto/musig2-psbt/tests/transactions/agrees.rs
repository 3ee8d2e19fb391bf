//! A manifest is agreed to only if it signs what this signer recomputes.

use crate::support::draft::{Draft, stranger};
use crate::support::manifests::{manifest, manifest_of};
use crate::support::parties::{aggregated_first, derived_first, key, wallet};
use musig2_proto::{Item, Message, Tweak};
use musig2_psbt::{Disagreement, Group, Psbt, Reviews, SpendPath, Wallet};

fn psbt(wallet: &Wallet) -> Psbt {
    Draft::new()
        .spend(wallet, 0, 3, 60_000)
        .spend(wallet, 0, 4, 50_000)
        .pay_script(stranger(), 100_000)
        .psbt()
}

fn reviewed(psbts: &[Psbt], wallet: Wallet) -> (Reviews, Group) {
    let reviews = Reviews::of(psbts, &[wallet], &[key(0)]).unwrap();
    let group = reviews.groups().into_iter().next().expect("a group");
    (reviews, group)
}

fn one_wallet() -> (Reviews, Group) {
    let wallet = aggregated_first();
    reviewed(&[psbt(&wallet)], wallet)
}

#[test]
fn the_own_proposal_is_agreed_to() {
    for wallet in [aggregated_first(), derived_first()] {
        let (reviews, _) = reviewed(&[psbt(&wallet)], wallet);
        for group in reviews.groups() {
            assert_eq!(reviews.agrees(&manifest_of(&group)), Ok(group));
        }
    }
}

#[test]
fn every_signer_recomputes_the_same_items() {
    let wallet = aggregated_first();
    let psbts = [psbt(&wallet)];
    let (_, group) = reviewed(&psbts, wallet.clone());
    let other = Reviews::of(&psbts, &[wallet], &[key(1)]).unwrap();
    assert_eq!(other.agrees(&manifest_of(&group)), Ok(group));
}

#[test]
fn items_in_another_order_are_agreed_to_in_that_order() {
    let (reviews, group) = one_wallet();
    let items: Vec<_> = group.items().unwrap().into_iter().rev().collect();
    let agreed = reviews.agrees(&manifest(&group.signers, &items)).unwrap();
    assert_eq!(agreed.tasks.iter().map(|task| task.input).collect::<Vec<_>>(), [1, 0]);
}

#[test]
fn a_message_that_is_no_sighash_is_refused() {
    let (reviews, group) = one_wallet();
    let mut items = group.items().unwrap();
    let tweaks = items[1].tweaks().to_vec();
    items[1] = Item::new(Message::new([7; 32])).with_tweaks(tweaks).unwrap();
    let refused = reviews.agrees(&manifest(&group.signers, &items));
    assert_eq!(refused, Err(Disagreement::OtherMessage { item: 1 }));
}

#[test]
fn an_item_more_is_refused() {
    let (reviews, group) = one_wallet();
    let mut items = group.items().unwrap();
    items.push(Item::new(Message::new([7; 32])));
    let refused = reviews.agrees(&manifest(&group.signers, &items));
    assert_eq!(refused, Err(Disagreement::OtherMessage { item: 2 }));
}

#[test]
fn the_sighashes_of_another_transaction_are_refused() {
    let (reviews, _) = one_wallet();
    let wallet = aggregated_first();
    let stolen = Draft::new()
        .spend(&wallet, 0, 3, 60_000)
        .spend(&wallet, 0, 4, 50_000)
        .pay_script(stranger(), 100_001)
        .psbt();
    let (_, other) = reviewed(&[stolen], wallet);
    let refused = reviews.agrees(&manifest_of(&other));
    assert_eq!(refused, Err(Disagreement::OtherMessage { item: 0 }));
}

#[test]
fn other_tweaks_are_refused() {
    let (reviews, group) = one_wallet();
    let items = group.items().unwrap();
    let swapped = |tweaks: Vec<Tweak>| {
        let mut items = items.clone();
        items[0] = Item::new(*items[0].message()).with_tweaks(tweaks).unwrap();
        reviews.agrees(&manifest(&group.signers, &items))
    };
    let own = items[0].tweaks().to_vec();
    let refused = Err(Disagreement::OtherTweaks { item: 0, input: 0 });
    assert_eq!(swapped(Vec::new()), refused);
    assert_eq!(swapped(own[..1].to_vec()), refused);
    assert_eq!(swapped(items[1].tweaks().to_vec()), refused, "another address's");
    assert_eq!(swapped(own.iter().rev().cloned().collect()), refused);
    assert!(swapped(own).is_ok());
}

#[test]
fn other_signers_are_refused() {
    let (reviews, group) = one_wallet();
    let items = group.items().unwrap();
    let refused = Err(Disagreement::OtherMessage { item: 0 });
    let more = [&group.signers[..], &[key(2)]].concat();
    let reversed: Vec<_> = group.signers.iter().rev().copied().collect();
    for signers in [more, reversed, vec![key(0), key(3)], group.signers[..1].to_vec()] {
        assert_eq!(reviews.agrees(&manifest(&signers, &items)), refused);
    }
}

#[test]
fn an_input_signed_twice_is_refused() {
    let (reviews, group) = one_wallet();
    let items = group.items().unwrap();
    let twice = [items[0].clone(), items[1].clone(), items[0].clone()];
    let refused = reviews.agrees(&manifest(&group.signers, &twice));
    assert_eq!(refused, Err(Disagreement::SignedTwice { item: 2, transaction: 0, input: 0 }));
}

#[test]
fn both_paths_of_one_output_are_refused() {
    let wallet = wallet("both", "tr(musig([A],[B])/0/*,pk(musig([A],[B])/1/*))");
    let psbt = Draft::new().spend(&wallet, 0, 3, 60_000).pay_script(stranger(), 50_000).psbt();
    let (reviews, group) = reviewed(&[psbt], wallet);
    let mut items = group.items().unwrap();
    let leaf = &reviews[0].inputs[0].spends()[1];
    assert!(matches!(leaf.path, SpendPath::Leaf { number: 0, .. }));
    let leaf = Item::new(leaf.message).with_tweaks(leaf.tweaks.clone()).unwrap();
    assert!(reviews.agrees(&manifest(&group.signers, core::slice::from_ref(&leaf))).is_ok());
    items.push(leaf);
    let refused = reviews.agrees(&manifest(&group.signers, &items));
    assert_eq!(refused, Err(Disagreement::SignedTwice { item: 1, transaction: 0, input: 0 }));
}

#[test]
fn an_input_left_out_is_refused() {
    let (reviews, group) = one_wallet();
    let items = group.items().unwrap();
    let refused = reviews.agrees(&manifest(&group.signers, &items[..1]));
    let path = SpendPath::KeyPath;
    assert_eq!(refused, Err(Disagreement::LeftOut { transaction: 0, input: 1, path }));
}
