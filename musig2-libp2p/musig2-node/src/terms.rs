//! What a session is about, before it is joined and after it is signed, in the fields of the JSON lines.

use crate::labels::{Label, Labels};
use crate::result::{Hex, ResultItem, ResultTweak, ResultTweakKind, SessionResult};
use crate::text::Text;
use musig2_libp2p::musig2_proto::{
    ChainCode, DerivationPath, Item, MerkleRoot, OutputKey, SessionView, Signature, Timestamp,
    Tweak, TweakKind,
};
use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Everything that a join consents to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Terms {
    pub(crate) session: Hex<32>,
    /// In aggregation order.
    pub(crate) signers: Vec<Hex<33>>,
    /// What this node's operator calls each of them.
    pub(crate) labels: Vec<Option<Text<Label>>>,
    /// Which of them proposed it.
    pub(crate) coordinator: u16,
    /// Which of them this node is.
    pub(crate) me: u16,
    pub(crate) items: Vec<ItemTerms>,
    /// In hex.
    pub(crate) memo: String,
    /// By the proposer's clock, in milliseconds since the Unix epoch.
    pub(crate) created_at_ms: u64,
    /// The same.
    pub(crate) expires_at_ms: u64,
}

/// What one item of a session would sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ItemTerms {
    pub(crate) message: Hex<32>,
    /// From the signers' aggregate key to the key that signs, by what it means.
    pub(crate) derivation: Vec<Derivation>,
    /// The same as scalars.
    pub(crate) tweaks: Vec<ResultTweak>,
    /// The key that signs: x-only, tweaked.
    pub(crate) aggregate_key: Hex<32>,
    /// Of this key on this node's chain, if it is a taproot output key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) address: Option<String>,
}

/// What a tweak means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Derivation {
    /// BIP341; BIP86 without a root.
    Taproot { merkle_root: Option<Text<MerkleRoot>> },
    /// BIP32.
    Bip32 { chain_code: Text<ChainCode>, path: Text<DerivationPath> },
    /// Whoever chose it may know more about the key than this node does.
    Raw,
}

impl Terms {
    /// Of a session as it stands.
    pub(crate) fn of(view: &SessionView, labels: &Labels) -> Self {
        let manifest = &view.manifest;
        Self {
            session: Hex(view.id.to_bytes()),
            signers: manifest.signers().iter().map(|key| Hex(key.to_bytes())).collect(),
            labels: labels_of(view, labels),
            coordinator: manifest.coordinator().get(),
            me: view.me.get(),
            items: (manifest.items().iter().zip(&view.output_keys))
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

    /// How long the session can still be joined and signed, by this machine's clock.
    pub(crate) fn left(&self) -> Duration {
        until(Timestamp::from_millis(self.expires_at_ms))
    }
}

#[cfg(test)]
impl Terms {
    /// Of a session of nobody about nothing.
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

/// What each signer of a session is called.
pub(crate) fn labels_of(view: &SessionView, labels: &Labels) -> Vec<Option<Text<Label>>> {
    view.manifest.signers().iter().map(|signer| labels.of(signer).map(Text)).collect()
}

/// How long until then, by this machine's clock.
pub(crate) fn until(then: Timestamp) -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Duration::from_millis(then.as_millis()).saturating_sub(now)
}

impl SessionResult {
    /// What a finished session leaves.
    pub(crate) fn of(view: &SessionView, signatures: &[Signature]) -> Self {
        let items = view.manifest.items().iter().zip(&view.output_keys).zip(signatures);
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

/// Whether it is a taproot output key that signs.
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
