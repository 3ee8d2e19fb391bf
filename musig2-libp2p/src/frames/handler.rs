//! The two substreams of one connection.

use super::bucket::Bucket;
use super::codec::{FrameReader, FrameWriter, Queue, ReadError};
use super::hold::Hold;
use super::{FrameLimits, PROTOCOL, Undelivered};
use libp2p::core::upgrade::ReadyUpgrade;
use libp2p::swarm::handler::{
    ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound,
};
use libp2p::swarm::{
    ConnectionHandler, ConnectionHandlerEvent, Stream, StreamProtocol, StreamUpgradeError,
    SubstreamProtocol,
};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

/// How many substreams a peer may open in a second, and in one burst. It needs one, and a new one
/// whenever one breaks.
const SUBSTREAMS_PER_SECOND: u32 = 8;

/// Carries frames over one connection. Frames that are lost when the connection ends are not
/// reported one by one: the end of the connection implies it.
#[derive(Debug)]
pub struct Handler {
    config: FrameLimits,
    max_frame_size: usize,
    queue: Queue,
    outbound: Outbound,
    inbound: Option<FrameReader<Stream>>,
    frames: Bucket,
    bytes: Bucket,
    substreams: Bucket,
    /// The peer opened more substreams than it may, and this has not been reported yet.
    churned: bool,
    /// Runs while nothing is read, because the peer sends too fast or sent what it should not have.
    pause: Hold,
    /// Runs while the peer reads nothing of what waits for it.
    stall: Hold,
    /// Runs for a while after each frame.
    keep_alive: Hold,
    /// An open session needs the connection kept.
    pinned: bool,
    /// How many frames were lost since the last report, and why the last of them was.
    undelivered: Option<(usize, Undelivered)>,
    finish: Finish,
}

/// An order to a connection.
#[derive(Debug)]
pub enum Command {
    /// Send a frame.
    Send(Vec<u8>),
    /// Keep the connection even though nothing is sent, or stop keeping it.
    Pin(bool),
    /// Read nothing for this long.
    Pause(Duration),
    /// Take no more frames, and report when the peer has read all that were taken.
    Finish,
}

/// An event on a connection.
#[derive(Debug)]
pub enum Notice {
    /// A frame came.
    Received(Vec<u8>),
    /// The peer announced a frame larger than allowed. Its substream is gone.
    Oversize {
        /// The claimed size, in bytes.
        size: usize,
    },
    /// The peer opens substreams faster than it can have any use for.
    Churn,
    /// Frames were lost.
    Undelivered {
        /// How many frames.
        frames: usize,
        /// Why the last of them was lost.
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
    pub(crate) fn new(config: FrameLimits, max_frame_size: usize) -> Self {
        let now = Instant::now();
        Self {
            queue: Queue::new(config.queued_frames, config.queued_bytes),
            outbound: Outbound::Closed,
            inbound: None,
            frames: Bucket::new(config.frames_per_second, now),
            bytes: Bucket::new(config.bytes_per_second, now),
            substreams: Bucket::new(SUBSTREAMS_PER_SECOND, now),
            churned: false,
            pause: Hold::default(),
            stall: Hold::default(),
            keep_alive: Hold::default(),
            pinned: false,
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
        if std::mem::take(&mut self.churned) {
            return Some(Notice::Churn);
        }
        let done = self.queue.is_empty() && matches!(self.outbound, Outbound::Closed);
        if self.finish == Finish::Asked && done {
            self.finish = Finish::Reported;
            return Some(Notice::Finished);
        }
        None
    }

    /// Writes what is queued, and closes the substream if asked to finish. Ready when a substream
    /// must be opened.
    fn poll_outbound(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if let Outbound::Open(writer) = &mut self.outbound {
            let stalled = match writer.poll_write(&mut self.queue, context) {
                Poll::Pending => {
                    // The timer restarts whenever the peer takes anything: a slow peer is not a
                    // stalled one.
                    if writer.progressed() || !self.stall.is_running() {
                        self.stall = Hold::default();
                        self.stall.extend(self.config.write_timeout);
                    }
                    ready!(self.stall.poll(context));
                    (writer.unwritten() + self.queue.clear()).max(1)
                }
                // The frame that was half written is lost; those behind it go over a new substream.
                // Each substream costs at least one frame, so a peer that closes them all cannot
                // keep this side busy.
                Poll::Ready(Err(_)) => 0,
                // The peer closes its side once it has read to the end of ours, which shows that it
                // has read everything.
                Poll::Ready(Ok(())) => {
                    self.stall = Hold::default();
                    let failed = self.finish == Finish::Asked
                        && matches!(writer.poll_close(context), Poll::Ready(Err(_)));
                    if !failed {
                        ready!(writer.poll_closed_by_peer(context));
                    }
                    0
                }
            };
            self.stall = Hold::default();
            self.outbound = Outbound::Closed;
            self.report_undelivered(stalled, Undelivered::Stalled);
        }
        if matches!(self.outbound, Outbound::Closed) && !self.queue.is_empty() {
            self.outbound = Outbound::Opening;
            return Poll::Ready(());
        }
        Poll::Pending
    }

    fn poll_inbound(&mut self, context: &mut Context<'_>) -> Poll<Notice> {
        if self.pause.poll(context).is_pending() {
            return Poll::Pending;
        }
        let Some(reader) = &mut self.inbound else { return Poll::Pending };
        match reader.poll_frame(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(frame)) => {
                let now = Instant::now();
                let wait = self.frames.take(1, now).max(self.bytes.take(frame.len(), now));
                self.pause.extend(wait);
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
        self.pinned || self.keep_alive.is_running() || !self.queue.is_empty()
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
        let _ = self.keep_alive.poll(context);
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
            Command::Pin(pinned) => self.pinned = pinned,
            Command::Pause(time) => self.pause.extend(time),
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
                protocol: mut stream,
                ..
            }) => {
                stream.ignore_for_keep_alive();
                self.churned |= !self.substreams.take(1, Instant::now()).is_zero();
                // The newest substream wins: a peer opens another one only after it has given up
                // the one before.
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
                    StreamUpgradeError::Timeout | StreamUpgradeError::Io(_) => {
                        Undelivered::ConnectionLost
                    }
                    StreamUpgradeError::Apply(never) => match never {},
                };
                let frames = self.queue.clear();
                self.report_undelivered(frames, reason);
            }
            // Other events affect neither substream. (The enum may grow.)
            _ => {}
        }
    }
}
