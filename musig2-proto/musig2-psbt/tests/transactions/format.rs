//! What is read is written back, and what is not a PSBT is refused.

use crate::support::vectors::{BIP373, bip373_valid, rows};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bitcoin::consensus::encode::serialize;
use bitcoin::{Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid};
use musig2_psbt::{FramingError, MAX_PSBT_SIZE, Psbt, PsbtError, PsbtVersion};
use proptest::prelude::*;

fn bytes_of(text: &str) -> Vec<u8> {
    BASE64.decode(text).unwrap()
}

#[test]
fn valid_vectors_of_bip373_are_written_back_byte_for_byte() {
    let mut seen = 0;
    for row in rows(BIP373).filter(|row| row[0] == "valid") {
        let psbt: Psbt = row[3].parse().unwrap_or_else(|error| panic!("{}: {error}", row[1]));
        assert_eq!(psbt.to_bytes(), bytes_of(row[3]), "{}, {}", row[1], row[2]);
        assert_eq!(psbt.to_string(), row[3]);
        assert_eq!(psbt.version(), PsbtVersion::V0);
        seen += 1;
    }
    assert_eq!(seen, 12);
}

#[test]
fn invalid_vectors_of_bip373_are_refused() {
    let mut seen = 0;
    for row in rows(BIP373).filter(|row| row[0] == "invalid") {
        let refused = row[3].parse::<Psbt>().expect_err(row[1]);
        assert!(matches!(refused, PsbtError::Musig(_)), "{}: {refused}", row[1]);
        seen += 1;
    }
    assert_eq!(seen, 10);
}

#[test]
fn musig_fields_of_bip373_are_read() {
    for (case, stage, psbt) in bip373_valid() {
        let [fields] = psbt.musig_inputs() else { panic!("{case}: one input") };
        assert_eq!(fields.participants.len(), 1, "{case}");
        assert!(fields.participants.values().all(|keys| keys.len() == 3), "{case}");
        let (nonces, partials) = match stage {
            "With participant pubkeys only" => (0, 0),
            "With all pubnonces" => (3, 0),
            "With all partial signatures" => (3, 3),
            other => panic!("{other}"),
        };
        assert_eq!(fields.nonces.len(), nonces, "{case}, {stage}");
        assert_eq!(fields.partial_signatures.len(), partials, "{case}, {stage}");
    }
}

#[test]
fn a_cut_or_doubled_psbt_is_refused_and_says_so() {
    let (_, _, psbt) = bip373_valid().next().unwrap();
    let bytes = psbt.to_bytes();
    for length in 0..bytes.len() {
        assert!(Psbt::read(&bytes[..length]).is_err(), "{length} bytes");
    }
    let doubled = [bytes.as_slice(), bytes.as_slice()].concat();
    let refused = Psbt::read(&doubled).unwrap_err();
    assert_eq!(refused, PsbtError::Framing(FramingError::Trailing(bytes.len())));
}

#[test]
fn a_gigantic_psbt_is_refused_before_it_is_decoded() {
    let mut bytes = b"psbt\xff".to_vec();
    bytes.resize(MAX_PSBT_SIZE + 1, 0);
    let refused = FramingError::TooLarge(MAX_PSBT_SIZE + 1);
    assert_eq!(Psbt::read(&bytes), Err(refused.into()));
    let text = "A".repeat(MAX_PSBT_SIZE / 3 * 4 + 8);
    assert!(matches!(text.parse::<Psbt>(), Err(PsbtError::Framing(FramingError::TooLarge(_)))));
    // A length that promises more than there is.
    let promise = b"psbt\xff\x01\x00\xff\xff\xff\xff\xff\xff\xff\xff\x7f";
    assert!(matches!(Psbt::read(promise), Err(PsbtError::Framing(FramingError::CutOff(_)))));
}

/// Writes a field as BIP174 frames it. Lengths are below 253.
fn field(key: &[u8], value: &[u8]) -> Vec<u8> {
    [&[key.len() as u8], key, &[value.len() as u8], value].concat()
}

fn unsigned() -> Transaction {
    let input = TxIn {
        previous_output: OutPoint { txid: "11".repeat(32).parse::<Txid>().unwrap(), vout: 1 },
        sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
        ..TxIn::default()
    };
    let output =
        TxOut { value: Amount::from_sat(1000), script_pubkey: ScriptBuf::from(vec![0x6a]) };
    Transaction {
        version: bitcoin::transaction::Version::TWO,
        lock_time: bitcoin::absolute::LockTime::ZERO,
        input: vec![input],
        output: vec![output],
    }
}

fn version0(global: &[u8], input: &[u8], output: &[u8]) -> Vec<u8> {
    let transaction = field(&[0], &serialize(&unsigned()));
    [b"psbt\xff", &transaction[..], global, &[0], input, &[0], output, &[0]].concat()
}

/// The same transaction in version 2, and more fields.
fn version2(global: &[u8], input: &[u8], output: &[u8]) -> Vec<u8> {
    let transaction = unsigned();
    let spent = transaction.input[0].previous_output;
    let paid = &transaction.output[0];
    let globals = [
        field(&[0x02], &2_u32.to_le_bytes()),
        field(&[0x04], &[1]),
        field(&[0x05], &[1]),
        field(&[0xfb], &2_u32.to_le_bytes()),
    ];
    let inputs = [
        field(&[0x0e], &serialize(&spent.txid)),
        field(&[0x0f], &spent.vout.to_le_bytes()),
        field(&[0x10], &transaction.input[0].sequence.0.to_le_bytes()),
    ];
    let outputs = [
        field(&[0x03], &paid.value.to_sat().to_le_bytes()),
        field(&[0x04], paid.script_pubkey.as_bytes()),
    ];
    let maps = [(globals.concat(), global), (inputs.concat(), input), (outputs.concat(), output)];
    let maps = maps.map(|(own, more)| [&own[..], more, &[0]].concat());
    [b"psbt\xff", &maps.concat()[..]].concat()
}

