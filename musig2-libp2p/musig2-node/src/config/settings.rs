//! The contents of a daemon's configuration.

use super::tables::{Frames, Protocol};
use crate::approval::policy::Policy;
use crate::model::labels::{Labels, Table};
use crate::order::Peer;
use crate::system::toml_file::{self, TomlError};
use crate::text::Text;
use crate::text::chain::Chain;
use musig2_libp2p::NodeConfig;
use musig2_libp2p::libp2p::Multiaddr;
use musig2_libp2p::musig2_proto::{Node, PublicKey};
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A daemon's configuration. Paths are complete: relative ones in the file start from the file's
/// folder.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    pub(crate) key: PathBuf,
    pub(crate) passphrase_file: Option<PathBuf>,
    identity: PathBuf,
    store: PathBuf,
    pub(crate) socket: PathBuf,
    pub(crate) evidence_dir: PathBuf,
    /// The chain whose addresses are shown.
    chain: Chain,
    policy_file: Option<PathBuf>,
    /// The labels of signers.
    pub(crate) signers: Table,
    pub(crate) policy: Policy,
    pub(crate) results: ResultsSettings,
    pub(crate) network: NetworkSettings,
    pub(crate) http: HttpSettings,
    pub(super) protocol: Protocol,
    pub(super) frames: Frames,
}

/// How the node connects to others.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct NetworkSettings {
    listen: Vec<Text<Multiaddr>>,
    external: Vec<Text<Peer>>,
    bootstrap: Vec<Text<Peer>>,
    dial_private: Option<bool>,
    dht: bool,
    gossipsub: bool,
    relay_client: bool,
    relay_server: bool,
    mdns: bool,
    upnp: bool,
    max_connections: u32,
}

/// What is kept of sessions, and for how long.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ResultsSettings {
    pub(crate) folder: PathBuf,
    /// The most sessions kept that were signed.
    pub(crate) max_signed: usize,
    /// The most sessions kept that ended without signatures, and as many again that were declined.
    pub(crate) max_unsigned: usize,
    pub(crate) max_age: Text<Duration>,
}

/// Metrics and health.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct HttpSettings {
    /// `None`: do not listen.
    pub(crate) listen: Option<Text<SocketAddr>>,
    allow_non_loopback: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            key: "signer.key".into(),
            passphrase_file: None,
            identity: "identity.key".into(),
            store: "approvals".into(),
            socket: "musig2-node.sock".into(),
            evidence_dir: "evidence".into(),
            chain: Chain::default(),
            policy_file: None,
            signers: Table::default(),
            policy: Policy::default(),
            results: ResultsSettings::default(),
            network: NetworkSettings::default(),
            http: HttpSettings::default(),
            protocol: Protocol::default(),
            frames: Frames::default(),
        }
    }
}

impl Default for ResultsSettings {
    fn default() -> Self {
        Self {
            folder: "results".into(),
            max_signed: 100_000,
            max_unsigned: 10_000,
            max_age: Text(Duration::from_secs(400 * 24 * 3600)),
        }
    }
}

impl Default for NetworkSettings {
    fn default() -> Self {
        let node = NodeConfig::default();
        Self {
            listen: node.listen.into_iter().map(Text).collect(),
            external: Vec::new(),
            bootstrap: Vec::new(),
            dial_private: node.dial_private,
            dht: node.enable_dht,
            gossipsub: node.enable_gossipsub,
            relay_client: node.enable_relay_client,
            relay_server: node.relay_server,
            mdns: node.enable_mdns,
            upnp: node.enable_upnp,
            max_connections: node.max_connections,
        }
    }
}

impl Settings {
    /// Reads a file, and the policy's file if it has one of its own.
    pub(crate) fn read(path: &Path) -> Result<Self, TomlError> {
        let mut settings: Self = toml_file::read(path)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let in_folder = |path: &mut PathBuf| *path = folder.join(&*path);
        let Self {
            key,
            identity,
            store,
            socket,
            evidence_dir,
            passphrase_file,
            policy_file,
            results,
            ..
        } = &mut settings;
        [key, identity, store, socket, evidence_dir, &mut results.folder]
            .into_iter()
            .for_each(in_folder);
        [passphrase_file, policy_file].into_iter().flatten().for_each(in_folder);
        settings.policy.complete(path);
        settings.check(path)?;
        if let Some(file) = &settings.policy_file {
            settings.policy = Policy::read(file)?;
        }
        Ok(settings)
    }

