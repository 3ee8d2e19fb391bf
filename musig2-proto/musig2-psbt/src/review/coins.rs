//! What the inputs spend: amounts and scripts, from the PSBT or from other transactions of the
//! list.

use super::refusal::{Refusal, Refused};
use crate::format::Psbt;
use bitcoin::{OutPoint, Transaction, TxOut, Txid};
use std::collections::{BTreeMap, BTreeSet};

/// An output that is spent.
#[derive(Debug, Clone)]
pub(super) struct Coin {
    pub output: TxOut,
    /// The transaction of the list that makes it.
    pub made_by: Option<usize>,
}

/// Returns for each transaction what its inputs spend.
pub(super) fn spent(psbts: &[Psbt]) -> Result<Vec<Vec<Coin>>, Refused> {
    let made: BTreeMap<Txid, (usize, &Transaction)> = psbts
        .iter()
        .enumerate()
        .map(|(number, psbt)| (psbt.txid(), (number, psbt.transaction())))
        .collect();
    let mut seen = BTreeSet::new();
    let one = |(transaction, psbt): (usize, &Psbt)| {
        let refused = |why| Refused { transaction, why };
        check(psbt).map_err(refused)?;
        let outpoints = psbt.transaction().input.iter().map(|input| input.previous_output);
        for outpoint in outpoints.clone() {
            if !seen.insert(outpoint) {
                return Err(refused(Refusal::SpentTwice(outpoint)));
            }
        }
        let coins =
            outpoints.enumerate().map(|(input, outpoint)| coin(psbt, input, outpoint, &made));
        coins.collect::<Result<_, _>>().map_err(refused)
    };
    psbts.iter().enumerate().map(one).collect()
}

/// Checks what does not depend on what is spent.
fn check(psbt: &Psbt) -> Result<(), Refusal> {
    /// BIP370: inputs, outputs, and flags that have no meaning yet. What is left out says only that
    /// there is a `SIGHASH_SINGLE`.
    const MAY_CHANGE: u8 = 0b1111_1011;
    let transaction = psbt.transaction();
    if psbt.modifiable() & MAY_CHANGE != 0 {
        return Err(Refusal::Modifiable(psbt.modifiable()));
    }
    if transaction.input.is_empty() {
        return Err(Refusal::Empty("inputs"));
    }
    if transaction.output.is_empty() {
        return Err(Refusal::Empty("outputs"));
    }
    let is_null = |outpoint: &OutPoint| outpoint.is_null();
    match transaction.input.iter().position(|input| is_null(&input.previous_output)) {
        Some(input) => Err(Refusal::Coinbase(input)),
        None => Ok(()),
    }
}

fn coin(
    psbt: &Psbt,
    input: usize,
    outpoint: OutPoint,
    made: &BTreeMap<Txid, (usize, &Transaction)>,
) -> Result<Coin, Refusal> {
    let contradicted = Refusal::AmountContradicted(input);
    let fields = psbt.fields().inputs.get(input).ok_or(Refusal::AmountMissing(input))?;
    let mut found: Option<TxOut> = None;
    let mut note = |output: Option<&TxOut>| {
        let output = output.ok_or(contradicted.clone())?;
        match &found {
            Some(other) if other != output => Err(contradicted.clone()),
            _ => {
                found = Some(output.clone());
                Ok(())
            }
        }
    };
    let at = |transaction: &Transaction| {
        let place = usize::try_from(outpoint.vout).ok()?;
        transaction.output.get(place).cloned()
    };
    if let Some(previous) = &fields.non_witness_utxo {
        if previous.compute_txid() != outpoint.txid {
            return Err(contradicted);
        }
        note(at(previous).as_ref())?;
    }
    if fields.witness_utxo.is_some() {
        note(fields.witness_utxo.as_ref())?;
    }
    let maker = made.get(&outpoint.txid);
    if let Some((_, transaction)) = maker {
        note(at(transaction).as_ref())?;
    }
    let output = found.ok_or(Refusal::AmountMissing(input))?;
    Ok(Coin { output, made_by: maker.map(|(number, _)| *number) })
}
