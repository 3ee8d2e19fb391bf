//! What is kept of one session: what was proposed, by whom, who approved it here, and how it ended.

use crate::model::labels::Labels;
use crate::model::result::{ResultItem, SessionResult};
use crate::model::state::State;
use crate::model::terms::Terms;
use crate::text::hex::Hex;
use crate::text::time::{date, now_ms};
use clap::ValueEnum;
use musig2_libp2p::musig2_proto::SessionView;
use serde::{Deserialize, Serialize};

/// The most items that are kept of a declined session: whoever announces a session chooses how many
/// it has.
const MAX_DECLINED_ITEMS: usize = 16;

/// A session, and its state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    #[serde(flatten)]
    pub(crate) terms: Terms,
    #[serde(flatten)]
    pub(crate) state: State,
    pub(crate) status: Status,
    /// Who approved it for this node; `None` if this node did not take part, or not knowingly.
    pub(crate) approval: Option<Approval>,
    /// By the proposer's clock, in UTC (RFC 3339), the format of the next two fields as well.
    pub(crate) proposed_at: String,
    pub(crate) approved_at: Option<String>,
    pub(crate) ended_at: Option<String>,
    /// When this record was made, in milliseconds since the Unix epoch. Records are in this order.
    pub(crate) recorded_at_ms: u64,
    /// One for each item.
    pub(crate) signatures: Vec<Hex<64>>,
}

/// What came of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// Nobody has decided on it yet.
    Undecided,
    /// Approved, and not ended as far as this daemon saw.
    Open,
    /// The signatures are there.
    Signed,
    /// Ended without signatures after this node had approved it.
    Aborted,
    /// Not approved: declined, or ended before anybody decided.
    Declined,
}

/// Who or what approved a session for a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub(crate) enum Approval {
    /// The policy, by this entry of `signer_sets`.
    Policy { rule: String },
    /// The program, after the policy had allowed it.
    Program { rule: String, program: String },
    /// Somebody at the terminal.
    Person,
    /// The user that proposed it over the daemon's socket: the user id, if the system reported it.
    Socket { uid: Option<u32> },
    /// `--approve all`.
    Everything,
    /// It was approved before the daemon started, and the record of that approval is lost.
    Earlier,
}

impl Record {
    /// Records a session as it stands.
    pub(crate) fn of(view: &SessionView, approval: Option<Approval>, labels: &Labels) -> Self {
        let now = now_ms();
        let approved_at = approval.is_some().then(|| date(now));
        let terms = Terms::of(view, labels);
        Self {
            proposed_at: date(terms.created_at_ms),
            terms,
            state: State::of(view, labels),
            status: Status::Undecided,
            approval,
            approved_at,
            ended_at: None,
            recorded_at_ms: now,
            signatures: Vec::new(),
        }
        .ended(view)
    }

    /// Updates an earlier record of the same session. An approval is kept.
    pub(crate) fn after(mut self, before: &Self) -> Self {
        self.approval.clone_from(&before.approval);
        self.approved_at.clone_from(&before.approved_at);
        self.status = match (self.status, &self.approval) {
            (Status::Undecided, Some(_)) => Status::Open,
            (Status::Declined, Some(_)) => Status::Aborted,
            (status, _) => status,
        };
        self
    }

    fn ended(mut self, view: &SessionView) -> Self {
        self.status = match (&view.signatures, &self.approval) {
            (Some(_), _) => Status::Signed,
            (None, None) if view.cause.is_none() => Status::Undecided,
            (None, None) => Status::Declined,
            (None, Some(_)) if view.cause.is_some() => Status::Aborted,
            (None, Some(_)) => Status::Open,
        };
        if view.signatures.is_some() || view.cause.is_some() {
            self.ended_at = Some(date(self.recorded_at_ms));
        }
        let signatures = view.signatures.iter().flatten();
        self.signatures = signatures.map(|signature| Hex(signature.to_bytes())).collect();
        self
    }

    /// Marks the session as not approved, for this reason.
    pub(crate) fn declined(mut self, reason: String) -> Self {
        self.status = Status::Declined;
        self.state.phase = "aborted".into();
        self.state.left_seconds = None;
        self.state.ending = Some(reason);
        self.recorded_at_ms = now_ms();
        self.ended_at = Some(date(self.recorded_at_ms));
        self.terms.items.truncate(MAX_DECLINED_ITEMS);
        self
    }

    /// Marks an approved session as ended. This daemon knows no more of its end than the reason.
    pub(crate) fn aborted(mut self, reason: String) -> Self {
        self.state.phase = "aborted".into();
        self.state.left_seconds = None;
        self.state.ending = Some(reason);
        self.status = Status::Aborted;
        self.recorded_at_ms = now_ms();
        self.ended_at = Some(date(self.recorded_at_ms));
        self
    }

    /// Marks a session as signed. This daemon knows no more of its end than the signatures.
    pub(crate) fn signed(mut self, signatures: Vec<Hex<64>>) -> Self {
        self.state.phase = "complete".into();
        self.state.left_seconds = None;
        self.state.ending = None;
        self.status = Status::Signed;
        self.recorded_at_ms = now_ms();
        self.ended_at = Some(date(self.recorded_at_ms));
        self.signatures = signatures;
        self
    }

    /// Returns the input of `verify`, if the session was signed.
    pub(crate) fn result(&self) -> Option<SessionResult> {
        (self.status == Status::Signed).then(|| SessionResult {
            session: self.terms.session,
            signers: self.terms.signers.clone(),
            items: (self.terms.items.iter().zip(&self.signatures))
                .map(|(item, signature)| ResultItem {
                    message: item.message,
                    tweaks: item.tweaks.clone(),
                    aggregate_key: item.aggregate_key,
                    signature: *signature,
                })
                .collect(),
        })
    }
}
