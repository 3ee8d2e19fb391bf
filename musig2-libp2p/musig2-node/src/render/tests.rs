use super::terms;
use crate::model::terms::ItemTerms;
use crate::model::terms::Terms;
use crate::text::hex::Hex;
use musig2_libp2p::musig2_proto::SessionId;

#[test]
fn a_long_list_ends_with_a_count_of_messages_per_key_and_address() {
    let item = |place: u8| ItemTerms {
        message: Hex([place; 32]),
        derivation: vec![],
        tweaks: vec![],
        aggregate_key: Hex([place % 2; 32]),
        address: place.is_multiple_of(2).then(|| "tb1p…".into()),
    };
    let mut terms = Terms::of_nothing(SessionId::new([1; 32]));
    terms.items = (0..100).map(item).collect();
    let mut text = Vec::new();
    terms::terms(&mut text, &terms).unwrap();
    let text = anstream::adapter::strip_str(&String::from_utf8(text).unwrap()).to_string();
    let (_, summary) = text.split_once("    total        100 messages under 2 keys\n").unwrap();
    assert!(
        summary.contains(&format!("50 messages under {}, tb1p…\n", "00".repeat(32))),
        "{summary}"
    );
    assert!(summary.contains(&format!("50 messages under {}\n", "01".repeat(32))), "{summary}");
}
