//! `musig2-node propose` makes a session, and waits for its signatures.

use crate::console::Console;
use crate::daemon::client;
use crate::failure::Failure;
use crate::model::ending::Ending;
use crate::model::line::Line;
use crate::model::result::SessionResult;
use crate::model::steps::Step;
use crate::node::patience::{abort, give_up, has_ended};
use crate::node::{NetworkArgs, RunningNode};
use crate::order::Order;
use crate::system::stop_signals::StopSignals;
use crate::text::hint::DEFAULT_SOCKET;
use clap::Args;
use musig2_libp2p::musig2_proto::SessionView;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// What a private session lacks, and how to supply it.
const UNTOLD: &str = "--private without --contact reaches only co-signers that ask for their sessions, which each does for ten minutes after it \
    starts or loses its connections: give --contact PUBKEY=ADDR for one of them, or propose through a daemon that has met them";

/// With a daemon, no key file is needed here.
const USAGE: &str =
    "musig2-node propose --daemon [<SOCKET>] --signer <PUBKEY>... --message <HEX32>... [OPTIONS]
       musig2-node propose --key <FILE> --signer <PUBKEY>... --message <HEX32>... [OPTIONS]";

/// Propose messages to sign, and wait for the signatures
///
/// Creates a session of this key and the co-signers' keys, announces it, and waits until every
/// message has its signature. The co-signers run `musig2-node cosign` or `run`, and must approve.
/// All messages are signed in one session. The tweak options apply to each --message; an --item has
/// its own tweaks.
#[derive(Debug, Args)]
#[command(override_usage = USAGE)]
#[command(after_help = "Example:
  musig2-node propose --key alice.key --signer 02a1...  --signer 03b2... \\
      --message 5e8f... --bip86 --bootstrap /ip4/192.0.2.1/tcp/4001/p2p/12D3KooW... --json > session.jsonl
  musig2-node verify session.jsonl

  musig2-node propose --daemon --signer 02a1... --message 5e8f... --memo \"invoice 7\"

Each message under its own key, as the inputs of one transaction may need:
  musig2-node propose --daemon --signer 02a1... --item 5e8f...,bip32=m/0/5,bip86 --item 77ab...,root=91c0...

After it prints the signatures, the node stays online for --linger seconds, so that a co-signer that missed something can ask for it.

Exit code: 0 with signatures, 1 without (the error names the signers that were awaited or are to blame), 2 if the input is invalid, 130 if interrupted.")]
pub(crate) struct ProposeArgs {
    #[command(flatten)]
    network: Option<NetworkArgs>,
    #[command(flatten)]
    order: Order,
    /// Let the daemon (`run`) on this socket [default: musig2-node.sock] propose and sign, with its
    /// key and its connections. If you interrupt this command, the session keeps running there
    /// until its timeout
    #[arg(long, value_name = "SOCKET", num_args = 0..=1, default_missing_value = DEFAULT_SOCKET, conflicts_with_all = ["NetworkArgs", "linger"])]
    daemon: Option<PathBuf>,
    /// How long to stay online after the session is signed, in seconds
    #[arg(long, value_name = "SECS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(0..=60))]
    linger: u64,
}

/// Runs the command.
pub(crate) async fn run(args: &ProposeArgs, console: &Console) -> Result<(), Failure> {
    let network = match (&args.daemon, &args.network) {
        (Some(socket), _) => return client::propose(socket, &args.order, console).await,
        (None, Some(network)) => network,
        (None, None) => return Err(Failure::Usage("give --key FILE, or --daemon SOCKET".into())),
    };
    if args.order.knows_nobody() {
        if !network.can_meet_anyone() {
            return Err(Failure::Usage(format!(
                "{UNTOLD}. With neither --bootstrap nor --listen, none can ask"
            )));
        }
        tracing::warn!("a private session: {UNTOLD}");
    }
    let (secret, public_key) = network.secret()?;
    args.order.proposal(public_key)?;
    let mut signals = StopSignals::new().map_err(Failure::Runtime)?;
    let network = network.start(secret)?;
    let handle = network.handle.clone();
    let mut proposer = Proposer { network, console, order: &args.order };
    let outcome = match proposer.run(&mut signals).await {
        Ok(()) => {
            // Stay a while: a co-signer polls the signers that it awaits after a second, and a
            // relay adds half a second.
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(args.linger)) => {}
                _ = signals.next() => {}
            }
            Ok(())
        }
        Err(failure) => Err(failure),
    };
    handle.stop().await;
    outcome
}

struct Proposer<'a> {
    network: RunningNode,
    console: &'a Console,
    order: &'a Order,
}

impl Proposer<'_> {
    /// Runs until the signatures are printed.
    async fn run(&mut self, signals: &mut StopSignals) -> Result<(), Failure> {
        let timeout = self.order.timeout();
        let deadline = Instant::now() + timeout;
        let RunningNode { roster, handle, .. } = &self.network;
        roster.expect(handle, self.order.signers()).await?;
        let session = self.order.carry_out(handle, async |_| {}).await?;
        loop {
            let ignored_due = self.network.ignored.due();
            tokio::select! {
                event = self.network.next() => {
                    let Some((event, Some(view))) = self.network.digest(event?, self.console).await? else { continue };
                    // Others may propose to this key meanwhile; those sessions are for `cosign`.
                    if view.id != session {
                        continue;
                    }
                    self.console.step(None, &Step::of(&event, &view, &self.network.labels))?;
                    if has_ended(&view) {
                        return self.ended(&view).await;
                    }
                }
                () = ignored_due => {
                    let told = self.network.ignored.take();
                    self.console.remark(&told)?;
                }
                () = sleep_until(deadline) => {
                    return match give_up(&self.network.handle, session, timeout, &self.network.labels).await? {
                        Some(ending) => Err(self.failed(ending).await),
                        None => self.ended(&self.network.session(session).await?).await,
                    };
                }
                code = signals.next() => {
                    abort(&self.network.handle, session, "interrupted by the proposer").await?;
                    return Err(Failure::Interrupted { code });
                }
            }
        }
    }

    async fn ended(&self, view: &SessionView) -> Result<(), Failure> {
        match (&view.signatures, &view.cause) {
            (Some(signatures), _) => {
                self.console.show(&Line::Result(&SessionResult::of(view, signatures)))
            }
            (None, Some(cause)) => {
                Err(self.failed(Ending::of(view, cause, view.released, &self.network.labels)).await)
            }
            (None, None) => {
                Err(self.failed(Ending::gave_up(view, "ended", &self.network.labels)).await)
            }
        }
    }

    async fn failed(&self, ending: Ending) -> Failure {
        let hint = if !self.network.met_anyone {
            let option = if self.order.is_private() { "--contact" } else { "--bootstrap" };
            let why = self.network.reach.borrow().why_unreached();
            let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
            Some(format!(
                "this node never connected to any other{why}: with {option}, give the address that a running node prints after `listening on`"
            ))
        } else if self.order.knows_nobody() {
            Some(UNTOLD.into())
        } else {
            let RunningNode { roster, handle, labels, .. } = &self.network;
            roster.why_missing(handle, labels, ending.awaited()).await
        };
        Failure::Session { ending: Box::new(ending), hint }
    }
}
