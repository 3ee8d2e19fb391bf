//! Bitcoin Core's script interpreter.

use bitcoin::TxOut;
use bitcoin::consensus::encode::serialize;
use musig2_psbt::Psbt;

/// Returns whether every input's final witness is accepted, with all the outputs that are spent.
pub fn is_accepted(psbt: &Psbt) -> bool {
    let spent: Vec<TxOut> =
        psbt.fields().inputs.iter().map(|input| input.witness_utxo.clone().unwrap()).collect();
    is_accepted_with(psbt, &spent)
}

/// As [`is_accepted`], with the spent outputs from elsewhere.
pub fn is_accepted_with(psbt: &Psbt, spent: &[TxOut]) -> bool {
    let bytes = serialize(&psbt.final_transaction().expect("every witness"));
    let all: Vec<_> = spent
        .iter()
        .map(|output| bitcoinconsensus::Utxo {
            script_pubkey: output.script_pubkey.as_bytes().as_ptr(),
            script_pubkey_len: output.script_pubkey.len() as u32,
            value: output.value.to_sat() as i64,
        })
        .collect();
    spent.iter().enumerate().all(|(input, output)| {
        let (script, value) = (output.script_pubkey.as_bytes(), output.value.to_sat());
        bitcoinconsensus::verify(script, value, &bytes, Some(&all), input).is_ok()
    })
}
