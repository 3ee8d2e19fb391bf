//! What `cosign`, `propose` and `run` share: a signing node on the network, until it is told to
//! stop.

use super::ports::check_ports;
use super::reach::{Reach, works};
use crate::approval::told::Told;
use crate::console::Console;
use crate::failure::Failure;
use crate::model::co_signer::AtPeer;
use crate::model::ending::{Declined, Signer};
use crate::model::labels::Labels;
use crate::model::line::Line;
use crate::model::steps::{InSession, Step};
use crate::model::terms::Terms;
use crate::node::ignored::Ignored;
use crate::node::patience;
use crate::node::roster::Roster;
use crate::system::descriptors;
use crate::text::Text;
use crate::text::names::named;
use musig2_libp2p::musig2_proto::{
    DeclineReason, Event, ManifestError, PublicKey, SecretKey, SessionId, SessionView,
};
use musig2_libp2p::{Events, Handle, Node, NodeConfig, NodeEvent};
use std::collections::BTreeSet;
use tokio::sync::{broadcast, watch};
use tracing::{error, warn};

/// How many changes a slow follower may be behind before it is told that it missed some.
const MAX_CHANGES: usize = 256;

/// Names a problem that lasts until this node can take part in a session again.
const CLOCK: &str = "clock";

/// Names a problem that lasts until this node is started again.
const KEY: &str = "key";

/// How many different failed dials are remembered as shown.
const MAX_FAILED_DIALS: usize = 64;

/// A running node, and its events.
#[derive(Debug)]
pub(crate) struct RunningNode {
    pub(crate) handle: Handle,
    /// The labels of signers, and the chain.
    pub(crate) labels: Labels,
    /// What happened with each signer.
    pub(crate) roster: Roster,
    /// The proposers that this node tells when it declines.
    pub(crate) told: Told,
    events: Events,
    /// Failed dials that were shown, at most [`MAX_FAILED_DIALS`]: the same dials are retried again
    /// and again, and are shown once.
    failed_dials: BTreeSet<String>,
    /// What people are told of only once in a while.
    pub(crate) ignored: Ignored,
    /// Whether any peer was ever connected.
    pub(crate) met_anyone: bool,
    /// The node's addresses and peers, for those that follow it.
    pub(crate) reach: watch::Sender<Reach>,
    /// Sessions in which something happened, for those that follow them.
    pub(crate) changes: broadcast::Sender<SessionId>,
}

impl RunningNode {
    /// Starts a node.
    pub(crate) fn start(
        config: NodeConfig,
        secret: SecretKey,
        labels: Labels,
    ) -> Result<Self, Failure> {
        check_ports(&config)?;
        let names = labels.clone();
        let config =
            config.with_signer_names(move |signer| named(signer, names.of(signer).as_ref()));
        let (handle, events) = Node::start(descriptors::fit(config), [secret])?;
        Ok(Self {
            handle,
            told: Told::new(labels.clone()),
            labels,
            roster: Roster::default(),
            events,
            failed_dials: BTreeSet::new(),
            ignored: Ignored::default(),
            met_anyone: false,
            reach: watch::Sender::default(),
            changes: broadcast::Sender::new(MAX_CHANGES),
        })
    }
}

/// Logs whose key has another life, with the operator's label for it.
fn log_lives(event: &Event, view: &SessionView, labels: &Labels) {
    let signer =
        |index| Signer::at(view, index, labels).map(|signer| signer.in_full()).unwrap_or_default();
    let session = view.id;
    match event {
        Event::KeyInUseElsewhere { .. } => {
            let signer = signer(view.me);
            error!(%session, signer, "another process signs with this node's key: stop one of the two");
        }
        Event::AttemptRestarted { signers, restarts, .. } => {
            for &index in signers {
                let signer = signer(index);
                if index == view.me {
                    warn!(%session, signer, restarts, "this node joined the session before it restarted, or another process has its key");
                } else {
                    warn!(%session, signer, restarts, "this signer restarted, or runs twice");
                }
            }
        }
        _ => {}
    }
}

