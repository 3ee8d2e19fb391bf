//! From reviews to sessions, and from signatures to signed transactions.
//!
//! | file | subject |
//! | --- | --- |
//! | `mod.rs` | [`Group`]: what one session signs |
//! | `agree.rs` | whether a manifest signs what this signer recomputed |
//! | `complete.rs` | signatures into PSBTs, and the final witnesses |

mod agree;
mod complete;

pub use agree::Disagreement;
pub use complete::{CompletionError, Contribution};

use crate::review::{InputOwner, InputState, Review, Reviews, Spend};
use bitcoin::Txid;
use bitcoin::sighash::TapSighashType;
use musig2_proto::{Item, LengthError, Proposal, PublicKey};
use std::collections::BTreeMap;

/// What one session signs: all inputs of some transactions that the same keys, in the same order,
/// sign together.
///
/// A transaction needs several sessions if its inputs have different participants: leaves with
/// subsets of the signers, and wallets that derive before they aggregate
/// (`musig(A/<0;1>/*,B/<0;1>/*)`), whose addresses have participants of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Group {
    /// The session's signers, in the order of aggregation.
    pub signers: Vec<PublicKey>,
    /// What is signed, in the order of the session's items.
    pub tasks: Vec<Task>,
}

/// One input that a session signs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Task {
    /// The transaction's position in the list, from 0.
    pub transaction: usize,
    /// Its id.
    pub txid: Txid,
    /// The input, from 0.
    pub input: usize,
    /// What the signature covers.
    pub sighash_type: TapSighashType,
    /// How the input is spent.
    pub spend: Spend,
}

impl Reviews {
    /// Returns the sessions that this signer can propose: for each input that it can sign and that
    /// is not signed yet, the way that is chosen.
    pub fn groups(&self) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        let mut known: BTreeMap<Vec<PublicKey>, usize> = BTreeMap::new();
        for task in self.tasks().filter(|(is_chosen, _)| *is_chosen).map(|(_, task)| task) {
            let signers = task.spend.signers();
            let number = *known.entry(signers.clone()).or_insert_with(|| {
                groups.push(Group { signers, tasks: Vec::new() });
                groups.len() - 1
            });
            if let Some(group) = groups.get_mut(number) {
                group.tasks.push(task);
            }
        }
        groups
    }

    /// Returns the same reviews with a group's ways to spend chosen: what the text then shows, what
    /// a policy then judges, and what the fee is computed for.
    #[must_use]
    pub fn with_chosen(mut self, group: &Group) -> Self {
        for task in &group.tasks {
            let Some(review) = self.0.get_mut(task.transaction) else { continue };
            review.choose(task.input, &task.spend);
        }
        self
    }

    /// Returns every open way to spend every unsigned input, and whether it is the chosen one.
    fn tasks(&self) -> impl Iterator<Item = (bool, Task)> {
        let reviews = self.iter().enumerate();
        reviews.flat_map(|(transaction, review)| review.tasks(transaction))
    }
}

impl Review {
    fn tasks(&self, transaction: usize) -> impl Iterator<Item = (bool, Task)> {
        self.inputs.iter().enumerate().flat_map(move |(input, reviewed)| {
            let chosen = reviewed.chosen();
            let is_unsigned = reviewed.state == InputState::Unsigned
                && !reviewed.spends().iter().any(|spend| spend.is_signed);
            let open = reviewed.spends().iter().filter(move |spend| is_unsigned && spend.is_open());
            let sighash_type = reviewed.sighash_type().unwrap_or(TapSighashType::Default);
            open.map(move |spend| {
                let is_chosen = chosen == Some(spend);
                let spend = spend.clone();
                (is_chosen, Task { transaction, txid: self.txid, input, sighash_type, spend })
            })
        })
    }

    fn choose(&mut self, input: usize, spend: &Spend) {
        let Some(reviewed) = self.inputs.get_mut(input) else { return };
        if let InputOwner::Wallet { spends, chosen, .. } = &mut reviewed.owner {
            *chosen = spends.iter().position(|one| one == spend).or(*chosen);
        }
    }
}

impl Group {
    /// Returns the session's items, in order: each message, and the tweaks to the key that signs.
    ///
    /// # Errors
    /// If an input needs more tweaks than an item has room for. No descriptor does.
    pub fn items(&self) -> Result<Vec<Item>, LengthError> {
        self.tasks.iter().map(Task::item).collect()
    }

    /// Returns the proposal of the session. The keys keep their order, because another order gives
    /// another aggregate key.
    ///
    /// # Errors
    /// As [`Group::items`].
    pub fn proposal(&self) -> Result<Proposal, LengthError> {
        let proposal = Proposal::new(self.signers.iter().copied()).with_keep_order(true);
        Ok(self.items()?.into_iter().fold(proposal, Proposal::with_item))
    }
}

impl Task {
    fn item(&self) -> Result<Item, LengthError> {
        Item::new(self.spend.message).with_tweaks(self.spend.tweaks.clone())
    }
}
