//! Messages that arrive altered.

use crate::chance::{Chance, Decision};
use core::fmt;
use rand_chacha::rand_core::Rng;

/// How the network altered a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Alteration {
    /// This many bits were flipped, at least one; fewer if the same bit was flipped twice.
    Flipped(u8),
    /// This many bytes are missing at the end.
    Cut(u16),
    /// This many bytes were added at the end.
    Grown(u8),
}

impl Alteration {
    /// Alters a message in one of these ways. An empty message has nothing to cut or flip, so bytes
    /// are added to it.
    pub(super) fn of(bytes: &mut Vec<u8>, chance: &Chance, decision: Decision) -> Self {
        let mut rng = chance.generator(decision);
        let mut below = |most: usize| rng.next_u32() as usize % most.max(1);
        match below(3) {
            0 if !bytes.is_empty() => {
                let bits = 1 + below(8);
                for _ in 0..bits {
                    let (place, bit) = (below(bytes.len()), below(8));
                    if let Some(byte) = bytes.get_mut(place) {
                        *byte ^= 1 << bit;
                    }
                }
                Self::Flipped(bits as u8)
            }
            1 if !bytes.is_empty() => {
                let cut = 1 + below(bytes.len().min(usize::from(u16::MAX)));
                bytes.truncate(bytes.len().saturating_sub(cut));
                Self::Cut(cut as u16)
            }
            _ => {
                let added = 1 + below(64);
                bytes.extend((0..added).map(|_| below(256) as u8));
                Self::Grown(added as u8)
            }
        }
    }
}

impl fmt::Display for Alteration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flipped(bits) => write!(f, "{bits} bits flipped"),
            Self::Cut(bytes) => write!(f, "{bytes} bytes cut off"),
            Self::Grown(bytes) => write!(f, "{bytes} bytes added"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Domain;
    use crate::ids::NodeId;

    #[test]
    fn every_kind_of_alteration_is_drawn_and_does_what_it_says() {
        let chance = Chance::new(1);
        let mut kinds = [0; 3];
        for counter in 0..300 {
            let mut bytes = vec![0; 100];
            let decision = Decision::of_node(Domain::FrameAlteration, NodeId::new(0), counter);
            match Alteration::of(&mut bytes, &chance, decision) {
                Alteration::Flipped(bits) => {
                    kinds[0] += 1;
                    let flipped = bytes.iter().map(|byte| byte.count_ones()).sum::<u32>();
                    assert!(bytes.len() == 100 && flipped <= u32::from(bits) && bits > 0);
                }
                Alteration::Cut(cut) => {
                    kinds[1] += 1;
                    assert_eq!(bytes.len() + usize::from(cut), 100);
                }
                Alteration::Grown(added) => {
                    kinds[2] += 1;
                    assert_eq!(bytes.len(), 100 + usize::from(added));
                }
            }
        }
        assert!(kinds.iter().all(|&count| count > 60), "{kinds:?}");
        let mut nothing = Vec::new();
        let decision = Decision::of_node(Domain::FrameAlteration, NodeId::new(0), 0);
        assert!(matches!(Alteration::of(&mut nothing, &chance, decision), Alteration::Grown(_)));
    }
}
