//! Signatures into PSBTs: BIP371's signature fields, BIP373's fields, and final witnesses.

use super::{Group, Task};
use crate::descriptor::OwnLeaf;
use crate::format::{Map, MusigFields, MusigKey, Psbt, PsbtError};
use crate::review::SpendPath;
use bitcoin::consensus::encode::serialize;
use bitcoin::hashes::{Hash, hash160, ripemd160, sha256, sha256d};
use bitcoin::{Sequence, TapLeafHash, Transaction, Witness, XOnlyPublicKey, absolute, relative};
use miniscript::Satisfier;
use musig2_proto::{Crypto, DefaultCrypto, PartialSignature, PublicKey, PublicNonce, Signature};

const IN_FINAL_SCRIPT_WITNESS: u8 = 0x08;
const IN_TAP_KEY_SIG: u8 = 0x13;
const IN_TAP_SCRIPT_SIG: u8 = 0x14;

/// What one signer contributed to one item of a session, for software that reads BIP373's fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contribution {
    /// The item's position, from 0.
    pub item: usize,
    /// The signer's key, as it is aggregated (33 bytes).
    pub signer: PublicKey,
    /// Its public nonce (66 bytes).
    pub nonce: PublicNonce,
    /// Its partial signature (32 bytes), if it is known.
    pub partial: Option<PartialSignature>,
}

/// Why signatures cannot be put into PSBTs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompletionError {
    /// There is not one signature for each item.
    #[error("{got} signatures for {want} items")]
    Count {
        /// How many signatures there are.
        got: usize,
        /// How many items.
        want: usize,
    },
    /// These are not the transactions that the group signs.
    #[error("transaction {0} is not the one that was signed")]
    OtherTransaction(usize),
    /// A signature is not valid for its item's message and key.
    #[error("the signature of item {0} is not valid for it")]
    Invalid(usize),
    /// A contribution is of no item or no signer of the group.
    #[error("a contribution is of item {0}, which has no such signer")]
    NotASigner(usize),
    /// The PSBT would not be valid, or would be too large.
    #[error(transparent)]
    Psbt(#[from] PsbtError),
}

impl Group {
    /// Returns the PSBTs with the group's signatures, which are those of the session's items in
    /// order. Each is verified first. An input that then has everything gets its final witness.
    /// Nothing else in the PSBTs changes, unknown fields included.
    ///
    /// # Errors
    /// If these are not the group's transactions, or a signature is missing or not valid.
    pub fn complete(
        &self,
        psbts: &[Psbt],
        signatures: &[Signature],
    ) -> Result<Vec<Psbt>, CompletionError> {
        let (got, want) = (signatures.len(), self.tasks.len());
        if got != want {
            return Err(CompletionError::Count { got, want });
        }
        for (item, (task, signature)) in self.tasks.iter().zip(signatures).enumerate() {
            let (key, message) = (task.spend.key.x_only(), task.spend.message);
            if !DefaultCrypto::verify(&key, message.as_bytes(), signature) {
                return Err(CompletionError::Invalid(item));
            }
        }
        let signed = self.changed(psbts, |item, task, map| {
            if let Some(signature) = signatures.get(item) {
                map.set(task.signature_key(), task.signature_value(signature));
            }
        })?;
        self.finalised(&signed)
    }

    /// Returns the PSBTs with BIP373's fields of this session: participants, nonces and partial
    /// signatures. Those of other sessions for the same keys give way, because nobody can add up
    /// partial signatures of different sessions.
    ///
    /// # Errors
    /// If these are not the group's transactions, or a contribution is of none of its items or
    /// signers.
    pub fn with_contributions(
        &self,
        psbts: &[Psbt],
        contributions: &[Contribution],
    ) -> Result<Vec<Psbt>, CompletionError> {
        let mut fields = vec![MusigFields::default(); self.tasks.len()];
        for one in contributions {
            let unknown = CompletionError::NotASigner(one.item);
            let task = self.tasks.get(one.item).ok_or(unknown.clone())?;
            let fields = fields.get_mut(one.item).ok_or(unknown.clone())?;
            if !self.signers.contains(&one.signer) {
                return Err(unknown);
            }
            let joint = &task.spend.joint_key;
            fields.participants.insert(joint.aggregate, joint.signers());
            let key = task.musig_key(one.signer);
            fields.nonces.insert(key, one.nonce);
            fields.partial_signatures.extend(one.partial.map(|partial| (key, partial)));
        }
        self.changed(psbts, |item, task, map| {
            let Some(fields) = fields.get(item).filter(|fields| fields.has_rounds()) else {
                return;
            };
            MusigFields::remove_rounds(map, &task.spend.key, task.leaf_hash());
            fields.write_to_input(map);
        })
    }

    /// Gives their final witnesses to the inputs that have all signatures.
    fn finalised(&self, psbts: &[Psbt]) -> Result<Vec<Psbt>, CompletionError> {
        let mut witnesses: Vec<Option<Witness>> = Vec::with_capacity(self.tasks.len());
        for task in &self.tasks {
            let psbt = psbts.get(task.transaction);
            witnesses.push(psbt.and_then(|psbt| task.witness(psbt)));
        }
        self.changed(psbts, |item, _, map| {
            if let Some(Some(witness)) = witnesses.get(item) {
                map.set(vec![IN_FINAL_SCRIPT_WITNESS], serialize(witness));
            }
        })
    }