#[test]
fn unknown_fields_are_kept_in_both_versions() {
    let unknown = [field(b"\xf0one", b"1"), field(b"\xfc\x05hello\x00", b"proprietary")].concat();
    for bytes in [version0(&unknown, &unknown, &unknown), version2(&unknown, &unknown, &unknown)] {
        let psbt = Psbt::read(&bytes).unwrap();
        assert_eq!(psbt.to_bytes(), bytes);
        assert_eq!(psbt.transaction(), &unsigned());
    }
}

#[test]
fn a_doubled_key_is_refused() {
    let twice = [field(b"\xf0one", b"1"), field(b"\xf0one", b"2")].concat();
    let refused: PsbtError = FramingError::DuplicateKey(0xf0).into();
    for bytes in
        [version0(&twice, &[], &[]), version0(&[], &twice, &[]), version2(&[], &[], &twice)]
    {
        assert_eq!(Psbt::read(&bytes), Err(refused.clone()));
    }
}

#[test]
fn fields_of_the_other_version_are_refused() {
    let excluded = |version, kind| Err(PsbtError::Excluded { version, kind });
    let amount = field(&[0x03], &[0; 8]);
    assert_eq!(Psbt::read(&version0(&[], &[], &amount)), excluded(0, 0x03));
    let index = field(&[0x0f], &[0; 4]);
    assert_eq!(Psbt::read(&version0(&[], &index, &[])), excluded(0, 0x0f));
    let transaction = field(&[0x00], &serialize(&unsigned()));
    assert_eq!(Psbt::read(&version2(&transaction, &[], &[])), excluded(2, 0x00));
    let version1 = field(&[0xfb], &1_u32.to_le_bytes());
    assert_eq!(Psbt::read(&version0(&version1, &[], &[])), Err(PsbtError::Version(1)));
}

#[test]
fn version_2_computes_the_lock_time_as_bip370_says() {
    let height = |number: u32| field(&[0x12], &number.to_le_bytes());
    let time = |number: u32| field(&[0x11], &number.to_le_bytes());
    let lock = |global: &[u8], input: &[u8]| {
        Psbt::read(&version2(global, input, &[]))
            .map(|psbt| psbt.transaction().lock_time.to_consensus_u32())
    };
    let fallback = field(&[0x03], &700_u32.to_le_bytes());
    assert_eq!(lock(&[], &[]), Ok(0));
    assert_eq!(lock(&fallback, &[]), Ok(700));
    assert_eq!(lock(&fallback, &height(800)), Ok(800));
    assert_eq!(lock(&fallback, &time(1_700_000_000)), Ok(1_700_000_000));
    let both = [time(1_700_000_000), height(800)].concat();
    assert_eq!(lock(&[], &both), Ok(800), "a tie goes to the height");
    assert!(lock(&[], &time(800)).is_err());
    assert!(lock(&[], &height(1_700_000_000)).is_err());
}

/// An independent reader of version 2 says what the transaction is.
#[test]
fn version_2_means_what_another_reader_takes_it_for() {
    let bytes = version2(&[], &field(&[0x12], &800_u32.to_le_bytes()), &[]);
    let theirs = psbt_v2::v2::Psbt::deserialize(&bytes).unwrap();
    let ours = Psbt::read(&bytes).unwrap();
    assert_eq!(theirs.determine_lock_time().unwrap(), ours.transaction().lock_time);
    let [input] = &theirs.inputs[..] else { panic!("one input") };
    assert_eq!(input.previous_txid, ours.transaction().input[0].previous_output.txid);
    assert_eq!(theirs.outputs[0].amount, ours.transaction().output[0].value);
}

#[test]
fn version_2_flags_are_read() {
    assert_eq!(Psbt::read(&version2(&[], &[], &[])).unwrap().modifiable(), 0);
    let flags = field(&[0x06], &[3]);
    assert_eq!(Psbt::read(&version2(&flags, &[], &[])).unwrap().modifiable(), 3);
}

#[test]
fn a_length_that_is_not_the_shortest_is_refused() {
    let long = [&[4][..], b"\xf0one", &[0xfd, 1, 0], b"1"].concat();
    let refused = Psbt::read(&version0(&[], &long, &[])).unwrap_err();
    assert!(matches!(refused, PsbtError::Framing(FramingError::NotMinimal(_))), "{refused}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Psbt::read(&bytes);
        let _ = Psbt::read(&[b"psbt\xff", &bytes[..]].concat());
    }

    #[test]
    fn a_changed_psbt_is_refused_or_round_trips(
        vector in 0_usize..12,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let (_, _, psbt) = bip373_valid().nth(vector).unwrap();
        let mut bytes = psbt.to_bytes();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Ok(psbt) = Psbt::read(&bytes) {
            prop_assert_eq!(psbt.to_bytes(), bytes);
        }
    }

    #[test]
    fn version_2_round_trips(
        flags in 0_u8..4, height in 1_u32..500_000_000, unknown in any::<[u8; 9]>(),
    ) {
        let bytes = version2(
            &field(&[0x06], &[flags]),
            &field(&[0x12], &height.to_le_bytes()),
            &field(b"\xf1x", &unknown),
        );
        prop_assert_eq!(Psbt::read(&bytes).unwrap().to_bytes(), bytes);
    }
}
