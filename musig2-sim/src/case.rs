//! A run as a file: what `musig2-sim shrink` writes and `musig2-sim replay` reads.

use crate::plan::Plan;
use serde::{Deserialize, Serialize};

/// Which of the simulator's engines a run is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineName {
    /// [`Transparent`](crate::Transparent).
    Transparent,
    /// [`Libsecp256k1`](musig2_proto::Libsecp256k1).
    Real,
}

/// A plan that is worth keeping, the engine it runs on, and what it is expected to show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Case {
    /// The form of the file: [`Case::FORMAT`].
    format: u32,
    /// The engine.
    pub engine: EngineName,
    /// The rule that is broken, by its [name](crate::Failure::name).
    pub expected: String,
    /// What happens.
    pub plan: Plan,
}

/// A text is no case.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaseError {
    /// It is not the JSON of a case.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// It is of another version.
    #[error("its format is {0}, and this is {this}", this = Case::FORMAT)]
    Format(u32),
}

impl Case {
    /// Changes with what a plan means.
    pub const FORMAT: u32 = 2;

    /// A plan that breaks the rule of this name.
    pub fn new(plan: Plan, engine: EngineName, expected: impl Into<String>) -> Self {
        Self { format: Self::FORMAT, engine, expected: expected.into(), plan }
    }

    /// As JSON, for people to read and edit.
    pub fn to_json(&self) -> String {
        // Maps of a plan have text or numbers for keys, and nothing in it fails to serialize.
        let mut text =
            serde_json::to_string_pretty(self).unwrap_or_else(|error| unreachable!("{error}"));
        text.push('\n');
        text
    }

    /// From its JSON.
    ///
    /// # Errors
    /// Where the text is no case of this version.
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
