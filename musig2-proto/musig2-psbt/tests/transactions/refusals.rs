//! What must not be signed is refused, and the reason is named.

use crate::support::draft::{Draft, stranger};
use crate::support::parties::{aggregated_first, key, sign, wallet};
use bitcoin::psbt::PsbtSighashType;
use bitcoin::psbt::raw::Key;
use bitcoin::secp256k1::schnorr::Signature;
use bitcoin::sighash::TapSighashType;
use bitcoin::taproot::LeafVersion;
use bitcoin::{Amount, Network, OutPoint, ScriptBuf, Transaction, TxOut, XOnlyPublicKey};
use core::slice::from_ref;
use musig2_psbt::{MAX_TRANSACTIONS, Psbt, Refusal, Review, Reviews, Wallet};

const MAX_MONEY: u64 = 2_100_000_000_000_000;
/// `PSBT_IN_MUSIG2_PARTICIPANT_PUBKEYS` and `PSBT_OUT_MUSIG2_PARTICIPANT_PUBKEYS` (BIP373).
const IN_PARTICIPANTS: u8 = 0x1a;
const OUT_PARTICIPANTS: u8 = 0x08;

fn draft() -> Draft {
    let wallet = aggregated_first();
    let draft = Draft::new().spend(&wallet, 0, 3, 60_000).spend_script(stranger(), 40_000);
    draft.pay_script(stranger(), 50_000).pay(&wallet, 1, 7, 45_000)
}

fn review(draft: &Draft) -> Result<Review, Refusal> {
    Review::of(&draft.psbt(), &[aggregated_first()], &[key(0)])
}

/// Returns why a changed draft is refused. Unchanged, it is not.
fn refused(change: impl FnOnce(&mut bitcoin::Psbt)) -> Refusal {
    assert!(review(&draft()).is_ok());
    review(&draft().with(change)).expect_err("a refusal")
}

fn other_key() -> XOnlyPublicKey {
    XOnlyPublicKey::from_slice(key(2).x_only().as_bytes()).unwrap()
}

#[test]
fn no_transaction_and_no_wallet_are_refused() {
    let psbts = [draft().psbt()];
    let none = Reviews::of(&[], &[aggregated_first()], &[key(0)]).unwrap_err();
    assert_eq!(none.why, Refusal::NothingToReview);
    let none = Reviews::of(&psbts, &[], &[key(0)]).unwrap_err();
    assert_eq!(none.why, Refusal::NoWallet);
}

#[test]
fn more_than_1024_transactions_together_are_refused() {
    let psbts = vec![draft().psbt(); MAX_TRANSACTIONS + 1];
    let many = Reviews::of(&psbts, &[aggregated_first()], &[key(0)]).unwrap_err();
    assert_eq!(many.why, Refusal::TooManyTransactions(MAX_TRANSACTIONS + 1));
    // One fewer is looked at. These are all the same, which is found by looking.
    let fewer = Reviews::of(&psbts[1..], &[aggregated_first()], &[key(0)]).unwrap_err();
    assert!(matches!(fewer.why, Refusal::SpentTwice(_)), "{fewer}");
}

#[test]
fn wallets_of_several_networks_are_refused() {
    let keys = format!("rawtr(musig({},{}))", key(0), key(1));
    let signet = Wallet::from_descriptor("s", Network::Signet, &keys).unwrap();
    let wallets = [aggregated_first(), signet];
    let refused = Review::of(&draft().psbt(), &wallets, &[key(0)]);
    assert_eq!(refused, Err(Refusal::SeveralNetworks));
}

#[test]
fn a_transaction_without_inputs_or_outputs_is_refused() {
    let none = Draft::new().pay_script(stranger(), 1);
    assert_eq!(review(&none), Err(Refusal::Empty("inputs")));
    let none = Draft::new().spend(&aggregated_first(), 0, 3, 1);
    assert_eq!(review(&none), Err(Refusal::Empty("outputs")));
}

#[test]
fn an_output_spent_twice_is_refused() {
    let spent = OutPoint { vout: 7, ..OutPoint::null() };
    let twice = refused(|psbt| {
        psbt.unsigned_tx.input.iter_mut().for_each(|input| input.previous_output = spent);
    });
    assert_eq!(twice, Refusal::SpentTwice(spent));
    let psbts = [draft().psbt(), draft().pay_script(stranger(), 1).psbt()];
    let refused = Reviews::of(&psbts, &[aggregated_first()], &[key(0)]).unwrap_err();
    let first = psbts[0].transaction().input[0].previous_output;
    assert_eq!((refused.transaction, refused.why), (1, Refusal::SpentTwice(first)));
}

