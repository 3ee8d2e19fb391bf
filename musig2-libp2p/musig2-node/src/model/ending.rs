//! How a session ends without signatures, and which signers are named for it.

use crate::model::labels::{Label, Labels};
use crate::text::Text;
use crate::text::fields::{from_text, text};
use crate::text::names::{name, names};
use musig2_libp2p::musig2_proto::{
    AbortCause, AbortReason, DeclineReason, Phase, PublicKey, SessionId, SessionView, SignerIndex,
    Timestamp,
};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// A signer, with what helps a person to find out who it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Signer {
    /// Place among the signers, from 0.
    pub(crate) signer: u16,
    #[serde(serialize_with = "text", deserialize_with = "from_text")]
    pub(crate) public_key: PublicKey,
    /// The operator's label for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) label: Option<Text<Label>>,
    /// Whether it is this node.
    #[serde(skip)]
    pub(crate) you: bool,
}

/// For programs: the cause of an ending that a signer's refusal brought about.
const SIGNER_DECLINED: &str = "signer_declined";

/// A signer that does not take part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Declined {
    #[serde(flatten)]
    pub(crate) signer: Signer,
    /// The reason, as a word for programs.
    pub(crate) reason: Cow<'static, str>,
    /// The reason, for people.
    pub(crate) why: String,
}

/// How a session ended without signatures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ending {
    #[serde(serialize_with = "text", deserialize_with = "from_text")]
    pub(crate) session: SessionId,
    /// The cause, as a word for programs.
    pub(crate) cause: Cow<'static, str>,
    /// What happened, for people; the signers are named separately.
    #[serde(skip)]
    pub(crate) what: String,
    /// The signers that were awaited. Silence proves nothing: they may be honest.
    pub(crate) awaiting: Vec<Signer>,
    /// The signers that declined. That is not a fault.
    pub(crate) declined: Vec<Declined>,
    /// The signer that ended the session for everyone, as any signer may.
    pub(crate) ended_by: Option<Signer>,
    /// The signers that spoiled the session: there is proof.
    pub(crate) blamed: Vec<Signer>,
    /// Whether this node's partial signatures were released, so that the others may still finish.
    pub(crate) released: bool,
    /// The proof against the blamed signer, in hex, for `evidence verify`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    evidence: Option<String>,
}

impl Ending {
    /// Describes the core's cause, with the signers by name.
    pub(crate) fn of(
        view: &SessionView,
        cause: &AbortCause,
        released: bool,
        labels: &Labels,
    ) -> Self {
        let name = |indices: &[SignerIndex]| Signer::of(view, indices, labels);
        let plain =
            |cause: &'static str, what: &str| Self { released, ..Self::new(view, cause, what) };
        match cause {
            AbortCause::BySigner { signer, reason } => {
                let who = if *signer == view.me { "this node" } else { "a signer" };
                let ended = match reason {
                    // Quoted, because the text may come from a stranger and goes to a terminal.
                    AbortReason::Requested(note) => plain(
                        "aborted_by_signer",
                        &format!("{who} aborted, saying {:?}", note.as_str()),
                    ),
                    AbortReason::Convicted => plain(
                        "aborted_by_signer",
                        &format!("{who} convicted another signer, but sent no proof"),
                    ),
                    AbortReason::TimedOut => {
                        let awaiting = name(&view.missing());
                        Self { awaiting, ..plain("timed_out", &format!("{who} stopped waiting")) }
                    }
                    AbortReason::Declined { signer, reason } => {
                        let declined =
                            Declined::at(view, *signer, *reason, labels).into_iter().collect();
                        Self { declined, ..plain(SIGNER_DECLINED, "a signer declined it") }
                    }
                    other => plain("aborted_by_signer", &format!("{who} aborted: {other:?}")),
                };
                Self { ended_by: Signer::at(view, *signer, labels), ..ended }
            }
            AbortCause::Declined => plain("declined", "this node declined it"),
            AbortCause::SignerDeclined { signer, reason } => {
                let declined = Declined::at(view, *signer, *reason, labels).into_iter().collect();
                Self { declined, ..plain(SIGNER_DECLINED, "a signer declined it") }
            }
            AbortCause::TimedOut { phase, awaiting } => {
                let ended = plain("timed_out", &format!("timed out {}", phase_words(*phase)));
                Self { awaiting: name(awaiting), declined: Declined::of(view, labels), ..ended }
            }
            AbortCause::Expired { awaiting } => {
                let ended = plain("expired", "the session expired");
                Self { awaiting: name(awaiting), declined: Declined::of(view, labels), ..ended }
            }
            AbortCause::Convicted { signer, fault, evidence } => {
                let evidence = Some(hex::encode(evidence.to_bytes()));
                Self {
                    blamed: name(&[*signer]),
                    evidence,
                    ..plain(fault.as_str(), &fault.to_string())
                }
            }
            AbortCause::RivalInstance => plain(
                "rival_instance",
                "another process signs in this session with this node's key: stop one of the two",
            ),
            AbortCause::MadeRoom => plain(cause.as_str(), &cause.to_string()),
            // Names every AbortCause.
            other => plain(other.as_str(), &other.to_string()),
        }
    }

