//! `musig2-node run`: a signer as a service.

use crate::console::Console;
use crate::cosigner::Cosigner;
use crate::daemon::control::Control;
use crate::daemon::http;
use crate::daemon::ready::{Places, Ready};
use crate::daemon::reload::{Hangups, Reloader};
use crate::failure::Failure;
use crate::model::line::Line;
use crate::node::RunningNode;
use crate::results::trail::Trail;
use crate::system::stop_signals::StopSignals;
use clap::Args;
use musig2_libp2p::Metrics;
use std::ffi::OsString;
use std::path::PathBuf;

/// Run a signer as a service
///
/// Joins the sessions that the configuration's policy allows, and declines all others. Answers
/// `status`, `sessions`, `abort` and `propose --daemon` on a socket. Serves metrics if the
/// configuration says where. Reloads its policy and labels on SIGHUP (or `reload`). Runs until
/// SIGTERM or Ctrl-C, then stops within seconds.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  musig2-node keygen --out signer.key
  musig2-node config --example > musig2-node.toml     # then say in [policy] what may be signed
  musig2-node run --config musig2-node.toml

Exit code: 0 when stopped, 1 if the node cannot run, 2 if the input is invalid.")]
pub(crate) struct RunArgs {
    /// The configuration file; `musig2-node config --example` prints an example
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Ask this program before signing anything that the policy allows: it gets the session as JSON
    /// on its standard input, and exit code 0 approves [default: the policy's `approve_command`]
    #[arg(long, value_name = "PROG")]
    approve_command: Option<OsString>,
}

/// Runs the command.
pub(crate) async fn run(args: &RunArgs, console: &Console) -> Result<(), Failure> {
    let ready = Ready::read(&args.config, args.approve_command.as_deref())?;
    for note in ready.settings.notes() {
        tracing::warn!("the configuration: {note}");
    }
    let mut signals = StopSignals::new().map_err(Failure::Runtime)?;
    let hangups = Hangups::new(&ready.settings.socket).map_err(Failure::Runtime)?;
    let Places { socket, http } = ready.take_places().await?;
    let Ready { settings, approver, secret, public_key } = ready;
    let metrics = Metrics::new();
    let labels = settings.labels();
    let network =
        RunningNode::start(settings.node().with_metrics(metrics.clone()), secret, labels.clone())?;
    let handle = network.handle.clone();
    network.roster.expect(&handle, settings.co_signers()).await?;
    network.told.replace(approver.partners());
    let signs_nothing = settings.policy.missing();
    console.show(&Line::Serving {
        public_key,
        socket: &settings.socket,
        http: http.as_ref().map(|(_, address)| *address),
        signs_nothing,
    })?;

    let trail = Trail::open(&settings.results, labels.clone()).map_err(Failure::Runtime)?;
    let (reloader, approvers) = Reloader::new(
        args.config.clone(),
        args.approve_command.clone(),
        &settings,
        &network,
        console,
    );
    let control = Control::of(&network, reloader.clone(), trail.clone()).serve(socket);
    let (reach, kept) = (network.reach.subscribe(), trail.clone());
    let problems =
        move || reach.borrow().problems().len() + usize::from(kept.standing().problem.is_some());
    let monitoring = async {
        match http {
            Some((listener, _)) => http::serve(listener, handle.clone(), metrics, problems).await,
            None => std::future::pending().await,
        }
    };
    let evidence_dir = Some(settings.evidence_dir.clone());
    let others = async {
        tokio::select! {
            () = monitoring => Ok(()),
            outcome = reloader.serve(hangups) => outcome,
            () = control => Ok(()),
            _ = signals.next() => Ok(()),
        }
    };
    let mut cosigner = Cosigner::new(network, approver, console);
    cosigner.evidence_dir = evidence_dir;
    cosigner.trail = Some(trail);
    cosigner.approvers = Some(approvers);
    cosigner.run_until(others).await
}
