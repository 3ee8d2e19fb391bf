//! What a proof against a signer proves.

use crate::text::hex::Hex;
use serde::Serialize;

/// What a proof proves.
#[derive(Debug, Serialize)]
pub(crate) struct Conviction {
    /// The session it happened in.
    pub(crate) session: Hex<32>,
    /// The culprit's place among the session's signers.
    pub(crate) signer: u16,
    pub(crate) public_key: Hex<33>,
    /// The fault, as a word for programs.
    pub(crate) fault: &'static str,
    /// What the signer did.
    #[serde(skip)]
    pub(crate) what: String,
    /// What proves it.
    #[serde(skip)]
    pub(crate) shown_by: String,
    /// The session's signers.
    pub(crate) signers: Vec<Hex<33>>,
}
