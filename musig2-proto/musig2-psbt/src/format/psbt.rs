//! A PSBT of version 0 or 2: read, looked at, and written back.

use super::error::PsbtError;
use super::fields::MusigFields;
use super::raw::{FramingError, MAGIC, MAX_PSBT_SIZE, Map, Reader};
use super::version2;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bitcoin::consensus::encode::{Decodable, serialize};
use bitcoin::{Transaction, TxIn, TxOut, Txid};
use core::fmt;
use core::str::FromStr;

/// The most inputs that a transaction may have here. A standard transaction (BIP141 weight of
/// 400,000 at most) has room for fewer taproot inputs.
pub const MAX_INPUTS: usize = 2048;
/// The most outputs that a transaction may have here. A standard transaction has room for fewer
/// taproot outputs.
pub const MAX_OUTPUTS: usize = 4096;

const UNSIGNED_TX: u8 = 0x00;
const VERSION: u8 = 0xfb;
const PROPRIETARY: u8 = 0xfc;

/// A partially signed transaction (BIP174, BIP370, BIP371, BIP373).
///
/// What is read is kept as it came: [`Psbt::to_bytes`] gives the same bytes again, in the same
/// version, with fields that nobody here knows.
///
/// ```
/// # fn read(file: &[u8]) -> Result<(), musig2_psbt::PsbtError> {
/// let psbt = musig2_psbt::Psbt::read(file)?; // binary, or base64 text
/// assert_eq!(psbt.transaction().compute_txid(), psbt.txid());
/// # Ok(())
/// # }
/// assert!(read(b"hello").unwrap_err().to_string().contains("PSBT"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Psbt {
    global: Map,
    inputs: Vec<Map>,
    outputs: Vec<Map>,
    version: PsbtVersion,
    modifiable: u8,
    /// What the maps say, as version 0 and without others' fields.
    view: bitcoin::Psbt,
    musig_inputs: Vec<MusigFields>,
    musig_outputs: Vec<MusigFields>,
}

/// A version of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PsbtVersion {
    /// BIP174: the unsigned transaction is a field.
    V0,
    /// BIP370: each input and output is a map of its own.
    V2,
}

impl Psbt {
    /// Reads a PSBT: its bytes, or its base64 text, with or without white space around it.
    ///
    /// # Errors
    /// If it is not a whole, valid PSBT of version 0 or 2 with at most [`MAX_PSBT_SIZE`] bytes.
    pub fn read(file: &[u8]) -> Result<Self, PsbtError> {
        if file.starts_with(&MAGIC) {
            return Self::from_bytes(file);
        }
        core::str::from_utf8(file).map_err(|_| FramingError::NoMagic)?.parse()
    }

    /// Reads the binary form.
    ///
    /// # Errors
    /// As [`Psbt::read`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PsbtError> {
        let mut reader = Reader::new(bytes)?;
        let global = reader.map()?;
        let version = version(&global)?;
        let (inputs, outputs) = counts(&global, version)?;
        let inputs = (0..inputs).map(|_| reader.map()).collect::<Result<_, _>>()?;
        let outputs = (0..outputs).map(|_| reader.map()).collect::<Result<_, _>>()?;
        reader.end()?;
        Self::of_maps(global, inputs, outputs, version)
    }

    fn of_maps(
        global: Map,
        inputs: Vec<Map>,
        outputs: Vec<Map>,
        version: PsbtVersion,
    ) -> Result<Self, PsbtError> {
        let mut bytes = MAGIC.to_vec();
        let mut modifiable = 0;
        if version == PsbtVersion::V2 {
            modifiable = version2::modifiable(&global)?;
            let transaction = version2::transaction(&global, &inputs, &outputs)?;
            let mut globals = global.without(&version2::GLOBAL).without(&[VERSION, PROPRIETARY]);
            globals.set(vec![UNSIGNED_TX], serialize_unsigned(&transaction));
            globals.write(&mut bytes);
            let own: Vec<u8> = version2::INPUT.into_iter().chain([PROPRIETARY]).collect();
            inputs.iter().for_each(|map| map.without(&own).write(&mut bytes));
            let own: Vec<u8> = version2::OUTPUT.into_iter().chain([PROPRIETARY]).collect();
            outputs.iter().for_each(|map| map.without(&own).write(&mut bytes));
        } else {
            excluded_from_version0(&inputs, &version2::INPUT)?;
            excluded_from_version0(&outputs, &version2::OUTPUT)?;
            let maps = [&global].into_iter().chain(&inputs).chain(&outputs);
            maps.for_each(|map| map.without(&[PROPRIETARY]).write(&mut bytes));
        }
        let view = bitcoin::Psbt::deserialize(&bytes)
            .map_err(|error| PsbtError::Field(error.to_string()))?;
        Ok(Self {
            musig_inputs: inputs.iter().map(MusigFields::of_input).collect::<Result<_, _>>()?,
            musig_outputs: outputs.iter().map(MusigFields::of_output).collect::<Result<_, _>>()?,
            global,
            inputs,
            outputs,
            version,
            modifiable,
            view,
        })
    }

    /// Returns the binary form: the bytes that were read, and what was added.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        let maps = [&self.global].into_iter().chain(&self.inputs).chain(&self.outputs);
        maps.for_each(|map| map.write(&mut bytes));
        bytes
    }

    /// Returns the version in which it was read and is written.
    pub const fn version(&self) -> PsbtVersion {
        self.version
    }

    /// Returns what may still be changed by others (BIP370: bit 0 inputs, bit 1 outputs, bit 2
    /// there is a `SIGHASH_SINGLE`). It is 0 in version 0.
    pub const fn modifiable(&self) -> u8 {
        self.modifiable
    }

    /// Returns the transaction without signatures.
    pub const fn transaction(&self) -> &Transaction {
        &self.view.unsigned_tx
    }

    /// Returns the transaction's id. Signatures of taproot inputs do not change it.
    pub fn txid(&self) -> Txid {
        self.transaction().compute_txid()
    }

    /// Returns the fields as the `bitcoin` crate has them, in version 0 and without proprietary
    /// ones.
    pub const fn fields(&self) -> &bitcoin::Psbt {
        &self.view
    }

    /// Returns the MuSig2 fields (BIP373) of each input.
    pub fn musig_inputs(&self) -> &[MusigFields] {
        &self.musig_inputs
    }

    /// Returns the MuSig2 fields (BIP373) of each output. Only participants occur there.
    pub fn musig_outputs(&self) -> &[MusigFields] {
        &self.musig_outputs
    }

    /// Returns the PSBT with the maps of some inputs changed. It is read again once, whatever the
    /// number of changes.
    pub(crate) fn with_inputs(&self, change: impl FnOnce(&mut [Map])) -> Result<Self, PsbtError> {
        let mut inputs = self.inputs.clone();
        change(&mut inputs);
        Self::of_maps(self.global.clone(), inputs, self.outputs.clone(), self.version)
    }
}

