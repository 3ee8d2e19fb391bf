//! What a transaction costs, and how large it will be.

use super::input::{InputOwner, ReviewedInput};
use super::refusal::Refusal;
use super::spend::{Spend, SpendPath};
use crate::format::Psbt;
use bitcoin::sighash::TapSighashType;
use bitcoin::{Amount, ScriptBuf};
use serde::Serialize;

/// What a transaction costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Fee {
    /// What is spent, less what is paid.
    #[serde(with = "bitcoin::amount::serde::as_sat", rename = "sat")]
    pub amount: Amount,
    /// What is spent.
    #[serde(with = "bitcoin::amount::serde::as_sat", rename = "spent_sat")]
    pub spent: Amount,
    /// The weight of the final transaction, with its witnesses (BIP141).
    pub weight: u64,
    /// Whether the weight includes guesses, because others' witnesses are not known yet or a leaf
    /// can be satisfied in several ways.
    pub is_estimated: bool,
    /// Whether the signatures of the wallets' inputs fix all inputs and outputs. If not
    /// (`ANYONECANPAY`, `NONE`, `SINGLE`), others can still change what is paid and what it costs.
    pub is_fixed: bool,
}

impl Fee {
    pub(super) fn of(psbt: &Psbt, inputs: &[ReviewedInput]) -> Result<Self, Refusal> {
        let outputs = psbt.transaction().output.iter().map(|output| output.value);
        let spent = total(inputs.iter().map(|input| input.amount), "the inputs are worth")?;
        let paid = total(outputs, "the outputs are worth")?;
        let amount = spent
            .checked_sub(paid)
            .ok_or_else(|| Refusal::NegativeFee(paid.to_sat() - spent.to_sat()))?;
        let (weight, is_estimated) = weight(psbt, inputs);
        let is_fixed = inputs
            .iter()
            .filter_map(ReviewedInput::sighash_type)
            .all(|kind| matches!(kind, TapSighashType::Default | TapSighashType::All));
        Ok(Self { amount, spent, weight, is_estimated, is_fixed })
    }

    /// Returns the size in virtual bytes: a quarter of the weight, rounded up.
    pub const fn virtual_size(&self) -> u64 {
        self.weight.div_ceil(4)
    }

    /// Returns a thousand times the fee for a virtual byte, in sat, rounded down.
    pub fn millisat_per_vbyte(&self) -> u64 {
        // The fee is at most 2.1e15 sat: it does not overflow.
        match self.virtual_size() {
            0 => 0,
            size => self.amount.to_sat() * 1000 / size,
        }
    }

    /// Returns which share of what is spent it is, in thousandths, rounded up.
    pub fn permille(&self) -> u64 {
        match self.spent.to_sat() {
            0 => 0,
            spent => (self.amount.to_sat() * 1000).div_ceil(spent),
        }
    }
}

fn total(amounts: impl Iterator<Item = Amount>, what: &'static str) -> Result<Amount, Refusal> {
    let mut total = Amount::ZERO;
    for amount in amounts {
        let sum = total.checked_add(amount).filter(|sum| *sum <= Amount::MAX_MONEY);
        total = sum.ok_or(Refusal::TooMuch(what))?;
    }
    Ok(total)
}

/// Bytes of a witness, and of a script signature; `None` if nobody can say.
type Size = Option<(u64, u64)>;

/// Returns the weight of the final transaction, and whether it is a guess.
fn weight(psbt: &Psbt, inputs: &[ReviewedInput]) -> (u64, bool) {
    /// The marker and the flag of BIP144.
    const SEGWIT: u64 = 2;
    let mut weight = 4 * psbt.transaction().base_size() as u64 + SEGWIT;
    let mut is_estimated = false;
    for (input, fields) in inputs.iter().zip(&psbt.fields().inputs) {
        let (size, is_exact) = match (final_size(fields), &input.owner) {
            (Some(size), _) => (Some(size), true),
            (None, InputOwner::Wallet { sighash_type, spends, .. }) => {
                own_size(input.chosen().or(spends.first()), *sighash_type)
            }
            (None, InputOwner::Foreign { .. }) => (usual_size(&input.script_pubkey, fields), false),
        };
        let (witness, script) = size.unwrap_or((1, 0));
        weight += witness + 4 * script;
        is_estimated |= !is_exact;
    }
    (weight, is_estimated)
}

fn final_size(fields: &bitcoin::psbt::Input) -> Size {
    if fields.final_script_witness.is_none() && fields.final_script_sig.is_none() {
        return None;
    }
    let witness = fields.final_script_witness.as_ref().map_or(1, bitcoin::Witness::size);
    let script = fields.final_script_sig.as_ref().map_or(0, |script| script.len());
    Some((witness as u64, script as u64))
}

/// Returns the size of an own input, and whether it is exact.
fn own_size(spend: Option<&Spend>, kind: TapSighashType) -> (Size, bool) {
    let signature = if kind == TapSighashType::Default { 64 } else { 65 };
    // A number of elements, and the length of each.
    let key_path = Some((2 + signature, 0));
    let Some(Spend { path: SpendPath::Leaf { .. }, leaf: Some(leaf), .. }) = spend else {
        return (key_path, spend.is_some());
    };
    let Ok(satisfaction) = leaf.miniscript.max_satisfaction_size() else { return (None, false) };
    let element = |length: usize| compact_size_length(length) + length;
    let elements = leaf.miniscript.max_satisfaction_witness_elements().unwrap_or(0) + 1;
    let size = compact_size_length(elements)
        + satisfaction
        + element(leaf.script.len())
        + element(leaf.control_block.size());
    (Some((size as u64, 0)), false)
}

const fn compact_size_length(number: usize) -> usize {
    match number {
        0..=0xfc => 1,
        0xfd..=0xffff => 3,
        _ => 5,
    }
}

/// Returns what the signatures of common kinds of outputs take.
fn usual_size(script: &ScriptBuf, fields: &bitcoin::psbt::Input) -> Size {
    /// A signature of ECDSA with its type takes at most 72 bytes, a key 33.
    const SINGLE_KEY: u64 = 1 + 1 + 72 + 1 + 33;
    if script.is_p2tr() {
        return Some((66, 0));
    }
    if script.is_p2wpkh() {
        return Some((SINGLE_KEY, 0));
    }
    if script.is_p2pkh() {
        return Some((1, SINGLE_KEY - 1));
    }
    let redeem = fields.redeem_script.as_ref();
    redeem.filter(|redeem| script.is_p2sh() && redeem.is_p2wpkh()).map(|_| (SINGLE_KEY, 23))
}
