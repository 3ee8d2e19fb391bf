//! Transactions for tests.

use bitcoin::bip32::{ChildNumber, DerivationPath, Fingerprint};
use bitcoin::hashes::Hash;
use bitcoin::sighash::TapSighashType;
use bitcoin::{
    Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, XOnlyPublicKey,
};
use musig2_psbt::{Psbt, Wallet};

type Origins = std::collections::BTreeMap<
    XOnlyPublicKey,
    (Vec<bitcoin::TapLeafHash>, (Fingerprint, DerivationPath)),
>;

/// Somebody's script that is no wallet's.
pub fn stranger() -> ScriptBuf {
    ScriptBuf::from_hex(&format!("0014{}", "07".repeat(20))).unwrap()
}

/// A transaction in the making. The first input spends output 0 of transaction 1, and so on.
pub struct Draft(pub bitcoin::Psbt);

impl Draft {
    pub fn new() -> Self {
        let transaction = Transaction {
            version: bitcoin::transaction::Version::TWO,
            lock_time: bitcoin::absolute::LockTime::ZERO,
            input: Vec::new(),
            output: Vec::new(),
        };
        Self(bitcoin::Psbt::from_unsigned_tx(transaction).unwrap())
    }

    /// Spends an output of a wallet.
    pub fn spend(self, wallet: &Wallet, branch: u32, index: u32, sat: u64) -> Self {
        let script = wallet.address(branch, index).unwrap().address.script_pubkey();
        let mut draft = self.spend_script(script, sat);
        draft.0.inputs.last_mut().unwrap().tap_key_origins = origins(branch, index);
        draft
    }

    /// Spends an output with any script.
    pub fn spend_script(mut self, script_pubkey: ScriptBuf, sat: u64) -> Self {
        let number = self.0.inputs.len() as u16 + 1;
        let mut txid = [1; 32];
        txid[..2].copy_from_slice(&number.to_le_bytes());
        self.0.unsigned_tx.input.push(TxIn {
            previous_output: OutPoint::new(Txid::from_byte_array(txid), 0),
            sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
            ..TxIn::default()
        });
        self.0.inputs.push(bitcoin::psbt::Input {
            witness_utxo: Some(TxOut { value: Amount::from_sat(sat), script_pubkey }),
            ..Default::default()
        });
        self
    }

    /// Sets the sighash type of the last input.
    pub fn of_type(mut self, kind: TapSighashType) -> Self {
        self.0.inputs.last_mut().unwrap().sighash_type = Some(kind.into());
        self
    }

    /// Pays to an address of a wallet, and says so.
    pub fn pay(self, wallet: &Wallet, branch: u32, index: u32, sat: u64) -> Self {
        let script = wallet.address(branch, index).unwrap().address.script_pubkey();
        let mut draft = self.pay_script(script, sat);
        draft.0.outputs.last_mut().unwrap().tap_key_origins = origins(branch, index);
        draft
    }

    /// Pays to any script.
    pub fn pay_script(mut self, script_pubkey: ScriptBuf, sat: u64) -> Self {
        let output = TxOut { value: Amount::from_sat(sat), script_pubkey };
        self.0.unsigned_tx.output.push(output);
        self.0.outputs.push(bitcoin::psbt::Output::default());
        self
    }

    /// Changes the PSBT by hand.
    pub fn with(mut self, change: impl FnOnce(&mut bitcoin::Psbt)) -> Self {
        change(&mut self.0);
        self
    }

    pub fn psbt(&self) -> Psbt {
        Psbt::try_from(&self.0).unwrap()
    }
}

/// What a PSBT says of a key: only the end of the path counts here.
fn origins(branch: u32, index: u32) -> Origins {
    origins_of(Fingerprint::default(), branch, index)
}

/// What a PSBT says of a key under a master key's fingerprint.
pub fn origins_of(fingerprint: Fingerprint, branch: u32, index: u32) -> Origins {
    let path: Vec<_> = [branch, index].map(ChildNumber::from).into();
    // The generator of the curve: any key will do.
    let key = "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798".parse().unwrap();
    Origins::from([(key, (Vec::new(), (fingerprint, path.into())))])
}
