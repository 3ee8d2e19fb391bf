//! A PSBT as BIP174 frames it: maps of keys and values, in the order in which they came.
//!
//! Everything that is written goes through these maps, so that what this crate does not know, or
//! does not change, stays byte for byte as it was.

use std::collections::BTreeSet;

/// BIP174: the bytes `psbt`, and 0xff.
pub(crate) const MAGIC: [u8; 5] = *b"psbt\xff";

/// The most bytes that a PSBT may have: 4 MiB. A block has room for no larger transaction.
pub const MAX_PSBT_SIZE: usize = 4 * 1024 * 1024;

/// One field of a map: its key (a type byte, then the key's data) and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pair {
    pub key: Vec<u8>,
    pub value: Vec<u8>,
}

/// A map of a PSBT, with its fields in the order in which they came. No key occurs twice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Map(Vec<Pair>);

/// What is wrong with the bytes themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FramingError {
    /// There are more than [`MAX_PSBT_SIZE`] bytes.
    #[error("{0} bytes; a PSBT may have at most {MAX_PSBT_SIZE}")]
    TooLarge(usize),
    /// The first five bytes are not those of a PSBT.
    #[error("this does not begin like a PSBT: give the binary file, or its base64 text")]
    NoMagic,
    /// The bytes end inside a map.
    #[error("the PSBT is cut off after {0} bytes: ask for the whole file")]
    CutOff(usize),
    /// Bytes follow the last map.
    #[error("{0} bytes follow the end of the PSBT: is it there twice?")]
    Trailing(usize),
    /// A length is written in more bytes than it needs.
    #[error("the length at byte {0} is not written in the shortest form")]
    NotMinimal(usize),
    /// One map has the same key twice.
    #[error("a field (type 0x{0:02x}) occurs twice in one map")]
    DuplicateKey(u8),
}

impl Map {
    /// Returns the fields in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Pair> {
        self.0.iter()
    }

    /// Returns the value of the field with exactly this key.
    pub(crate) fn get(&self, key: &[u8]) -> Option<&[u8]> {
        self.iter().find(|pair| pair.key == key).map(|pair| pair.value.as_slice())
    }

    /// Returns the data behind the type byte, and the value, of each field of this type.
    pub(crate) fn of_type(&self, kind: u8) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.iter().filter_map(move |pair| match pair.key.split_first() {
            Some((&first, data)) if first == kind => Some((data, pair.value.as_slice())),
            _ => None,
        })
    }

    /// Sets a field. A new one stands before the first field with a greater key, which is its place
    /// if the fields are sorted.
    pub(crate) fn set(&mut self, key: Vec<u8>, value: Vec<u8>) {
        if let Some(pair) = self.0.iter_mut().find(|pair| pair.key == key) {
            pair.value = value;
            return;
        }
        let place = self.0.iter().position(|pair| pair.key > key).unwrap_or(self.0.len());
        self.0.insert(place, Pair { key, value });
    }

    /// Keeps the fields whose keys (with the type byte) are wanted.
    pub(crate) fn retain(&mut self, wanted: impl Fn(&[u8]) -> bool) {
        self.0.retain(|pair| wanted(&pair.key));
    }

    /// Returns the map without the fields of these types.
    pub(crate) fn without(&self, kinds: &[u8]) -> Self {
        let kept = |pair: &&Pair| pair.key.first().is_some_and(|kind| !kinds.contains(kind));
        Self(self.iter().filter(kept).cloned().collect())
    }

    /// Appends the map as BIP174 frames it.
    pub(crate) fn write(&self, to: &mut Vec<u8>) {
        for pair in self.iter() {
            write_bytes(&pair.key, to);
            write_bytes(&pair.value, to);
        }
        to.push(0);
    }
}

/// Reads maps from bytes. What it allocates is bounded by the number of bytes.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Begins behind the magic bytes.
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self, FramingError> {
        if bytes.len() > MAX_PSBT_SIZE {
            return Err(FramingError::TooLarge(bytes.len()));
        }
        if !bytes.starts_with(&MAGIC) {
            return Err(FramingError::NoMagic);
        }
        Ok(Self { bytes, at: MAGIC.len() })
    }

    /// Reads the next map.
    pub(crate) fn map(&mut self) -> Result<Map, FramingError> {
        let (mut pairs, mut seen) = (Vec::new(), BTreeSet::new());
        loop {
            let key = self.bytes()?;
            let Some(&kind) = key.first() else { return Ok(Map(pairs)) };
            if !seen.insert(key) {
                return Err(FramingError::DuplicateKey(kind));
            }
            pairs.push(Pair { key: key.to_vec(), value: self.bytes()?.to_vec() });
        }
    }

    /// Says that nothing may follow.
    pub(crate) fn end(&self) -> Result<(), FramingError> {
        match self.bytes.len().saturating_sub(self.at) {
            0 => Ok(()),
            rest => Err(FramingError::Trailing(rest)),
        }
    }

    fn bytes(&mut self) -> Result<&'a [u8], FramingError> {
        let length = self.compact_size()?;
        self.take(length)
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], FramingError> {
        let cut = FramingError::CutOff(self.bytes.len());
        let length = usize::try_from(length).map_err(|_| cut)?;
        let end = self.at.checked_add(length).ok_or(cut)?;
        let taken = self.bytes.get(self.at..end).ok_or(cut)?;
        self.at = end;
        Ok(taken)
    }

    fn compact_size(&mut self) -> Result<u64, FramingError> {
        let start = self.at;
        let (size, least) = match self.take(1)? {
            [0xfd] => (little_endian(self.take(2)?), 0xfd),
            [0xfe] => (little_endian(self.take(4)?), 0x1_0000),
            [0xff] => (little_endian(self.take(8)?), 0x1_0000_0000),
            short => (little_endian(short), 0),
        };
        if size < least { Err(FramingError::NotMinimal(start)) } else { Ok(size) }
    }
}

/// Reads a compact size that is a value of its own. Returns `None` if it is not exactly that.
pub(crate) fn compact_size(value: &[u8]) -> Option<u64> {
    let mut reader = Reader { bytes: value, at: 0 };
    let size = reader.compact_size().ok()?;
    reader.end().ok().map(|()| size)
}

/// Appends a compact size.
pub(crate) fn write_compact_size(size: usize, to: &mut Vec<u8>) {
    let bytes = (size as u64).to_le_bytes();
    let (marker, length) = match size {
        0..=0xfc => (None, 1),
        0xfd..=0xffff => (Some(0xfd), 2),
        0x1_0000..=0xffff_ffff => (Some(0xfe), 4),
        _ => (Some(0xff), 8),
    };
    to.extend(marker);
    to.extend(bytes.iter().take(length));
}

fn write_bytes(bytes: &[u8], to: &mut Vec<u8>) {
    write_compact_size(bytes.len(), to);
    to.extend_from_slice(bytes);
}

fn little_endian(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
}
