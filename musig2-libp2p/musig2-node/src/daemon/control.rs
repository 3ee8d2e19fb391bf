//! The daemon's end of its socket.

use super::clients::{self, Place};
use super::following::Following;
use super::reload::Reloader;
use crate::approval::told::Told;
use crate::failure::Failure;
use crate::model::co_signer::{AtPeer, CoSigner};
use crate::model::labels::Labels;
use crate::model::line::Timed;
use crate::model::record::{Approval, Record};
use crate::model::state::Summary;
use crate::model::words::{ConnectedPeer, Reply, Request, Status};
use crate::node::roster::Roster;
use crate::node::{Reach, RunningNode, works};
use crate::order::Order;
use crate::results::trail::{Filter, Found, Trail};
use crate::system::socket::Socket;
use crate::text::Text;
use crate::text::time::Since;
use musig2_libp2p::libp2p::PeerId;
use musig2_libp2p::musig2_proto::{
    Command, CommandError, DeclineReason, Note, Phase, SessionId, SessionView,
};
use musig2_libp2p::{Handle, HandleError};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Semaphore, broadcast, watch};
use tokio::time::Instant;

/// The longest request, in bytes: more than the most messages of a session take.
const MAX_REQUEST: u64 = 1 << 20;
/// How many bytes of a longer request are read, so that its client can read why it was refused.
const MAX_UNREAD: u64 = 16 * MAX_REQUEST;
/// How long a client may take to send its request, and to read an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most clients that wait at once for what they proposed, which may take minutes. They do not
/// keep other clients waiting, only further proposals.
const MAX_WAITING: usize = 32;
/// Names a problem with the socket.
const SOCKET: &str = "socket";
/// How many results are returned by default, and at most.
const RESULTS: usize = 50;
const MAX_RESULTS: usize = 10_000;

/// What clients can ask for.
#[derive(Debug, Clone)]
pub(crate) struct Control {
    handle: Handle,
    labels: Labels,
    roster: Roster,
    told: Told,
    reach: watch::Sender<Reach>,
    changes: broadcast::Sender<SessionId>,
    started: Instant,
    reloader: Reloader,
    trail: Trail,
    /// Places for clients that wait for what they proposed.
    waiting: Arc<Semaphore>,
}

impl Control {
    /// Makes the control of a node.
    pub(crate) fn of(network: &RunningNode, reloader: Reloader, trail: Trail) -> Self {
        Self {
            handle: network.handle.clone(),
            labels: network.labels.clone(),
            roster: network.roster.clone(),
            told: network.told.clone(),
            reach: network.reach.clone(),
            changes: network.changes.clone(),
            started: Instant::now(),
            reloader,
            trail,
            waiting: Arc::new(Semaphore::new(MAX_WAITING)),
        }
    }

    /// Serves clients until it is dropped.
    pub(crate) async fn serve(self, socket: Socket) {
        let serve_one = |(stream, user), place| self.clone().serve_one(stream, user, place);
        tokio::select! {
            () = clients::serve("the socket", async || socket.accept().await, serve_one) => {}
            () = socket.stay(|problem| works(&self.reach, SOCKET, problem)) => {}
        }
    }

    async fn serve_one(self, stream: UnixStream, user: u32, place: Place) {
        let (from, to) = stream.into_split();
        let mut client = Client { from: BufReader::new(from), to, is_unread: false };
        let outcome = match client.request().await {
            Ok(Request::Propose(order)) => self.propose(&order, user, &mut client, place).await,
            Ok(request) => self.answer(request, &mut client).await,
            Err(failure) => Err(failure),
        };
        if let Err(failure) = outcome
            && let Err(error) = client.send(&Reply::Failure(failure.object())).await
        {
            tracing::debug!(%error, %failure, "a client disconnected before it was answered");
        }
        client.hang_up().await;
    }

