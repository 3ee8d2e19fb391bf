//! What an input spends, whose it is, and how it can be signed.

use super::coins::Coin;
use super::output::explains;
use super::refusal::Refusal;
use super::spend::{Clock, Sighashes, Spend, SpendPath, Unmet, Way, ways};
use crate::descriptor::OwnOutput;
use crate::format::{MusigFields, Psbt};
use crate::wallet::{Finder, Found, Place};
use bitcoin::secp256k1::Secp256k1;
use bitcoin::sighash::TapSighashType;
use bitcoin::taproot::{ControlBlock, LeafVersion};
use bitcoin::{Address, Amount, Network, OutPoint, ScriptBuf, Sequence, TxOut, XOnlyPublicKey};
use musig2_proto::{Crypto, DefaultCrypto, PublicKey, Signature};
use serde::Serialize;
use std::sync::Arc;

/// An input of a reviewed transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ReviewedInput {
    /// The output that is spent.
    pub previous_output: OutPoint,
    /// What it is worth.
    #[serde(with = "bitcoin::amount::serde::as_sat", rename = "sat")]
    pub amount: Amount,
    /// Its script.
    pub script_pubkey: ScriptBuf,
    /// Its address, if the script has one.
    pub address: Option<Address>,
    /// The input's sequence number.
    pub sequence: Sequence,
    /// The transaction of the list that makes the spent output, from 0.
    pub made_by: Option<usize>,
    /// Whether the PSBT has all signatures of it.
    pub state: InputState,
    /// Whose it is.
    pub owner: InputOwner,
}

/// How far an input is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum InputState {
    /// Signatures are missing.
    Unsigned,
    /// The PSBT has the final witness. Nothing here has verified it.
    Final,
}

/// Whose an input is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum InputOwner {
    /// A wallet's: its descriptor gives the script.
    Wallet {
        /// Where in which wallet.
        place: Place,
        /// What signatures of it cover.
        #[serde(serialize_with = "as_text")]
        sighash_type: TapSighashType,
        /// The ways to spend it in which this signer takes part. It is empty if others must sign.
        spends: Vec<Spend>,
        /// Which of them is meant, if one is: the first that is open, or what was chosen.
        chosen: Option<usize>,
        /// Whether the PSBT has MuSig2 nonces or partial signatures of another session (BIP373).
        /// Nothing here uses them.
        has_rounds: bool,
    },
    /// Nobody's that is known here. Others must sign it.
    Foreign {
        /// Whether the PSBT says that a wallet's key can spend it. No descriptor gives the script.
        is_claimed: bool,
    },
}

fn as_text<S: serde::Serializer>(kind: &TapSighashType, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(kind)
}

impl ReviewedInput {
    /// Returns the wallet that it belongs to.
    pub fn wallet(&self) -> Option<&str> {
        match &self.owner {
            InputOwner::Wallet { place, .. } => Some(&place.wallet),
            InputOwner::Foreign { .. } => None,
        }
    }

    /// Returns the ways to spend it in which this signer takes part.
    pub fn spends(&self) -> &[Spend] {
        match &self.owner {
            InputOwner::Wallet { spends, .. } => spends,
            InputOwner::Foreign { .. } => &[],
        }
    }

    /// Returns the way in which it is meant to be spent, unless it is signed already or others sign
    /// it.
    pub fn chosen(&self) -> Option<&Spend> {
        let InputOwner::Wallet { spends, chosen, .. } = &self.owner else { return None };
        chosen.and_then(|chosen| spends.get(chosen))
    }

    /// Returns what signatures of this signer's group cover, if it is a wallet's.
    pub const fn sighash_type(&self) -> Option<TapSighashType> {
        match &self.owner {
            InputOwner::Wallet { sighash_type, .. } => Some(*sighash_type),
            InputOwner::Foreign { .. } => None,
        }
    }
}

