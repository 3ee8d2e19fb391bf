//! Options of the commands that run a node.

use super::network::RunningNode;
use crate::failure::Failure;
use crate::keys::keyfile;
use crate::keys::passphrase::PassphraseArgs;
use crate::model::labels::{Labelled, Labels, Table};
use crate::order::Peer;
use crate::text::Text;
use crate::text::chain::Chain;
use clap::Args;
use musig2_libp2p::NodeConfig;
use musig2_libp2p::libp2p::Multiaddr;
use musig2_libp2p::musig2_proto::{PublicKey, SecretKey};
use std::path::PathBuf;

/// Who this node is, and where.
#[derive(Debug, Args)]
pub(crate) struct NetworkArgs {
    /// This signer's secret key, made by `keygen`
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    // Not flattened from `PassphraseArgs`, although that is used as well: for clap, a group that
    // contains another group has no members, and could not be optional.
    #[arg(long, value_name = "FILE", help = PassphraseArgs::HELP)]
    passphrase_file: Option<PathBuf>,
    /// An address to listen on [default: a free port on every interface, for TCP and for QUIC]
    #[arg(long, value_name = "ADDR", num_args = 1..)]
    listen: Vec<Text<Multiaddr>>,
    /// A running node to connect to first, by the address that it prints after `listening on`; may
    /// be repeated
    #[arg(long, value_name = "ADDR", num_args = 1..)]
    bootstrap: Vec<Text<Peer>>,
    /// Also dial addresses of this host and of private networks, even if the given addresses are
    /// public or names: for signers in one private network, or in containers
    #[arg(long)]
    dial_private: bool,
    /// The chain of the addresses that this node shows
    #[arg(long, value_enum, default_value_t)]
    chain: Chain,
    /// A label for a signer, which this node shows wherever it names that signer; may be repeated
    #[arg(long, value_name = "LABEL=PUBKEY")]
    label: Vec<Text<Labelled>>,
    /// Keep this node's network identity in this file, so that its addresses, which end in its peer
    /// id, stay the same [default: a new peer id at each start]
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
}

impl NetworkArgs {
    /// Reads the key, and returns it with its public key.
    pub(crate) fn secret(&self) -> Result<(SecretKey, PublicKey), Failure> {
        Ok(keyfile::read(&self.key, &PassphraseArgs::in_file(self.passphrase_file.clone()))?)
    }

    /// Returns the signers that have a label.
    pub(crate) fn labelled(&self) -> impl Iterator<Item = PublicKey> {
        self.label.iter().map(|Text(labelled)| labelled.signer())
    }

    /// Returns whether there is anybody to dial, or an address that others could have been told.
    pub(crate) fn can_meet_anyone(&self) -> bool {
        !self.bootstrap.is_empty() || !self.listen.is_empty()
    }

    /// Starts a node.
    pub(crate) fn start(&self, secret: SecretKey) -> Result<RunningNode, Failure> {
        let mut config = NodeConfig::default()
            .with_bootstrap_peers(self.bootstrap.iter().map(|Text(Peer(address))| address.clone()));
        if !self.listen.is_empty() {
            config = config.with_listen(self.listen.iter().map(|Text(address)| address.clone()));
        }
        if self.dial_private {
            config = config.with_dial_private(Some(true));
        }
        if let Some(file) = &self.identity {
            config = config.with_identity_file(file);
        }
        let labels = Table::of(&self.label)
            .map_err(|problem| Failure::Usage(format!("--label: {problem}")))?;
        RunningNode::start(config, secret, Labels::new(labels, self.chain))
    }
}