    async fn answer(&self, request: Request, client: &mut Client) -> Result<(), Failure> {
        match request {
            Request::Status => client.send(&Reply::Status(self.status().await?)).await,
            Request::Reload => client.send(&Reply::Reloaded(self.reloader.reload().await?)).await,
            Request::Sessions { session: Some(name) } => {
                let record = self.record(&name).await?;
                let result = record.result();
                client.send(&Reply::Details(Box::new(record))).await?;
                match result {
                    Some(result) => client.send(&Reply::Result(result)).await,
                    None => Ok(()),
                }
            }
            Request::Sessions { session: None } => {
                let mut views = self.handle.sessions().await?;
                // Open sessions first, oldest first; then ended ones, most recent first.
                views.sort_by_key(|view| match is_open(view) {
                    true => (false, view.manifest.created_at().as_millis()),
                    false => (true, u64::MAX - view.last_activity.as_millis()),
                });
                let sessions = views.iter().map(|view| Summary::of(view, &self.labels)).collect();
                client.send(&Reply::Sessions { sessions }).await
            }
            Request::Results { since, limit, signer, status } => {
                let found = self.trail.select(Filter {
                    since_ms: since.map_or(0, |Text(Since(millis))| millis),
                    signer: signer.map(|Text(signer)| signer),
                    status,
                    limit: limit.unwrap_or(RESULTS).min(MAX_RESULTS),
                });
                let Found { records, more, damaged } =
                    found.await.map_err(|error| Failure::Record(error.to_string()))?;
                let count = records.len();
                for record in records {
                    client.send(&Reply::Record(Box::new(record))).await?;
                }
                client.send(&Reply::Results { count, more, damaged }).await
            }
            // Handled elsewhere: a proposal has a place of its own.
            Request::Propose(_) => Ok(()),
            Request::Abort { session, reason } => {
                let session = self.find(&session).await?;
                self.abort(&session, &reason).await?;
                let view =
                    self.handle.session(session.id).await?.ok_or(Failure::Forgotten(session.id))?;
                client.send(&Reply::Session(Summary::of(&view, &self.labels))).await
            }
        }
    }

    /// Carries out a proposal, and reports on it until its end.
    async fn propose(
        &self,
        order: &Order,
        user: u32,
        client: &mut Client,
        place: Place,
    ) -> Result<(), Failure> {
        let _waiting = self.waiting.acquire().await;
        drop(place);
        let timeout = order.timeout();
        // Subscribe before the session exists, so that no change is missed.
        let changes = self.changes.subscribe();
        let approve = async |session| {
            // An error means that the node has stopped, which the next step will notice.
            if let Ok(Some(view)) = self.handle.session(session).await {
                self.trail.approved(&view, Approval::Socket { uid: Some(user) });
            }
        };
        let session = order.carry_out(&self.handle, approve).await?;
        // Only now is the timeout known to be a sensible length.
        let deadline = Instant::now() + timeout;
        let (handle, reach) = (self.handle.clone(), self.reach.clone());
        let mut following = Following {
            handle,
            session,
            labels: self.labels.clone(),
            roster: self.roster.clone(),
            changes,
            reach: reach.subscribe(),
            trail: self.trail.clone(),
            timeout,
            deadline,
        };
        let told = tokio::select! {
            told = following.tell(&mut client.to) => told,
            () = gone(&mut client.from) => Err(Failure::Socket(io::ErrorKind::UnexpectedEof.into())),
        };
        match told {
            // Not in the client's place, which the next client may take. There are at most as many
            // of these tasks as sessions can be open.
            Err(Failure::Socket(_)) => {
                tokio::spawn(following.outlive());
                Ok(())
            }
            told => told,
        }
    }

    async fn status(&self) -> Result<Status, Failure> {
        let sessions = self.handle.sessions().await?;
        let reach = self.reach.borrow().clone();
        let results = self.trail.standing();
        let holds = self.reloader.holds();
        let co_signers = self.roster.tell(&self.handle, &self.labels).await?;
        Ok(Status {
            version: env!("CARGO_PKG_VERSION").into(),
            public_key: self
                .handle
                .public_keys()
                .first()
                .map(ToString::to_string)
                .unwrap_or_default(),
            peer_id: self.handle.peer_id().to_string(),
            uptime_seconds: self.started.elapsed().as_secs(),
            listening: reach.listening.iter().map(ToString::to_string).collect(),
            connected_peers: reach.peers.iter().map(|peer| connected(peer, &co_signers)).collect(),
            co_signers,
            open_sessions: sessions.iter().filter(|view| is_open(view)).count(),
            problems: reach.problems(),
            signs_nothing_without: holds.signs_nothing.map(Into::into),
            policy_read_at: holds.read_at,
            results,
        })
    }

    /// Returns all that is known of the one session whose id begins with `name`: as it stands, or
    /// as it was recorded.
    async fn record(&self, name: &str) -> Result<Record, Failure> {
        let recorded = match self.find(name).await {
            Ok(view) if is_open(&view) => {
                let before = self.trail.find(view.id.to_bytes()).await.ok().flatten();
                return Ok(match before {
                    Some(before) => Record::of(&view, None, &self.labels).after(&before),
                    None => Record::of(&view, None, &self.labels),
                });
            }
            // Record the end before reporting it.
            Ok(view) => {
                self.trail.ended(&view);
                self.trail.settled().await;
                let recorded = self.trail.find(view.id.to_bytes()).await.ok().flatten();
                return Ok(match recorded {
                    Some(recorded) if recorded.ended_at.is_some() => recorded,
                    // The disk does not respond.
                    Some(before) => Record::of(&view, None, &self.labels).after(&before),
                    None => Record::of(&view, None, &self.labels),
                });
            }
            Err(unknown) => match self.trail.named(&name.to_ascii_lowercase())[..] {
                [session] if !name.is_empty() => self.trail.find(session).await,
                [_, _] if !name.is_empty() => {
                    let problem =
                        format!("more than one session's id begins with `{name}`: give more of it");
                    return Err(Failure::Usage(problem));
                }
                _ => return Err(unknown),
            },
        };
        let forgotten = || Failure::Usage(format!("session {name} was forgotten just now"));
        recorded.map_err(|error| Failure::Record(error.to_string()))?.ok_or_else(forgotten)
    }

