//! Manifests, as a coordinator could send them.

use musig2_proto::{Item, Manifest, PublicKey};
use musig2_psbt::Group;
use serde_json::json;

/// Returns the manifest of a group's session.
pub fn manifest_of(group: &Group) -> Manifest {
    manifest(&group.signers, &group.items().unwrap())
}

/// Returns a manifest with these signers and items.
pub fn manifest(signers: &[PublicKey], items: &[Item]) -> Manifest {
    let fields = json!({
        "signers": signers,
        "coordinator": 0,
        "identities": [],
        "items": items,
        "extractor": null,
        "created_at": 1,
        "expires_at": 2,
        "salt": "00".repeat(32),
        "memo": "",
    });
    serde_json::from_value(fields).unwrap()
}