    /// Describes an ending because this node's user would wait no longer.
    pub(crate) fn gave_up(view: &SessionView, what: &str, labels: &Labels) -> Self {
        let ended = Self::new(view, "timed_out", &format!("{what} {}", state_words(view)));
        let awaiting = Signer::of(view, &view.awaiting, labels);
        Self { awaiting, declined: Declined::of(view, labels), ..ended }
    }

    /// Makes an ending that names nobody.
    fn new(view: &SessionView, cause: &'static str, what: &str) -> Self {
        Self {
            session: view.id,
            cause: cause.into(),
            what: what.into(),
            awaiting: Vec::new(),
            declined: Vec::new(),
            ended_by: None,
            blamed: Vec::new(),
            released: view.released,
            evidence: None,
        }
    }

    /// Returns the signer that ended the session for everyone, unless it was this node: the text
    /// already says that.
    fn ended_by_other(&self) -> &[Signer] {
        if self.ended_by.as_ref().is_some_and(|signer| signer.you) {
            &[]
        } else {
            self.ended_by.as_slice()
        }
    }

    /// Lists who is named, and for what: one line each, with full keys.
    pub(crate) fn named(&self) -> impl Iterator<Item = (&'static str, String)> {
        let of = |title| move |signer: &Signer| (title, signer.in_full());
        let declined =
            |one: &Declined| ("declined by", format!("{}: {}", one.signer.in_full(), one.why));
        let awaiting = self.awaiting.iter().map(of("waited for"));
        let ended_by = self.ended_by_other().iter().map(of("ended by"));
        let blamed = self.blamed.iter().map(of("because of"));
        awaiting.chain(self.declined.iter().map(declined)).chain(ended_by).chain(blamed)
    }
}

impl fmt::Display for Ending {
    /// Writes one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        for declined in &self.declined {
            write!(f, "; {declined}")?;
        }
        let named = [
            ("waited for", &*self.awaiting),
            ("ended by", self.ended_by_other()),
            ("because of", &self.blamed),
        ];
        for (title, signers) in named {
            if !signers.is_empty() {
                write!(f, "; {title} {}", names(signers))?;
            }
        }
        Ok(())
    }
}

impl Declined {
    /// Returns all signers that have declined and not joined.
    pub(crate) fn of(view: &SessionView, labels: &Labels) -> Vec<Self> {
        view.declined
            .iter()
            .filter_map(|one| Self::at(view, one.signer, one.reason, labels))
            .collect()
    }

    /// Describes one signer's refusal.
    pub(crate) fn at(
        view: &SessionView,
        signer: SignerIndex,
        reason: DeclineReason,
        labels: &Labels,
    ) -> Option<Self> {
        let heard = view.declined.iter().find(|one| one.signer == signer).map(|one| one.heard_at);
        let signer = Signer::at(view, signer, labels)?;
        Some(Self { signer, reason: reason.as_str().into(), why: why(reason, heard) })
    }
}

/// Says the reason for people. `heard`: when it arrived, by this node's clock.
fn why(reason: DeclineReason, heard: Option<Timestamp>) -> String {
    let (DeclineReason::Clock { time }, Some(heard)) = (reason, heard) else {
        return reason.to_string();
    };
    let (behind, ahead) = (heard.saturating_since(time), time.saturating_since(heard));
    let (difference, direction) =
        if behind > ahead { (behind, "behind") } else { (ahead, "ahead of") };
    format!("its clock is {} s {direction} this node's: check both clocks", difference.as_secs())
}

/// `signer alice 02a1b3c4 declined: its policy does not allow it`.
impl fmt::Display for Declined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "signer {} declined: {}", self.signer, self.why)
    }
}

impl Signer {
    /// Returns the signers at these places.
    pub(crate) fn of(view: &SessionView, indices: &[SignerIndex], labels: &Labels) -> Vec<Self> {
        indices.iter().filter_map(|index| Self::at(view, *index, labels)).collect()
    }

    /// Returns the signer at this place.
    pub(crate) fn at(view: &SessionView, index: SignerIndex, labels: &Labels) -> Option<Self> {
        let public_key = *view.manifest.signer(index)?;
        let label = labels.of(&public_key).map(Text);
        Some(Self { signer: index.get(), public_key, label, you: index == view.me })
    }

    /// Returns `signer 02a1…, alice (you)`, with the full key.
    pub(crate) fn in_full(&self) -> String {
        let label = self.label.as_ref().map(|label| format!(", {label}")).unwrap_or_default();
        format!("signer {}{label}{}", self.public_key, if self.you { " (you)" } else { "" })
    }
}

/// Writes `alice 02a1b3c4 (you)`: the short form, for short lines.
impl fmt::Display for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&name(&self.public_key, self.label.as_ref(), self.you))
    }
}

fn state_words(view: &SessionView) -> &'static str {
    if view.is_queued {
        "while waiting for its proposer's other sessions to end"
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