    /// Returns the one session whose id begins with `name`.
    async fn find(&self, name: &str) -> Result<SessionView, Failure> {
        let mut sessions = self.handle.sessions().await?;
        let name_starts = name.to_ascii_lowercase();
        sessions.retain(|view| !name.is_empty() && view.id.to_string().starts_with(&name_starts));
        match sessions.len() {
            1 => Ok(sessions.remove(0)),
            0 => Err(Failure::Usage(format!("no session's id begins with `{name}`"))),
            many => Err(Failure::Usage(format!(
                "the ids of {many} sessions begin with `{name}`: give more of it"
            ))),
        }
    }

    async fn abort(&self, session: &SessionView, reason: &str) -> Result<(), Failure> {
        let abort = Command::AbortSession { session: session.id, reason: Note::new(reason) };
        let outcome = match self.handle.execute(abort).await {
            Err(HandleError::Command(CommandError::NotJoined(id))) => {
                let reason = self.told.reason_in(session, DeclineReason::Person);
                self.handle.execute(Command::DeclineSession { session: id, reason }).await
            }
            outcome => outcome,
        };
        outcome.map_err(|error| Failure::of_ending(session.id, error))
    }
}

/// Returns a connected peer, with the co-signers that claim to be there.
fn connected(peer: &PeerId, co_signers: &[CoSigner]) -> ConnectedPeer {
    let peer_id = peer.to_string();
    let at_peer = co_signers.iter().filter(|signer| signer.peer_id.as_ref() == Some(&peer_id));
    let signers =
        at_peer.map(|signer| AtPeer { public_key: signer.public_key, label: signer.label.clone() });
    ConnectedPeer { signers: signers.collect(), peer_id }
}

fn is_open(view: &SessionView) -> bool {
    !matches!(view.phase, Phase::Complete | Phase::Aborted)
}

/// The connection to a client.
struct Client {
    from: BufReader<OwnedReadHalf>,
    to: OwnedWriteHalf,
    /// The request was too long to be read to its end.
    is_unread: bool,
}

impl Client {
    async fn request(&mut self) -> Result<Request, Failure> {
        let mut line = Vec::new();
        let mut limited = (&mut self.from).take(MAX_REQUEST);
        match tokio::time::timeout(PATIENCE, limited.read_until(b'\n', &mut line)).await {
            Ok(Ok(_)) if !line.ends_with(b"\n") && line.len() as u64 == MAX_REQUEST => {
                self.is_unread = true;
                let problem =
                    format!("the request is longer than {MAX_REQUEST} bytes: send one JSON object on one line");
                Err(Failure::Usage(problem))
            }
            Ok(Ok(_)) => serde_json::from_slice(&line).map_err(|error| {
                Failure::Usage(format!(
                    "not a request ({error}): send one JSON object on one line, at most {MAX_REQUEST} bytes"
                ))
            }),
            Ok(Err(error)) => Err(Failure::Socket(error)),
            Err(_) => Err(Failure::Usage(format!("no request came within {} seconds", PATIENCE.as_secs()))),
        }
    }

    /// Lets the client read the answer before closing. Closing a connection with unread input
    /// discards data on its way to the other end.
    async fn hang_up(mut self) {
        drop(self.to);
        if self.is_unread {
            let mut rest = (&mut self.from).take(MAX_UNREAD);
            // A client that sends more than that, or for longer, may miss the answer.
            let _ =
                tokio::time::timeout(PATIENCE, tokio::io::copy(&mut rest, &mut tokio::io::sink()))
                    .await;
        }
    }

    async fn send(&mut self, reply: &Reply) -> Result<(), Failure> {
        send(&mut self.to, reply).await
    }
}

/// Sends one reply to a client.
pub(super) async fn send(to: &mut OwnedWriteHalf, reply: &Reply) -> Result<(), Failure> {
    let mut line =
        serde_json::to_vec(&Timed::now(reply)).map_err(|error| Failure::Socket(error.into()))?;
    line.push(b'\n');
    match tokio::time::timeout(PATIENCE, to.write_all(&line)).await {
        Ok(written) => written.map_err(Failure::Socket),
        Err(_) => Err(Failure::Socket(io::ErrorKind::TimedOut.into())),
    }
}

/// Returns when the client has disconnected.
async fn gone(from: &mut BufReader<OwnedReadHalf>) {
    let mut nothing = [0; 64];
    while matches!(from.read(&mut nothing).await, Ok(1..)) {}
}
