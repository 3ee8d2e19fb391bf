//! `musig2-node cosign`: stays up, and signs what is approved.

use crate::approval::{Approve, Approver, Decision};
use crate::failure::Failure;
use crate::network::{Network, NetworkArgs, StopSignals};
use crate::questions::Answer;
use crate::report::{Console, Line};
use crate::result::SessionResult;
use crate::rules;
use crate::steps::{Session, Step};
use clap::Args;
use musig2_libp2p::HandleError;
use musig2_libp2p::musig2_proto::{Command, Config, Event, SessionId, SessionView};

/// Stay up and sign the sessions that are approved
///
/// Shows each session that is proposed to this key (signers, messages, tweaks, keys, memo, expiry), joins it if it is approved, and
/// prints the signatures. Runs until it is interrupted (Ctrl-C, SIGTERM).
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP.as_str())]
pub(crate) struct CosignArgs {
    #[command(flatten)]
    network: NetworkArgs,
    /// Who approves: `ask` (you, on the terminal), `all` (sign whatever is proposed), or a FILE of rules (see below)
    #[arg(long, value_name = "all|ask|FILE", default_value = "ask")]
    approve: Approve,
}

static AFTER_HELP: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
    format!(
        "{}

Example:
  musig2-node cosign --key bob.key --listen /ip4/0.0.0.0/tcp/4001 --approve rules.txt
  musig2-node cosign --key carol.key --bootstrap /ip4/192.0.2.1/tcp/4001/p2p/12D3KooW...

Exit code: 0 when interrupted, 1 if the node cannot run, 2 if what was given is wrong.",
        rules::FORMAT
    )
});

/// Runs the command.
pub(crate) async fn run(args: &CosignArgs, console: &Console) -> Result<(), Failure> {
    let identity = args.network.identity()?;
    let approver = Approver::new(&args.approve)?;
    let mut signals = StopSignals::new().map_err(Failure::Runtime)?;
    let network = args.network.start(identity, Config::default())?;
    let handle = network.handle.clone();
    let mut cosigner = Cosigner { network, approver, console };
    let outcome = tokio::select! {
        outcome = cosigner.run() => outcome,
        () = signals.next() => Ok(()),
    };
    handle.stop().await;
    outcome
}

struct Cosigner<'a> {
    network: Network,
    approver: Approver,
    console: &'a Console,
}

impl Cosigner<'_> {
    async fn run(&mut self) -> Result<(), Failure> {
        loop {
            tokio::select! {
                event = self.network.next() => {
                    // In JSON nothing follows a result but other sessions: what the network does goes to the log.
                    let quiet = self.console.is_json();
                    if let Some((event, view)) = self.network.digest(event?, self.console, quiet).await? {
                        self.take(&event, &view).await?;
                    }
                }
                (session, answer) = self.approver.answer() => self.answered(session, answer).await?,
            }
        }
    }

    async fn take(&mut self, event: &Event, view: &SessionView) -> Result<(), Failure> {
        self.console.step(None, &Step::of(event, view))?;
        match event {
            Event::SessionDiscovered { session } => match self.approver.decide(view, !self.console.is_json())
            {
                Decision::Join => self.join(*session).await?,
                Decision::Decline(reason) => self.decline(*session, reason).await?,
                Decision::Asked => {}
            },
            Event::SessionComplete { signatures, .. } | Event::LateSignature { signatures, .. } => {
                self.console.show(&Line::Result(&SessionResult::of(view, signatures)))?;
            }
            Event::SessionAborted { session, .. } => self.approver.forget(*session),
            _ => {}
        }
        Ok(())
    }

    async fn answered(&mut self, session: SessionId, answer: Answer) -> Result<(), Failure> {
        match answer {
            Answer::Yes => self.join(session).await,
            Answer::No => self.decline(session, "you said no".into()).await,
            Answer::Gone => {
                self.decline(session, "standard input has ended, so nobody can be asked".into()).await
            }
        }
    }

    async fn join(&mut self, session: SessionId) -> Result<(), Failure> {
        let step = match self.network.handle.execute(Command::JoinSession { session }).await {
            Ok(()) => Step::SessionJoined(Session { session }),
            Err(HandleError::Command(error)) => {
                Step::SessionError { session: Session { session }, error: format!("cannot join: {error}") }
            }
            Err(stopped) => return Err(stopped.into()),
        };
        self.console.step(None, &step)
    }

    async fn decline(&mut self, session: SessionId, reason: String) -> Result<(), Failure> {
        match self.network.handle.execute(Command::DeclineSession { session }).await {
            // One that the core forgot by itself meanwhile is declined as well.
            Ok(()) | Err(HandleError::Command(_)) => {}
            Err(stopped) => return Err(stopped.into()),
        }
        self.console.step(None, &Step::SessionDeclined { session: Session { session }, reason })
    }
}
