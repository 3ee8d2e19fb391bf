//! What a command says on standard output: for people, or as JSON lines.

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

/// One thing said.
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
    /// The key that signers have together.
    JointKey {
        /// In aggregation order.
        #[serde(serialize_with = "texts")]
        signers: &'a [PublicKey],
        #[serde(serialize_with = "text")]
        key: XOnlyPublicKey,
        /// Of a taproot output key.
        #[serde(skip_serializing_if = "Option::is_none")]
        address: Option<String>,
    },
    /// Whose key a file holds.
    PublicKey {
        #[serde(serialize_with = "text")]
        public_key: PublicKey,
    },
    /// A configuration is right.
    Config {
        #[serde(skip)]
        file: &'a Path,
        #[serde(serialize_with = "text")]
        public_key: PublicKey,
        #[serde(skip_serializing_if = "Option::is_none")]
        label: Option<Text<Label>>,
        /// Whose sessions its policy allows; none if anybody's.
        signer_sets: &'a [SignerSet],
        /// What may surprise, for people.
        notes: &'a [String],
        /// The key without which its policy allows nothing.
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
        /// The key without which its policy allows nothing.
        #[serde(rename = "signs_nothing_without", skip_serializing_if = "Option::is_none")]
        signs_nothing: Option<&'static str>,
    },
    /// A node listens.
    Listening {
        #[serde(serialize_with = "text")]
        address: &'a Multiaddr,
        /// Which of the demonstration's nodes.
        #[serde(skip_serializing_if = "Option::is_none")]
        node: Option<usize>,
    },
    /// Something happened.
    Event {
        /// Milliseconds since the command started.
        at_ms: u64,
        /// Which of the demonstration's nodes.
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
    /// What the command prints as it is without `--json`.
    Text { text: &'a str },
    /// The end: none. People read the message on standard error.
    Failure(FailureObject),
    /// What a daemon answered.
    #[serde(untagged)]
    Reply(&'a Reply),
}

/// Signers, and the key that they have together.
#[derive(Debug, Serialize)]
pub(crate) struct SignerSet {
    /// Sorted, as sessions have them unless told otherwise.
    #[serde(serialize_with = "texts")]
    pub(crate) signers: Vec<PublicKey>,
    pub(crate) labels: Vec<Option<Text<Label>>>,
    /// Without tweaks.
    #[serde(serialize_with = "text")]
    pub(crate) key: XOnlyPublicKey,
    /// Of its output key without scripts (BIP86).
    pub(crate) address: String,
}

/// What is said, and when.
#[derive(Debug, Serialize)]
pub(crate) struct Timed<T> {
    #[serde(flatten)]
    said: T,
    /// By this machine's clock, in UTC (RFC 3339).
    time: String,
}

impl<T> Timed<T> {
    /// Said now.
    pub(crate) fn now(said: T) -> Self {
        Self { said, time: humantime::format_rfc3339_millis(SystemTime::now()).to_string() }
    }
}

/// Standard output, in one of its two formats.
#[derive(Debug, Clone)]
pub(crate) struct Console {
    json: bool,
    started: Instant,
    /// Of a service.
    outlet: Option<Outlet>,
    screen: Screen,
}

/// How many lines were written to where a person may be asked something. Clones count together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Screen(Arc<AtomicUsize>);

impl Screen {
    /// These were written.
    pub(crate) fn wrote(&self, text: &[u8]) {
        self.0.fetch_add(text.iter().filter(|byte| **byte == b'\n').count(), Ordering::Relaxed);
    }

    /// How many there are.
    pub(crate) fn lines(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Console {
    pub(crate) fn new(json: bool) -> Self {
        Self { json, started: Instant::now(), outlet: None, screen: Screen::default() }
    }

    /// Of a service, whose work is to sign: that nobody reads what it says, or can, is logged, and neither ends nor stops anything.
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

    /// What is counted as written there.
    pub(crate) fn screen(&self) -> Screen {
        self.screen.clone()
    }

    /// Whether programs read what is said.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Since the command started.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Says that something happened, on one of the demonstration's nodes or on the only one.
    pub(crate) fn step(&self, node: Option<usize>, step: &Step) -> Result<(), Failure> {
        self.show(&Line::Event { at_ms: self.at_ms(), node, step })
    }

    /// Prints as it is what shells, manual pages and configurations are made of. As JSON, it is the text of an object.
    pub(crate) fn print(&self, text: &[u8]) -> Result<(), Failure> {
        if self.json {
            return self.show(&Line::Text { text: &String::from_utf8_lossy(text) });
        }
        let mut out = io::stdout().lock();
        out.write_all(text).and_then(|()| out.flush()).map_err(Failure::Output)
    }

    /// Says one thing, and lets it through at once.
    pub(crate) fn show(&self, line: &Line<'_>) -> Result<(), Failure> {
        self.write(self.written(line).map_err(Failure::Output)?)
    }

    /// Says what is for people only: programs are told of each single thing.
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
            // Colours are taken out where nobody would see them; JSON has none.
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

    /// A line as it is printed.
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

    /// In place of lines that are lost.
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

    /// Waits for the reader of a service's output, and not for long: the process ends.
    pub(crate) fn linger(&self) {
        self.outlet.iter().for_each(Outlet::linger);
    }
}

/// What became of a service's standard output.
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

/// The start of a session's name or a key: enough to tell a few apart on a screen.
pub(crate) fn short(name: &impl Display) -> String {
    name.to_string().chars().take(8).collect()
}

/// Serialises a value as people read it.
pub(crate) fn text<T: Display, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(value)
}

/// And reads it again.
pub(crate) fn from_text<'de, T: Written, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    Text::deserialize(from).map(|Text(value)| value)
}

/// The same for a list.
pub(crate) fn texts<T: Display, S: Serializer>(
    values: impl AsRef<[T]>,
    to: S,
) -> Result<S::Ok, S::Error> {
    to.collect_seq(values.as_ref().iter().map(ToString::to_string))
}

/// Serialises a path. What is not UTF-8 in it is replaced: an object is written whatever it is about.
#[cfg(unix)]
fn path<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&path.display())
}