#[test]
fn a_coinbase_is_refused() {
    let null = |psbt: &mut bitcoin::Psbt| {
        psbt.unsigned_tx.input[1].previous_output = OutPoint::null();
    };
    assert_eq!(refused(null), Refusal::Coinbase(1));
}

#[test]
fn a_missing_amount_is_refused_also_of_a_foreign_input() {
    for input in 0..2 {
        let missing = refused(|psbt| psbt.inputs[input].witness_utxo = None);
        assert_eq!(missing, Refusal::AmountMissing(input));
    }
}

#[test]
fn an_amount_that_is_lied_about_is_refused() {
    let previous = |sat| Transaction {
        output: vec![TxOut { value: Amount::from_sat(sat), script_pubkey: stranger() }],
        ..draft().0.unsigned_tx
    };
    let given = |honest: Transaction, shown: Transaction| {
        draft().with(|psbt| {
            psbt.unsigned_tx.input[1].previous_output = OutPoint::new(honest.compute_txid(), 0);
            psbt.inputs[1].non_witness_utxo = Some(shown);
        })
    };
    assert!(review(&given(previous(40_000), previous(40_000))).is_ok());
    let contradicted = Err(Refusal::AmountContradicted(1));
    assert_eq!(review(&given(previous(50_000), previous(50_000))), contradicted, "two amounts");
    assert_eq!(review(&given(previous(50_000), previous(40_000))), contradicted, "another txid");
    let no_output = given(previous(40_000), previous(40_000)).with(|psbt| {
        psbt.unsigned_tx.input[1].previous_output.vout = 1;
    });
    assert_eq!(review(&no_output), contradicted);
}

#[test]
fn more_than_all_bitcoins_are_refused() {
    let spent = refused(|psbt| {
        psbt.inputs[0].witness_utxo.as_mut().unwrap().value = Amount::from_sat(MAX_MONEY);
    });
    assert_eq!(spent, Refusal::TooMuch("the inputs are worth"));
    let paid = refused(|psbt| psbt.unsigned_tx.output[0].value = Amount::from_sat(u64::MAX));
    assert_eq!(paid, Refusal::TooMuch("the outputs are worth"));
}

#[test]
fn a_negative_fee_is_refused() {
    let negative = refused(|psbt| psbt.unsigned_tx.output[0].value = Amount::from_sat(55_001));
    assert_eq!(negative, Refusal::NegativeFee(1));
}

#[test]
fn a_sighash_type_that_taproot_lacks_is_refused() {
    for number in [0x04, 0x80, 0x84, 0x100] {
        let kind = Some(PsbtSighashType::from_u32(number));
        let unknown = refused(|psbt| psbt.inputs[0].sighash_type = kind);
        assert_eq!(unknown, Refusal::SighashType { input: 0, number });
    }
}

#[test]
fn single_without_an_output_at_its_place_is_refused() {
    let wallet = aggregated_first();
    for kind in [TapSighashType::Single, TapSighashType::SinglePlusAnyoneCanPay] {
        let draft = Draft::new().spend_script(stranger(), 40_000).spend(&wallet, 0, 3, 60_000);
        let draft = draft.of_type(kind).pay_script(stranger(), 50_000);
        assert_eq!(review(&draft), Err(Refusal::SingleWithoutOutput(1)));
        assert!(review(&draft.pay_script(stranger(), 1)).is_ok());
    }
}

#[test]
fn another_internal_key_or_merkle_root_is_refused() {
    let wrong = refused(|psbt| psbt.inputs[0].tap_internal_key = Some(other_key()));
    assert_eq!(wrong, Refusal::WrongTree(0));
    let root = Some(bitcoin::hashes::Hash::all_zeros());
    let wrong = refused(|psbt| psbt.inputs[0].tap_merkle_root = root);
    assert_eq!(wrong, Refusal::WrongTree(0));
}

#[test]
fn a_leaf_that_the_output_does_not_have_is_refused() {
    let leafy = wallet("leafy", "tr([A]/0/*,pk(musig([A],[B])/1/*))");
    let mut control = vec![LeafVersion::TapScript.to_consensus()];
    control.extend(other_key().serialize());
    let control = bitcoin::taproot::ControlBlock::decode(&control).unwrap();
    let draft = Draft::new().spend(&leafy, 0, 3, 60_000).pay_script(stranger(), 50_000);
    let review = |draft: &Draft| Review::of(&draft.psbt(), from_ref(&leafy), &[key(0)]);
    assert!(review(&draft).is_ok());
    let wrong = draft.with(|psbt| {
        let leaf = (ScriptBuf::from(vec![0x51]), LeafVersion::TapScript);
        psbt.inputs[0].tap_scripts.insert(control, leaf);
    });
    assert_eq!(review(&wrong), Err(Refusal::WrongLeaf(0)));
}

