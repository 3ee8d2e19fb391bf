//! How a session ends without signatures, and who is named for it.

use crate::evidence::fault_words;
use crate::labels::{Label, Labels};
use crate::report::{from_text, short, text};
use crate::text::Text;
use musig2_libp2p::musig2_proto::{
    AbortCause, AbortReason, Phase, PublicKey, SessionId, SessionView, SignerIndex,
};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// A signer, for whoever has to find out who that is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Signer {
    /// Place among the signers, from 0.
    pub(crate) signer: u16,
    #[serde(serialize_with = "text", deserialize_with = "from_text")]
    pub(crate) public_key: PublicKey,
    /// What this node's operator calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) label: Option<Text<Label>>,
    /// Whether it is this node.
    #[serde(skip)]
    pub(crate) you: bool,
}

/// How a session ended without signatures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ending {
    #[serde(serialize_with = "text", deserialize_with = "from_text")]
    pub(crate) session: SessionId,
    /// A word for programs.
    pub(crate) cause: Cow<'static, str>,
    /// What happened, for people; the signers are named apart.
    #[serde(skip)]
    pub(crate) what: String,
    /// Who was waited for. Silence proves nothing: they may be honest.
    pub(crate) awaiting: Vec<Signer>,
    /// Who ended it for everyone, as any signer may.
    pub(crate) ended_by: Option<Signer>,
    /// Who spoiled it: there is proof.
    pub(crate) blamed: Vec<Signer>,
    /// Whether this node's partial signatures are out, so that the others may still finish.
    pub(crate) released: bool,
    /// The proof against who is blamed, in hex, where there is one: `evidence verify` takes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    evidence: Option<String>,
}

impl Ending {
    /// What the core says, with the signers by name.
    pub(crate) fn of(view: &SessionView, cause: &AbortCause, released: bool, labels: &Labels) -> Self {
        let name = |indices: &[SignerIndex]| Signer::of(view, indices, labels);
        let (mut proof, mut ended_by) = (None, None);
        let (cause, what, awaiting, blamed) = match cause {
            AbortCause::BySigner { signer, reason } => {
                let AbortReason::Requested(note) = reason else {
                    return Self::other(view, cause, released);
                };
                let who = if *signer == view.me { "this node" } else { "a signer" };
                // As quoted text: the words may come from a stranger and go to a terminal.
                let what = format!("{who} ended its part, saying {:?}", note.as_str());
                ended_by = name(&[*signer]).pop();
                ("aborted_by_signer", what, Vec::new(), Vec::new())
            }
            AbortCause::TimedOut { phase, awaiting } => {
                ("timed_out", format!("no time left {}", phase_words(*phase)), name(awaiting), Vec::new())
            }
            AbortCause::Expired { awaiting } => {
                ("expired", "the session expired".into(), name(awaiting), Vec::new())
            }
            AbortCause::Convicted { signer, fault, evidence } => {
                proof = Some(hex::encode(evidence.to_bytes()));
                let (cause, what) = fault_words(*fault);
                (cause, what.into(), Vec::new(), name(&[*signer]))
            }
            AbortCause::RivalInstance => (
                "rival_instance",
                "this node's key signs in this session elsewhere as well: stop the other one".into(),
                Vec::new(),
                Vec::new(),
            ),
            other => return Self::other(view, other, released),
        };
        Self {
            session: view.id,
            cause: cause.into(),
            what,
            awaiting,
            ended_by,
            blamed,
            released,
            evidence: proof,
        }
    }

    /// Who is named, and for what. Of this node's own end it is said in words.
    pub(crate) fn named(&self) -> [(&'static str, &[Signer]); 3] {
        let ended_by = if self.ended_by.as_ref().is_some_and(|signer| signer.you) {
            &[]
        } else {
            self.ended_by.as_slice()
        };
        [("waited for", &self.awaiting), ("ended by", ended_by), ("because of", &self.blamed)]
    }

    /// This node's user had no more patience.
    pub(crate) fn gave_up(view: &SessionView, what: &str, labels: &Labels) -> Self {
        Self {
            session: view.id,
            cause: "timed_out".into(),
            what: format!("{what} {}", state_words(view)),
            awaiting: Signer::of(view, &view.awaiting, labels),
            ended_by: None,
            blamed: Vec::new(),
            released: view.released,
            evidence: None,
        }
    }

    fn other(view: &SessionView, cause: &AbortCause, released: bool) -> Self {
        let what = format!("{cause:?}");
        Self {
            session: view.id,
            cause: "other".into(),
            what,
            awaiting: Vec::new(),
            ended_by: None,
            blamed: Vec::new(),
            released,
            evidence: None,
        }
    }
}

impl fmt::Display for Ending {
    /// One line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        for (title, signers) in self.named() {
            if !signers.is_empty() {
                write!(f, "; {title} {}", names(signers))?;
            }
        }
        Ok(())
    }
}

impl Signer {
    /// Those of these places.
    pub(crate) fn of(view: &SessionView, indices: &[SignerIndex], labels: &Labels) -> Vec<Self> {
        indices.iter().filter_map(|index| Self::at(view, *index, labels)).collect()
    }

    /// The one of this place.
    pub(crate) fn at(view: &SessionView, index: SignerIndex, labels: &Labels) -> Option<Self> {
        let public_key = *view.manifest.signer(index)?;
        let label = labels.of(&public_key).map(Text);
        Some(Self { signer: index.get(), public_key, label, you: index == view.me })
    }

    /// `signer 02a1…, alice (you)`, with the whole key.
    pub(crate) fn in_full(&self) -> String {
        let label = self.label.as_ref().map(|label| format!(", {label}")).unwrap_or_default();
        format!("signer {}{label}{}", self.public_key, if self.you { " (you)" } else { "" })
    }
}

/// `alice 02a1b3c4 (you)`: how a signer is named where lines are short.
impl fmt::Display for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&name(&self.public_key, self.label.as_ref(), self.you))
    }
}

/// `alice 02a1b3c4 (you)`; without a label `02a1b3c4 (you)`.
pub(crate) fn name(key: &impl fmt::Display, label: Option<&impl fmt::Display>, you: bool) -> String {
    let label = label.map(|label| format!("{label} ")).unwrap_or_default();
    label + &short(key) + if you { " (you)" } else { "" }
}

/// `signer 02a1b3c4`, `signers 02a1b3c4, 03b2c4d5 and 5 more`.
pub(crate) fn names(signers: &[impl fmt::Display]) -> String {
    const MOST: usize = 4;
    let listed: Vec<_> = signers.iter().take(MOST).map(ToString::to_string).collect();
    let more = match signers.len().saturating_sub(MOST) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("signer{} {}{more}", if signers.len() == 1 { "" } else { "s" }, listed.join(", "))
}

fn state_words(view: &SessionView) -> &'static str {
    if view.is_queued {
        "while waiting for its turn among its proposer's sessions"
    } else {
        phase_words(view.phase)
    }
}

fn phase_words(phase: Phase) -> &'static str {
    match phase {
        Phase::Joining => "while waiting for signers to join",
        Phase::Nonces => "while waiting for nonces",
        Phase::PartialSignatures => "while waiting for partial signatures",
        _ => "before the end",
    }
}
