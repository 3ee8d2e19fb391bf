//! PSBT version 2 (BIP370): the transaction that its fields describe.

use super::error::PsbtError;
use super::raw::{Map, compact_size};
use bitcoin::absolute::{LOCK_TIME_THRESHOLD, LockTime};
use bitcoin::transaction::Version;
use bitcoin::{Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid};

/// The global fields that only version 2 has.
pub(crate) const GLOBAL: [u8; 5] =
    [TX_VERSION, FALLBACK_LOCKTIME, INPUT_COUNT, OUTPUT_COUNT, TX_MODIFIABLE];
/// The fields of an input that only version 2 has.
pub(crate) const INPUT: [u8; 5] =
    [PREVIOUS_TXID, OUTPUT_INDEX, SEQUENCE, REQUIRED_TIME, REQUIRED_HEIGHT];
/// The fields of an output that only version 2 has.
pub(crate) const OUTPUT: [u8; 2] = [AMOUNT, SCRIPT];

const TX_VERSION: u8 = 0x02;
const FALLBACK_LOCKTIME: u8 = 0x03;
const INPUT_COUNT: u8 = 0x04;
const OUTPUT_COUNT: u8 = 0x05;
const TX_MODIFIABLE: u8 = 0x06;
const PREVIOUS_TXID: u8 = 0x0e;
const OUTPUT_INDEX: u8 = 0x0f;
const SEQUENCE: u8 = 0x10;
const REQUIRED_TIME: u8 = 0x11;
const REQUIRED_HEIGHT: u8 = 0x12;
const AMOUNT: u8 = 0x03;
const SCRIPT: u8 = 0x04;

/// Returns how many inputs and outputs the global map says that there are.
pub(crate) fn counts(global: &Map) -> Result<(u64, u64), PsbtError> {
    let count = |kind| {
        let value = field(global, kind)?.ok_or(PsbtError::Missing { kind, of: "global" })?;
        compact_size(value).ok_or(PsbtError::Malformed { kind, of: "global" })
    };
    Ok((count(INPUT_COUNT)?, count(OUTPUT_COUNT)?))
}

/// Returns the flags that say what may still be changed (BIP370: bit 0 inputs, 1 outputs, 2 there
/// is a `SIGHASH_SINGLE`).
pub(crate) fn modifiable(global: &Map) -> Result<u8, PsbtError> {
    Ok(fixed::<1>(global, TX_MODIFIABLE, "global")?.map_or(0, |[flags]| flags))
}

/// Builds the unsigned transaction.
pub(crate) fn transaction(
    global: &Map,
    inputs: &[Map],
    outputs: &[Map],
) -> Result<Transaction, PsbtError> {
    let version = required::<4>(global, TX_VERSION, "global")?;
    Ok(Transaction {
        version: Version(i32::from_le_bytes(version)),
        lock_time: lock_time(global, inputs)?,
        input: inputs.iter().map(input).collect::<Result<_, _>>()?,
        output: outputs.iter().map(output).collect::<Result<_, _>>()?,
    })
}

fn input(map: &Map) -> Result<TxIn, PsbtError> {
    use bitcoin::hashes::Hash;
    let txid = Txid::from_byte_array(required(map, PREVIOUS_TXID, "input")?);
    let vout = u32::from_le_bytes(required(map, OUTPUT_INDEX, "input")?);
    let sequence = fixed(map, SEQUENCE, "input")?.map(u32::from_le_bytes);
    Ok(TxIn {
        previous_output: OutPoint { txid, vout },
        sequence: sequence.map_or(Sequence::MAX, Sequence::from_consensus),
        ..TxIn::default()
    })
}

fn output(map: &Map) -> Result<TxOut, PsbtError> {
    let amount = i64::from_le_bytes(required(map, AMOUNT, "output")?);
    let amount =
        u64::try_from(amount).map_err(|_| PsbtError::Malformed { kind: AMOUNT, of: "output" })?;
    let script =
        field(map, SCRIPT)?.ok_or(PsbtError::Missing { kind: SCRIPT, of: "output" })?.to_vec();
    Ok(TxOut { value: Amount::from_sat(amount), script_pubkey: ScriptBuf::from_bytes(script) })
}

/// BIP370, "Determining Lock Time": the greatest of the kind that every input with a requirement
/// has; heights if both kinds will do.
fn lock_time(global: &Map, inputs: &[Map]) -> Result<LockTime, PsbtError> {
    let (mut height, mut time) = (Some(0), Some(0));
    let mut required = false;
    for map in inputs {
        let this_height = fixed(map, REQUIRED_HEIGHT, "input")?.map(u32::from_le_bytes);
        let this_time = fixed(map, REQUIRED_TIME, "input")?.map(u32::from_le_bytes);
        if this_height.is_some_and(|height| height == 0 || height >= LOCK_TIME_THRESHOLD) {
            return Err(PsbtError::Malformed { kind: REQUIRED_HEIGHT, of: "input" });
        }
        if this_time.is_some_and(|time| time < LOCK_TIME_THRESHOLD) {
            return Err(PsbtError::Malformed { kind: REQUIRED_TIME, of: "input" });
        }
        if this_height.is_none() && this_time.is_none() {
            continue;
        }
        required = true;
        height = height.zip(this_height).map(|(one, other)| one.max(other));
        time = time.zip(this_time).map(|(one, other)| one.max(other));
    }
    let chosen = if required {
        height.or(time).ok_or(PsbtError::NoCommonLockTime)?
    } else {
        fixed(global, FALLBACK_LOCKTIME, "global")?.map_or(0, u32::from_le_bytes)
    };
    Ok(LockTime::from_consensus(chosen))
}

/// Returns the value of a field whose key is its type only.
fn field(map: &Map, kind: u8) -> Result<Option<&[u8]>, PsbtError> {
    if map.of_type(kind).any(|(data, _)| !data.is_empty()) {
        return Err(PsbtError::KeyData(kind));
    }
    Ok(map.get(&[kind]))
}

fn fixed<const N: usize>(
    map: &Map,
    kind: u8,
    of: &'static str,
) -> Result<Option<[u8; N]>, PsbtError> {
    let Some(value) = field(map, kind)? else { return Ok(None) };
    value.try_into().map(Some).map_err(|_| PsbtError::Malformed { kind, of })
}

fn required<const N: usize>(map: &Map, kind: u8, of: &'static str) -> Result<[u8; N], PsbtError> {
    fixed(map, kind, of)?.ok_or(PsbtError::Missing { kind, of })
}