#[test]
fn participants_that_are_not_the_wallets_are_refused() {
    let joint = aggregated_first().address(0, 3).unwrap().key_path.unwrap();
    let field = |kind: u8, aggregate: musig2_proto::PublicKey, keys: &[musig2_proto::PublicKey]| {
        let key = Key { type_value: kind, key: aggregate.as_bytes().to_vec() };
        (key, keys.iter().flat_map(|key| *key.as_bytes()).collect::<Vec<_>>())
    };
    let set = |kind, aggregate, keys: &[_]| {
        let (key, value) = field(kind, aggregate, keys);
        review(&draft().with(|psbt| {
            let map = match kind {
                IN_PARTICIPANTS => &mut psbt.inputs[0].unknown,
                _ => &mut psbt.outputs[1].unknown,
            };
            map.insert(key, value);
        }))
    };
    let reversed: Vec<_> = joint.signers().into_iter().rev().collect();
    for (kind, what, number) in [(IN_PARTICIPANTS, "input", 0), (OUT_PARTICIPANTS, "output", 1)] {
        assert!(set(kind, joint.aggregate, &joint.signers()).is_ok());
        let wrong = Err(Refusal::WrongParticipants { what, number });
        assert_eq!(set(kind, joint.aggregate, &[key(0), key(2)]), wrong);
        assert_eq!(set(kind, joint.aggregate, &reversed), wrong);
        assert_eq!(set(kind, joint.key, &joint.signers()), wrong, "the key after derivation");
    }
}

#[test]
fn a_signature_that_is_there_must_be_valid_and_of_the_type() {
    let group = Reviews::of(&[draft().psbt()], &[aggregated_first()], &[key(0)]).unwrap();
    let signature = sign(&group.groups()[0].tasks[0]);
    let signed = |bytes: &[u8], sighash_type| {
        let signature = Signature::from_slice(bytes).unwrap();
        let signature = bitcoin::taproot::Signature { signature, sighash_type };
        review(&draft().with(|psbt| psbt.inputs[0].tap_key_sig = Some(signature)))
    };
    let reviewed = signed(signature.as_bytes(), TapSighashType::Default).unwrap();
    assert!(reviewed.inputs[0].spends()[0].is_signed);
    assert_eq!(reviewed.inputs[0].chosen(), None);
    let refused = signed(&[1; 64], TapSighashType::Default);
    assert_eq!(refused, Err(Refusal::SignatureInvalid(0)));
    let refused = signed(signature.as_bytes(), TapSighashType::None);
    assert_eq!(refused, Err(Refusal::SignatureType(0)));
}

/// Writes a field as BIP174 frames it. Lengths are below 253.
fn field(key: &[u8], value: &[u8]) -> Vec<u8> {
    [&[key.len() as u8], key, &[value.len() as u8], value].concat()
}

#[test]
fn a_transaction_that_may_still_be_changed_is_refused() {
    let script = aggregated_first().address(0, 0).unwrap().address.script_pubkey();
    let coin = [&10_000_u64.to_le_bytes()[..], &[34], script.as_bytes()].concat();
    let psbt = |flags: u8| {
        let global = [
            field(&[0x02], &2_u32.to_le_bytes()),
            field(&[0x04], &[1]),
            field(&[0x05], &[1]),
            field(&[0x06], &[flags]),
            field(&[0xfb], &2_u32.to_le_bytes()),
        ];
        let input =
            [field(&[0x01], &coin), field(&[0x0e], &[7; 32]), field(&[0x0f], &0_u32.to_le_bytes())];
        let output =
            [field(&[0x03], &9_000_u64.to_le_bytes()), field(&[0x04], stranger().as_bytes())];
        let maps = [global.concat(), input.concat(), output.concat()];
        let maps: Vec<u8> = maps.iter().flat_map(|map| [&map[..], &[0]].concat()).collect();
        Psbt::read(&[b"psbt\xff", &maps[..]].concat()).unwrap()
    };
    let review = |flags| Review::of(&psbt(flags), &[aggregated_first()], &[key(0)]);
    // Bit 2 says only that there is a SIGHASH_SINGLE.
    assert!(review(0).is_ok() && review(4).is_ok());
    for flags in [1, 2, 3, 7, 8] {
        assert_eq!(review(flags), Err(Refusal::Modifiable(flags)));
    }
}
