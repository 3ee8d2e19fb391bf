//! What a command prints on standard output: for people, or as JSON lines.

use crate::daemon::words::Reply;
use crate::evidence::Verdict;
use crate::failure::{Failure, FailureObject};
use crate::labels::Label;
use crate::outlet::{MAX_WAITING, Outlet, Taken};
use crate::people;
use crate::result::SessionResult;
use crate::steps::Step;
use crate::text::{Text, Written};
use crate::verify::ItemVerdict;
use musig2_libp2p::libp2p::Multiaddr;
use musig2_libp2p::musig2_proto::{PublicKey, XOnlyPublicKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// One thing to print.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Line<'a> {
    /// A key was made.
    Key {
        #[serde(serialize_with = "text")]
        public_key: PublicKey,
        #[serde(skip)]
        file: &'a Path,
        encrypted: bool,
    },
    /// The joint key of signers.
    JointKey {
        /// In aggregation order.
        #[serde(serialize_with = "texts")]
        signers: &'a [PublicKey],
        #[serde(serialize_with = "text")]
        key: XOnlyPublicKey,
        /// Address of a taproot output key.
        #[serde(skip_serializing_if = "Option::is_none")]
        address: Option<String>,
    },
    /// The public key of a key file.
    PublicKey {
        #[serde(serialize_with = "text")]
        public_key: PublicKey,
    },
    /// A configuration is valid.
    Config {
        #[serde(skip)]
        file: &'a Path,
        #[serde(serialize_with = "text")]
        public_key: PublicKey,
        #[serde(skip_serializing_if = "Option::is_none")]
        label: Option<Text<Label>>,
        /// The signer sets whose sessions its policy allows; empty if it allows anybody's.
        signer_sets: &'a [SignerSet],
        /// What may surprise, for people.
        notes: &'a [String],
        /// The key that its policy lacks, without which it allows nothing.
        #[serde(rename = "signs_nothing_without", skip_serializing_if = "Option::is_none")]
        signs_nothing: Option<&'static str>,
    },
    /// A daemon has started.
    #[cfg(unix)]
    Serving {
        #[serde(serialize_with = "text")]
        public_key: PublicKey,
        #[serde(serialize_with = "path")]
        socket: &'a Path,
        #[serde(skip_serializing_if = "Option::is_none")]
        http: Option<std::net::SocketAddr>,
        /// The key that its policy lacks, without which it allows nothing.
        #[serde(rename = "signs_nothing_without", skip_serializing_if = "Option::is_none")]
        signs_nothing: Option<&'static str>,
    },
    /// A node listens.
    Listening {
        #[serde(serialize_with = "text")]
        address: &'a Multiaddr,
        /// The number of the demonstration's node.
        #[serde(skip_serializing_if = "Option::is_none")]
        node: Option<usize>,
    },
    /// Something happened.
    Event {
        /// Milliseconds since the command started.
        at_ms: u64,
        /// The number of the demonstration's node.
        #[serde(skip_serializing_if = "Option::is_none")]
        node: Option<usize>,
        #[serde(flatten)]
        step: &'a Step,
    },
    /// An item of a result was checked.
    Verified(ItemVerdict),
    /// A proof convicts a signer.
    Conviction(Verdict),
    /// The end: signatures.
    Result(&'a SessionResult),
    /// Text that is printed unchanged without `--json`.
    Text { text: &'a str },
    /// The end: no signatures. People read the message on standard error.
    Failure(FailureObject),
    /// The answer of a daemon.
    #[serde(untagged)]
    Reply(&'a Reply),
}

/// Signers, and their joint key.
#[derive(Debug, Serialize)]
pub(crate) struct SignerSet {
    /// Sorted, as in sessions by default.
    #[serde(serialize_with = "texts")]
    pub(crate) signers: Vec<PublicKey>,
    pub(crate) labels: Vec<Option<Text<Label>>>,
    /// The joint key without tweaks.
    #[serde(serialize_with = "text")]
    pub(crate) key: XOnlyPublicKey,
    /// The address of its output key without scripts (BIP86).
    pub(crate) address: String,
}

/// Something printed, with its time.
#[derive(Debug, Serialize)]
pub(crate) struct Timed<T> {
    #[serde(flatten)]
    said: T,
    /// By this machine's clock, in UTC (RFC 3339).
    time: String,
}

impl<T> Timed<T> {
    /// Stamps it with the current time.
    pub(crate) fn now(said: T) -> Self {
        Self { said, time: humantime::format_rfc3339_millis(SystemTime::now()).to_string() }
    }
}

/// Standard output, in one of its two formats.
#[derive(Debug, Clone)]
pub(crate) struct Console {
    json: bool,
    started: Instant,
    /// A service prints through this.
    outlet: Option<Outlet>,
    screen: Screen,
}

/// Counts the lines written to the terminal on which a person may be asked something. Clones share
/// the count.
#[derive(Debug, Clone, Default)]
pub(crate) struct Screen(Arc<AtomicUsize>);

impl Screen {
    /// Counts the lines of a text that was written.
    pub(crate) fn wrote(&self, text: &[u8]) {
        self.0.fetch_add(text.iter().filter(|byte| **byte == b'\n').count(), Ordering::Relaxed);
    }

    /// How many lines have been written.
    pub(crate) fn lines(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Console {
    pub(crate) fn new(json: bool) -> Self {
        Self { json, started: Instant::now(), outlet: None, screen: Screen::default() }
    }

    /// Returns the console of a service. A service's work is to sign, so an output that nobody
    /// reads, or that cannot be written, is logged, and neither ends nor delays it.
    pub(crate) fn of_service(self) -> Self {
        let plain = self.clone();
        let outlet = Outlet::new(
            anstream::stdout(),
            MAX_WAITING,
            move |events| plain.missed(events),
            log_output,
        );
        Self { outlet: Some(outlet), ..self }
    }

    /// The counter of lines written there.
    pub(crate) fn screen(&self) -> Screen {
        self.screen.clone()
    }

    /// Whether the output is for programs.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// The time since the command started.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Reports an event, on one of the demonstration's nodes or on the only one.
    pub(crate) fn step(&self, node: Option<usize>, step: &Step) -> Result<(), Failure> {
        self.show(&Line::Event { at_ms: self.at_ms(), node, step })
    }

    /// Prints text for shells, manual pages and configurations unchanged. As JSON, it is the text
    /// of an object.
    pub(crate) fn print(&self, text: &[u8]) -> Result<(), Failure> {
        if self.json {
            return self.show(&Line::Text { text: &String::from_utf8_lossy(text) });
        }
        let mut out = io::stdout().lock();
        out.write_all(text).and_then(|()| out.flush()).map_err(Failure::Output)
    }

    /// Prints one thing, and flushes it at once.
    pub(crate) fn show(&self, line: &Line<'_>) -> Result<(), Failure> {
        self.write(self.written(line).map_err(Failure::Output)?)
    }

    /// Prints a remark for people only: programs get every single event instead.
    pub(crate) fn remark(&self, text: &str) -> Result<(), Failure> {
        if self.json {
            return Ok(());
        }
        let mut line = Vec::new();
        people::remark(&mut line, text).map_err(Failure::Output)?;
        self.write(line)
    }

    fn write(&self, text: Vec<u8>) -> Result<(), Failure> {
        if io::stdout().is_terminal() {
            self.screen.wrote(&text);
        }
        let Some(outlet) = &self.outlet else {
            // `anstream` removes colours where they would not show; JSON has none.
            let mut out = anstream::stdout().lock();
            return out.write_all(&text).and_then(|()| out.flush()).map_err(Failure::Output);
        };
        if outlet.take(text) == Taken::FirstLost {
            tracing::error!(
                "nobody reads standard output, and no more is kept for whoever does: this service goes on signing, and what it prints is lost until somebody does"
            );
        }
        Ok(())
    }

    /// Formats a line for printing.
    fn written(&self, line: &Line<'_>) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        if self.json {
            serde_json::to_writer(&mut text, &Timed::now(line))?;
            text.push(b'\n');
        } else {
            people::write(&mut text, line, self.elapsed())?;
        }
        Ok(text)
    }

    /// The line that replaces lost lines.
    fn missed(&self, events: u64) -> Vec<u8> {
        self.written(&Line::Event {
            at_ms: self.at_ms(),
            node: None,
            step: &Step::Missed { events },
        })
        .unwrap_or_default()
    }

    fn at_ms(&self) -> u64 {
        u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Waits for the reader of a service's output, but only briefly, because the process is ending.
    pub(crate) fn linger(&self) {
        self.outlet.iter().for_each(Outlet::linger);
    }
}

/// Logs that a service's standard output fails, or works again.
fn log_output(error: Option<&io::Error>) {
    match error {
        Some(error) => tracing::error!(
            "cannot write to standard output: {error}. This service goes on signing; what it prints is lost until that is mended"
        ),
        None => tracing::warn!(
            "standard output can be written again; what was printed meanwhile is lost"
        ),
    }
}

/// The first characters of a session id or a key: enough to tell a few apart on a screen.
pub(crate) fn short(name: &impl Display) -> String {
    name.to_string().chars().take(8).collect()
}

/// Serialises a value as people read it.
pub(crate) fn text<T: Display, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(value)
}

/// Reads it back.
pub(crate) fn from_text<'de, T: Written, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    Text::deserialize(from).map(|Text(value)| value)
}

/// Serialises a list of values as people read them.
pub(crate) fn texts<T: Display, S: Serializer>(
    values: impl AsRef<[T]>,
    to: S,
) -> Result<S::Ok, S::Error> {
    to.collect_seq(values.as_ref().iter().map(ToString::to_string))
}

/// Serialises a path. Bytes that are not UTF-8 are replaced, so that an object can always be
/// written.
#[cfg(unix)]
fn path<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&path.display())
}
