//! BIP373: participants, public nonces and partial signatures of MuSig2, as fields of a PSBT.

use super::raw::Map;
use bitcoin::TapLeafHash;
use bitcoin::hashes::Hash;
use musig2_proto::{Crypto, DefaultCrypto, PartialSignature, PublicKey, PublicNonce};
use std::collections::BTreeMap;

const IN_PARTICIPANTS: u8 = 0x1a;
const IN_NONCE: u8 = 0x1b;
const IN_PARTIAL: u8 = 0x1c;
const OUT_PARTICIPANTS: u8 = 0x08;

/// The MuSig2 fields of one input, or the participants of one output.
///
/// They are what a PSBT says. Nothing here is compared with a wallet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MusigFields {
    /// For each aggregate key, as KeyAgg returns it, the participants in the order of aggregation
    /// (`PSBT_IN_MUSIG2_PARTICIPANT_PUBKEYS`, `PSBT_OUT_MUSIG2_PARTICIPANT_PUBKEYS`).
    pub participants: BTreeMap<PublicKey, Vec<PublicKey>>,
    /// Public nonces (`PSBT_IN_MUSIG2_PUB_NONCE`).
    pub nonces: BTreeMap<MusigKey, PublicNonce>,
    /// Partial signatures (`PSBT_IN_MUSIG2_PARTIAL_SIG`).
    pub partial_signatures: BTreeMap<MusigKey, PartialSignature>,
}

/// Whose nonce or partial signature a field is, and for which key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MusigKey {
    /// The participant's key, as it is aggregated.
    pub participant: PublicKey,
    /// The aggregate key **after all tweaks**: the taproot output key with its true parity, or the
    /// key in the leaf. It differs from the key of the participants' field if there are tweaks.
    /// (BIP373 misprints this in one sentence. Its test vectors show it.)
    pub aggregate: PublicKey,
    /// The leaf that is signed, or `None` for the key path.
    pub leaf: Option<TapLeafHash>,
}

/// A MuSig2 field is not what BIP373 says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MusigFieldError {
    /// A key's data has another length than its parts.
    #[error("a MuSig2 field (type 0x{kind:02x}) has a key of {got} bytes; BIP373 wants {want}")]
    KeyLength {
        /// The type of the field.
        kind: u8,
        /// How many bytes there are behind the type.
        got: usize,
        /// How many there should be.
        want: &'static str,
    },
    /// A value has another length than BIP373 says.
    #[error("a MuSig2 field (type 0x{kind:02x}) has a value of {got} bytes; BIP373 wants {want}")]
    ValueLength {
        /// The type of the field.
        kind: u8,
        /// How many bytes there are.
        got: usize,
        /// How many there should be.
        want: &'static str,
    },
    /// A key is not a point on the curve.
    #[error("a MuSig2 field (type 0x{0:02x}) has a key that is not a point on secp256k1")]
    NotAKey(u8),
    /// A public nonce is not two points on the curve.
    #[error("a MuSig2 public nonce is not two points on secp256k1")]
    NotANonce,
}

impl MusigFields {
    /// Reads the fields of an input.
    pub(crate) fn of_input(map: &Map) -> Result<Self, MusigFieldError> {
        let mut fields =
            Self { participants: participants(map, IN_PARTICIPANTS)?, ..Self::default() };
        for (data, value) in map.of_type(IN_NONCE) {
            let nonce = PublicNonce::new(exactly(value, IN_NONCE, "66")?);
            if !DefaultCrypto::is_valid_nonce(&nonce) {
                return Err(MusigFieldError::NotANonce);
            }
            fields.nonces.insert(MusigKey::read(data, IN_NONCE)?, nonce);
        }
        for (data, value) in map.of_type(IN_PARTIAL) {
            let partial = PartialSignature::new(exactly(value, IN_PARTIAL, "32")?);
            fields.partial_signatures.insert(MusigKey::read(data, IN_PARTIAL)?, partial);
        }
        Ok(fields)
    }

    /// Reads the fields of an output.
    pub(crate) fn of_output(map: &Map) -> Result<Self, MusigFieldError> {
        Ok(Self { participants: participants(map, OUT_PARTICIPANTS)?, ..Self::default() })
    }

