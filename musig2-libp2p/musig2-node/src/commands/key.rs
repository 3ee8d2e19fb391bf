//! `musig2-node key` shows the joint key of a set of signers, before there is a session, or the
//! public key of a key file.

use crate::console::Console;
use crate::failure::Failure;
use crate::keys::keyfile;
use crate::keys::passphrase::PassphraseArgs;
use crate::model::line::Line;
use crate::order::TweakArgs;
use crate::text::chain::Chain;
use crate::text::{Text, is_hex};
use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};
use musig2_libp2p::musig2_proto::{DefaultCrypto, OutputKey, PublicKey};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Print the signers' joint key
///
/// Aggregates the signers' public keys (BIP327) and applies the tweak options, as `propose` does
/// with the same options: these signers can spend together what is paid to this key. With a taproot
/// option, also prints the key's address. For a single key file, prints its public key.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  musig2-node key signer.key
  musig2-node key signer.key 03b2... 03c3... --bip86

Exit code: 0 if the key was printed, 2 if the input is invalid.")]
pub(crate) struct KeyArgs {
    /// Every signer's public key (33 bytes in hex), as `keygen` prints it, or a key file. Keys are
    /// sorted (BIP327 KeySort) unless --keep-order is given
    #[arg(value_name = "SIGNER", required = true, value_parser = OsStringValueParser::new().try_map(Signer::read))]
    signers: Vec<Signer>,
    /// Aggregate the keys in the order given; a different order gives a different key
    #[arg(long)]
    keep_order: bool,
    #[command(flatten)]
    tweaks: TweakArgs,
    /// The chain of the address to print
    #[arg(long, value_enum, default_value_t)]
    chain: Chain,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// A signer as given on the command line.
#[derive(Debug, Clone)]
enum Signer {
    Key(PublicKey),
    /// The owner of this key file.
    File(PathBuf),
}

/// Runs the command.
pub(crate) fn run(args: &KeyArgs, console: &Console) -> Result<(), Failure> {
    let key = |signer: &Signer| signer.public_key(&args.passphrase);
    let tweaks = args.tweaks.tweaks()?;
    let mut signers = match &args.signers[..] {
        [Signer::File(file)] if tweaks.is_empty() => {
            let (_, public_key) = keyfile::read(file, &args.passphrase)?;
            return console.show(&Line::PublicKey { public_key });
        }
        [_] => {
            return Err(Failure::Usage(
                "only one signer: give every signer's public key, including your own".into(),
            ));
        }
        signers => signers.iter().map(key).collect::<Result<Vec<_>, _>>()?,
    };
    check_distinct(&signers)?;
    if !args.keep_order {
        signers.sort();
    }
    let output = OutputKey::derive::<DefaultCrypto>(&signers, &tweaks)
        .map_err(|error| Failure::Usage(error.to_string()))?;
    let address = args.tweaks.is_taproot().then(|| args.chain.address(&output.key));
    console.show(&Line::JointKey { signers: &signers, key: output.key, address })
}

impl Signer {
    /// Reads an argument. Hex is a key; a file with such a name can be given as `./02ab`.
    fn read(given: OsString) -> Result<Self, String> {
        let text = given.to_string_lossy();
        match text.parse() {
            Ok(Text(key)) => Ok(Self::Key(key)),
            Err(_) if !is_hex(&text) && Path::new(&given).exists() => Ok(Self::File(given.into())),
            Err(problem) if is_hex(text.trim_start_matches("0x")) => Err(problem),
            Err(problem) => Err(format!("no key file has this name, and {problem}")),
        }
    }

    fn public_key(&self, passphrase: &PassphraseArgs) -> Result<PublicKey, Failure> {
        match self {
            Self::Key(key) => Ok(*key),
            Self::File(file) => Ok(keyfile::read(file, passphrase)?.1),
        }
    }
}

/// Checks that the keys are distinct by x coordinate, as sessions require.
fn check_distinct(signers: &[PublicKey]) -> Result<(), Failure> {
    let mut seen = BTreeMap::new();
    for key in signers {
        if let Some(first) = seen.insert(key.x_only(), key) {
            let problem =
                format!("{first} and {key} are the same signer's key: give each signer once");
            return Err(Failure::Usage(problem));
        }
    }
    Ok(())
}
