//! Frames on a byte stream: a length (4 bytes, big endian), then the frame.

use futures::{AsyncRead, AsyncWrite};
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

const HEADER: usize = 4;
/// How much memory is allocated ahead of the bytes that arrive, so that a false length costs
/// nothing.
const CHUNK: usize = 16 << 10;

/// Reads frames from a stream.
#[derive(Debug)]
pub(super) struct FrameReader<S> {
    stream: S,
    max_size: usize,
    /// The header and body bytes read so far.
    read: Vec<u8>,
}

/// Why no more frames can be read from a stream.
#[derive(Debug)]
pub(super) enum ReadError {
    /// A frame claims to be larger than allowed.
    TooLarge { size: usize },
    /// The stream ended or broke.
    Closed,
}

impl<S: AsyncRead + Unpin> FrameReader<S> {
    pub(super) fn new(stream: S, max_size: usize) -> Self {
        Self { stream, max_size, read: Vec::new() }
    }

    pub(super) fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Vec<u8>, ReadError>> {
        loop {
            let size = match self.read.first_chunk::<HEADER>() {
                None => 0,
                Some(header) => u32::from_be_bytes(*header) as usize,
            };
            if size > self.max_size {
                return Poll::Ready(Err(ReadError::TooLarge { size }));
            }
            let missing = HEADER + size - self.read.len();
            if missing == 0 && self.read.len() >= HEADER {
                return Poll::Ready(Ok(std::mem::take(&mut self.read).split_off(HEADER)));
            }
            let had = self.read.len();
            self.read.resize(had + missing.min(CHUNK), 0);
            let outcome = Pin::new(&mut self.stream).poll_read(context, &mut self.read[had..]);
            let came = match &outcome {
                Poll::Ready(Ok(came)) => *came,
                _ => 0,
            };
            self.read.truncate(had + came);
            match ready!(outcome) {
                Ok(0) | Err(_) => return Poll::Ready(Err(ReadError::Closed)),
                Ok(bytes) => tracing::trace!(bytes, "read"),
            }
        }
    }
}

/// Writes frames to a stream.
#[derive(Debug)]
pub(super) struct FrameWriter<S> {
    stream: S,
    /// The frame being written with its header, and how many of its bytes have been written.
    writing: Vec<u8>,
    written: usize,
    flushed: bool,
    /// The stream took something since [`progressed`](Self::progressed) was last called.
    progressed: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> FrameWriter<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, writing: Vec::new(), written: 0, flushed: true, progressed: false }
    }

    /// Writes and flushes what is in the queue. Ready once all of it has left, or with an error,
    /// after which the stream is of no use.
    pub(super) fn poll_write(
        &mut self,
        queue: &mut Queue,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            if self.written < self.writing.len() {
                let rest = &self.writing[self.written..];
                let written = ready!(Pin::new(&mut self.stream).poll_write(context, rest))?;
                if written == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                tracing::trace!(bytes = written, "written");
                self.written += written;
                self.flushed = false;
                self.progressed = true;
            } else if let Some(frame) = queue.pop() {
                self.writing.clear();
                self.writing.reserve_exact(HEADER + frame.len());
                let size = u32::try_from(frame.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
                self.writing.extend(size.to_be_bytes());
                self.writing.extend(frame);
                self.written = 0;
            } else if self.flushed {
                // Free the buffer: an idle stream should not hold on to the memory of its largest
                // frame.
                self.writing = Vec::new();
                self.written = 0;
                return Poll::Ready(Ok(()));
            } else {
                ready!(Pin::new(&mut self.stream).poll_flush(context))?;
                self.flushed = true;
                self.progressed = true;
            }
        }
    }

    /// Returns whether the stream took anything since the last call.
    pub(super) fn progressed(&mut self) -> bool {
        std::mem::take(&mut self.progressed)
    }

    /// How many frames it holds that have not been written completely.
    pub(super) fn unwritten(&self) -> usize {
        usize::from(self.written < self.writing.len())
    }

    /// Ready when the other side has closed the stream. Nothing else ever comes back on it.
    pub(super) fn poll_closed_by_peer(&mut self, context: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.stream).poll_read(context, &mut [0]).map(drop)
    }

    pub(super) fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(context)
    }
}

