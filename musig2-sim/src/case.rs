//! A run as a file: what `musig2-sim shrink` writes and `musig2-sim replay` reads.

use crate::plan::Plan;
use serde::{Deserialize, Serialize};

/// The simulator's engine that a run uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineName {
    /// [`Transparent`](crate::Transparent).
    Transparent,
    /// [`Libsecp256k1`](musig2_proto::Libsecp256k1).
    Real,
}

/// A plan worth keeping, the engine that it runs on, and the failure that it is expected to show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Case {
    /// The version of the file format: [`Case::FORMAT`].
    format: u32,
    /// The engine.
    pub engine: EngineName,
    /// The [name](crate::Failure::name) of the rule that the run breaks.
    pub expected: String,
    /// What happens.
    pub plan: Plan,
}

/// A text is not a valid case.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaseError {
    /// It is not the JSON of a case.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// It has another version of the format.
    #[error("its format is {0}, and this is {this}", this = Case::FORMAT)]
    Format(u32),
}

impl Case {
    /// The current version. It changes whenever the meaning of a plan changes.
    pub const FORMAT: u32 = 2;

    /// Makes a case: a plan that breaks the rule of this name.
    pub fn new(plan: Plan, engine: EngineName, expected: impl Into<String>) -> Self {
        Self { format: Self::FORMAT, engine, expected: expected.into(), plan }
    }

    /// Returns the case as JSON, for people to read and edit.
    pub fn to_json(&self) -> String {
        // The keys of all maps in a plan are text or numbers, and nothing in it fails to serialize.
        let mut text =
            serde_json::to_string_pretty(self).unwrap_or_else(|error| unreachable!("{error}"));
        text.push('\n');
        text
    }

    /// Reads a case from its JSON.
    ///
    /// # Errors
    /// If the text is not a case of this version.
    pub fn from_json(text: &str) -> Result<Self, CaseError> {
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        match serde_json::from_str::<Head>(text)?.format {
            Self::FORMAT => Ok(serde_json::from_str(text)?),
            other => Err(CaseError::Format(other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Profile;

    #[test]
    fn a_case_survives_being_stored() {
        for profile in Profile::ALL {
            for seed in 0..20 {
                let case =
                    Case::new(Plan::drawn(seed, profile), EngineName::Transparent, "NotComplete");
                assert_eq!(Case::from_json(&case.to_json()).unwrap(), case);
            }
        }
    }

    #[test]
    fn a_case_of_another_version_is_refused_by_its_number() {
        let text = Case::new(Plan::one_session(2), EngineName::Real, "").to_json();
        let other = text.replace("\"format\": 2", "\"format\": 99");
        assert_eq!(
            Case::from_json(&other).unwrap_err().to_string(),
            "its format is 99, and this is 2"
        );
        assert!(matches!(Case::from_json("{}"), Err(CaseError::Json(_))));
    }
}