    /// Checks what no single key shows.
    fn check(&self, path: &Path) -> Result<(), TomlError> {
        Node::new(self.protocol.config())
            .map_err(|error| TomlError::of(path, format!("[protocol]: {error}")))?;
        self.node()
            .check()
            .map_err(|error| TomlError::of(path, format!("[network] or [frames]: {error}")))?;
        if self.policy_file.is_some() && self.policy != Policy::default() {
            return Err(TomlError::of(
                path,
                "`policy_file` and [policy] both say what may be signed: keep only one of them",
            ));
        }
        match self.http.listen {
            Some(Text(address)) if !address.ip().is_loopback() && !self.http.allow_non_loopback => {
                Err(TomlError::of(
                    path,
                    format!(
                        "[http] `listen` is {address}, which other machines can reach, and it asks for no authentication: \
                         use 127.0.0.1, or set `allow_non_loopback = true`"
                    ),
                ))
            }
            _ => Ok(()),
        }
    }

    /// Returns the settings that differ from those that a daemon was started with, and that the
    /// daemon ignores until it restarts.
    pub(crate) fn differs_in(&self, started: &Self) -> Vec<&'static str> {
        // Every setting is named here, so that a new one forces a decision: whether a reload
        // applies it or not.
        let Self {
            key,
            passphrase_file,
            identity,
            store,
            socket,
            evidence_dir,
            chain,
            policy_file: _,
            signers: _,
            policy: _,
            results,
            network,
            http,
            protocol,
            frames,
        } = self;
        [
            ("key", *key != started.key),
            ("passphrase_file", *passphrase_file != started.passphrase_file),
            ("identity", *identity != started.identity),
            ("store", *store != started.store),
            ("socket", *socket != started.socket),
            ("evidence_dir", *evidence_dir != started.evidence_dir),
            ("chain", *chain != started.chain),
            ("[results]", *results != started.results),
            ("[network]", *network != started.network),
            ("[http]", *http != started.http),
            ("[protocol]", *protocol != started.protocol),
            ("[frames]", *frames != started.frames),
        ]
        .into_iter()
        .filter_map(|(name, differs)| differs.then_some(name))
        .collect()
    }

    /// Returns the labels and the chain for showing signers and their addresses.
    pub(crate) fn labels(&self) -> Labels {
        Labels::new(self.signers.clone(), self.chain)
    }

    /// Returns the signers that the policy or a label names.
    pub(crate) fn co_signers(&self) -> impl Iterator<Item = PublicKey> {
        self.policy.signer_sets().flatten().chain(self.signers.signers())
    }

    /// Returns the node's configuration.
    pub(crate) fn node(&self) -> NodeConfig {
        let network = &self.network;
        NodeConfig::default()
            .with_listen(network.listen.iter().map(|Text(address)| address.clone()))
            .with_external_addresses(
                network.external.iter().map(|Text(Peer(address))| address.clone()),
            )
            .with_bootstrap_peers(
                network.bootstrap.iter().map(|Text(Peer(address))| address.clone()),
            )
            .with_enable_dht(network.dht)
            .with_enable_gossipsub(network.gossipsub)
            .with_dial_private(network.dial_private)
            .with_enable_relay_client(network.relay_client)
            .with_relay_server(network.relay_server)
            .with_enable_mdns(network.mdns)
            .with_enable_upnp(network.upnp)
            .with_identity_file(&self.identity)
            .with_store(&self.store)
            .with_max_connections(network.max_connections)
            .with_protocol(self.protocol.config())
            .with_frames(self.frames.config())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::EXAMPLE;

    fn parse(text: &str) -> Result<Settings, String> {
        toml_file::parse(Path::new("config"), text).map_err(|error: TomlError| error.to_string())
    }

    #[test]
    fn the_example_states_the_defaults() {
        assert_eq!(parse(EXAMPLE), Ok(Settings::default()));
    }

    #[test]
    fn the_example_has_every_key_and_every_key_in_it_can_be_set() {
        let uncommented: String = EXAMPLE
            .lines()
            .map(|line| match line.strip_prefix("#: ") {
                Some(setting) => format!("{setting}\n"),
                None => format!("{line}\n"),
            })
            .collect();
        assert!(parse(&uncommented).is_ok(), "{:?}", parse(&uncommented));
        for table in ["", "policy", "results", "network", "http", "protocol", "frames"] {
            let header = if table.is_empty() { String::new() } else { format!("[{table}]\n") };
            let error = parse(&format!("{header}nonsense = 1")).unwrap_err();
            let (_, keys) = error.split_once(", expected ").expect("it lists the keys");
            let of_table = uncommented.split("\n[").find(|part| match part.split_once("]\n") {
                Some((name, _)) if !table.is_empty() => name == table,
                _ => table.is_empty(),
            });
            let of_table = of_table.expect("the example has the table");
            for key in keys.split('`').skip(1).step_by(2) {
                let is_set = of_table.lines().any(|line| line.starts_with(&format!("{key} = ")));
                let is_table = uncommented.contains(&format!("\n[{key}]\n"));
                assert!(is_set || is_table, "the example lacks `{key}` in [{table}]");
            }
        }
    }
}