/// Reads the base64 text.
impl FromStr for Psbt {
    type Err = PsbtError;
    fn from_str(text: &str) -> Result<Self, PsbtError> {
        let text = text.trim();
        if text.len() / 4 * 3 > MAX_PSBT_SIZE {
            return Err(FramingError::TooLarge(text.len() / 4 * 3).into());
        }
        let bytes = BASE64.decode(text).map_err(|_| PsbtError::Base64)?;
        Self::from_bytes(&bytes)
    }
}

/// Writes the base64 text.
impl fmt::Display for Psbt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64.encode(self.to_bytes()))
    }
}

impl TryFrom<&bitcoin::Psbt> for Psbt {
    type Error = PsbtError;
    fn try_from(psbt: &bitcoin::Psbt) -> Result<Self, PsbtError> {
        Self::from_bytes(&psbt.serialize())
    }
}

fn version(global: &Map) -> Result<PsbtVersion, PsbtError> {
    let number = match global.get(&[VERSION]) {
        None => 0,
        Some(value) => u32::from_le_bytes(
            value.try_into().map_err(|_| PsbtError::Malformed { kind: VERSION, of: "global" })?,
        ),
    };
    let has = |kind| global.of_type(kind).next().is_some();
    match number {
        // BIP370: version 0 has none of version 2's own fields, and version 2 has no transaction.
        0 => {
            excluded_from_version0(core::slice::from_ref(global), &version2::GLOBAL)?;
            Ok(PsbtVersion::V0)
        }
        2 if has(UNSIGNED_TX) => Err(PsbtError::Excluded { version: 2, kind: UNSIGNED_TX }),
        2 => Ok(PsbtVersion::V2),
        other => Err(PsbtError::Version(other)),
    }
}

fn excluded_from_version0(maps: &[Map], kinds: &[u8]) -> Result<(), PsbtError> {
    let found = maps.iter().flat_map(Map::iter).filter_map(|pair| pair.key.first());
    match found.copied().find(|kind| kinds.contains(kind)) {
        Some(kind) => Err(PsbtError::Excluded { version: 0, kind }),
        None => Ok(()),
    }
}

fn counts(global: &Map, version: PsbtVersion) -> Result<(u64, u64), PsbtError> {
    let (inputs, outputs) = match version {
        PsbtVersion::V2 => version2::counts(global)?,
        PsbtVersion::V0 => {
            let value = global
                .get(&[UNSIGNED_TX])
                .ok_or(PsbtError::Missing { kind: UNSIGNED_TX, of: "global" })?;
            unsigned_counts(value)?
        }
    };
    for (got, max, what) in [(inputs, MAX_INPUTS, "inputs"), (outputs, MAX_OUTPUTS, "outputs")] {
        if got > max as u64 {
            return Err(PsbtError::TooMany { got, max, what });
        }
    }
    Ok((inputs, outputs))
}

/// Counts the inputs and outputs of an unsigned transaction. It is read without witnesses, because
/// one without inputs looks as if it had some.
fn unsigned_counts(bytes: &[u8]) -> Result<(u64, u64), PsbtError> {
    let malformed = || PsbtError::Malformed { kind: UNSIGNED_TX, of: "global" };
    let mut rest = bytes.get(4..).ok_or_else(malformed)?;
    let inputs = Vec::<TxIn>::consensus_decode(&mut rest).map_err(|_| malformed())?;
    let outputs = Vec::<TxOut>::consensus_decode(&mut rest).map_err(|_| malformed())?;
    Ok((inputs.len() as u64, outputs.len() as u64))
}

/// Writes a transaction without witnesses, also if it has no inputs.
fn serialize_unsigned(transaction: &Transaction) -> Vec<u8> {
    let mut bytes = serialize(&transaction.version);
    bytes.extend(serialize(&transaction.input));
    bytes.extend(serialize(&transaction.output));
    bytes.extend(serialize(&transaction.lock_time));
    bytes
}
