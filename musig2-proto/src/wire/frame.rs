//! Frames: what nodes send each other.

use super::announcement::Announcement;
use super::bitmap::Bitmap;
use super::statement::Statement;
use crate::base::bounded::List;
use crate::base::bytes::Signature;
use crate::base::ids::{AttemptId, Boot, SessionId, SignerIndex};
use crate::terms::manifest::{MAX_ITEMS, MAX_SIGNERS};
use serde::{Deserialize, Serialize};

/// The most statements in a frame.
pub const MAX_STATEMENTS: usize = 4 * MAX_SIGNERS;

byte_string!(
    /// The hash (32 bytes) of the joins that a node holds and of the nonces of its attempt. It has
    /// full length because an equivocator would search for a collision in a shorter one.
    BoardDigest, 32
);

/// One message from one node to another. The frame itself is not signed; the statements in it are.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Frame {
    /// The session that the frame is about.
    pub session: SessionId,
    /// What the sender asks for.
    pub request: Request,
    /// What the sender holds, or `None` if it has not joined.
    pub have: Option<Have>,
    /// The session's announcement, for a receiver that may lack it.
    pub announcement: Option<Announcement>,
    /// Statements, each signed by its author.
    pub statements: List<Statement, MAX_STATEMENTS>,
    /// The final signatures, one for each item.
    pub signatures: Option<List<Signature, MAX_ITEMS>>,
}

/// What the sender of a frame asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Request {
    /// Nothing.
    Nothing,
    /// The sender asks for what its `have` lacks.
    Statements,
    /// The sender asks for the announcement, because it does not know the session.
    Announcement,
}

/// What a node holds. It is only a hint: nothing proves it, and only timing depends on it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Have {
    /// The signer that the sender says it is.
    pub signer: SignerIndex,
    /// The boot of the sender's life.
    pub boot: Boot,
    /// A counter of the sender's frames in this session. A greater number is newer.
    pub sequence: u64,
    /// The attempt that follows from the joins that the sender holds.
    pub attempt: AttemptId,
    /// Whose joins the sender holds.
    pub joins: Bitmap,
    /// Whose nonces for that attempt it holds.
    pub nonces: Bitmap,
    /// Whose partial signatures under its transcript it holds.
    pub partials: Bitmap,
    /// Which signers it can send to directly, itself included.
    pub reach: Bitmap,
    /// Whether the sender takes no further part. Then only the final signatures are of use to it.
    pub ended: bool,
    /// A digest that tells equal bitmaps over different statements apart.
    pub digest: BoardDigest,
}

impl Have {
    /// Returns whether the signer and the bitmaps fit a session of `signers` signers.
    pub(crate) fn fits(&self, signers: usize) -> bool {
        self.signer.as_usize() < signers
            && [&self.joins, &self.nonces, &self.partials, &self.reach]
                .into_iter()
                .all(|map| map.fits(signers))
    }

    /// Returns whether this summary replaces `other` as the latest from its sender.
    pub(crate) fn is_newer_than(&self, other: &Self) -> bool {
        self.boot != other.boot || self.sequence > other.sequence
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn have(signer: u16, maps: [&[u16]; 4]) -> Have {
        let [joins, nonces, partials, reach] =
            maps.map(|map| Bitmap::new(8, map.iter().map(|&signer| SignerIndex::new(signer))));
        let (boot, attempt, digest) =
            (Boot::new([1; 16]), AttemptId::FIRST, BoardDigest::new([0; 32]));
        let signer = SignerIndex::new(signer);
        Have {
            signer,
            boot,
            sequence: 5,
            attempt,
            joins,
            nonces,
            partials,
            reach,
            ended: false,
            digest,
        }
    }

    #[test]
    fn a_summary_fits_only_the_signers_of_its_session() {
        let all: &[u16] = &[0, 1, 2];
        assert!(have(2, [all; 4]).fits(3));
        assert!(!have(3, [all; 4]).fits(3));
        for place in 0..4 {
            let mut maps = [all; 4];
            maps[place] = &[3];
            assert!(!have(0, maps).fits(3), "bitmap {place}");
        }
    }

    #[test]
    fn a_summary_is_replaced_by_another_life_or_a_later_frame() {
        let known = have(0, [&[]; 4]);
        let with = |boot, sequence| Have { boot: Boot::new([boot; 16]), sequence, ..known.clone() };
        assert!(with(1, 6).is_newer_than(&known) && with(2, 1).is_newer_than(&known));
        assert!(!with(1, 5).is_newer_than(&known) && !with(1, 4).is_newer_than(&known));
    }
}
