//! One connection's two substreams.

use super::bucket::Bucket;
use super::codec::{FrameReader, FrameWriter, Queue, ReadError};
use super::{Config, PROTOCOL, Undelivered};
use futures::FutureExt;
use futures_timer::Delay;
use libp2p::core::upgrade::ReadyUpgrade;
use libp2p::swarm::handler::{
    ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound,
};
use libp2p::swarm::{
    ConnectionHandler, ConnectionHandlerEvent, Stream, StreamProtocol, StreamUpgradeError, SubstreamProtocol,
};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Carries frames over one connection. Frames that are lost with it are not reported one by one: the connection's end says it all.
#[derive(Debug)]
pub struct Handler {
    config: Config,
    max_frame_size: usize,
    queue: Queue,
    outbound: Outbound,
    inbound: Option<FrameReader<Stream>>,
    frames: Bucket,
    bytes: Bucket,
    /// Set while the peer sends faster than it may, and nothing is read.
    pause: Option<Delay>,
    keep_alive: KeepAlive,
    /// How many frames were lost since it was last said, and why the last of them.
    undelivered: Option<(usize, Undelivered)>,
    finish: Finish,
}

/// What a connection is told to do.
#[derive(Debug)]
pub enum Command {
    /// Send a frame.
    Send(Vec<u8>),
    /// Take no more frames, and say when the peer has read all that were taken.
    Finish,
}

/// What happens on a connection.
#[derive(Debug)]
pub enum Notice {
    /// A frame came.
    Received(Vec<u8>),
    /// The peer announced a frame larger than is allowed. Its substream is gone.
    Oversize {
        /// What it claimed to have, in bytes.
        size: usize,
    },
    /// Frames were lost.
    Undelivered {
        /// How many.
        frames: usize,
        /// Why the last of them.
        reason: Undelivered,
    },
    /// The answer to [`Command::Finish`].
    Finished,
}

