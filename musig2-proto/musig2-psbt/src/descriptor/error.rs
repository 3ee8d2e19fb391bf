//! Why a text is not a wallet's descriptor.

use musig2_proto::KeyAggregationError;

/// Why a descriptor or a policy is refused. No message repeats a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DescriptorError {
    /// The text is longer than [`MAX_DESCRIPTOR_SIZE`](crate::MAX_DESCRIPTOR_SIZE).
    #[error(
        "the descriptor has {0} bytes; at most {max} are allowed",
        max = super::MAX_DESCRIPTOR_SIZE
    )]
    TooLong(usize),
    /// The checksum behind `#` is not that of the text, or the text has characters that no
    /// descriptor has.
    #[error("the descriptor's checksum is wrong ({0}): copy the whole line again")]
    Checksum(String),
    /// It is neither `tr(…)` nor `rawtr(…)`.
    #[error("only tr(…) and rawtr(…) can hold a MuSig2 key: this is another kind of descriptor")]
    Kind,
    /// A `musig(…)` is not closed, is nested in another, or does not stand where a key does.
    #[error("a musig(…) is not closed, is inside another one, or stands where no key can")]
    Musig,
    /// A `musig()` names no key.
    #[error("a musig() names no key")]
    NoParticipants,
    /// A `musig()` names more keys than a session can have signers.
    #[error("a musig() names {0} keys; at most {max} can sign", max = musig2_proto::MAX_SIGNERS)]
    TooManyParticipants(usize),
    /// The same key is there twice in one `musig()`.
    #[error("a musig() has the same key twice: each signer needs a key of its own")]
    DuplicateParticipant,
    /// A participant is not a whole public key.
    #[error("a musig() needs whole keys (33 bytes) or xpubs, and this one has an x-only key")]
    XOnlyParticipant,
    /// `musig(…)/…` has a participant that is not an extended key (BIP390).
    #[error("a musig() with a path behind it needs an xpub for each signer (BIP390)")]
    NotExtended,
    /// Both the `musig()` and its participants have paths that vary (BIP390).
    #[error("a musig() with a path behind it cannot have * or <…;…> inside it too (BIP390)")]
    RangedTwice,
    /// A path has a hardened step, which nobody can derive from a public key.
    #[error(
        "a path has a hardened step behind the key: only the owner of the secret can derive it"
    )]
    Hardened,
    /// The keys' `<…;…>` have different numbers of choices.
    #[error("the keys have different numbers of choices in <…;…>")]
    Multipath,
    /// A private key is in the text.
    #[error(
        "the descriptor has a private key in it: give the public one; a wallet needs no secret"
    )]
    PrivateKey,
    /// A key cannot be read.
    #[error("a key cannot be read: {0}")]
    Key(String),
    /// The keys cannot be aggregated.
    #[error(transparent)]
    Aggregation(#[from] KeyAggregationError),
    /// The script tree or one of its leaves is not valid, or nobody should use it.
    #[error("the script tree is not valid or not safe: {0}")]
    Script(String),
    /// An extended key is of another network.
    #[error("an extended key is of another network than the wallet: xpub is main, tpub is test")]
    Network,
    /// A policy breaks a rule of BIP388.
    #[error("not a valid wallet policy (BIP388): {0}")]
    Policy(&'static str),
    /// There is no such address.
    #[error("address {index} does not exist: numbers go up to 2^31 - 1")]
    Index {
        /// The number that was asked for.
        index: u32,
    },
    /// The wallet has no such branch.
    #[error("the wallet has no branch {0}: its descriptor names no change addresses")]
    Branch(u32),
}
