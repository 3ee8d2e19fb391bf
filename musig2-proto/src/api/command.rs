//! Commands: what an application tells a node to do.

use crate::api::offence::Offence;
use crate::base::bytes::{Message, PublicKey, Signature};
use crate::base::ids::{Contact, SessionId, SignerIndex};
use crate::crypto::InvalidSecretKey;
use crate::rules::agreement::ManifestError;
use crate::terms::item::Item;
use crate::wire::statement::{DeclineReason, Note};
use core::time::Duration;

/// A command to a [`Node`](crate::Node). Each says what it answers with. Each can fail with a
/// [`CommandError`], and then it changed nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// Set where this node can be reached. Joins that it signs from now on say so. Joins of earlier
    /// sessions keep what they said.
    SetContact(Contact),
    /// Tell the node where the application thinks another signer can be reached. An empty contact
    /// only says that the application knows this signer: its proposals then find room before
    /// strangers' proposals, and [`Node::signer`](crate::Node::signer) returns what is known of it.
    AddContact {
        /// The signer's key.
        signer: PublicKey,
        /// Its contact.
        contact: Contact,
    },
    /// Create a session. This is consent to sign it. Nothing is sent before the session is
    /// announced.
    ///
    /// The node answers with [`Event::SessionCreated`](crate::Event::SessionCreated). If
    /// `max_concurrent_sessions` of its own sessions are running, it also answers with
    /// [`Event::SessionQueued`](crate::Event::SessionQueued), and announces the session when one of
    /// them ends.
    CreateSession(Proposal),
    /// Tell the other signers about a session that was created here.
    AnnounceSession {
        /// The session.
        session: SessionId,
        /// Who is told about it.
        audience: Audience,
    },
    /// Consent to sign everything in a discovered session's manifest. If `max_concurrent_sessions`
    /// of its coordinator are running, the node joins this one when its turn comes: see
    /// [`Event::SessionQueued`](crate::Event::SessionQueued).
    ///
    /// Apart from [`Command::CreateSession`] and [`Command::ResumeSession`], no other command and
    /// no input ever consents.
    JoinSession {
        /// The session.
        session: SessionId,
    },
    /// Resume a session after this node lost its memory. The node discovers the session from the
    /// announcement that the application stored (see
    /// [`Node::announcement`](crate::Node::announcement)), and consents to it.
    ResumeSession {
        /// The announcement as [`Node::announcement`](crate::Node::announcement) returned it.
        announcement: Vec<u8>,
    },
    /// Restore the signatures of a session that this node had approved and signed before it lost
    /// its memory. The node does not join that session again. Until it expires, the node tells the
    /// signatures to signers of the session that ask for them, or that say hello because they may
    /// have forgotten.
    ///
    /// The node trusts nothing here: it checks the signatures like those of a frame. It reports
    /// them again with [`Event::SessionComplete`](crate::Event::SessionComplete). An application
    /// that stores what it signed should give it to a new node before anything else, because
    /// perhaps nobody else has these signatures.
    TellSignatures {
        /// The announcement as [`Node::announcement`](crate::Node::announcement) returned it.
        announcement: Vec<u8>,
        /// The signatures, one for each item, in the order of the manifest.
        signatures: Vec<Signature>,
    },
    /// Publish that this node is here and may have forgotten sessions. The node repeats this with
    /// growing pauses until no earlier session can be open any more. Nodes that remember such a
    /// session answer, and this node's application is asked again. Use this when a node starts,
    /// after setting its contact.
    SayHello,
    /// End this node's part in a session because the application has waited long enough. The effect
    /// is that of a phase that runs out of time, except that the others are told. This does not
    /// take back what the node released.
    GiveUp {
        /// The session.
        session: SessionId,
    },
    /// Forget a discovered session, or one that was refused
    /// ([`Event::SessionRefused`](crate::Event::SessionRefused)). With a reason, the proposer is
    /// told why, under this node's signature, and can end the session at once. Without a reason,
    /// the proposer learns nothing, and waits for this signer until the session's time is over.
    ///
    /// A decline shows the proposer that this node has one of the session's keys, and where the
    /// node is. Anyone can propose a session that names anyone's keys. So give a reason only to
    /// proposers that you sign with.
    DeclineSession {
        /// The session.
        session: SessionId,
        /// The reason that the proposer is told, if it is to be told.
        reason: Option<DeclineReason>,
    },
    /// With manual stepping, start round 1: make and send this attempt's nonces. The permission is
    /// for one attempt. After [`Event::AttemptRestarted`](crate::Event::AttemptRestarted) all three
    /// steps must be taken again.
    ShareNonces {
        /// The session.
        session: SessionId,
    },
    /// With manual stepping, start round 2: make and send this attempt's partial signatures.
    SharePartialSignatures {
        /// The session.
        session: SessionId,
    },
    /// With manual stepping, finish: aggregate the partial signatures.
    FinalizeSession {
        /// The session.
        session: SessionId,
    },
    /// End this node's part in a session and tell the other signers.
    AbortSession {
        /// The session.
        session: SessionId,
        /// The reason, for people.
        reason: Note,
    },
    /// Forget the ended sessions that no late signer can ask for any more. With
    /// `enable_auto_cleanup` this happens automatically.
    Cleanup,
}

/// Who is told about a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Audience {
    /// Everybody: the announcement is published, and also sent to the signers whose contacts are
    /// known.
    #[default]
    Everyone,
    /// Only the signers whose contacts are known. The announcement is sent to them, never
    /// published.
    KnownContacts,
}

