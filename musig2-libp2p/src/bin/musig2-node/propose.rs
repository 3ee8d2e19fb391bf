//! `musig2-node propose`: makes a session, waits for its signatures.

use crate::ending::Ending;
use crate::failure::Failure;
use crate::network::{Network, NetworkArgs, StopSignals};
use crate::parse;
use crate::people::count;
use crate::report::{Console, Line};
use crate::result::SessionResult;
use crate::steps::Step;
use clap::Args;
use musig2_libp2p::HandleError;
use musig2_libp2p::musig2_proto::{
    Audience, Command, CommandError, Config, Event, Item, MerkleRoot, Message, Note, Proposal, PublicKey,
    SessionId, SessionView, Signature, Tweak,
};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// How much longer a session lasts than the proposer waits for it: what signers' clocks may differ by.
const MARGIN: Duration = Duration::from_secs(30);

/// With [`MARGIN`], the ten minutes that co-signers accept unless they are configured otherwise.
const MAX_TIMEOUT: u64 = 570;

/// Propose messages to sign, and wait for the signatures
///
/// Makes a session of this key and the co-signers' keys, announces it, and waits until every message has its signature. The co-signers
/// run `musig2-node cosign` and must approve. All messages are signed in one session; the tweak option applies to each.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  musig2-node propose --key alice.key --signer 02a1...  --signer 03b2... \\
      --message 5e8f... --bip86 --bootstrap /ip4/192.0.2.1/tcp/4001/p2p/12D3KooW... --json > session.jsonl
  musig2-node verify session.jsonl

After the signatures are printed, the node stays for --linger seconds, so that a co-signer that missed something can ask for it.

Exit code: 0 with signatures, 1 without (whoever was waited for, or is to blame, is named), 2 if what was given is wrong.")]
pub(crate) struct ProposeArgs {
    #[command(flatten)]
    network: NetworkArgs,
    /// A co-signer's public key (33 bytes in hex); may be repeated. Your own is added. Keys are sorted (BIP327 KeySort)
    #[arg(long, value_name = "PUBKEY", required = true, num_args = 1.., value_parser = parse::public_key)]
    signer: Vec<PublicKey>,
    /// A message to sign (32 bytes in hex); may be repeated
    #[arg(long, value_name = "HEX32", required = true, num_args = 1.., value_parser = parse::hex::<Message>)]
    message: Vec<Message>,
    /// Sign with the taproot output key that commits to the script tree with this root (32 bytes in hex, BIP341)
    #[arg(long, value_name = "HEX32", conflicts_with = "bip86", value_parser = parse::hex::<MerkleRoot>)]
    taproot_root: Option<MerkleRoot>,
    /// Sign with the taproot output key without scripts (BIP86)
    #[arg(long)]
    bip86: bool,
    /// How long to wait for the signatures, in seconds
    #[arg(long, value_name = "SECS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=MAX_TIMEOUT))]
    timeout: u64,
    /// How long to stay after the signatures are there, in seconds
    #[arg(long, value_name = "SECS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(0..=60))]
    linger: u64,
}

/// Runs the command.
pub(crate) async fn run(args: &ProposeArgs, console: &Console) -> Result<(), Failure> {
    let identity = args.network.identity()?;
    let proposal = args.proposal(identity.public)?;
    let mut signals = StopSignals::new().map_err(Failure::Runtime)?;
    let network = args.network.start(identity, Config::default())?;
    let handle = network.handle.clone();
    let mut proposer = Proposer { network, console, timeout: Duration::from_secs(args.timeout) };
    let outcome = match proposer.run(proposal, &mut signals).await {
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

impl ProposeArgs {
    fn proposal(&self, own: PublicKey) -> Result<Proposal, Failure> {
        let mut signers = vec![own];
        for key in self.signer.iter().filter(|key| **key != own) {
            if signers.contains(key) {
                return Err(Failure::Usage(format!(
                    "--signer {key} is given twice: signers have distinct keys"
                )));
            }
            signers.push(*key);
        }
        if signers.len() == 1 {
            return Err(Failure::Usage(
                "your own key is the only signer: give a co-signer's public key with --signer".into(),
            ));
        }
        let tweak = match self.taproot_root {
            Some(root) => Some(Tweak::Taproot { merkle_root: Some(root) }),
            None => self.bip86.then_some(Tweak::BIP86),
        };
        let item = |message: &Message| Item::new(*message).with_tweaks(tweak.iter().cloned().collect());
        let items = self.message.iter().map(item).collect::<Result<Vec<_>, _>>();
        let items = items.map_err(|tweaks| Failure::Usage(count(tweaks.len(), "tweak") + " are too many"))?;
        let proposal = Proposal::new(signers).with_duration(Duration::from_secs(self.timeout) + MARGIN);
        Ok(items.into_iter().fold(proposal, Proposal::with_item))
    }
}

struct Proposer<'a> {
    network: Network,
    console: &'a Console,
    timeout: Duration,
}

impl Proposer<'_> {
    /// Returns when the signatures are printed.
    async fn run(&mut self, proposal: Proposal, signals: &mut StopSignals) -> Result<(), Failure> {
        let deadline = Instant::now() + self.timeout;
        let session = self.network.handle.create_session(proposal).await?;
        let announce = Command::AnnounceSession { session, audience: Audience::Everyone };
        self.network.handle.execute(announce).await?;
        loop {
            tokio::select! {
                event = self.network.next() => {
                    let Some((event, view)) = self.network.digest(event?, self.console, false).await? else { continue };
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
