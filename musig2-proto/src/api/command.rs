//! What the application orders.

use crate::api::offence::Offence;
use crate::base::bytes::{Message, PublicKey, Signature};
use crate::base::ids::{Contact, SessionId, SignerIndex};
use crate::crypto::InvalidSecretKey;
use crate::rules::agreement::ManifestError;
use crate::terms::item::Item;
use crate::wire::statement::{DeclineReason, Note};
use core::time::Duration;

/// An order to a [`Node`](crate::Node). Each says what it answers with; all can fail with a [`CommandError`], and then changed nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// Where this node can be reached, for the joins it signs from now on; sessions that are joined keep what they said.
    SetContact(Contact),
    /// Where another signer can be reached, by what the application knows. An empty contact says only that it is no stranger to this application:
    /// what it proposes finds room before strangers' proposals, and [`Node::signer`](crate::Node::signer) tells of it.
    AddContact {
        /// Whose contact it is.
        signer: PublicKey,
        /// Where.
        contact: Contact,
    },
    /// Make a session. This is consent to sign it; nothing is sent until it is announced.
    /// Answers with [`Event::SessionCreated`](crate::Event::SessionCreated), and with [`Event::SessionQueued`](crate::Event::SessionQueued) if
    /// `max_concurrent_sessions` of this node's own sessions are running: it is announced when one of them ends.
    CreateSession(Proposal),
    /// Tell the other signers of a session made here.
    AnnounceSession {
        /// Which.
        session: SessionId,
        /// Who is told.
        audience: Audience,
    },
    /// Consent to sign everything in a discovered session's manifest. Nothing else ever does. If `max_concurrent_sessions` of its coordinator are
    /// running, it is joined when its turn comes: see [`Event::SessionQueued`](crate::Event::SessionQueued).
    JoinSession {
        /// Which.
        session: SessionId,
    },
    /// Take up a session again after this node lost its memory: discover it by the announcement that the application kept
    /// (see [`Node::announcement`](crate::Node::announcement)), and consent to it.
    ResumeSession {
        /// As [`Node::announcement`](crate::Node::announcement) gave it.
        announcement: Vec<u8>,
    },
    /// Know again how a session ended that this node had approved and signed before it lost its memory: it is not joined again, and its signers who
    /// ask, or whom this node hears to have forgotten, are told the signatures until it expires. Whatever proves itself is taken: the signatures are
    /// checked like those of a frame, and [`Event::SessionComplete`](crate::Event::SessionComplete) tells them again. An application that keeps what it signed gives it to
    /// a new node before anything else: perhaps nobody else has these signatures.
    TellSignatures {
        /// As [`Node::announcement`](crate::Node::announcement) gave it.
        announcement: Vec<u8>,
        /// One for each item, in the order of the manifest.
        signatures: Vec<Signature>,
    },
    /// Publish that this node is here and may have forgotten sessions, now and with growing pauses until none from before can be open
    /// any more. Those who remember it answer, and its application is asked again. For the start of a node; set its contact first.
    SayHello,
    /// End this node's part in a session, because it has waited long enough: as if a phase had run out of time, and the others are told so. It does not take
    /// back what this node released.
    GiveUp {
        /// Which.
        session: SessionId,
    },
    /// Forget a discovered session, or one that was refused ([`Event::SessionRefused`](crate::Event::SessionRefused)). With a reason, its
    /// proposer is told why, under this node's signature, and can end the session at once; without one it learns nothing, and waits for this signer
    /// until the session's time is over.
    ///
    /// A decline shows the proposer that this node has one of the session's keys, and where it is. Anyone can propose a session that names anyone's
    /// keys: give a reason only to proposers that you sign with.
    DeclineSession {
        /// Which.
        session: SessionId,
        /// What the proposer is told, if it is told.
        reason: Option<DeclineReason>,
    },
    /// Round 1, where stepping is manual: make and send this attempt's nonces. Permission is for one attempt: after
    /// [`Event::AttemptRestarted`](crate::Event::AttemptRestarted) all three steps are to be taken again.
    ShareNonces {
        /// Which.
        session: SessionId,
    },
    /// Round 2, where stepping is manual: make and send this attempt's partial signatures.
    SharePartialSignatures {
        /// Which.
        session: SessionId,
    },
    /// The end, where stepping is manual: put the partial signatures together.
    FinalizeSession {
        /// Which.
        session: SessionId,
    },
    /// End this node's part in a session and tell the other signers.
    AbortSession {
        /// Which.
        session: SessionId,
        /// For people.
        reason: Note,
    },
    /// Forget the ended sessions that no laggard can ask for any more. Runs by itself with `enable_auto_cleanup`.
    Cleanup,
}

/// Who is told of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Audience {
    /// Everybody, by publishing the announcement; known contacts also directly.
    #[default]
    Everyone,
    /// The signers whose contacts are known, directly, and nobody else.
    KnownContacts,
}

