//! What a daemon does before it goes to the network. `run` and `config --check` share this code, so
//! that neither accepts what the other refuses.

use super::http;
use crate::approval::Approver;
use crate::config::Settings;
use crate::failure::Failure;
use crate::keys::keyfile;
use crate::keys::passphrase::PassphraseArgs;
use crate::model::line::SignerSet;
use crate::node::check_ports;
use crate::system::socket::Socket;
use crate::text::Text;
use musig2_libp2p::musig2_proto::{DefaultCrypto, OutputKey, PublicKey, SecretKey, Tweak};
use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::Path;
use tokio::net::TcpListener;

/// A configuration that a daemon can run with, as far as its files show.
pub(crate) struct Ready {
    pub(crate) settings: Settings,
    pub(crate) approver: Approver,
    pub(crate) secret: SecretKey,
    pub(crate) public_key: PublicKey,
}

/// The addresses at which others reach a daemon. While this exists, nobody else has them.
pub(crate) struct Places {
    pub(crate) socket: Socket,
    pub(crate) http: Option<(TcpListener, SocketAddr)>,
}

/// Reads the configuration, and makes the approver of its policy. `program` replaces the policy's
/// `approve_command`.
pub(crate) fn read_settings(
    file: &Path,
    program: Option<&OsStr>,
) -> Result<(Settings, Approver), Failure> {
    let mut settings = Settings::read(file)?;
    if let Some(program) = program {
        settings.policy.approve_command = vec![program.into()];
    }
    let approver = Approver::by(settings.policy.clone())?;
    Ok((settings, approver))
}

impl Ready {
    /// Reads everything, including the key. Asks for the passphrase on the terminal if nothing else
    /// provides it.
    pub(crate) fn read(file: &Path, program: Option<&OsStr>) -> Result<Self, Failure> {
        let (settings, approver) = read_settings(file, program)?;
        settings.check_files()?;
        let passphrase = PassphraseArgs::in_file(settings.passphrase_file.clone());
        let (secret, public_key) = keyfile::read(&settings.key, &passphrase)?;
        approver.check_signer(&public_key)?;
        Ok(Self { settings, approver, secret, public_key })
    }

    /// Takes the places, and checks that the node's ports and files can be used.
    pub(crate) async fn take_places(&self) -> Result<Places, Failure> {
        // Before anything else: a second daemon must not sign, not even for a moment.
        let socket = Socket::bind(&self.settings.socket)?;
        let http = match self.settings.http.listen {
            Some(Text(address)) => Some(http::bind(address).await?),
            None => None,
        };
        let node = self.settings.node();
        check_ports(&node)?;
        node.check_files()?;
        Ok(Places { socket, http })
    }

    /// Returns the signer sets whose sessions the policy allows, with their joint keys.
    pub(crate) fn signer_sets(&self) -> Result<Vec<SignerSet>, Failure> {
        let labels = self.settings.labels();
        let sets = self.settings.policy.signer_sets();
        sets.map(|signers| {
            let derive = |tweaks: &[Tweak]| {
                OutputKey::derive::<DefaultCrypto>(&signers, tweaks)
                    .map_err(|error| Failure::Usage(format!("[policy] `signer_sets`: {error}")))
            };
            Ok(SignerSet {
                key: derive(&[])?.key,
                address: labels.address(&derive(&[Tweak::BIP86])?.key),
                labels: signers.iter().map(|signer| labels.of(signer).map(Text)).collect(),
                signers,
            })
        })
        .collect()
    }
}