impl RunningNode {
    /// Returns the node's next event. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Result<NodeEvent, Failure> {
        self.events.next().await.ok_or(Failure::NodeStopped)
    }

    /// Returns a session's event, with the session as it stood then unless nothing is left of it.
    /// Shows any other event.
    pub(crate) async fn digest(
        &mut self,
        event: NodeEvent,
        console: &Console,
    ) -> Result<Option<(Event, Option<Box<SessionView>>)>, Failure> {
        self.met_anyone |= matches!(event, NodeEvent::PeerConnected { .. });
        self.reach.send_if_modified(|reach| reach.follow(&event, &self.labels));
        self.roster.follow(&event);
        let step = match event {
            NodeEvent::Session {
                event: Event::SessionRefused { session, proposer, error },
                ..
            } => {
                if let Some(step) = self.refused(session, proposer, &error) {
                    console.step(None, &step)?;
                }
                return Ok(Some((Event::SessionRefused { session, proposer, error }, None)));
            }
            NodeEvent::Session { event, view } => {
                if matches!(event, Event::SessionDiscovered { .. } | Event::SessionComplete { .. })
                {
                    self.works(CLOCK, None);
                }
                if let Some(view) = &view {
                    self.notice(&event, view);
                    self.roster.follow_session(&event, view);
                }
                // Sending fails if nobody is following.
                let _ = self.changes.send(event.session());
                return Ok(Some((event, view)));
            }
            NodeEvent::Resumed { session } => match self.handle.session(session).await? {
                Some(view) => {
                    patience::resume(&self.handle, &view, &self.labels);
                    Step::SessionResumed(Box::new(Terms::of(&view, &self.labels)))
                }
                None => return Ok(None),
            },
            NodeEvent::Listening { address } => {
                console.show(&Line::Listening { address: &address, node: None })?;
                return Ok(None);
            }
            NodeEvent::ListenFailed { address, error, remaining: 0 } => {
                return Err(Failure::Listen { address, error });
            }
            NodeEvent::Offence { peer, signers, offence, consequence } if !console.is_json() => {
                self.ignored.add(peer, &AtPeer::of(&signers, &self.labels), &offence, &consequence);
                return Ok(None);
            }
            // The connection itself is reported.
            NodeEvent::BootstrapReached { .. } => return Ok(None),
            NodeEvent::DialFailed { ref error, .. } if self.failed_dials.contains(error) => {
                return Ok(None);
            }
            other => {
                if let NodeEvent::DialFailed { error, .. } = &other
                    && self.failed_dials.len() < MAX_FAILED_DIALS
                {
                    self.failed_dials.insert(error.clone());
                }
                Step::of_network(&other, &self.labels)
            }
        };
        console.step(None, &step)?;
        Ok(None)
    }

    /// Handles a session that this node cannot take part in. Shows nothing if the session is over:
    /// anyone can repeat an old announcement.
    fn refused(
        &self,
        session: SessionId,
        proposer: PublicKey,
        error: &ManifestError,
    ) -> Option<Step> {
        let label = self.labels.of(&proposer).map(Text);
        let signer = named(&proposer, label.as_ref());
        let (reason, error) = match error {
            ManifestError::Over(_) => return None,
            ManifestError::InFuture(ahead) => {
                let ahead_seconds = ahead.as_secs();
                warn!(%session, signer, ahead_seconds, "refused a session because its proposer's clock is ahead of this node's: check both clocks");
                let difference = format!("{ahead_seconds} s ahead of this node's");
                let problem = format!(
                    "the clock of signer {signer} is {difference}, so its sessions are refused: check both clocks"
                );
                self.works(CLOCK, Some(problem));
                ("clock", format!("the proposer's clock is {difference}: check both clocks"))
            }
            error => {
                warn!(%session, signer, %error, "refused a session that exceeds a limit of this node: compare [protocol] with its proposer's");
                ("unsupported", error.to_string())
            }
        };
        Some(Step::SessionRefused {
            session: InSession { session },
            public_key: proposer,
            label,
            reason,
            error,
        })
    }

    /// Logs what an operator should hear of at once.
    fn notice(&self, event: &Event, view: &SessionView) {
        log_lives(event, view, &self.labels);
        if let Event::KeyInUseElsewhere { session } = event {
            let problem = format!(
                "another process signs with this node's key, last in session {session}: stop one of the two"
            );
            self.works(KEY, Some(problem));
        }
        if let Event::SignerDeclined {
            signer,
            reason: reason @ DeclineReason::Clock { .. },
            session,
        } = event
            && let Some(Declined { signer, why, .. }) =
                Declined::at(view, *signer, *reason, &self.labels)
        {
            let signer = signer.in_full();
            warn!(%session, signer, why, "a signer cannot take part because its clock differs from this node's: check both clocks");
            self.works(
                CLOCK,
                Some(format!("{signer} cannot take part in this node's sessions: {why}")),
            );
        }
    }

    /// Notes that something works again, or does not work, for this reason.
    pub(crate) fn works(&self, what: &'static str, problem: Option<String>) {
        works(&self.reach, what, problem);
    }

    /// Returns a session as it stands.
    pub(crate) async fn session(&self, session: SessionId) -> Result<SessionView, Failure> {
        self.handle.session(session).await?.ok_or(Failure::Forgotten(session))
    }
}
