//! The program of each built-in strategy.

use super::Adversary;
use super::abort::{Abort, ForgeEvidence};
use super::bad_partials::{BadPartials, Flaw};
use super::cancel::Cancel;
use super::equivocate::{Equivocate, Kind};
use super::flood::Flood;
use super::invalid_nonces::InvalidNonces;
use super::join_again::JoinAgain;
use super::mutate::{Garble, Restate};
use super::replay::Replay;
use super::summaries::{FalseSummaries, LyingHub};
use super::two_manifests::TwoManifests;
use super::withhold::Withhold;
use crate::engine::Engine;
use crate::plan::Strategy;

impl Strategy {
    /// Returns the program that does this; `None` if honest code does.
    pub(crate) fn adversary<C: Engine>(self) -> Option<Box<dyn Adversary<C>>> {
        Some(match self {
            Self::EquivocateNonces => Box::new(Equivocate::new(Kind::Nonces)),
            Self::EquivocatePartials => Box::new(Equivocate::new(Kind::Partials)),
            Self::RandomPartials => Box::new(BadPartials::new(Flaw::Random)),
            Self::PartialsOfAnotherMessage => Box::new(BadPartials::new(Flaw::OtherMessage)),
            Self::RogueTranscript => Box::new(BadPartials::new(Flaw::RogueTranscript)),
            Self::InvalidNonces(flaw) => Box::new(InvalidNonces::new(flaw)),
            Self::Withhold(withheld) => Box::new(Withhold(withheld)),
            Self::Replay => Box::new(Replay::default()),
            Self::Garble => Box::new(Garble),
            Self::Restate => Box::new(Restate::default()),
            Self::Flood => Box::new(Flood::default()),
            Self::Twin { .. } | Self::Clone { .. } => return None,
            Self::JoinAgain { times } => Box::new(JoinAgain::new(times)),
            Self::FalseSummaries => Box::new(FalseSummaries::default()),
            Self::LyingHub => Box::new(LyingHub),
            Self::Abort => Box::new(Abort::default()),
            Self::ForgeEvidence => Box::new(ForgeEvidence::default()),
            Self::TwoManifests => Box::new(TwoManifests::default()),
            Self::CancelNonces => Box::new(Cancel::alone()),
            Self::Collude => Box::new(Cancel::together()),
        })
    }
}
