//! What is signed: a message, and the key that signs it.

use crate::base::bounded::{LengthError, List};
use crate::base::bytes::{Message, PublicKey};
use crate::terms::tweak::{MAX_TWEAKS, Tweak};
use serde::{Deserialize, Serialize};

/// One message to sign, and the key that signs it: the signers' aggregate key after `tweaks`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Item {
    pub(crate) message: Message,
    pub(crate) tweaks: List<Tweak, MAX_TWEAKS>,
    /// Reserved for adaptor signatures: always `None` in this version of the protocol.
    pub(crate) adaptor: Option<PublicKey>,
}

impl Item {
    /// Makes an item for the untweaked aggregate key.
    pub const fn new(message: Message) -> Self {
        Self { message, tweaks: List::empty(), adaptor: None }
    }

    /// Sets the tweaks, which apply in order. There can be at most [`MAX_TWEAKS`].
    ///
    /// # Errors
    /// If there are more.
    pub fn with_tweaks(self, tweaks: Vec<Tweak>) -> Result<Self, LengthError> {
        let tweaks = List::new(tweaks).map_err(|error| error.of("tweaks"))?;
        Ok(Self { tweaks, ..self })
    }

    /// Returns the 32 bytes to be signed.
    pub const fn message(&self) -> &Message {
        &self.message
    }

    /// Returns the tweaks that lead from the aggregate key to the key that signs.
    pub fn tweaks(&self) -> &[Tweak] {
        self.tweaks.as_slice()
    }
}
