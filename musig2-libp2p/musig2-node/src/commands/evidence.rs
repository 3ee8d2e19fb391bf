//! `musig2-node evidence` checks what a proof against a signer proves.

use crate::console::Console;
use crate::failure::Failure;
use crate::model::conviction::Conviction;
use crate::model::line::Line;
use crate::text::hex::Hex;
use clap::{Args, Subcommand};
use musig2_libp2p::musig2_proto::{
    DecodeError, DefaultCrypto, Evidence, EvidenceError, MAX_EVIDENCE_SIZE,
};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Work with proofs against signers
#[derive(Debug, Args)]
#[command(arg_required_else_help = false)]
pub(crate) struct EvidenceArgs {
    #[command(subcommand)]
    command: EvidenceCommand,
}

#[derive(Debug, Subcommand)]
enum EvidenceCommand {
    Verify(VerifyArgs),
}

/// Check a proof that a signer broke the protocol
///
/// Needs no node, and trusts nobody: the proof contains the session and the signer's own signed
/// statements. `run` keeps proofs in its `evidence_dir`; with --json, a session that ended because
/// of a proof prints it as `evidence`.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  musig2-node evidence verify evidence/3fa41c20...

Exit code: 0 if it proves who did what, 1 if it proves nothing, 2 if the file cannot be read.")]
struct VerifyArgs {
    /// The proof, as bytes or as hex; `-` reads standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Runs the command.
pub(crate) fn run(args: &EvidenceArgs, console: &Console) -> Result<(), Failure> {
    let EvidenceCommand::Verify(VerifyArgs { file }) = &args.command;
    let bytes =
        read(file).map_err(|error| Failure::Input { name: file.display().to_string(), error })?;
    let name = || file.display().to_string();
    let evidence =
        decode(bytes).map_err(|problem| Failure::NoEvidence { name: name(), problem })?;
    let conviction = evidence
        .verify::<DefaultCrypto>()
        .map_err(|error| Failure::Evidence { name: name(), error })?;
    console.show(&Line::Conviction(Conviction {
        session: Hex(evidence.manifest.id().to_bytes()),
        signer: conviction.signer.get(),
        public_key: Hex(conviction.key.to_bytes()),
        fault: conviction.fault.as_str(),
        what: conviction.fault.to_string(),
        shown_by: evidence.proof.to_string(),
        signers: evidence.manifest.signers().iter().map(|key| Hex(key.to_bytes())).collect(),
    }))
}

/// Reads at most as much as evidence takes in hex, with some white space around it.
fn read(file: &Path) -> io::Result<Vec<u8>> {
    let max = 2 * MAX_EVIDENCE_SIZE as u64 + 1024;
    let input: Box<dyn Read> = if file == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(file)?)
    };
    let mut bytes = Vec::new();
    if input.take(max + 1).read_to_end(&mut bytes)? as u64 > max {
        return Err(io::Error::other(format!("more than {max} bytes")));
    }
    Ok(bytes)
}

/// Decodes hex, or the bytes as they are. Evidence begins with a version byte, which is not a
/// character of any text.
fn decode(bytes: Vec<u8>) -> Result<Evidence, String> {
    let bytes = match hex::decode(bytes.trim_ascii()) {
        Ok(decoded) => decoded,
        Err(error) if bytes.first().is_some_and(u8::is_ascii_graphic) => {
            return Err(format!("it is text, but not hex ({})", error.to_string().to_lowercase()));
        }
        Err(_) => bytes,
    };
    match Evidence::from_bytes(&bytes) {
        Err(_) if bytes.is_empty() => Err("it is empty".into()),
        // The supposed version is not shown: the file may hold a secret.
        Err(EvidenceError::Encoding(DecodeError::Version(_))) => {
            Err("it does not begin like evidence".into())
        }
        Err(EvidenceError::Encoding(offence)) => Err(offence.to_string()),
        other => other.map_err(|error| error.to_string()),
    }
}
