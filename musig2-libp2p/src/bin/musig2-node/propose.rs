//! `musig2-node propose`: makes a session, waits for its signatures.

use crate::daemon::client;
use crate::ending::Ending;
use crate::failure::Failure;
use crate::network::{Network, NetworkArgs, StopSignals};
use crate::order::Order;
use crate::report::{Console, Line};
use crate::result::SessionResult;
use crate::steps::Step;
use clap::Args;
use musig2_libp2p::HandleError;
use musig2_libp2p::musig2_proto::{Command, CommandError, Event, Note, SessionId, SessionView, Signature};
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Propose messages to sign, and wait for the signatures
///
/// Makes a session of this key and the co-signers' keys, announces it, and waits until every message has its signature. The co-signers
/// run `musig2-node cosign` or `run`, and must approve. All messages are signed in one session; the tweak options apply to each.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  musig2-node propose --key alice.key --signer 02a1...  --signer 03b2... \\
      --message 5e8f... --bip86 --bootstrap /ip4/192.0.2.1/tcp/4001/p2p/12D3KooW... --json > session.jsonl
  musig2-node verify session.jsonl

  musig2-node propose --daemon musig2-node.sock --signer 02a1... --message 5e8f... --memo \"invoice 7\"

After the signatures are printed, the node stays for --linger seconds, so that a co-signer that missed something can ask for it.

Exit code: 0 with signatures, 1 without (whoever was waited for, or is to blame, is named), 2 if what was given is wrong.")]
pub(crate) struct ProposeArgs {
    #[command(flatten)]
    network: Option<NetworkArgs>,
    #[command(flatten)]
    order: Order,
    /// Let the daemon (`run`) on this socket propose and sign, with its key and its connections. Interrupting this command leaves the session running there
    #[arg(long, value_name = "SOCKET", conflicts_with_all = ["NetworkArgs", "linger"])]
    daemon: Option<PathBuf>,
    /// How long to stay after the signatures are there, in seconds
    #[arg(long, value_name = "SECS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(0..=60))]
    linger: u64,
}

/// Runs the command.
pub(crate) async fn run(args: &ProposeArgs, console: &Console) -> Result<(), Failure> {
    let network = match (&args.daemon, &args.network) {
        (Some(socket), _) => return client::propose(socket, &args.order, console),
        (None, Some(network)) => network,
        (None, None) => return Err(Failure::Usage("give --key FILE, or --daemon SOCKET".into())),
    };
    let (secret, public_key) = network.secret()?;
    args.order.proposal(public_key)?;
    let mut signals = StopSignals::new().map_err(Failure::Runtime)?;
    let network = network.start(secret)?;
    let handle = network.handle.clone();
    let mut proposer = Proposer { network, console, timeout: args.order.timeout() };
    let outcome = match proposer.run(&args.order, &mut signals).await {
        Ok(()) => {
            // A co-signer polls whom it awaits after a second, and a relay takes half of one.
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(args.linger)) => {}
                () = signals.next() => {}
            }
            Ok(())
        }
        Err(failure) => Err(failure),
    };
    handle.stop().await;
    outcome
}

struct Proposer<'a> {
    network: Network,
    console: &'a Console,
    timeout: Duration,
}

impl Proposer<'_> {
    /// Returns when the signatures are printed.
    async fn run(&mut self, order: &Order, signals: &mut StopSignals) -> Result<(), Failure> {
        let deadline = Instant::now() + self.timeout;
        let session = order.carry_out(&self.network.handle).await?;
        loop {
            tokio::select! {
                event = self.network.next() => {
                    let Some((event, view)) = self.network.digest(event?, self.console).await? else { continue };
                    // Others may propose to this key meanwhile: that is for `cosign`.
                    if view.id != session {
                        continue;
                    }
                    self.console.step(None, &Step::of(&event, &view))?;
                    match event {
                        Event::SessionComplete { signatures, .. } => return self.signed(&view, &signatures),
                        Event::SessionAborted { cause, released, .. } => {
                            return Err(self.failed(Ending::of(&view, &cause, released)));
                        }
                        _ => {}
                    }
                }
                () = sleep_until(deadline) => {
                    let view = self.network.session(session).await?;
                    // It may have ended by itself in the same moment.
                    if let Some(signatures) = &view.signatures {
                        return self.signed(&view, signatures);
                    }
                    if let Some(cause) = &view.cause {
                        return Err(self.failed(Ending::of(&view, cause, view.released)));
                    }
                    self.abort(session, "the proposer's timeout is over").await?;
                    let what = format!("not finished within {} seconds,", self.timeout.as_secs());
                    return Err(self.failed(Ending::gave_up(&view, &what)));
                }
                () = signals.next() => {
                    self.abort(session, "interrupted by the proposer").await?;
                    return Err(Failure::Interrupted);
                }
            }
        }
    }

    fn signed(&self, view: &SessionView, signatures: &[Signature]) -> Result<(), Failure> {
        self.console.show(&Line::Result(&SessionResult::of(view, signatures)))
    }

    /// Tells the others, who would wait in vain.
    async fn abort(&mut self, session: SessionId, reason: &str) -> Result<(), Failure> {
        match self.network.handle.execute(Command::AbortSession { session, reason: Note::new(reason) }).await
        {
            // As above.
            Err(HandleError::Command(CommandError::Ended(_))) => Ok(()),
            outcome => Ok(outcome?),
        }
    }

    fn failed(&self, ending: Ending) -> Failure {
        let hint = (!self.network.met_anyone).then(|| {
            "no other node was ever reached: give the address that a running node prints after `listening on` with --bootstrap"
                .into()
        });
        Failure::Session { ending: Box::new(ending), hint }
    }
}
