//! Who is paid by an output.

use super::refusal::Refusal;
use crate::descriptor::OwnOutput;
use crate::format::{MusigFields, Psbt};
use crate::wallet::{Finder, Found, Place};
use bitcoin::{Address, Amount, Network, ScriptBuf};
use serde::Serialize;
use std::collections::BTreeSet;

/// An output of a reviewed transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ReviewedOutput {
    /// What is paid.
    #[serde(with = "bitcoin::amount::serde::as_sat", rename = "sat")]
    pub amount: Amount,
    /// To which script.
    pub script_pubkey: ScriptBuf,
    /// Its address, if the script has one.
    pub address: Option<Address>,
    /// Whose it is.
    pub recipient: Recipient,
}

/// Whose an output is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Recipient {
    /// A wallet's that the transaction spends from: its descriptor gives the script.
    Change(Place),
    /// Another wallet's.
    Wallet(Place),
    /// A wallet's, but so far beyond its used addresses that whoever recovers the wallet would not
    /// find it. It counts as somebody else's.
    BeyondGap(Place),
    /// Somebody else's, although the PSBT says that it is a wallet's. No descriptor gives the
    /// script.
    FalselyClaimed,
    /// Somebody else's.
    Foreign,
}

impl ReviewedOutput {
    /// Returns whether it goes back to a wallet that the transaction spends from.
    pub const fn is_change(&self) -> bool {
        matches!(self.recipient, Recipient::Change(_))
    }

    /// Returns whether it is ours: change, or another wallet's.
    pub const fn is_ours(&self) -> bool {
        matches!(self.recipient, Recipient::Change(_) | Recipient::Wallet(_))
    }
}

/// Reviews the outputs. `sources` are the wallets that the transaction spends from.
pub(super) fn outputs(
    psbt: &Psbt,
    finder: &mut Finder<'_>,
    network: Network,
    sources: &BTreeSet<&str>,
) -> Result<Vec<ReviewedOutput>, Refusal> {
    let outputs = psbt.transaction().output.iter().enumerate();
    let review = |(number, output): (usize, &bitcoin::TxOut)| {
        Ok(ReviewedOutput {
            amount: output.value,
            script_pubkey: output.script_pubkey.clone(),
            address: Address::from_script(&output.script_pubkey, network).ok(),
            recipient: recipient(psbt, number, finder, sources)?,
        })
    };
    outputs.map(review).collect()
}

fn recipient(
    psbt: &Psbt,
    number: usize,
    finder: &mut Finder<'_>,
    sources: &BTreeSet<&str>,
) -> Result<Recipient, Refusal> {
    // There is a map for each output.
    let (Some(output), Some(fields), Some(musig)) = (
        psbt.transaction().output.get(number),
        psbt.fields().outputs.get(number),
        psbt.musig_outputs().get(number),
    ) else {
        return Ok(Recipient::Foreign);
    };
    let origins = fields.tap_key_origins.values().map(|(_, origin)| origin);
    let Some(found) = finder.find(&output.script_pubkey, origins.clone()) else {
        return Ok(match finder.names_a_wallet(origins) {
            true => Recipient::FalselyClaimed,
            false => Recipient::Foreign,
        });
    };
    let Found { place, output, is_within_gap } = found;
    if !explains(&output, musig) {
        return Err(Refusal::WrongParticipants { what: "output", number });
    }
    Ok(match is_within_gap {
        false => Recipient::BeyondGap(place),
        true if sources.contains(place.wallet.as_str()) => Recipient::Change(place),
        true => Recipient::Wallet(place),
    })
}

/// Returns whether the wallet's output has each aggregate key that a PSBT names participants for,
/// with the same participants in the same order.
pub(super) fn explains(output: &OwnOutput, fields: &MusigFields) -> bool {
    fields.participants.iter().all(|(aggregate, participants)| {
        output.joint_keys().any(|joint| {
            joint.aggregate == *aggregate
                && joint.participants.iter().map(|one| &one.key).eq(participants)
        })
    })
}
