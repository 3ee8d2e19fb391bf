//! Lists and byte strings with a maximum length. Decoding refuses a longer one before it allocates
//! memory for it.

use crate::base::bytes::{Hex, parse_hex_into};
use core::fmt;
use core::marker::PhantomData;
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A list of at most `MAX` elements.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct List<T, const MAX: usize>(Vec<T>);

/// More elements than the type has room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{got} {of}; at most {max} are allowed")]
#[non_exhaustive]
pub struct LengthError {
    /// How many there are.
    pub got: usize,
    /// The most that are allowed.
    pub max: usize,
    /// What is counted, in the plural.
    of: &'static str,
}

impl LengthError {
    pub(crate) const fn new(got: usize, max: usize, of: &'static str) -> Self {
        Self { got, max, of }
    }

    /// Returns the same error with the caller's name for what is counted.
    pub(crate) const fn of(self, of: &'static str) -> Self {
        Self { of, ..self }
    }
}

impl<T, const MAX: usize> List<T, MAX> {
    /// Makes a list of these elements.
    ///
    /// # Errors
    /// If there are more than `MAX`.
    pub fn new(elements: Vec<T>) -> Result<Self, LengthError> {
        let got = elements.len();
        if got <= MAX { Ok(Self(elements)) } else { Err(LengthError::new(got, MAX, "elements")) }
    }

    /// Makes an empty list.
    pub const fn empty() -> Self {
        Self(Vec::new())
    }

    /// Returns the elements.
    pub fn as_slice(&self) -> &[T] {
        &self.0
    }

    /// Returns how many elements the allocated memory holds.
    pub(crate) fn capacity(&self) -> usize {
        self.0.capacity()
    }

    /// Returns the elements by value.
    pub fn into_vec(self) -> Vec<T> {
        self.0
    }
}

impl<T, const MAX: usize> core::ops::Deref for List<T, MAX> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: Serialize, const MAX: usize> Serialize for List<T, MAX> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(&self.0)
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for List<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Elements<T, const MAX: usize>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for Elements<T, MAX> {
            type Value = Vec<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "at most {MAX} elements")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
                if let Some(announced) = seq.size_hint().filter(|&announced| announced > MAX) {
                    return Err(A::Error::invalid_length(announced, &self));
                }
                // Grown element by element, never preallocated from the announced length: a peer
                // that sends a length without its elements costs this node nothing.
                let mut elements = Vec::new();
                while let Some(element) = seq.next_element()? {
                    if elements.len() == MAX {
                        return Err(A::Error::invalid_length(MAX + 1, &self));
                    }
                    elements.push(element);
                }
                // A vector that grew by doubling can take twice the memory of its content, and what
                // is decoded here may be kept for a whole session.
                elements.shrink_to_fit();
                Ok(elements)
            }
        }
        from.deserialize_seq(Elements::<T, MAX>(PhantomData)).map(Self)
    }
}

/// A byte string of at most `MAX` bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Bytes<const MAX: usize>(Vec<u8>);

impl<const MAX: usize> Bytes<MAX> {
    /// Makes a string of these bytes.
    ///
    /// # Errors
    /// If there are more than `MAX`.
    pub fn new(bytes: Vec<u8>) -> Result<Self, LengthError> {
        let got = bytes.len();
        if got <= MAX { Ok(Self(bytes)) } else { Err(LengthError::new(got, MAX, "bytes")) }
    }

    /// Returns the bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }

    /// Returns how many bytes the allocated memory holds.
    pub(crate) fn capacity(&self) -> usize {
        self.0.capacity()
    }
}

impl<const MAX: usize> Serialize for Bytes<MAX> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if to.is_human_readable() {
            to.collect_str(&Hex(&self.0))
        } else {
            to.serialize_bytes(&self.0)
        }
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for Bytes<MAX> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Slice<const MAX: usize>;
        impl<'de, const MAX: usize> Visitor<'de> for Slice<MAX> {
            type Value = Vec<u8>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "at most {MAX} bytes, as hex if this is text")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Vec<u8>, E> {
                let length = text.len() / 2;
                if length > MAX {
                    return Err(E::invalid_length(length, &self));
                }
                let mut bytes = vec![0; length];
                parse_hex_into(&mut bytes, text).map_err(E::custom)?;
                Ok(bytes)
            }
            // The bytes are borrowed from the input, so nothing is allocated before the length is
            // checked.
            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                if bytes.len() > MAX {
                    Err(E::invalid_length(bytes.len(), &self))
                } else {
                    Ok(bytes.to_vec())
                }
            }
        }
        if from.is_human_readable() {
            from.deserialize_str(Slice::<MAX>).map(Self)
        } else {
            from.deserialize_bytes(Slice::<MAX>).map(Self)
        }
    }
}

#[cfg(feature = "arbitrary")]
mod arbitrary {
    use super::{Bytes, List};
    use arbitrary::{Arbitrary, Result, Unstructured};

    impl<'a, T: Arbitrary<'a>, const MAX: usize> Arbitrary<'a> for List<T, MAX> {
        fn arbitrary(from: &mut Unstructured<'a>) -> Result<Self> {
            from.arbitrary_iter()?.take(MAX).collect::<Result<_>>().map(Self)
        }
    }

    impl<'a, const MAX: usize> Arbitrary<'a> for Bytes<MAX> {
        fn arbitrary(from: &mut Unstructured<'a>) -> Result<Self> {
            let bytes: &[u8] = from.arbitrary()?;
            Ok(Self(bytes.iter().take(MAX).copied().collect()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The encoding of a length followed by that many bytes.
    fn encoded(length: u8) -> Vec<u8> {
        [vec![length], vec![7; usize::from(length)]].concat()
    }

    #[test]
    fn a_list_takes_as_many_elements_as_allowed_and_no_more() {
        assert!(List::<u8, 4>::new(vec![7; 4]).is_ok_and(|list| list.into_vec() == [7; 4]));
        assert_eq!(
            List::<u8, 4>::new(vec![7; 5]).unwrap_err().to_string(),
            "5 elements; at most 4 are allowed"
        );
        assert!(Bytes::<4>::new(vec![7; 4]).is_ok_and(|bytes| bytes.as_slice() == [7; 4]));
        assert_eq!(
            Bytes::<4>::new(vec![7; 5]).unwrap_err().to_string(),
            "5 bytes; at most 4 are allowed"
        );
        for length in 0..10 {
            let list = postcard::from_bytes::<List<u8, 4>>(&encoded(length));
            assert_eq!(
                list.map(|list| list.len()).ok(),
                (length <= 4).then_some(usize::from(length))
            );
            let bytes = postcard::from_bytes::<Bytes<4>>(&encoded(length));
            assert_eq!(
                bytes.map(|bytes| bytes.as_slice().len()).ok(),
                (length <= 4).then_some(usize::from(length))
            );
        }
    }
}