    /// Changes the inputs that the group signs. Each PSBT is read again once.
    fn changed(
        &self,
        psbts: &[Psbt],
        mut change: impl FnMut(usize, &Task, &mut Map),
    ) -> Result<Vec<Psbt>, CompletionError> {
        let mut changed = Vec::with_capacity(psbts.len());
        for (transaction, psbt) in psbts.iter().enumerate() {
            let tasks = self.tasks.iter().enumerate();
            let tasks: Vec<_> = tasks.filter(|(_, task)| task.transaction == transaction).collect();
            let txid = psbt.txid();
            if tasks.iter().any(|(_, task)| task.txid != txid) {
                return Err(CompletionError::OtherTransaction(transaction));
            }
            if tasks.is_empty() {
                changed.push(psbt.clone());
                continue;
            }
            changed.push(psbt.with_inputs(|inputs| {
                for (item, task) in tasks {
                    if let Some(map) = inputs.get_mut(task.input) {
                        change(item, task, map);
                    }
                }
            })?);
        }
        let missing = self.tasks.iter().find(|task| task.transaction >= psbts.len());
        match missing {
            Some(task) => Err(CompletionError::OtherTransaction(task.transaction)),
            None => Ok(changed),
        }
    }
}

impl Task {
    const fn leaf_hash(&self) -> Option<TapLeafHash> {
        match self.spend.path {
            SpendPath::KeyPath => None,
            SpendPath::Leaf { hash, .. } => Some(hash),
        }
    }

    fn musig_key(&self, participant: PublicKey) -> MusigKey {
        MusigKey { participant, aggregate: self.spend.key, leaf: self.leaf_hash() }
    }

    fn signature_key(&self) -> Vec<u8> {
        match self.spend.path {
            SpendPath::KeyPath => vec![IN_TAP_KEY_SIG],
            SpendPath::Leaf { hash, .. } => {
                let key = self.spend.key.x_only();
                [&[IN_TAP_SCRIPT_SIG], &key.as_bytes()[..], hash.as_ref()].concat()
            }
        }
    }

    /// BIP341: the sighash type follows the signature if it is not the default.
    fn signature_value(&self, signature: &Signature) -> Vec<u8> {
        let mut value = signature.as_bytes().to_vec();
        let kind = self.sighash_type as u8;
        value.extend(Some(kind).filter(|&kind| kind != 0));
        value
    }

    /// Returns the input's final witness, if the PSBT has everything that it needs.
    fn witness(&self, psbt: &Psbt) -> Option<Witness> {
        let fields = psbt.fields().inputs.get(self.input)?;
        let Some(leaf) = &self.spend.leaf else {
            return Some(Witness::p2tr_key_spend(&fields.tap_key_sig?));
        };
        leaf.witness(&Signed { fields, transaction: psbt.transaction(), input: self.input })
    }
}

impl OwnLeaf {
    /// BIP341: the script's arguments, the script, the control block.
    fn witness(&self, signed: &Signed<'_>) -> Option<Witness> {
        let mut stack = self.miniscript.satisfy(signed).ok()?;
        stack.push(self.script.to_bytes());
        stack.push(self.control_block.serialize());
        Some(Witness::from_slice(&stack))
    }
}

/// What a PSBT has for satisfying a leaf.
struct Signed<'a> {
    fields: &'a bitcoin::psbt::Input,
    transaction: &'a Transaction,
    input: usize,
}

impl Signed<'_> {
    fn sequence(&self) -> Sequence {
        self.transaction.input.get(self.input).map_or(Sequence::MAX, |input| input.sequence)
    }
}

fn preimage(bytes: Option<&Vec<u8>>) -> Option<[u8; 32]> {
    bytes?.as_slice().try_into().ok()
}

impl Satisfier<XOnlyPublicKey> for Signed<'_> {
    fn lookup_tap_leaf_script_sig(
        &self,
        key: &XOnlyPublicKey,
        leaf: &TapLeafHash,
    ) -> Option<bitcoin::taproot::Signature> {
        self.fields.tap_script_sigs.get(&(*key, *leaf)).copied()
    }

    fn lookup_sha256(&self, hash: &sha256::Hash) -> Option<[u8; 32]> {
        preimage(self.fields.sha256_preimages.get(hash))
    }

    fn lookup_hash256(&self, hash: &miniscript::hash256::Hash) -> Option<[u8; 32]> {
        let hash = sha256d::Hash::from_byte_array(hash.to_byte_array());
        preimage(self.fields.hash256_preimages.get(&hash))
    }

    fn lookup_ripemd160(&self, hash: &ripemd160::Hash) -> Option<[u8; 32]> {
        preimage(self.fields.ripemd160_preimages.get(hash))
    }

    fn lookup_hash160(&self, hash: &hash160::Hash) -> Option<[u8; 32]> {
        preimage(self.fields.hash160_preimages.get(hash))
    }

    /// BIP68 and BIP112: a relative timelock needs version 2.
    fn check_older(&self, lock: relative::LockTime) -> bool {
        let age = self.sequence().to_relative_lock_time();
        self.transaction.version.0 >= 2 && age.is_some_and(|age| lock.is_implied_by(age))
    }

    /// BIP65: a lock time counts only if the input is not final.
    fn check_after(&self, lock: absolute::LockTime) -> bool {
        self.sequence() != Sequence::MAX && lock.is_implied_by(self.transaction.lock_time)
    }
}

impl Psbt {
    /// Returns the transaction with its witnesses, if every input has its final one. Nothing here
    /// verifies the witnesses of others.
    pub fn final_transaction(&self) -> Option<Transaction> {
        let mut transaction = self.transaction().clone();
        for (input, fields) in transaction.input.iter_mut().zip(&self.fields().inputs) {
            if fields.final_script_witness.is_none() && fields.final_script_sig.is_none() {
                return None;
            }
            input.witness = fields.final_script_witness.clone().unwrap_or_default();
            input.script_sig = fields.final_script_sig.clone().unwrap_or_default();
        }
        Some(transaction)
    }
}
