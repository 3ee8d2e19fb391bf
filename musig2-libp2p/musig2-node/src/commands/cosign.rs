//! `musig2-node cosign` stays up, and signs what is approved.

use crate::approval::policy;
use crate::approval::{Approve, Approver};
use crate::console::Console;
use crate::cosigner::Cosigner;
use crate::failure::Failure;
use crate::node::NetworkArgs;
use crate::system::stop_signals::StopSignals;
use clap::Args;

/// Stay online and sign the sessions that are approved
///
/// Shows each session that is proposed to this key (signers, messages, tweaks, keys, memo, expiry),
/// joins it if it is approved, and prints the signatures. A person at the terminal is asked about
/// one session at a time: first about those from proposers that have a label or took part in a
/// session that this node joined, then about those from strangers. Runs until it is interrupted
/// (Ctrl-C, SIGTERM). To do this as a service, with a configuration file, see `run`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP.as_str())]
pub(crate) struct CosignArgs {
    #[command(flatten)]
    network: NetworkArgs,
    /// Who approves: `ask` (you, at the terminal), `all` (sign everything that is proposed), or a
    /// policy FILE (see below)
    #[arg(long, value_name = "all|ask|FILE", default_value = "ask")]
    approve: Approve,
}

static AFTER_HELP: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
    format!(
        "{}

Example:
  musig2-node cosign --key bob.key --listen /ip4/0.0.0.0/tcp/4001 --approve policy.toml
  musig2-node cosign --key carol.key --bootstrap /ip4/192.0.2.1/tcp/4001/p2p/12D3KooW...

Exit code: 0 when interrupted, 1 if the node cannot run, 2 if the input is invalid.",
        policy::FORMAT
    )
});

/// Runs the command.
pub(crate) async fn run(args: &CosignArgs, console: &Console) -> Result<(), Failure> {
    let approver = Approver::new(&args.approve, console.screen())?;
    let (secret, public_key) = args.network.secret()?;
    approver.check_signer(&public_key)?;
    let mut signals = StopSignals::new().map_err(Failure::Runtime)?;
    let network = args.network.start(secret)?;
    network.roster.expect(&network.handle, args.network.labelled()).await?;
    network.told.replace(approver.partners());
    let mut cosigner = Cosigner::new(network, approver, console);
    let told_to_stop = async {
        signals.next().await;
        Ok(())
    };
    cosigner.run_until(told_to_stop).await
}