/// Looks at the inputs of one transaction.
pub(super) struct Inspector<'a> {
    psbt: &'a Psbt,
    coins: &'a [Coin],
    own_keys: &'a [PublicKey],
}

/// One input, as the PSBT has it.
struct Given<'a> {
    number: usize,
    fields: &'a bitcoin::psbt::Input,
    musig: &'a MusigFields,
    sequence: Sequence,
    kind: TapSighashType,
}

impl<'a> Inspector<'a> {
    pub(super) const fn new(psbt: &'a Psbt, coins: &'a [Coin], own_keys: &'a [PublicKey]) -> Self {
        Self { psbt, coins, own_keys }
    }

    pub(super) fn inputs(
        &self,
        finder: &mut Finder<'_>,
        network: Network,
    ) -> Result<Vec<ReviewedInput>, Refusal> {
        let spent: Vec<TxOut> = self.coins.iter().map(|coin| coin.output.clone()).collect();
        let mut sighashes = Sighashes::new(self.psbt.transaction(), &spent);
        let inputs = self.psbt.transaction().input.iter().zip(self.coins).enumerate();
        let review = |(number, (input, coin)): (usize, (&bitcoin::TxIn, &Coin))| {
            let missing = Refusal::AmountMissing(number);
            let fields = self.psbt.fields().inputs.get(number).ok_or(missing)?;
            let is_final =
                fields.final_script_witness.is_some() || fields.final_script_sig.is_some();
            Ok(ReviewedInput {
                previous_output: input.previous_output,
                amount: coin.output.value,
                script_pubkey: coin.output.script_pubkey.clone(),
                address: Address::from_script(&coin.output.script_pubkey, network).ok(),
                sequence: input.sequence,
                made_by: coin.made_by,
                state: if is_final { InputState::Final } else { InputState::Unsigned },
                owner: self.owner(number, fields, input.sequence, finder, &mut sighashes)?,
            })
        };
        inputs.map(review).collect()
    }

    fn owner(
        &self,
        number: usize,
        fields: &bitcoin::psbt::Input,
        sequence: Sequence,
        finder: &mut Finder<'_>,
        sighashes: &mut Sighashes<'_>,
    ) -> Result<InputOwner, Refusal> {
        let missing = Refusal::AmountMissing(number);
        let script = &self.coins.get(number).ok_or(missing.clone())?.output.script_pubkey;
        let origins = fields.tap_key_origins.values().map(|(_, origin)| origin);
        let Some(Found { place, output, .. }) = finder.find(script, origins.clone()) else {
            return Ok(InputOwner::Foreign { is_claimed: finder.names_a_wallet(origins) });
        };
        let musig = self.psbt.musig_inputs().get(number).ok_or(missing)?;
        let kind = sighash_type(number, fields)?;
        let given = Given { number, fields, musig, sequence, kind };
        given.check(&output)?;
        let is_final = fields.final_script_witness.is_some();
        let spends = ways(&output, self.own_keys)
            .map(|way| self.spend(&given, way, sighashes))
            .collect::<Result<Vec<_>, _>>()?;
        let is_signed = is_final || spends.iter().any(|spend| spend.is_signed);
        let chosen = spends.iter().position(Spend::is_open).filter(|_| !is_signed);
        let has_rounds = musig.has_rounds();
        Ok(InputOwner::Wallet { place, sighash_type: kind, spends, chosen, has_rounds })
    }

    fn spend(
        &self,
        given: &Given<'_>,
        way: Way<'_>,
        sighashes: &mut Sighashes<'_>,
    ) -> Result<Spend, Refusal> {
        let Way { path, joint_key, tweaks, key, leaf } = way;
        let hash = leaf.map(|leaf| leaf.hash);
        let message = sighashes
            .of(given.number, hash, given.kind)
            .ok_or(Refusal::SingleWithoutOutput(given.number))?;
        let clock = Clock::new(self.psbt.transaction(), given.sequence);
        let is_met = leaf.is_none_or(|leaf| clock.allows(leaf, joint_key));
        let spend = Spend {
            path,
            joint_key: joint_key.clone(),
            tweaks,
            key,
            message,
            is_signed: false,
            unmet: if is_met { None } else { Some(Unmet::Timelock) },
            leaf: leaf.map(Arc::clone),
        };
        Ok(Spend { is_signed: given.is_signed(&spend)?, ..spend })
    }
}