/// Frames waiting to be written, bounded in number and bytes.
#[derive(Debug)]
pub(super) struct Queue {
    frames: VecDeque<Vec<u8>>,
    bytes: usize,
    max_frames: usize,
    max_bytes: usize,
}

impl Queue {
    pub(super) fn new(max_frames: usize, max_bytes: usize) -> Self {
        Self { frames: VecDeque::new(), bytes: 0, max_frames: max_frames.max(1), max_bytes }
    }

    /// Adds a frame, or returns `false` and drops it if there is no room. An empty queue takes any
    /// frame.
    #[must_use]
    pub(super) fn push(&mut self, frame: Vec<u8>) -> bool {
        let bytes = self.bytes.saturating_add(frame.len());
        if !self.frames.is_empty()
            && (bytes > self.max_bytes || self.frames.len() == self.max_frames)
        {
            return false;
        }
        self.bytes = bytes;
        self.frames.push_back(frame);
        true
    }

    pub(super) fn pop(&mut self) -> Option<Vec<u8>> {
        let frame = self.frames.pop_front()?;
        self.bytes -= frame.len();
        Some(frame)
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Empties the queue, and returns how many frames were in it.
    pub(super) fn clear(&mut self) -> usize {
        self.bytes = 0;
        std::mem::take(&mut self.frames).len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::executor::block_on;
    use futures::io::Cursor;
    use std::future::poll_fn;

    fn read(bytes: &[u8], max_size: usize) -> (Vec<Vec<u8>>, ReadError) {
        let mut reader = FrameReader::new(Cursor::new(bytes), max_size);
        let mut frames = Vec::new();
        loop {
            match block_on(poll_fn(|context| reader.poll_frame(context))) {
                Ok(frame) => frames.push(frame),
                Err(error) => return (frames, error),
            }
        }
    }

    #[test]
    fn written_frames_are_read_back() {
        let mut queue = Queue::new(10, usize::MAX);
        let frames = [vec![], vec![1, 2, 3], vec![7; 3 * CHUNK + 1]];
        for frame in &frames {
            assert!(queue.push(frame.clone()));
        }
        let mut bytes = Cursor::new(Vec::new());
        let mut writer = FrameWriter::new(&mut bytes);
        block_on(poll_fn(|context| writer.poll_write(&mut queue, context))).unwrap();
        let (read, error) = read(bytes.get_ref(), 3 * CHUNK + 1);
        assert_eq!(read, frames);
        assert!(matches!(error, ReadError::Closed));
    }

    #[test]
    fn a_frame_too_large_is_refused_by_its_length() {
        let (frames, error) = read(&[0, 0, 0, 1, 9, 0, 0, 0, 3], 2);
        assert_eq!(frames, [[9]]);
        assert!(matches!(error, ReadError::TooLarge { size: 3 }));
    }

    #[test]
    fn a_frame_cut_short_is_not_read() {
        let (frames, error) = read(&[0, 0, 0, 2, 1], 2);
        assert!(frames.is_empty());
        assert!(matches!(error, ReadError::Closed));
    }

    #[test]
    fn a_full_queue_takes_no_more_frames() {
        let mut queue = Queue::new(2, 10);
        assert!(queue.push(vec![0; 100]), "one frame fits always");
        assert!(!queue.push(vec![0]));
        assert_eq!(queue.pop().map(|frame| frame.len()), Some(100));
        assert!(queue.push(vec![0; 4]) && queue.push(vec![0; 4]));
        assert!(!queue.push(vec![]));
        assert_eq!((queue.bytes(), queue.clear(), queue.bytes()), (8, 2, 0));
    }
}
