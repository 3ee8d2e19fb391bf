//! Sans-IO coordination of MuSig2 (BIP327) signing sessions: bytes in, bytes out.
//!
//! Several signers hold one Bitcoin key together, by MuSig2 ([BIP327]). To sign, they must agree on
//! the messages, exchange nonces and then partial signatures, over a network that loses messages,
//! while machines restart and some signers lie. In the end each signer has ordinary Schnorr
//! signatures ([BIP340]). This crate is the protocol between them, and nothing else: it has no
//! sockets, no clock, no threads, no randomness of its own and no `unsafe`. The same calls with the
//! same random bytes give the same outputs.
//!
//! Start at [`Node`]. It takes [`Command`]s from the application and [`Input`]s from the network,
//! and returns [`Output`]s: bytes to send, and [`Event`]s for the application. A [`Manifest`] says
//! what a signer is asked to sign, a [`SessionView`] shows the state of a session, and [`Config`]
//! has all settings.
//!
//! # How a session runs
//!
//! 1. One signer, the coordinator, proposes a session: it makes a manifest (signers, messages,
//!    tweaks, times), signs it, and announces it.
//! 2. The application of every other signer looks at the manifest and joins or declines. A join is
//!    consent to exactly this manifest, whose hash is the session's id.
//! 3. Round 1: each signer sends its public nonces, one for each item.
//! 4. Round 2: when a signer has everyone's nonces, it sends its partial signatures.
//! 5. Whoever has all partial signatures aggregates and verifies the final signatures.
//!
//! Every statement is signed by its author, so it does not matter who delivers it. Nodes keep
//! asking each other for what they lack. A signer that restarts with an empty memory says hello,
//! learns of its open sessions from the others, and joins again if its application approves again;
//! all signers then make fresh nonces.
//!
//! # A whole session
//!
//! Three signers in one function. What stands between the nodes, here a queue, is a transport.
//!
//! ```
//! use musig2_proto::{
//!     Audience, Command, Config, Contact, Destination, Event, Input, Message, Node, Output,
//!     Proposal, SecretKey, Source, Timestamp,
//! };
//! use std::collections::VecDeque;
//!
//! let mut rng = musig2_proto::rand_core::UnwrapErr(getrandom::SysRng);
//! let now = Timestamp::from_millis(1_800_000_000_000);
//! let (mut nodes, mut keys) = (Vec::new(), Vec::new());
//! for number in 0..3 {
//!     let mut node = Node::new(Config::default())?;
//!     keys.push(node.add_key(&SecretKey::new([number + 1; 32]))?);
//!     // The transport decides what a contact is. Here it is the number of the node.
//!     node.execute(now, &mut rng, Command::SetContact(Contact::new(vec![number])?))?;
//!     nodes.push(node);
//! }
//!
//! let proposal = Proposal::new(keys).with_message(Message::new([7; 32]));
//! let (session, created) = nodes[0].create_session(now, &mut rng, proposal)?;
//! let announce = Command::AnnounceSession { session, audience: Audience::Everyone };
//! let announced = nodes[0].execute(now, &mut rng, announce)?;
//!
//! // Carry out every output, in order, until there is nothing left to do.
//! let mut queue: VecDeque<_> =
//!     created.into_iter().chain(announced).map(|output| (0, output)).collect();
//! let mut finished = Vec::new();
//! while let Some((author, output)) = queue.pop_front() {
//!     let from = Source::new(vec![author as u8]);
//!     let mut answers = Vec::new();
//!     match output {
//!         Output::Publish(bytes) => {
//!             for other in (0..3).filter(|other| *other != author) {
//!                 let input = Input::Announcement { from: from.clone(), bytes: bytes.clone() };
//!                 answers.push((other, nodes[other].handle(now, &mut rng, input)));
//!             }
//!         }
//!         Output::Send { to, bytes } => {
//!             let other = match &to {
//!                 Destination::Contact(contact) => contact.as_bytes()[0],
//!                 Destination::Source(source) => source.as_bytes()[0],
//!             } as usize;
//!             answers.push((other, nodes[other].handle(now, &mut rng, Input::Frame { from, bytes })));
//!         }
//!         Output::Event(Event::SessionDiscovered { session }) => {
//!             // The application looks at what it would sign, and decides.
//!             let view = nodes[author].session(&session).expect("it was just discovered");
//!             assert_eq!(view.manifest.items().len(), 1);
//!             let join = Command::JoinSession { session };
//!             answers.push((author, nodes[author].execute(now, &mut rng, join)?));
//!         }
//!         Output::Event(Event::SessionComplete { signatures, .. }) => finished.push(signatures),
//!         Output::Report(report) => panic!("all three are honest, and yet: {report:?}"),
//!         _ => {}
//!     }
//!     for (node, outputs) in answers {
//!         queue.extend(outputs.into_iter().map(|output| (node, output)));
//!     }
//! }
//! assert_eq!(finished.len(), 3);
//! assert!(finished.iter().all(|signatures| *signatures == finished[0]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A real transport also loses messages. So call [`Node::handle`] with [`Input::Tick`] when
//! [`Node::next_deadline`] comes: then the nodes ask for what is missing.
//!
//! # Terms
//!
//! | term | meaning |
//! | --- | --- |
//! | signer | a holder of one of the session's keys, named by its position in the manifest: [`SignerIndex`] |
//! | coordinator | the signer that proposed the session |
//! | manifest | everything the signers agree on: keys, items, times, memo. Its hash is the [`SessionId`]. |
//! | item | one message to sign, and the tweaks from the aggregate key to the key that signs it: [`Item`] |
//! | statement | what a signer states about a session, under its signature: join, nonces, partial signatures, abort or decline ([`wire::statement`]) |
//! | board | the set of verified, signed statements that a node holds of a session. The session's [`Phase`] follows from it. |
//! | life | one run of a signer's signing state in a session, from joining to losing its memory or the end |
//! | boot | the random name of a life, 16 bytes: [`Boot`] |
//! | attempt | one try at signing, named by the hash of who restarted: [`AttemptId`]. A restart makes another attempt, with fresh nonces from everyone. |
//! | transcript | the hash of what partial signatures answer to: session, attempt, all nonces, aggregate nonces ([`Transcript`]) |
//! | released | a signer's partial signatures have left its node. Nothing takes them back. |
//! | contact | where a signer can be reached, in bytes that only the transport understands: [`Contact`] |
//! | reach | which signers a node can send to |
//! | source | the peer that a message came from, as the transport says. It proves nothing: [`Source`] |
//! | frame | one message from one node to another ([`wire::frame`]) |
//! | announcement, hello | what is published to everybody on a topic: a session can be joined, or a signer may have forgotten sessions ([`wire::announcement`], [`wire::hello`]) |
//! | evidence | a proof, checkable by anyone from bytes alone, that a signer broke the protocol: [`Evidence`] |
//!
//! # What a transport must do
//!
//! - Tell the node where it can be reached ([`Command::SetContact`]), and then, at every start, say
//!   hello ([`Command::SayHello`]), so that others can tell it what it has forgotten.
//! - Pass every received frame to [`Node::handle`] as [`Input::Frame`], with a [`Source`] by which
//!   the node can answer, and every publication on the topic as [`Input::Announcement`].
//! - Carry out the outputs in order: [`Output::Publish`] to everybody on the topic,
//!   [`Output::Send`] to one peer, [`Output::Event`] to the application.
//! - Pass the current time with every call, and call [`Node::handle`] with [`Input::Tick`] when
//!   [`Node::next_deadline`] comes, and every few seconds, because the clock may be set meanwhile.
//! - Pass the operating system's random generator with every call.
//! - Treat every contact as untrusted input: a peer may have made it up.
//!
//! Better still, it also reports [`Input::PeerConnected`], [`Input::PeerLost`] and
//! [`Input::AudienceGrew`], keeps connections to [`Node::co_signers`], slows down or disconnects
//! peers by the [`Severity`] of [`Output::Report`]s, and passes on gossip only if the node did not
//! report it. It need not be reliable, ordered, authenticated or fast: the protocol only asks that
//! bytes sometimes arrive. `examples/channels.rs` is a complete transport.
//!
//! # What an application must do
//!
//! - Decide. Only [`Command::CreateSession`], [`Command::JoinSession`] and
//!   [`Command::ResumeSession`] consent. Before joining, look at [`SessionView::manifest`] and
//!   [`SessionView::output_keys`].
//! - To survive its own crash, a proposer stores [`Node::announcement`] before it sends anything,
//!   and gives it to [`Command::ResumeSession`] afterwards. An application that stores final
//!   signatures gives them back to a new node with [`Command::TellSignatures`].
//!
//! # What must never be done
//!
//! - **Never copy a running node's state.** Do not snapshot, fork, migrate or restore its process
//!   or its virtual machine: a copy made between nonce and signature can sign twice with one nonce,
//!   and that reveals the secret key. No code can prevent it. A secret nonce exists only in memory,
//!   in a type that can be neither copied nor read, and signing consumes it; a node is not `Clone`,
//!   except on the simulator's engine.
//! - **Never pass a generator that repeats itself**: no fixed seed, no seed in a file, no image
//!   that boots twice from the same state.
//! - **Never run one key in two nodes at once.** They end each other's sessions
//!   ([`AbortCause::RivalInstance`]), or are convicted ([`Fault::ConcurrentInstances`]).
//! - **Never allow raw tweaks** ([`Config::allow_raw_tweaks`]) unless all signers trust every
//!   proposer.
//! - **Never take an abort for a revocation.** After `SessionAborted` with `released: true` the
//!   others may still finish. Final signatures stay valid.
//! - **Never blame a signer without [`Evidence`].** Silence, a decline, or a report about a peer
//!   proves nothing.
//!
//! # Where to read on
//!
//! - [`docs::protocol`], which is `PROTOCOL.md`: every byte and every rule.
//! - [`docs::security`], which is `SECURITY.md`: who the attackers are, and what each can do.
//! - [`docs::bounds`]: every bound in one table.
//! - [BIP327] (MuSig2), [BIP340] (Schnorr signatures), [BIP341] (taproot), [BIP328] (keys derived
//!   from an aggregate key).
//!
//! # Map of the source
//!
//! | module or file | subject |
//! | --- | --- |
//! | `base/` | bytes, hashes, times, ids, bounded lists, the codec |
//! | `crypto/` | the boundary to a MuSig2 engine: [`Crypto`] |
//! | `terms/` | what signers agree on: manifest, items, tweaks |
//! | `config.rs` | [`Config`] |
//! | [`wire`] | the messages, as `PROTOCOL.md` specifies them |
//! | `rules/` | what may be signed, and what proves a fault |
//! | `api/` | commands, inputs, outputs, events, views |
//! | `env/` | what a call carries: time, randomness, contacts, budgets |
//! | `session/` | one session: its board of signed statements, signing state, rounds, convergence, deadlines |
//! | `node/` | the public [`Node`]: commands, inputs, time; and what it remembers of sessions that are not open |
//!
//! Each of these imports only from those above it in this table.
//!
//! [BIP327]: https://github.com/bitcoin/bips/blob/master/bip-0327.mediawiki
//! [BIP328]: https://github.com/bitcoin/bips/blob/master/bip-0328.mediawiki
//! [BIP340]: https://github.com/bitcoin/bips/blob/master/bip-0340.mediawiki
//! [BIP341]: https://github.com/bitcoin/bips/blob/master/bip-0341.mediawiki

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)
)]