/// What a new session is to sign, and with whom.
///
/// ```
/// use musig2_proto::{Item, Message, Proposal, PublicKey, Tweak};
///
/// let signers = [[2; 33], [3; 33]].map(PublicKey::new);
/// let proposal = Proposal::new(signers)
///     .with_message(Message::new([7; 32]))
///     .with_item(Item::new(Message::new([8; 32])).with_tweaks(vec![Tweak::BIP86]).expect("one tweak"));
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
    /// For these signers, this node's own key among them. They are sorted (BIP327 KeySort) unless [`Proposal::keep_order`] says otherwise.
    pub fn new(signers: impl IntoIterator<Item = PublicKey>) -> Self {
        Self {
            signers: signers.into_iter().collect(),
            items: Vec::new(),
            duration: None,
            memo: Vec::new(),
            keep_order: false,
        }
    }

    /// And this message, under the aggregate key as it is.
    #[must_use]
    pub fn with_message(self, message: Message) -> Self {
        self.with_item(Item::new(message))
    }

    /// And this item.
    #[must_use]
    pub fn with_item(mut self, item: Item) -> Self {
        self.items.push(item);
        self
    }

    /// To be signed within this time; `max_session_duration` unless set.
    #[must_use]
    pub fn with_duration(mut self, duration: Duration) -> Self {
        self.duration = Some(duration);
        self
    }

    /// With bytes for the other signers' applications.
    #[must_use]
    pub fn with_memo(mut self, memo: impl Into<Vec<u8>>) -> Self {
        self.memo = memo.into();
        self
    }

    /// Aggregate the keys in the order given. Another order is another aggregate key.
    #[must_use]
    pub fn keep_order(mut self) -> Self {
        self.keep_order = true;
        self
    }

    /// Who signs, in the order given.
    pub fn signers(&self) -> &[PublicKey] {
        &self.signers
    }

    /// What is to be signed.
    pub fn items(&self) -> &[Item] {
        &self.items
    }
}

/// Why an order was not carried out. Nothing changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// No session of this id is known here.
    #[error("no session {0} is known here")]
    UnknownSession(SessionId),
    /// The session has ended.
    #[error("session {0} has ended")]
    Ended(SessionId),
    /// The session was not made here, or has been announced already.
    #[error("session {0} was not created here, or has been announced already")]
    NotToAnnounce(SessionId),
    /// The session has been joined already.
    #[error("session {0} has been joined already")]
    AlreadyJoined(SessionId),
    /// The session has not been joined.
    #[error("session {0} has not been joined: join it first")]
    NotJoined(SessionId),
    /// The session was made here and has not been announced.
    #[error("session {0} has not been announced: announce it first")]
    NotAnnounced(SessionId),
    /// This node's key has joined the session under as many lives as one signer may have.
    #[error(
        "this key has joined session {0} as often as one signer may: it has restarted too often"
    )]
    RestartLimit(SessionId),
    /// The step needs what others have not sent yet.
    #[error("still waiting for signers {}", list(.0))]
    NotReady(Vec<SignerIndex>),
    /// None of this node's keys is among the signers.
    #[error("none of this node's keys is among the signers")]
    NotASigner,
    /// As many approved sessions as `max_queued_sessions` allows wait for their turn, or this one's coordinator has as many of them as are left for all others.
    #[error(
        "{0} approved sessions are waiting, and this coordinator may have no more of them: \
         wait for one to end, or raise `max_queued_sessions`"
    )]
    QueueFull(usize),
    /// As many sessions as [`max_joined_names`](crate::Config::max_joined_names) allows were joined here and have not expired. A node that forgot
    /// one could be made to join it again, and so to convict itself of having restarted too often.
    #[error(
        "this node joined {0} sessions that have not expired, and remembers no more: \
         wait for one to expire, or raise `max_joined_names`"
    )]
    TooManyJoined(usize),
    /// The manifest breaks a rule.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// What was given is not an announcement, or not one that may still be signed.
    #[error("announcement refused: {0}")]
    Announcement(Offence),
    /// The signatures are not those of the session's items.
    #[error(
        "these are not the signatures of session {0}: \
         give one for each item, in the order of its manifest"
    )]
    FalseSignatures(SessionId),
    /// The announcement would be larger than `max_frame_size`.
    #[error(
        "the announcement needs a frame of {size} bytes; at most {max} are allowed: split the batch"
    )]
    TooLarge {
        /// Its size in bytes.
        size: usize,
        /// The largest.
        max: usize,
    },
    /// The engine could not sign, or the random generator is broken.
    #[error("the engine could not sign: is the random generator working?")]
    CannotSign,
}

/// Why a key was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It is not a valid secret key.
    #[error(transparent)]
    Invalid(#[from] InvalidSecretKey),
    /// The node has it.
    #[error("the node already has this key")]
    Duplicate,
}

fn list(signers: &[SignerIndex]) -> String {
    signers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
