//! What a session is about, before it is joined and after it is signed, as fields of the JSON
//! lines.

use crate::model::labels::{Label, Labels};
use crate::model::result::{ResultItem, ResultTweak, ResultTweakKind, SessionResult};
use crate::text::Text;
use crate::text::hex::Hex;
use crate::text::time::until;
use musig2_libp2p::musig2_proto::{
    ChainCode, DerivationPath, Item, MerkleRoot, OutputKey, SessionView, Signature, Timestamp,
    Tweak, TweakKind,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Everything that a join consents to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Terms {
    pub(crate) session: Hex<32>,
    /// In aggregation order.
    pub(crate) signers: Vec<Hex<33>>,
    /// The operator's labels for them.
    pub(crate) labels: Vec<Option<Text<Label>>>,
    /// The place of the signer that proposed it.
    pub(crate) coordinator: u16,
    /// The place of this node.
    pub(crate) me: u16,
    pub(crate) items: Vec<ItemTerms>,
    /// In hex.
    pub(crate) memo: String,
    /// By the proposer's clock, in milliseconds since the Unix epoch.
    pub(crate) created_at_ms: u64,
    /// By the same clock and in the same unit.
    pub(crate) expires_at_ms: u64,
}

/// What one item of a session signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ItemTerms {
    pub(crate) message: Hex<32>,
    /// Tweaks that lead from the signers' aggregate key to the key that signs, by their meaning.
    pub(crate) derivation: Vec<Derivation>,
    /// The same tweaks as scalars.
    pub(crate) tweaks: Vec<ResultTweak>,
    /// The key that signs: x-only, tweaked.
    pub(crate) aggregate_key: Hex<32>,
    /// This key's address on this node's chain, if it is a taproot output key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) address: Option<String>,
}

/// The meaning of a tweak.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Derivation {
    /// A BIP341 tweak; BIP86 without a root.
    Taproot { merkle_root: Option<Text<MerkleRoot>> },
    /// A BIP32 derivation.
    Bip32 { chain_code: Text<ChainCode>, path: Text<DerivationPath> },
    /// Any scalar. Whoever chose it may know more about the key than this node does.
    Raw,
}

impl Terms {
    /// Returns the terms of a session.
    pub(crate) fn of(view: &SessionView, labels: &Labels) -> Self {
        let manifest = &view.manifest;
        Self {
            session: Hex(view.id.to_bytes()),
            signers: manifest.signers().iter().map(|key| Hex(key.to_bytes())).collect(),
            labels: labels_of(view, labels),
            coordinator: manifest.coordinator().get(),
            me: view.me.get(),
            items: (manifest.items().iter().zip(view.output_keys.iter()))
                .map(|(item, key)| ItemTerms {
                    message: Hex(item.message().to_bytes()),
                    derivation: derivation(item),
                    tweaks: tweaks(key),
                    aggregate_key: Hex(key.key.to_bytes()),
                    address: is_output(item).then(|| labels.address(&key.key)),
                })
                .collect(),
            memo: hex::encode(manifest.memo()),
            created_at_ms: manifest.created_at().as_millis(),
            expires_at_ms: manifest.expires_at().as_millis(),
        }
    }

    /// Returns how long the session can still be joined and signed, by this machine's clock.
    pub(crate) fn left(&self) -> Duration {
        until(Timestamp::from_millis(self.expires_at_ms))
    }
}

#[cfg(test)]
impl Terms {
    /// The terms of a session without signers or items.
    pub(crate) fn of_nothing(session: musig2_libp2p::musig2_proto::SessionId) -> Self {
        Self {
            session: Hex(session.to_bytes()),
            signers: Vec::new(),
            labels: Vec::new(),
            coordinator: 0,
            me: 0,
            items: Vec::new(),
            memo: String::new(),
            created_at_ms: 0,
            expires_at_ms: 0,
        }
    }
}

/// Returns the label of each signer of a session.
pub(crate) fn labels_of(view: &SessionView, labels: &Labels) -> Vec<Option<Text<Label>>> {
    view.manifest.signers().iter().map(|signer| labels.of(signer).map(Text)).collect()
}

impl SessionResult {
    /// Makes the result of a finished session.
    pub(crate) fn of(view: &SessionView, signatures: &[Signature]) -> Self {
        let items = view.manifest.items().iter().zip(view.output_keys.iter()).zip(signatures);
        Self {
            session: Hex(view.id.to_bytes()),
            signers: view.manifest.signers().iter().map(|key| Hex(key.to_bytes())).collect(),
            items: items
                .map(|((item, key), signature)| ResultItem {
                    message: Hex(item.message().to_bytes()),
                    tweaks: tweaks(key),
                    aggregate_key: Hex(key.key.to_bytes()),
                    signature: Hex(signature.to_bytes()),
                })
                .collect(),
        }
    }
}

fn derivation(item: &Item) -> Vec<Derivation> {
    let meaning = |tweak: &Tweak| match tweak {
        Tweak::Taproot { merkle_root } => {
            Derivation::Taproot { merkle_root: merkle_root.map(Text) }
        }
        Tweak::Bip32 { chain_code, path } => {
            Derivation::Bip32 { chain_code: Text(*chain_code), path: Text(path.clone()) }
        }
        _ => Derivation::Raw,
    };
    item.tweaks().iter().map(meaning).collect()
}

/// Returns whether the key that signs is a taproot output key.
fn is_output(item: &Item) -> bool {
    matches!(item.tweaks().last(), Some(Tweak::Taproot { .. }))
}

fn tweaks(key: &OutputKey) -> Vec<ResultTweak> {
    let kind = |kind| match kind {
        TweakKind::Plain => ResultTweakKind::Plain,
        TweakKind::XOnly => ResultTweakKind::XOnly,
    };
    key.tweaks
        .iter()
        .map(|step| ResultTweak { kind: kind(step.kind), tweak: Hex(step.scalar.to_bytes()) })
        .collect()
}
