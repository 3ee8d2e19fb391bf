//! What a transaction does, recomputed from the transaction itself.
//!
//! | file | subject |
//! | --- | --- |
//! | `mod.rs` | [`Review`], [`Reviews`] |
//! | `coins.rs` | what the inputs spend |
//! | `input.rs` | [`ReviewedInput`] |
//! | `spend.rs` | [`Spend`]: a way to spend an input, and the message that is signed for it |
//! | `output.rs` | [`ReviewedOutput`]: who is paid |
//! | `fee.rs` | [`Fee`], and the size of the final transaction |
//! | `text.rs` | a review as people read it |
//! | `refusal.rs` | [`Refusal`]: what cannot be reviewed, or must not be signed |

mod coins;
mod fee;
mod input;
mod output;
mod refusal;
mod spend;
mod text;

pub use fee::Fee;
pub use input::{InputOwner, InputState, ReviewedInput};
pub use output::{Recipient, ReviewedOutput};
pub use refusal::{Refusal, Refused};
pub use spend::{Spend, SpendPath, Unmet};

use crate::format::Psbt;
use crate::wallet::{Finder, Wallet};
use bitcoin::absolute::LockTime;
use bitcoin::{Amount, Network, Txid};
use coins::Coin;
use input::Inspector;
use musig2_proto::PublicKey;
use serde::Serialize;

/// The most transactions that are reviewed together. All that they spend, at most 21 million
/// bitcoins each, can then be counted in 64 bits.
pub const MAX_TRANSACTIONS: usize = 1024;

/// What one transaction does, as this signer sees it.
///
/// Everything in it is computed from the unsigned transaction, from the outputs that it spends, and
/// from the wallets' descriptors. A PSBT's other fields say only where to look.
///
/// It knows nothing of the chain: not whether the spent outputs exist and are confirmed, nor
/// whether another transaction spends them, too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Review {
    /// The transaction's id. Signatures do not change it, unless an input is not segwit.
    pub txid: Txid,
    /// The network of the addresses.
    pub network: Network,
    /// The transaction's version. Relative timelocks need at least 2.
    pub version: i32,
    /// The transaction's lock time.
    pub lock_time: LockTime,
    /// Whether the transaction says that it may be replaced (BIP125). Every version that was signed
    /// stays spendable.
    pub is_replaceable: bool,
    /// What is spent.
    pub inputs: Vec<ReviewedInput>,
    /// Who is paid.
    pub outputs: Vec<ReviewedOutput>,
    /// What it costs.
    pub fee: Fee,
}

/// The reviews of several transactions that are signed together. One may spend another's outputs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Reviews(pub(crate) Vec<Review>);

impl Review {
    /// Reviews a transaction for the signer that holds `own_keys`, with the wallets that it knows.
    /// A key is one that a wallet names, or one derived from it.
    ///
    /// # Errors
    /// Says why the transaction cannot be reviewed, or must not be signed as it is.
    pub fn of(psbt: &Psbt, wallets: &[Wallet], own_keys: &[PublicKey]) -> Result<Self, Refusal> {
        let reviews = Reviews::of(core::slice::from_ref(psbt), wallets, own_keys);
        let reviews = reviews.map_err(|refused| refused.why)?;
        // There are as many reviews as transactions.
        reviews.0.into_iter().next().ok_or(Refusal::NothingToReview)
    }

    fn new(
        psbt: &Psbt,
        coins: &[Coin],
        finder: &mut Finder<'_>,
        network: Network,
        own_keys: &[PublicKey],
    ) -> Result<Self, Refusal> {
        let transaction = psbt.transaction();
        let inputs = Inspector::new(psbt, coins, own_keys).inputs(finder, network)?;
        let sources = inputs.iter().filter_map(ReviewedInput::wallet).collect();
        let outputs = output::outputs(psbt, finder, network, &sources)?;
        let fee = Fee::of(psbt, &inputs)?;
        Ok(Self {
            txid: psbt.txid(),
            network,
            version: transaction.version.0,
            lock_time: transaction.lock_time,
            is_replaceable: transaction.is_explicitly_rbf(),
            inputs,
            outputs,
            fee,
        })
    }

    /// Returns what leaves the wallets that the transaction spends from, fee included: what is
    /// spent of theirs, less their change.
    pub fn outflow(&self) -> Amount {
        let spent = self.inputs.iter().filter(|input| input.wallet().is_some());
        let spent: Amount = spent.map(|input| input.amount).sum();
        let back = self.outputs.iter().filter(|output| output.is_change());
        let back: Amount = back.map(|output| output.amount).sum();
        spent.checked_sub(back).unwrap_or(Amount::ZERO)
    }
}

impl Reviews {
    /// Reviews transactions that are signed together. The outputs that one spends may be another's.
    ///
    /// # Errors
    /// Names the first transaction that cannot be reviewed, and says why.
    pub fn of(psbts: &[Psbt], wallets: &[Wallet], own_keys: &[PublicKey]) -> Result<Self, Refused> {
        let network = network(wallets).map_err(|why| Refused { transaction: 0, why })?;
        if psbts.is_empty() {
            return Err(Refused { transaction: 0, why: Refusal::NothingToReview });
        }
        if psbts.len() > MAX_TRANSACTIONS {
            let why = Refusal::TooManyTransactions(psbts.len());
            return Err(Refused { transaction: MAX_TRANSACTIONS, why });
        }
        let coins = coins::spent(psbts)?;
        let mut finder = Finder::new(wallets);
        let reviews = psbts.iter().zip(&coins).enumerate().map(|(transaction, (psbt, coins))| {
            Review::new(psbt, coins, &mut finder, network, own_keys)
                .map_err(|why| Refused { transaction, why })
        });
        reviews.collect::<Result<_, _>>().map(Self)
    }

    /// Returns what leaves the wallets in all transactions together, fees included. Change that is
    /// spent again in the same list counts once.
    pub fn outflow(&self) -> Amount {
        self.0.iter().map(Review::outflow).sum()
    }
}

impl core::ops::Deref for Reviews {
    type Target = [Review];
    fn deref(&self) -> &[Review] {
        &self.0
    }
}

fn network(wallets: &[Wallet]) -> Result<Network, Refusal> {
    let first = wallets.first().ok_or(Refusal::NoWallet)?.network();
    match wallets.iter().all(|wallet| wallet.network() == first) {
        true => Ok(first),
        false => Err(Refusal::SeveralNetworks),
    }
}