/// What a new session is to sign, and who signs it.
///
/// ```
/// use musig2_proto::{Item, Message, Proposal, PublicKey, Tweak};
///
/// let signers = [[2; 33], [3; 33]].map(PublicKey::new);
/// let proposal = Proposal::new(signers)
///     .with_message(Message::new([7; 32]))
///     .with_item(
///         Item::new(Message::new([8; 32])).with_tweaks(vec![Tweak::BIP86]).expect("one tweak"),
///     );
/// assert_eq!(proposal.items().len(), 2);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    pub(crate) signers: Vec<PublicKey>,
    pub(crate) items: Vec<Item>,
    pub(crate) duration: Option<Duration>,
    pub(crate) memo: Vec<u8>,
    pub(crate) keep_order: bool,
}

impl Proposal {
    /// Makes a proposal to these signers, which must include a key of this node. The keys are
    /// sorted (BIP327 KeySort), unless [`Proposal::with_keep_order`] says otherwise.
    pub fn new(signers: impl IntoIterator<Item = PublicKey>) -> Self {
        Self {
            signers: signers.into_iter().collect(),
            items: Vec::new(),
            duration: None,
            memo: Vec::new(),
            keep_order: false,
        }
    }

    /// Adds a message, to be signed by the untweaked aggregate key.
    #[must_use]
    pub fn with_message(self, message: Message) -> Self {
        self.with_item(Item::new(message))
    }

    /// Adds an item.
    #[must_use]
    pub fn with_item(mut self, item: Item) -> Self {
        self.items.push(item);
        self
    }

    /// Sets how long the session lasts. The default is `max_session_duration`.
    #[must_use]
    pub fn with_duration(mut self, duration: Duration) -> Self {
        self.duration = Some(duration);
        self
    }

    /// Adds bytes for the other signers' applications.
    #[must_use]
    pub fn with_memo(mut self, memo: impl Into<Vec<u8>>) -> Self {
        self.memo = memo.into();
        self
    }

    /// Sets whether the keys are aggregated in the order given, and not sorted. Another order gives
    /// another aggregate key.
    #[must_use]
    pub fn with_keep_order(mut self, keep_order: bool) -> Self {
        self.keep_order = keep_order;
        self
    }

    /// Returns the signers in the order given.
    pub fn signers(&self) -> &[PublicKey] {
        &self.signers
    }

    /// Returns what is to be signed.
    pub fn items(&self) -> &[Item] {
        &self.items
    }
}

/// Why a command failed. Nothing changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// This node knows no session of this id.
    #[error("no session {0} is known here")]
    UnknownSession(SessionId),
    /// The session has ended.
    #[error("session {0} has ended")]
    Ended(SessionId),
    /// The session was not created here, or has already been announced.
    #[error("session {0} was not created here, or has been announced already")]
    NotToAnnounce(SessionId),
    /// The session has already been joined.
    #[error("session {0} has been joined already")]
    AlreadyJoined(SessionId),
    /// The session has not been joined.
    #[error("session {0} has not been joined: join it first")]
    NotJoined(SessionId),
    /// The session was created here and has not been announced.
    #[error("session {0} has not been announced: announce it first")]
    NotAnnounced(SessionId),
    /// This node's key has already joined the session under as many lives as one signer may have.
    #[error(
        "this key has joined session {0} as often as one signer may: it has restarted too often"
    )]
    RestartLimit(SessionId),
    /// The step needs statements that these signers have not sent yet.
    #[error("still waiting for signers {}", list(.0))]
    NotReady(Vec<SignerIndex>),
    /// None of this node's keys is among the signers.
    #[error("none of this node's keys is among the signers")]
    NotASigner,
    /// As many approved sessions as `max_queued_sessions` allows are waiting, or this one's
    /// coordinator has as many of these places as remain for all the others.
    #[error(
        "{0} approved sessions are waiting, and this coordinator may have no more of them: \
         wait for one to end, or raise `max_queued_sessions`"
    )]
    QueueFull(usize),
    /// This node has joined as many unexpired sessions as
    /// [`max_joined_names`](crate::Config::max_joined_names) allows. If a node forgot one, others
    /// could make it join that session again, until it convicted itself of having restarted too
    /// often.
    #[error(
        "this node joined {0} sessions that have not expired, and remembers no more: \
         wait for one to expire, or raise `max_joined_names`"
    )]
    TooManyJoined(usize),
    /// The manifest breaks a rule.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The bytes are not an announcement, or not one that may still be signed.
    #[error("announcement refused: {0}")]
    Announcement(Offence),
    /// The signatures do not verify for the session's items.
    #[error(
        "these are not the signatures of session {0}: \
         give one for each item, in the order of its manifest"
    )]
    FalseSignatures(SessionId),
    /// The announcement does not fit into `max_frame_size`.
    #[error(
        "the announcement needs a frame of {size} bytes; at most {max} are allowed: split the batch"
    )]
    TooLarge {
        /// Its size in bytes.
        size: usize,
        /// The largest that is allowed.
        max: usize,
    },
    /// The engine could not sign, or the random generator is broken.
    #[error("the engine could not sign: is the random generator working?")]
    CannotSign,
}

/// Why a node did not accept a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// It is not a valid secret key.
    #[error(transparent)]
    Invalid(#[from] InvalidSecretKey),
    /// The node already has it.
    #[error("the node already has this key")]
    Duplicate,
}

fn list(signers: &[SignerIndex]) -> String {
    signers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
