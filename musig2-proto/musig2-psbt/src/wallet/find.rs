//! Which wallet a script belongs to, and at which place.

use super::{Place, Wallet};
use crate::descriptor::{Descriptor, OwnOutput};
use bitcoin::Script;
use bitcoin::bip32::{ChildNumber, DerivationPath, Fingerprint};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How many places are tried for one script in one wallet. All keys of an honest PSBT point to one
/// place. A derivation takes some 200 µs, and a PSBT can have thousands of scripts.
const MAX_PLACES: usize = 3;

/// Looks for scripts in wallets. What was derived is kept, because addresses are used again.
pub(crate) struct Finder<'a> {
    wallets: &'a [Wallet],
    fingerprints: Vec<BTreeSet<Fingerprint>>,
    derived: BTreeMap<(usize, u32, u32), Option<Arc<OwnOutput>>>,
}

/// An output of a wallet.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub place: Place,
    pub output: Arc<OwnOutput>,
    pub is_within_gap: bool,
}

/// What a PSBT says of a key: the master key's fingerprint, and the path (BIP371).
pub(crate) type Origin = (Fingerprint, DerivationPath);

impl<'a> Finder<'a> {
    pub(crate) fn new(wallets: &'a [Wallet]) -> Self {
        let fingerprints = wallets.iter().map(Wallet::fingerprints).collect();
        Self { wallets, fingerprints, derived: BTreeMap::new() }
    }

    /// Looks for a script. The origins say only where to look: what counts is that the wallet's
    /// descriptor gives exactly this script.
    pub(crate) fn find<'o>(
        &mut self,
        script: &Script,
        origins: impl Iterator<Item = &'o Origin> + Clone,
    ) -> Option<Found> {
        if !script.is_p2tr() {
            return None;
        }
        (0..self.wallets.len()).find_map(|number| self.find_in(number, script, origins.clone()))
    }

    /// Returns whether an origin names a key of a wallet.
    pub(crate) fn names_a_wallet<'o>(&self, mut origins: impl Iterator<Item = &'o Origin>) -> bool {
        origins.any(|(of, _)| self.fingerprints.iter().any(|known| known.contains(of)))
    }

    fn find_in<'o>(
        &mut self,
        number: usize,
        script: &Script,
        origins: impl Iterator<Item = &'o Origin>,
    ) -> Option<Found> {
        let wallet = self.wallets.get(number)?;
        for (branch, index) in self.places(number, wallet, origins) {
            let derived = self
                .derived
                .entry((number, branch, index))
                .or_insert_with(|| wallet.output(branch, index).ok().map(Arc::new));
            let Some(output) = derived.clone().filter(|output| output.script_pubkey == *script)
            else {
                continue;
            };
            let is_within_gap = wallet.is_within_gap(branch, index);
            return Some(Found { place: wallet.place(branch, index), output, is_within_gap });
        }
        None
    }

    /// Returns the places that the origins point to, the likely ones first.
    fn places<'o>(
        &self,
        number: usize,
        wallet: &Wallet,
        origins: impl Iterator<Item = &'o Origin>,
    ) -> Vec<(u32, u32)> {
        let mut places = BTreeSet::new();
        for branch in (0..wallet.branches()).filter(|&branch| !wallet.is_ranged(branch)) {
            places.insert((0, branch, 0));
        }
        let known = self.fingerprints.get(number);
        for (fingerprint, path) in origins {
            let [before @ .., ChildNumber::Normal { index }] = path.as_ref() else { continue };
            let is_known = known.is_some_and(|known| known.contains(fingerprint));
            for branch in (0..wallet.branches()).filter(|&branch| wallet.is_ranged(branch)) {
                let step = wallet.branch(branch).ok().and_then(Descriptor::last_step);
                let has_step = step == before.last().copied();
                if has_step || is_known {
                    let rank = u8::from(!has_step) * 2 + u8::from(!is_known) + 1;
                    places.insert((rank, branch, *index));
                }
            }
        }
        // Ranked, and each place once.
        let mut ranked = Vec::new();
        for (_, branch, index) in places {
            if !ranked.contains(&(branch, index)) && ranked.len() < MAX_PLACES {
                ranked.push((branch, index));
            }
        }
        ranked
    }
}
