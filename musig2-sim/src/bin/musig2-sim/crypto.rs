//! Which engine the nodes run on.

use clap::ValueEnum;
use core::cell::RefCell;
use musig2_proto::Libsecp256k1;
use musig2_sim::{EngineName, Failure, Outcome, Plan, Transparent, trial};

/// The engine that signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Crypto {
    /// A toy group in which the MuSig2 equations hold: fast, and worthless outside a simulator
    #[default]
    Transparent,
    /// libsecp256k1
    Real,
}

impl Crypto {
    /// Returns its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Transparent => "transparent",
            Self::Real => "real",
        }
    }

    /// Runs a plan and judges it.
    pub fn trial(self, plan: Plan) -> Outcome {
        let mut outcome = match self {
            Self::Transparent => trial::run::<Transparent>(plan),
            Self::Real => trial::run::<Libsecp256k1>(plan),
        };
        if let Err(failure) = &mut outcome.verdict {
            locate(failure);
        }
        outcome
    }
}

impl From<Crypto> for EngineName {
    fn from(crypto: Crypto) -> Self {
        match crypto {
            Crypto::Transparent => Self::Transparent,
            Crypto::Real => Self::Real,
        }
    }
}

impl From<EngineName> for Crypto {
    fn from(engine: EngineName) -> Self {
        match engine {
            EngineName::Transparent => Self::Transparent,
            EngineName::Real => Self::Real,
        }
    }
}

thread_local! {
    static PANICKED_AT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Remembers where code panics, and prints nothing at that moment. A panic of a node is a finding,
/// and is reported together with its seed.
pub fn remember_where_code_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        PANICKED_AT.set(panic.location().map(ToString::to_string));
        if std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value == "full") {
            usual(panic);
        }
    }));
}

/// Adds to a panic where it happened.
pub fn locate(failure: &mut Failure) {
    if let (Failure::Panic(message), Some(place)) = (failure, PANICKED_AT.take()) {
        message.push_str(" at ");
        message.push_str(&place);
    }
}
