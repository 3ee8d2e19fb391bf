//! What kind of trouble a drawn plan makes.

use core::fmt;
use core::str::FromStr;
use serde::{Deserialize, Serialize};

/// What kind of trouble [`Plan::drawn`](super::Plan::drawn) makes. Every profile draws the number
/// of nodes (mostly two to four, now and then up to fifteen), the sessions, the topology and the
/// applications' habits.
///
/// ```
/// use musig2_sim::Profile;
///
/// assert_eq!("crashy".parse(), Ok(Profile::Crashy));
/// assert_eq!(
///     Profile::ALL.map(|profile| profile.to_string()).join(" "),
///     "calm swarm byzantine crashy skewed"
/// );
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Profile {
    /// Nothing goes wrong.
    Calm,
    /// A separate coin turns each kind of network fault, and of pause, on or off, so that each is
    /// tried with and without every other.
    Swarm,
    /// Like [`Profile::Swarm`], and some signers do not follow the protocol.
    Byzantine,
    /// Like [`Profile::Swarm`], and nodes crash at all kinds of moments, with all kinds of disks.
    Crashy,
    /// Like [`Profile::Swarm`], and clocks are wrong: within the skew that the configuration
    /// allows, or far beyond it.
    Skewed,
}

/// A profile name that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no profile `{0}`: calm, swarm, byzantine, crashy or skewed")]
pub struct UnknownProfile(String);

impl Profile {
    /// All profiles.
    pub const ALL: [Self; 5] =
        [Self::Calm, Self::Swarm, Self::Byzantine, Self::Crashy, Self::Skewed];

    /// Returns the profile of a seed when all profiles take turns.
    pub fn of_seed(seed: u64) -> Self {
        match seed % 5 {
            0 => Self::Calm,
            1 => Self::Swarm,
            2 => Self::Byzantine,
            3 => Self::Crashy,
            _ => Self::Skewed,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Swarm => "swarm",
            Self::Byzantine => "byzantine",
            Self::Crashy => "crashy",
            Self::Skewed => "skewed",
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Profile {
    type Err = UnknownProfile;

    fn from_str(name: &str) -> Result<Self, UnknownProfile> {
        let found = Self::ALL.into_iter().find(|profile| profile.name() == name);
        found.ok_or_else(|| UnknownProfile(name.into()))
    }
}