    /// Sets these fields in an input's map. Others stay.
    pub(crate) fn write_to_input(&self, map: &mut Map) {
        for (aggregate, participants) in &self.participants {
            let value = participants.iter().flat_map(|key| *key.as_bytes()).collect();
            map.set(key(IN_PARTICIPANTS, &[aggregate.as_bytes()]), value);
        }
        for (of, nonce) in &self.nonces {
            map.set(of.key(IN_NONCE), nonce.as_bytes().to_vec());
        }
        for (of, partial) in &self.partial_signatures {
            map.set(of.key(IN_PARTIAL), partial.as_bytes().to_vec());
        }
    }

    /// Removes the nonces and partial signatures for a key from an input's map.
    pub(crate) fn remove_rounds(map: &mut Map, aggregate: &PublicKey, leaf: Option<TapLeafHash>) {
        map.retain(|key| {
            let Some((&kind, data)) = key.split_first() else { return true };
            let of =
                MusigKey::read(data, kind).ok().filter(|_| [IN_NONCE, IN_PARTIAL].contains(&kind));
            of.is_none_or(|of| of.aggregate != *aggregate || of.leaf != leaf)
        });
    }

    /// Returns whether there is a nonce or a partial signature.
    pub fn has_rounds(&self) -> bool {
        !self.nonces.is_empty() || !self.partial_signatures.is_empty()
    }
}

impl MusigKey {
    fn read(data: &[u8], kind: u8) -> Result<Self, MusigFieldError> {
        let wrong = MusigFieldError::KeyLength { kind, got: data.len(), want: "66 or 98" };
        let (participant, rest) = data.split_first_chunk::<33>().ok_or(wrong)?;
        let (aggregate, leaf) = rest.split_first_chunk::<33>().ok_or(wrong)?;
        let leaf = match leaf {
            [] => None,
            leaf => Some(TapLeafHash::from_byte_array(leaf.try_into().map_err(|_| wrong)?)),
        };
        Ok(Self {
            participant: public_key(participant, kind)?,
            aggregate: public_key(aggregate, kind)?,
            leaf,
        })
    }

    fn key(&self, kind: u8) -> Vec<u8> {
        let leaf = self.leaf.map(TapLeafHash::to_byte_array);
        let leaf = leaf.as_ref().map_or(&[][..], <[u8; 32]>::as_slice);
        key(kind, &[self.participant.as_bytes(), self.aggregate.as_bytes(), leaf])
    }
}

fn participants(
    map: &Map,
    kind: u8,
) -> Result<BTreeMap<PublicKey, Vec<PublicKey>>, MusigFieldError> {
    let one = |(data, value): (&[u8], &[u8])| {
        let (keys, rest) = value.as_chunks::<33>();
        if keys.is_empty() || !rest.is_empty() {
            let want = "a multiple of 33";
            return Err(MusigFieldError::ValueLength { kind, got: value.len(), want });
        }
        let aggregate = data.try_into().map_err(|_| MusigFieldError::KeyLength {
            kind,
            got: data.len(),
            want: "33",
        })?;
        let keys = keys.iter().map(|key| public_key(key, kind)).collect::<Result<_, _>>()?;
        Ok((public_key(aggregate, kind)?, keys))
    };
    map.of_type(kind).map(one).collect()
}

fn public_key(bytes: &[u8; 33], kind: u8) -> Result<PublicKey, MusigFieldError> {
    bitcoin::secp256k1::PublicKey::from_slice(bytes)
        .map(|_| PublicKey::new(*bytes))
        .map_err(|_| MusigFieldError::NotAKey(kind))
}

fn exactly<const N: usize>(
    value: &[u8],
    kind: u8,
    want: &'static str,
) -> Result<[u8; N], MusigFieldError> {
    let got = value.len();
    value.try_into().map_err(|_| MusigFieldError::ValueLength { kind, got, want })
}

fn key(kind: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut key = vec![kind];
    parts.iter().for_each(|part| key.extend_from_slice(part));
    key
}