fn sighash_type(input: usize, fields: &bitcoin::psbt::Input) -> Result<TapSighashType, Refusal> {
    let Some(kind) = fields.sighash_type else { return Ok(TapSighashType::Default) };
    let number = kind.to_u32();
    kind.taproot_hash_ty().map_err(|_| Refusal::SighashType { input, number })
}

impl Given<'_> {
    /// Compares what the PSBT says of an input with what the wallet says.
    fn check(&self, output: &OwnOutput) -> Result<(), Refusal> {
        let differs =
            |ours: Option<&[u8]>, theirs: Option<&[u8]>| theirs.is_some() && theirs != ours;
        let our_key = output.internal_key.map(|key| key.serialize());
        let their_key = self.fields.tap_internal_key.map(|key| key.serialize());
        let our_root = output.merkle_root.as_ref().map(AsRef::<[u8]>::as_ref);
        let their_root = self.fields.tap_merkle_root.as_ref().map(AsRef::<[u8]>::as_ref);
        // `rawtr()` does not know how its key was made.
        let is_raw = output.internal_key.is_none();
        if !is_raw
            && (differs(
                our_key.as_ref().map(|key| &key[..]),
                their_key.as_ref().map(|key| &key[..]),
            ) || differs(our_root, their_root))
        {
            return Err(Refusal::WrongTree(self.number));
        }
        self.check_leaves(output)?;
        match explains(output, self.musig) {
            true => Ok(()),
            false => Err(Refusal::WrongParticipants { what: "input", number: self.number }),
        }
    }

    /// Checks that every leaf script of the PSBT is in the output (BIP341).
    fn check_leaves(&self, output: &OwnOutput) -> Result<(), Refusal> {
        let is_ours = |control: &ControlBlock, script: &ScriptBuf| {
            output
                .leaves
                .iter()
                .any(|leaf| leaf.control_block == *control && leaf.script == *script)
        };
        let wrong = Refusal::WrongLeaf(self.number);
        let key = XOnlyPublicKey::from_slice(output.output_key.x_only().as_bytes());
        let key = key.map_err(|_| wrong.clone())?;
        for (control, (script, version)) in &self.fields.tap_scripts {
            if *version == LeafVersion::TapScript && is_ours(control, script) {
                continue;
            }
            let secp = Secp256k1::verification_only();
            if !control.verify_taproot_commitment(&secp, key, script) {
                return Err(wrong);
            }
        }
        Ok(())
    }

    /// Returns whether the PSBT has the signature already. One that is not valid is refused,
    /// because it would be mistaken for ours.
    fn is_signed(&self, spend: &Spend) -> Result<bool, Refusal> {
        let found = match spend.path {
            SpendPath::KeyPath => self.fields.tap_key_sig,
            SpendPath::Leaf { hash, .. } => {
                let key = XOnlyPublicKey::from_slice(spend.key.x_only().as_bytes());
                key.ok().and_then(|key| self.fields.tap_script_sigs.get(&(key, hash)).copied())
            }
        };
        let Some(found) = found else { return Ok(false) };
        if found.sighash_type != self.kind {
            return Err(Refusal::SignatureType(self.number));
        }
        let signature = Signature::new(found.signature.serialize());
        match DefaultCrypto::verify(&spend.key.x_only(), spend.message.as_bytes(), &signature) {
            true => Ok(true),
            false => Err(Refusal::SignatureInvalid(self.number)),
        }
    }
}
