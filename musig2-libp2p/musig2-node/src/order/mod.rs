//! What to sign and with whom: options of `propose`, or a request to a daemon.

use crate::order::item::{Item, content};
use crate::text::{Text, Written};
mod item;
mod peer;
mod tweaks;

pub(crate) use peer::Peer;
pub(crate) use tweaks::TweakArgs;

use clap::Args;
use musig2_libp2p::PeerContact;
use musig2_libp2p::libp2p::multiaddr::Protocol;
use musig2_libp2p::musig2_proto::{self, Message, Proposal, PublicKey};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// How much longer a session lasts than the proposer waits for it: as much as signers' clocks may
/// differ.
pub(crate) const MARGIN: Duration = Duration::from_secs(30);

/// With [`MARGIN`], the ten minutes that co-signers accept by default.
const MAX_TIMEOUT: u64 = 570;

/// What is wrong with an order: its input must change.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// What to sign, with whom.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Order {
    /// A co-signer's public key (33 bytes in hex); may be repeated. Your own key is added. Keys are
    /// sorted (BIP327 KeySort) unless --keep-order is given
    #[arg(long, value_name = "PUBKEY", required = true, num_args = 1..)]
    signer: Vec<Text<PublicKey>>,
    /// A message to sign (32 bytes in hex), with the tweaks of the options below; may be repeated
    #[arg(long, value_name = "HEX32", required_unless_present = "item", num_args = 1..)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    message: Vec<Text<Message>>,
    /// A message with its own tweaks, instead of --message: HEX32[,bip32=PATH][,bip86 or
    /// ,root=HEX32]. These mean the same as --bip32, --bip86 and --taproot-root; may be repeated
    #[arg(long, value_name = "HEX32[,TWEAK]", num_args = 1.., conflicts_with_all = ["message", "TweakArgs"])]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    item: Vec<Text<Item>>,
    #[command(flatten)]
    #[serde(default)]
    tweaks: TweakArgs,
    /// A memo that the co-signers see before they sign
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    #[serde(default)]
    memo: String,
    /// Aggregate the keys in the order given, your own first unless you list it; a different order
    /// gives a different key
    #[arg(long)]
    #[serde(default)]
    keep_order: bool,
    /// Tell only the co-signers about the session, instead of announcing it to everybody. It
    /// reaches the co-signers at the addresses from --contact or, with a daemon, also from earlier
    /// sessions
    #[arg(long)]
    #[serde(default)]
    private: bool,
    /// Where a co-signer can be reached: PUBKEY=/ip4/192.0.2.1/tcp/4001/p2p/12D3KooW...; may be
    /// repeated
    #[arg(long, value_name = "PUBKEY=ADDR")]
    #[serde(default)]
    contact: Vec<Text<SignerContact>>,
    /// How long to wait for the signatures, in seconds; then the proposer ends its part. The
    /// session itself lasts 30 s longer, because signers' clocks may differ: at most ten minutes in
    /// total
    #[arg(long, value_name = "SECS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=MAX_TIMEOUT))]
    timeout: u64,
}

/// Where a signer can be reached.
#[derive(Debug, Clone)]
struct SignerContact {
    signer: PublicKey,
    address: Peer,
}

impl Order {
    /// How long to wait for the signatures.
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }

    /// Returns the signers that the order names.
    pub(crate) fn signers(&self) -> impl Iterator<Item = PublicKey> {
        self.signer.iter().map(|Text(signer)| *signer)
    }

    /// Returns whether only the co-signers are told.
    pub(crate) fn is_private(&self) -> bool {
        self.private
    }

    /// Returns whether only the co-signers are told, while a new process knows where none of them
    /// is.
    pub(crate) fn knows_nobody(&self) -> bool {
        self.private && self.contact.is_empty()
    }

    /// Returns where signers can be reached, as far as the order says it.
    pub(crate) fn contacts(&self) -> Result<Vec<(PublicKey, PeerContact)>, Usage> {
        let contact = |Text(SignerContact { signer, address }): &Text<SignerContact>| {
            Ok((*signer, contact(address)?))
        };
        self.contact.iter().map(contact).collect()
    }

    /// Makes the proposal, or says what is wrong with the order.
    pub(crate) fn proposal(&self, own: PublicKey) -> Result<Proposal, Usage> {
        let given = self.signer.iter().map(|Text(key)| *key);
        let mut signers = if given.clone().any(|key| key == own) { Vec::new() } else { vec![own] };
        for key in given {
            if signers.contains(&key) {
                return Err(Usage(format!("--signer {key} is given twice: give each signer once")));
            }
            signers.push(key);
        }
        if signers.len() == 1 {
            return Err(Usage(
                "your own key is the only signer: give a co-signer's public key with --signer"
                    .into(),
            ));
        }
        if let Some(Text(other)) =
            self.contact.iter().find(|Text(contact)| !signers.contains(&contact.signer))
        {
            return Err(Usage(format!(
                "--contact {}: this key is not a signer of the session: add it with --signer, or remove the contact",
                other.signer
            )));
        }
        if !(1..=MAX_TIMEOUT).contains(&self.timeout) {
            return Err(Usage(format!(
                "a timeout of {} s is not allowed: use 1 to {MAX_TIMEOUT} s",
                self.timeout
            )));
        }
        let items = self.items()?;
        let mut proposal = Proposal::new(signers)
            .with_duration(self.timeout() + MARGIN)
            .with_memo(self.memo.as_str());
        if self.keep_order {
            proposal = proposal.with_keep_order(true);
        }
        Ok(items.into_iter().fold(proposal, Proposal::with_item))
    }

    /// Returns what is signed: messages that share their tweaks, or each with its own.
    fn items(&self) -> Result<Vec<musig2_proto::Item>, Usage> {
        match (&self.message[..], &self.item[..]) {
            ([], []) => Err(Usage(
                "nothing to sign: give `message`, or `item` for messages with their own tweaks"
                    .into(),
            )),
            (messages, []) => {
                messages.iter().map(|Text(message)| content(*message, &self.tweaks)).collect()
            }
            ([], _) if !self.tweaks.is_none() => Err(Usage(
                "`tweaks` apply only to `message`: write the tweaks of an `item` after its message"
                    .into(),
            )),
            ([], items) => items.iter().map(|Text(item)| item.content()).collect(),
            _ => Err(Usage(
                "`message` and `item` cannot be combined: write each message as an `item`".into(),
            )),
        }
    }
}

fn contact(Peer(address): &Peer) -> Result<PeerContact, Usage> {
    match address.iter().last() {
        Some(Protocol::P2p(peer)) => Ok(PeerContact::new(peer, [address.clone()])),
        _ => Err(Usage(format!(
            "--contact {address}: a contact must end in /p2p/ and the peer id, as the node prints it after `listening on`"
        ))),
    }
}

impl Written for SignerContact {
    const EXPECTED: &'static str = "a signer and where it is: PUBKEY=ADDR";

    fn read(text: &str) -> Result<Self, String> {
        let (signer, address) = text.split_once('=').ok_or("write PUBKEY=ADDR")?;
        Ok(Self { signer: PublicKey::read(signer)?, address: Peer::read(address)? })
    }

    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.signer, self.address.0)
    }
}