#[derive(Debug)]
enum Outbound {
    Closed,
    Opening,
    Open(FrameWriter<Stream>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Finish {
    NotAsked,
    Asked,
    Reported,
}

impl Handler {
    pub(crate) fn new(config: Config, max_frame_size: usize) -> Self {
        let now = Instant::now();
        Self {
            queue: Queue::new(config.queued_frames, config.queued_bytes),
            outbound: Outbound::Closed,
            inbound: None,
            frames: Bucket::new(config.frames_per_second, now),
            bytes: Bucket::new(config.bytes_per_second, now),
            pause: None,
            keep_alive: KeepAlive::default(),
            undelivered: None,
            finish: Finish::NotAsked,
            max_frame_size,
            config,
        }
    }

    fn report_undelivered(&mut self, frames: usize, reason: Undelivered) {
        if frames > 0 {
            let before = self.undelivered.map_or(0, |(frames, _)| frames);
            self.undelivered = Some((before + frames, reason));
        }
    }

    fn next_notice(&mut self) -> Option<Notice> {
        if let Some((frames, reason)) = self.undelivered.take() {
            return Some(Notice::Undelivered { frames, reason });
        }
        let done = self.queue.is_empty() && matches!(self.outbound, Outbound::Closed);
        if self.finish == Finish::Asked && done {
            self.finish = Finish::Reported;
            return Some(Notice::Finished);
        }
        None
    }

    /// Writes what is queued, and ends the substream where that is asked. Ready when a substream has to be opened.
    fn poll_outbound(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if let Outbound::Open(writer) = &mut self.outbound {
            let over = match writer.poll_write(&mut self.queue, context) {
                Poll::Pending => false,
                Poll::Ready(Err(_)) => true,
                // The peer ends its side once it has read to the end of ours.
                Poll::Ready(Ok(())) => {
                    let failed = self.finish == Finish::Asked
                        && matches!(writer.poll_close(context), Poll::Ready(Err(_)));
                    failed || writer.poll_closed_by_peer(context).is_ready()
                }
            };
            if !over {
                return Poll::Pending;
            }
            // A frame half written is lost; those behind it go over a new substream. Each substream costs at least one
            // frame, so a peer that closes them all cannot keep this side busy.
            self.outbound = Outbound::Closed;
        }
        if matches!(self.outbound, Outbound::Closed) && !self.queue.is_empty() {
            self.outbound = Outbound::Opening;
            return Poll::Ready(());
        }
        Poll::Pending
    }

    fn poll_inbound(&mut self, context: &mut Context<'_>) -> Poll<Notice> {
        if let Some(pause) = &mut self.pause {
            if pause.poll_unpin(context).is_pending() {
                return Poll::Pending;
            }
            self.pause = None;
        }
        let Some(reader) = &mut self.inbound else { return Poll::Pending };
        match reader.poll_frame(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(frame)) => {
                let now = Instant::now();
                let wait = self.frames.take(1, now).max(self.bytes.take(frame.len(), now));
                if !wait.is_zero() {
                    self.pause = Some(Delay::new(wait));
                }
                Poll::Ready(Notice::Received(frame))
            }
            Poll::Ready(Err(ReadError::TooLarge { size })) => {
                self.inbound = None;
                Poll::Ready(Notice::Oversize { size })
            }
            Poll::Ready(Err(ReadError::Closed)) => {
                self.inbound = None;
                Poll::Pending
            }
        }
    }
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Command;
    type ToBehaviour = Notice;
    type InboundProtocol = ReadyUpgrade<StreamProtocol>;
    type OutboundProtocol = ReadyUpgrade<StreamProtocol>;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = ();

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol> {
        SubstreamProtocol::new(ReadyUpgrade::new(PROTOCOL), ())
    }

    fn connection_keep_alive(&self) -> bool {
        self.keep_alive.is_running() || !self.queue.is_empty()
    }

    fn poll(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Self::OutboundProtocol, (), Self::ToBehaviour>> {
        if self.poll_outbound(context).is_ready() {
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest {
                protocol: SubstreamProtocol::new(ReadyUpgrade::new(PROTOCOL), ()),
            });
        }
        if let Some(notice) = self.next_notice() {
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(notice));
        }
        if let Poll::Ready(notice) = self.poll_inbound(context) {
            self.keep_alive.extend(self.config.keep_alive);
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(notice));
        }
        self.keep_alive.poll(context);
        Poll::Pending
    }

    fn on_behaviour_event(&mut self, command: Self::FromBehaviour) {
        match command {
            Command::Send(_) if self.finish != Finish::NotAsked => {
                self.report_undelivered(1, Undelivered::ConnectionLost);
            }
            Command::Send(frame) => {
                self.keep_alive.extend(self.config.keep_alive);
                if !self.queue.push(frame) {
                    self.report_undelivered(1, Undelivered::QueueFull);
                }
            }
            Command::Finish if self.finish == Finish::NotAsked => self.finish = Finish::Asked,
            Command::Finish => {}
        }
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<'_, Self::InboundProtocol, Self::OutboundProtocol>,
    ) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound {
                protocol: mut stream, ..
            }) => {
                stream.ignore_for_keep_alive();
                // The newest wins: the peer opens another when it has given up on the one before.
                self.inbound = Some(FrameReader::new(stream, self.max_frame_size));
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound {
                protocol: mut stream,
                ..
            }) => {
                stream.ignore_for_keep_alive();
                self.outbound = Outbound::Open(FrameWriter::new(stream));
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError { error, .. }) => {
                self.outbound = Outbound::Closed;
                let reason = match error {
                    StreamUpgradeError::NegotiationFailed => Undelivered::Unsupported,
                    StreamUpgradeError::Timeout | StreamUpgradeError::Io(_) => Undelivered::ConnectionLost,
                    StreamUpgradeError::Apply(never) => match never {},
                };
                let frames = self.queue.clear();
                self.report_undelivered(frames, reason);
            }
            // Of no interest: neither substream is affected. (The enum may grow.)
            _ => {}
        }
    }
}

/// Holds a connection for a while after the last frame.
#[derive(Debug, Default)]
struct KeepAlive {
    until: Option<Instant>,
    timer: Option<Delay>,
}

impl KeepAlive {
    fn extend(&mut self, by: Duration) {
        // The timer is left to fire early and is then set anew, once for many frames.
        self.until = Instant::now().checked_add(by);
        if self.timer.is_none() {
            self.timer = Some(Delay::new(by));
        }
    }

    fn is_running(&self) -> bool {
        self.until.is_some()
    }

    fn poll(&mut self, context: &mut Context<'_>) {
        while let (Some(timer), Some(until)) = (&mut self.timer, self.until) {
            if timer.poll_unpin(context).is_pending() {
                return;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                *self = Self::default();
            } else {
                self.timer = Some(Delay::new(left));
            }
        }
    }
}
