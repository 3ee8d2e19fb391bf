//! Checks output keys against implementations of BIP32, BIP328 and BIP341 that share nothing with
//! the core.

use bitcoin::bip32::{ChildNumber, Xpub};
use bitcoin::key::{TapTweak, UntweakedPublicKey};
use bitcoin::secp256k1::Secp256k1;
use musig2_proto::{
    ChainCode, Command, CommandError, Config, DerivationPath, Item, ManifestError, MerkleRoot,
    Message, Node, PlainTweak, Proposal, PublicKey, SecretKey, Timestamp, Tweak, TweakError,
    TweakKind, TweakScalar, XOnlyPublicKey,
};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

/// From BIP328: two keys, their aggregate, and the extended key of the aggregate.
const BIP328_KEYS: [&str; 2] = [
    "03935f972da013f80ae011890fa89b67a27b7be6ccb24d3274d18b2d4067f261a9",
    "02f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9",
];
const BIP328_AGGREGATE: &str = "0354240c76b8f2999143301a99c7f721ee57eee0bce401df3afeaa9ae218c70f23";
const BIP328_XPUB: &str = "xpub661MyMwAqRbcFt6tk3uaczE1y6EvM1TqXvawXcYmFEWijEM4PDBnuCXwwXEKGEouzXE6QLLRxjatMcLLzJ5LV5Nib1BN7vJg6yp45yHHRbm";

fn keys() -> (Node, Vec<PublicKey>) {
    let mut node = Node::new(Config::default()).unwrap();
    let own = node.add_key(&SecretKey::new([1; 32])).unwrap();
    let other = Node::new(Config::default()).unwrap().add_key(&SecretKey::new([2; 32])).unwrap();
    (node, vec![own, other])
}

fn create(
    node: &mut Node,
    keys: &[PublicKey],
    tweaks: Vec<Tweak>,
) -> Result<XOnlyPublicKey, CommandError> {
    let item = Item::new(Message::new([3; 32])).with_tweaks(tweaks).unwrap();
    let proposal = Proposal::new(keys.iter().copied()).with_item(item);
    let mut rng = ChaCha20Rng::from_seed([4; 32]);
    node.execute(
        Timestamp::from_millis(1_800_000_000_000),
        &mut rng,
        Command::CreateSession(proposal),
    )?;
    Ok(node.sessions().next().unwrap().output_keys[0].key)
}

fn output_key(tweaks: Vec<Tweak>) -> XOnlyPublicKey {
    let (mut node, keys) = keys();
    create(&mut node, &keys, tweaks).unwrap()
}

/// Returns the synthetic extended key of BIP328 for the aggregate of [`keys`].
fn synthetic_xpub() -> Xpub {
    let (_, mut keys) = keys();
    keys.sort();
    xpub(&keys)
}

fn xpub(keys: &[PublicKey]) -> Xpub {
    let points = keys.iter().map(|key| musig2::secp::Point::from_slice(key.as_bytes()).unwrap());
    let context = musig2::KeyAggContext::new(points).unwrap();
    let aggregate: musig2::secp::Point = context.aggregated_pubkey();
    Xpub {
        network: bitcoin::NetworkKind::Main,
        depth: 0,
        parent_fingerprint: [0; 4].into(),
        child_number: ChildNumber::from_normal_idx(0).unwrap(),
        public_key: bitcoin::secp256k1::PublicKey::from_slice(&aggregate.serialize()).unwrap(),
        chain_code: (*ChainCode::BIP328.as_bytes()).into(),
    }
}

#[test]
fn the_synthetic_extended_key_is_that_of_bip328() {
    let xpub = xpub(&BIP328_KEYS.map(|key| key.parse().unwrap()));
    assert_eq!(hex::encode(xpub.public_key.serialize()), BIP328_AGGREGATE);
    assert_eq!(xpub.to_string(), BIP328_XPUB);
}

