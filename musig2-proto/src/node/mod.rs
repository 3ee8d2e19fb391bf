//! The node: many sessions, one face.

use crate::command::{Command, CommandError, KeyError};
use crate::config::{Config, ConfigError};
use crate::crypto::{Crypto, DefaultCrypto};
use crate::event::{Input, Output};
use crate::ids::SessionId;
use crate::secret::SecretKey;
use crate::bytes::PublicKey;
use crate::time::Timestamp;
use crate::view::SessionView;
use rand_core::CryptoRng;

/// A signer's node.
pub struct Node<C: Crypto = DefaultCrypto> {
    config: Config,
    keys: Vec<C::Keypair>,
}

impl<C: Crypto> Node<C> {
    /// A node without keys.
    ///
    /// # Errors
    /// Where the configuration contradicts itself.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self { config, keys: Vec::new() })
    }

    /// Lets the node sign with this key.
    ///
    /// # Errors
    /// Where the key is invalid, or the node has it.
    pub fn add_key(&mut self, key: &SecretKey) -> Result<PublicKey, KeyError> {
        todo!()
    }

    /// A local order.
    ///
    /// # Errors
    /// A misuse is a typed error and changes nothing.
    pub fn execute(&mut self, now: Timestamp, rng: &mut impl CryptoRng, command: Command) -> Result<Vec<Output>, CommandError> {
        todo!()
    }

    /// Something from outside. Never fails and never panics: a bad input comes back as a report.
    pub fn handle(&mut self, now: Timestamp, rng: &mut impl CryptoRng, input: Input) -> Vec<Output> {
        todo!()
    }

    /// When to call [`Node::handle`] with [`Input::Tick`] at the latest.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        todo!()
    }

    /// A session as it stands.
    pub fn session(&self, id: &SessionId) -> Option<SessionView> {
        todo!()
    }

    /// All sessions known here, ended ones included.
    pub fn sessions(&self) -> impl Iterator<Item = SessionView> {
        core::iter::empty()
    }

    /// How it was configured.
    pub fn config(&self) -> &Config {
        &self.config
    }
}
