//! The daemon's end of its socket.

use super::socket::Socket;
use super::words::{Reply, Request, Status, Summary};
use crate::ending::Ending;
use crate::failure::Failure;
use crate::network::{Network, Reach};
use crate::result::SessionResult;
use musig2_libp2p::libp2p::PeerId;
use musig2_libp2p::musig2_proto::{Command, CommandError, Note, Phase, SessionId, SessionView};
use musig2_libp2p::{Handle, HandleError};
use std::io;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{broadcast, watch};
use tokio::task::JoinSet;

/// The longest request, in bytes: more than the most messages a session can have.
const MAX_REQUEST: u64 = 1 << 20;
/// How long a client may take for its request, and to read an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many clients are served at once. Others wait.
const MAX_CLIENTS: usize = 32;
/// After a connection could not be accepted (too many open files, say).
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// What clients can ask for.
#[derive(Debug, Clone)]
pub(crate) struct Control {
    handle: Handle,
    reach: watch::Receiver<Reach>,
    changes: broadcast::Sender<SessionId>,
    started: Instant,
    signs_nothing: Option<&'static str>,
}

impl Control {
    /// Of a node. `signs_nothing`: the key that the policy lacks.
    pub(crate) fn of(network: &Network, signs_nothing: Option<&'static str>) -> Self {
        Self {
            handle: network.handle.clone(),
            reach: network.reach.subscribe(),
            changes: network.changes.clone(),
            started: Instant::now(),
            signs_nothing,
        }
    }