#[test]
fn a_path_below_the_aggregate_is_that_of_bip32() {
    let secp = Secp256k1::verification_only();
    for path in [vec![], vec![0], vec![1, 2], vec![44, 0, 0, 5, 0x7fff_ffff]] {
        let children: Vec<_> =
            path.iter().map(|&child| ChildNumber::from_normal_idx(child).unwrap()).collect();
        let expected =
            synthetic_xpub().derive_pub(&secp, &children).unwrap().public_key.x_only_public_key().0;
        let path = DerivationPath::new(path).unwrap();
        let key = output_key(vec![Tweak::Bip32 { chain_code: ChainCode::BIP328, path }]);
        assert_eq!(*key.as_bytes(), expected.serialize());
    }
}

#[test]
fn taproot_output_keys_are_those_of_bip341_also_below_a_path() {
    let secp = Secp256k1::verification_only();
    let child =
        synthetic_xpub().derive_pub(&secp, &[ChildNumber::from_normal_idx(9).unwrap()]).unwrap();
    let below =
        Tweak::Bip32 { chain_code: ChainCode::BIP328, path: DerivationPath::new(vec![9]).unwrap() };
    for root in [None, Some([7; 32])] {
        let tap = Tweak::Taproot { merkle_root: root.map(MerkleRoot::new) };
        for (xpub, tweaks) in
            [(synthetic_xpub(), vec![tap.clone()]), (child, vec![below.clone(), tap])]
        {
            let internal: UntweakedPublicKey = xpub.public_key.x_only_public_key().0;
            let root = root.map(bitcoin::hashes::Hash::from_byte_array);
            let expected = internal.tap_tweak(&secp, root).0.to_x_only_public_key();
            assert_eq!(*output_key(tweaks).as_bytes(), expected.serialize());
        }
    }
}

#[test]
fn unsafe_tweaks_are_refused_with_the_reason() {
    let (mut node, keys) = keys();
    let mut refused = |tweak| match create(&mut node, &keys, vec![tweak]).unwrap_err() {
        CommandError::Manifest(ManifestError::Tweak { item: 0, error }) => error,
        other => panic!("{other:?}"),
    };
    let raw = Tweak::Raw(PlainTweak { kind: TweakKind::Plain, scalar: TweakScalar::new([1; 32]) });
    assert_eq!(refused(raw), TweakError::Raw);
    let hardened = DerivationPath::new(vec![1 << 31]).unwrap();
    assert_eq!(
        refused(Tweak::Bip32 { chain_code: ChainCode::BIP328, path: hardened }),
        TweakError::Hardened(1 << 31)
    );
}

#[test]
fn a_raw_tweak_to_a_signers_own_key_is_refused_even_if_raw_is_allowed() {
    // The victim's key is 1·G. The aggregate Q is of keys whose secrets are known here, so t = 1 -
    // q makes Q + t·G the victim's key.
    let config = Config::default().with_allow_raw_tweaks(true);
    let mut node = Node::new(config).unwrap();
    let secrets = [1_u8, 2].map(|secret| {
        let mut bytes = [0; 32];
        bytes[31] = secret;
        musig2::secp::Scalar::from_slice(&bytes).unwrap()
    });
    node.add_key(&SecretKey::new(secrets[0].serialize())).unwrap();
    let mut pairs = secrets.map(|secret| (secret.base_point_mul(), secret));
    pairs.sort_by_key(|(point, _)| point.serialize());
    let context = musig2::KeyAggContext::new(pairs.map(|(point, _)| point)).unwrap();
    let aggregate: musig2::secp::Scalar =
        context.aggregated_seckey(pairs.map(|(_, secret)| secret)).unwrap();
    let scalar = (secrets[0] - aggregate).unwrap();
    let keys = pairs.map(|(point, _)| PublicKey::new(point.serialize()));
    let victim = PublicKey::new(secrets[0].base_point_mul().serialize());
    let tweak = PlainTweak { kind: TweakKind::Plain, scalar: TweakScalar::new(scalar.serialize()) };
    let error = create(&mut node, &keys, vec![Tweak::Raw(tweak)]).unwrap_err();
    let CommandError::Manifest(ManifestError::TweakedToSigner { item: 0, signer }) = error else {
        panic!("{error:?}")
    };
    assert_eq!(keys[signer.as_usize()], victim);
}
