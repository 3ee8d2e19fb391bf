//! The protocol itself with the transparent engine.

use musig2_proto::{
    Audience, ChainCode, Command, Config, Crypto, DerivationPath, Input, Item, MerkleRoot, Message,
    Node, PlainTweak, Proposal, SecretKey, Source, Timestamp, Tweak, TweakKind, TweakScalar,
};
use musig2_sim::{NodeId, Plan, Profile, SessionPlan, Transparent, World};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

fn run(plan: Plan) -> World<Transparent> {
    let mut world = World::with_engine(plan).unwrap();
    world.run_until_quiet().unwrap();
    world.check().unwrap();
    world
}

#[test]
fn faulty_sessions_complete_and_pass_the_check() {
    for seed in 0..200 {
        run(Plan::drawn(seed, Profile::Swarm));
    }
}

#[test]
fn sessions_with_every_kind_of_tweak_pass_the_check() {
    let raw = |kind| Tweak::Raw(PlainTweak { kind, scalar: TweakScalar::new([9; 32]) });
    let path = DerivationPath::new(vec![0, 7, 1 << 30]).unwrap();
    let tweaks = [
        Tweak::BIP86,
        Tweak::Taproot { merkle_root: Some(MerkleRoot::new([5; 32])) },
        Tweak::Bip32 { chain_code: ChainCode::BIP328, path },
        raw(TweakKind::Plain),
        raw(TweakKind::XOnly),
    ];
    // Each tweak on its own, and all of them one after another.
    let items = tweaks.iter().cloned().map(|tweak| vec![tweak]).chain([tweaks.to_vec()]);
    let items = items.map(|tweaks| Item::new(Message::new([4; 32])).with_tweaks(tweaks).unwrap());
    let session = SessionPlan::new(NodeId::first(4)).with_items(items);
    for seed in 0..20 {
        let config = Config::default().with_allow_raw_tweaks(true);
        run(Plan::new(4).with_seed(seed).with_config(config).with_session(session.clone()));
    }
}

/// Does what a model checker does: goes in two directions from one state.
#[test]
fn a_cloned_node_goes_on_like_the_original() {
    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
    let mut alice: Node<Transparent> = Node::with_engine(Config::default()).unwrap();
    let mut rng = ChaCha20Rng::from_seed([1; 32]);
    let own = alice.add_key(&SecretKey::new([1; 32])).unwrap();
    let other = Transparent::public_key(&Transparent::keypair(&SecretKey::new([2; 32])).unwrap());
    let proposal = Proposal::new([own, other]).with_message(Message::new([3; 32]));
    alice.execute(NOW, &mut rng, Command::CreateSession(proposal)).unwrap();

    let (mut copy, mut copied_rng) = (alice.clone(), rng.clone());
    let session = alice.sessions().next().unwrap().id;
    let announce = Command::AnnounceSession { session, audience: Audience::Everyone };
    let outputs = alice.execute(NOW, &mut rng, announce.clone()).unwrap();
    assert_eq!(copy.execute(NOW, &mut copied_rng, announce.clone()).unwrap(), outputs);
    // The two are independent: what one does, the other does not know.
    let abort = Command::AbortSession { session, reason: Default::default() };
    copy.execute(NOW, &mut copied_rng, abort).unwrap();
    assert!(copy.session(&session).unwrap().cause.is_some());
    assert!(alice.session(&session).unwrap().cause.is_none());
    alice.handle(NOW, &mut rng, Input::PeerLost(Source::new([1])));
    assert_ne!(alice.next_deadline(), copy.next_deadline());
}
