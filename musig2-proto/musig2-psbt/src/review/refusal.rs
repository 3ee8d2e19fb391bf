//! Why a transaction is not reviewed, or must not be signed as it is.

use bitcoin::OutPoint;

/// Why one of several transactions is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("transaction {transaction}: {why}")]
pub struct Refused {
    /// The transaction's position in the list, from 0.
    pub transaction: usize,
    /// Why.
    #[source]
    pub why: Refusal,
}

/// Why a transaction cannot be reviewed, or must not be signed as it is. Inputs and outputs are
/// counted from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// There is no transaction.
    #[error("there is no transaction")]
    NothingToReview,
    /// There are more transactions than [`MAX_TRANSACTIONS`](crate::MAX_TRANSACTIONS).
    #[error("{0} transactions; at most {max} are signed together", max = crate::MAX_TRANSACTIONS)]
    TooManyTransactions(usize),
    /// There is no wallet to review it with.
    #[error("no wallet is known: import the descriptor first")]
    NoWallet,
    /// The wallets are of different networks.
    #[error("the wallets are of different networks: review with those of one")]
    SeveralNetworks,
    /// The transaction has no inputs or no outputs.
    #[error("the transaction has no {0}: nobody accepts it")]
    Empty(&'static str),
    /// Others may still change the transaction (BIP370).
    #[error(
        "inputs or outputs may still be changed (flags 0x{0:02x}): have its constructor clear the \
         flags (BIP370)"
    )]
    Modifiable(u8),
    /// The same output is spent twice.
    #[error("{0} is spent twice: only one of them can ever be valid")]
    SpentTwice(OutPoint),
    /// An input spends what only a block's own transaction spends.
    #[error("input {0} spends no output: it is that of a coinbase transaction")]
    Coinbase(usize),
    /// The PSBT does not say what an input spends.
    #[error(
        "input {0}: its amount and script are missing. Every signature covers them, so have the \
         PSBT updated (utxoupdatepsbt), also if the input is another's"
    )]
    AmountMissing(usize),
    /// The two statements of what an input spends differ, or the transaction given is another.
    #[error("input {0}: the PSBT contradicts itself on what it spends. Do not sign it")]
    AmountContradicted(usize),
    /// More than there can be.
    #[error("{0} more than 21 million bitcoins: no such transaction is valid")]
    TooMuch(&'static str),
    /// Less is spent than is paid.
    #[error("the outputs are worth {0} sat more than the inputs: no such transaction is valid")]
    NegativeFee(u64),
    /// An input of a wallet has a type of sighash that does not exist for taproot.
    #[error("input {input}: 0x{number:x} is not a sighash type of taproot (BIP341)")]
    SighashType {
        /// The input.
        input: usize,
        /// Its type.
        number: u32,
    },
    /// `SIGHASH_SINGLE` without an output at the input's position (BIP341).
    #[error("input {0} signs the output at its position (SINGLE), and there is none")]
    SingleWithoutOutput(usize),
    /// The PSBT's internal key or merkle root is not the wallet's.
    #[error("input {0}: the PSBT's internal key or merkle root is not that of the wallet")]
    WrongTree(usize),
    /// A leaf's control block does not lead to the output key (BIP341).
    #[error("input {0}: a leaf script of the PSBT is not in the output that is spent")]
    WrongLeaf(usize),
    /// The PSBT names other participants for the wallet's key, or a key that is not the wallet's.
    #[error(
        "{what} {number}: the PSBT names MuSig2 participants that are not those of the wallet. Ask \
         its author which descriptor it was made with"
    )]
    WrongParticipants {
        /// `input` or `output`.
        what: &'static str,
        /// Which.
        number: usize,
    },
    /// A signature is there already, and is of another sighash type than the PSBT asks for.
    #[error("input {0} has a signature of another sighash type than the PSBT asks for")]
    SignatureType(usize),
    /// A signature is there already, and is not valid.
    #[error("input {0} has a signature that is not valid: have it removed")]
    SignatureInvalid(usize),
}