    /// Serves clients until it is dropped.
    pub(crate) async fn serve(self, socket: Socket) {
        let mut clients = JoinSet::new();
        loop {
            while clients.try_join_next().is_some() {}
            tokio::select! {
                stream = socket.accept(), if clients.len() < MAX_CLIENTS => match stream {
                    Ok(stream) => drop(clients.spawn(self.clone().serve_one(stream))),
                    Err(error) => {
                        tracing::error!(%error, "cannot accept on the socket");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
                Some(_) = clients.join_next() => {}
            }
        }
    }

    async fn serve_one(self, stream: UnixStream) {
        let (from, to) = stream.into_split();
        let mut client = Client { from: BufReader::new(from), to };
        let outcome = match client.request().await {
            Ok(request) => self.answer(request, &mut client).await,
            Err(failure) => Err(failure),
        };
        if let Err(failure) = outcome
            && let Err(error) =
                client.send(&Reply::Failure { message: failure.to_string(), code: failure.code() }).await
        {
            tracing::debug!(%error, %failure, "a client left before it was answered");
        }
    }

    async fn answer(&self, request: Request, client: &mut Client) -> Result<(), Failure> {
        match request {
            Request::Status => client.send(&Reply::Status(self.status().await?)).await,
            Request::Sessions => {
                let sessions = self.handle.sessions().await?.iter().map(Summary::of).collect();
                client.send(&Reply::Sessions { sessions }).await
            }
            Request::Propose(order) => {
                // From before it is made: nothing of it is missed.
                let changes = self.changes.subscribe();
                let session = order.carry_out(&self.handle).await?;
                tokio::select! {
                    outcome = self.follow(session, changes, &mut client.to) => outcome,
                    () = gone(&mut client.from) => Ok(()),
                }
            }
            Request::Abort { session, reason } => {
                let session = self.find(&session).await?;
                self.abort(&session, &reason).await?;
                let view = self.handle.session(session.id).await?.ok_or(Failure::Forgotten(session.id))?;
                client.send(&Reply::Session(Summary::of(&view))).await
            }
        }
    }

    async fn status(&self) -> Result<Status, Failure> {
        let sessions = self.handle.sessions().await?;
        let Reach { listening, peers } = self.reach.borrow().clone();
        Ok(Status {
            version: env!("CARGO_PKG_VERSION").into(),
            public_key: self.handle.public_keys().first().map(ToString::to_string).unwrap_or_default(),
            peer_id: self.handle.peer_id().to_string(),
            uptime_seconds: self.started.elapsed().as_secs(),
            listening: listening.iter().map(ToString::to_string).collect(),
            connected_peers: peers.iter().map(PeerId::to_string).collect(),
            open_sessions: sessions.iter().filter(|view| is_open(view)).count(),
            signs_nothing_without: self.signs_nothing.map(Into::into),
        })
    }

    /// Tells how the session stands whenever that changes, until it ends.
    async fn follow(
        &self,
        session: SessionId,
        mut changes: broadcast::Receiver<SessionId>,
        client: &mut OwnedWriteHalf,
    ) -> Result<(), Failure> {
        let mut told: Option<Summary> = None;
        loop {
            let view = self.handle.session(session).await?.ok_or(Failure::Forgotten(session))?;
            let summary = Summary::of(&view);
            if !told.as_ref().is_some_and(|told| summary.says_the_same_as(told)) {
                send(client, &Reply::Session(summary.clone())).await?;
                told = Some(summary);
            }
            if let Some(signatures) = &view.signatures {
                return send(client, &Reply::Result(SessionResult::of(&view, signatures))).await;
            }
            if let Some(cause) = &view.cause {
                let ending = Box::new(Ending::of(&view, cause, view.released));
                return Err(Failure::Session { ending, hint: None });
            }
            // Others' sessions change as well; who was too slow to hear which looks again.
            while matches!(changes.recv().await, Ok(other) if other != session) {}
        }
    }

    /// The one session whose name begins so.
    async fn find(&self, name: &str) -> Result<SessionView, Failure> {
        let mut sessions = self.handle.sessions().await?;
        let name_starts = name.to_ascii_lowercase();
        sessions.retain(|view| !name.is_empty() && view.id.to_string().starts_with(&name_starts));
        match sessions.len() {
            1 => Ok(sessions.remove(0)),
            0 => Err(Failure::Usage(format!(
                "no session begins with `{name}`: `musig2-node sessions` lists them"
            ))),
            many => {
                Err(Failure::Usage(format!("{many} sessions begin with `{name}`: give more of the name")))
            }
        }
    }

    async fn abort(&self, session: &SessionView, reason: &str) -> Result<(), Failure> {
        let abort = Command::AbortSession { session: session.id, reason: Note::new(reason) };
        match self.handle.execute(abort).await {
            Err(HandleError::Command(CommandError::NotJoined(session))) => {
                Ok(self.handle.execute(Command::DeclineSession { session }).await?)
            }
            outcome => Ok(outcome?),
        }
    }
}

fn is_open(view: &SessionView) -> bool {
    !matches!(view.phase, Phase::Complete | Phase::Aborted)
}

/// Who asks.
struct Client {
    from: BufReader<OwnedReadHalf>,
    to: OwnedWriteHalf,
}

impl Client {
    async fn request(&mut self) -> Result<Request, Failure> {
        let mut line = Vec::new();
        let mut limited = (&mut self.from).take(MAX_REQUEST);
        match tokio::time::timeout(PATIENCE, limited.read_until(b'\n', &mut line)).await {
            Ok(Ok(_)) => serde_json::from_slice(&line).map_err(|error| {
                Failure::Usage(format!(
                    "not a request ({error}): one JSON object in a line, at most {MAX_REQUEST} bytes"
                ))
            }),
            Ok(Err(error)) => Err(Failure::Socket(error)),
            Err(_) => Err(Failure::Usage(format!("no request within {} seconds", PATIENCE.as_secs()))),
        }
    }

    async fn send(&mut self, reply: &Reply) -> Result<(), Failure> {
        send(&mut self.to, reply).await
    }
}

async fn send(to: &mut OwnedWriteHalf, reply: &Reply) -> Result<(), Failure> {
    let mut line = serde_json::to_vec(reply).map_err(|error| Failure::Socket(error.into()))?;
    line.push(b'\n');
    match tokio::time::timeout(PATIENCE, to.write_all(&line)).await {
        Ok(written) => written.map_err(Failure::Socket),
        Err(_) => Err(Failure::Socket(io::ErrorKind::TimedOut.into())),
    }
}

/// Returns when the client has left.
async fn gone(from: &mut BufReader<OwnedReadHalf>) {
    let mut nothing = [0; 64];
    while matches!(from.read(&mut nothing).await, Ok(1..)) {}
}
