//! Whether a manifest signs exactly what this signer recomputed.

use super::{Group, Task};
use crate::review::{Reviews, SpendPath};
use musig2_proto::{Item, Manifest, Message, PublicKey};
use std::collections::{BTreeMap, BTreeSet};

/// Why a manifest does not sign the transactions that it is shown with. Items and inputs are
/// counted from 0. Decline the session: somebody shows one thing and has another signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Disagreement {
    /// An item's message is no sighash of an input that these signers can sign.
    #[error(
        "item {item} signs something else than these transactions: its message is the sighash of \
         no input that these signers can sign"
    )]
    OtherMessage {
        /// The item.
        item: usize,
    },
    /// An item's tweaks lead to another key than the one that can spend the input.
    #[error("item {item} is signed by another key than that of input {input}: its tweaks differ")]
    OtherTweaks {
        /// The item.
        item: usize,
        /// The input.
        input: usize,
    },
    /// Two items sign the same input.
    #[error("item {item} signs input {input} of transaction {transaction} for a second time")]
    SignedTwice {
        /// The item.
        item: usize,
        /// The transaction.
        transaction: usize,
        /// The input.
        input: usize,
    },
    /// These signers can sign an input, and no item does.
    #[error(
        "no item signs input {input} of transaction {transaction} by {path}: the manifest leaves \
         something out"
    )]
    LeftOut {
        /// The transaction.
        transaction: usize,
        /// The input.
        input: usize,
        /// How these signers can spend it.
        path: SpendPath,
    },
}

impl Reviews {
    /// Compares a manifest with these transactions. Every item must be the sighash of another input
    /// with the tweaks of the key that can spend it, and every unsigned input that the manifest's
    /// signers are expected to sign must have an item. Returns what the session signs.
    ///
    /// A signer that joins only sessions that agree with transactions it has reviewed never signs
    /// anything else, whatever the proposer says.
    ///
    /// # Errors
    /// Names the first difference.
    pub fn agrees(&self, manifest: &Manifest) -> Result<Group, Disagreement> {
        self.agree(manifest.signers(), manifest.items())
    }

    fn agree(&self, signers: &[PublicKey], items: &[Item]) -> Result<Group, Disagreement> {
        let open: Vec<(bool, Task)> =
            self.tasks().filter(|(_, task)| task.spend.signers() == signers).collect();
        let mut by_message: BTreeMap<Message, Vec<&Task>> = BTreeMap::new();
        for (_, task) in &open {
            by_message.entry(task.spend.message).or_default().push(task);
        }
        let (mut tasks, mut signed) = (Vec::new(), BTreeSet::new());
        for (number, item) in items.iter().enumerate() {
            let candidates = by_message.get(item.message()).map(Vec::as_slice).unwrap_or_default();
            let first = candidates.first().ok_or(Disagreement::OtherMessage { item: number })?;
            let same = candidates.iter().find(|task| task.spend.tweaks == item.tweaks());
            let task =
                same.ok_or(Disagreement::OtherTweaks { item: number, input: first.input })?;
            let Task { transaction, input, .. } = **task;
            if !signed.insert((transaction, input)) {
                return Err(Disagreement::SignedTwice { item: number, transaction, input });
            }
            tasks.push(Task::clone(task));
        }
        // Whoever proposes may choose a leaf in place of the key path, and other signers' sessions
        // may sign it, but what these signers sign by default must not be missing.
        let missing = open.iter().find(|(is_chosen, task)| {
            *is_chosen && !signed.contains(&(task.transaction, task.input))
        });
        match missing {
            None => Ok(Group { signers: signers.to_vec(), tasks }),
            Some((_, Task { transaction, input, spend, .. })) => Err(Disagreement::LeftOut {
                transaction: *transaction,
                input: *input,
                path: spend.path,
            }),
        }
    }
}