#[macro_use]
mod base;
mod api;
mod config;
mod crypto;
#[cfg(any(doc, doctest))]
pub mod docs;
mod env;
mod node;
mod rules;
mod session;
mod terms;
pub mod wire;

/// The traits of the random generator that every call takes, in the version that this crate is
/// built with. The operating system's generator is `rand_core::UnwrapErr(getrandom::SysRng)`: see
/// [`Node`].
pub use rand_core;

pub use api::abort::AbortCause;
pub use api::command::{Audience, Command, CommandError, KeyError, Proposal};
pub use api::event::{Event, SessionError};
pub use api::input::Input;
pub use api::offence::{Offence, Report, Severity};
pub use api::output::{Destination, Output};
pub use api::view::{ClockReading, Decliner, Phase, SessionView, SignerView};
pub use base::bounded::LengthError;
pub use base::bytes::{
    AggregateNonce, ChainCode, MerkleRoot, Message, ParseHexError, PartialSignature, PublicKey,
    PublicNonce, Signature, TweakScalar, XOnlyPublicKey,
};
pub use base::codec::DecodeError;
pub use base::ids::{AttemptId, Boot, Contact, SessionId, SignerIndex, Source, Transcript};
pub use base::secret::SecretKey;
pub use base::time::Timestamp;
pub use config::{Config, ConfigError, OnDecline, PhaseTimeout, Stepping, Topology};
#[cfg(feature = "k256")]
pub use crypto::K256;
#[cfg(feature = "libsecp256k1")]
pub use crypto::Libsecp256k1;
pub use crypto::{
    Crypto, DefaultCrypto, InvalidSecretKey, InvalidTweak, KeyAggregationError, PlainTweak,
    TweakKind,
};
pub use node::Node;
pub use rules::agreement::{ManifestError, OutputKey, OutputKeyError};
pub use rules::conviction::{Conviction, EvidenceError, Fault, MAX_EVIDENCE_SIZE};
pub use terms::item::Item;
pub use terms::manifest::{MAX_ITEMS, MAX_MEMO, MAX_SIGNERS, Manifest, Salt};
pub use terms::tweak::{DerivationPath, MAX_PATH, MAX_TWEAKS, Tweak, TweakError};
pub use wire::proof::{Evidence, MAX_JOINS, MAX_RESTARTS, Proof};
pub use wire::statement::{AbortReason, DeclineReason, Note};
