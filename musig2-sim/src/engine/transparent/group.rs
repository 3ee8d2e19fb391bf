//! The group: the integers modulo the prime 2^61 - 1 under addition, with generator 1. A point is
//! its own discrete logarithm.
//!
//! Points have an x and the parity of a y, as on a curve: x is the smaller of v and p - v, and y is
//! even if v is the smaller one. So x goes from 1 to (p - 1) / 2, a point and its negation have the
//! same x, and most byte strings are not a point.

use core::iter::Sum;
use core::ops::{Add, Mul, Neg};

/// The order of the group, a Mersenne prime.
const ORDER: u64 = (1 << 61) - 1;

/// The greatest x of a point.
const MAX_X: u64 = (ORDER - 1) / 2;

/// 2^64 modulo the order.
const RADIX: Element = Element(8);

/// The order of secp256k1, big-endian. A number that is not a scalar there is not accepted here.
const SECP256K1_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe,
    0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41,
];

/// A scalar, or a point: an integer below the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Element(u64);

impl Element {
    /// The scalar zero, and the point at infinity.
    pub(super) const ZERO: Self = Self(0);
    /// The generator.
    pub(super) const ONE: Self = Self(1);

    /// Returns a number modulo the order.
    pub(super) const fn reduce(number: u64) -> Self {
        let folded = (number & ORDER) + (number >> 61);
        Self(if folded >= ORDER { folded - ORDER } else { folded })
    }

    /// Reduces a scalar of secp256k1 (32 bytes, big-endian), because secret keys and tweaks are
    /// made for any engine.
    pub(super) fn from_foreign(bytes: &[u8; 32]) -> Option<Self> {
        let words =
            bytes.as_chunks::<8>().0.iter().map(|word| Self::reduce(u64::from_be_bytes(*word)));
        (*bytes < SECP256K1_ORDER).then(|| words.fold(Self::ZERO, |sum, word| sum * RADIX + word))
    }

    /// Decodes a scalar: 32 bytes, big-endian, below the order.
    pub(super) fn from_scalar(bytes: &[u8; 32]) -> Option<Self> {
        narrow(bytes).filter(|&word| word < ORDER).map(Self)
    }

    /// Encodes a scalar (32 bytes, big-endian).
    pub(super) fn to_scalar(self) -> [u8; 32] {
        widen(self.0)
    }

    /// BIP340's `lift_x`: returns the point with this x and an even y.
    pub(super) fn lift_x(x: &[u8; 32]) -> Option<Self> {
        narrow(x).filter(|x| (1..=MAX_X).contains(x)).map(Self)
    }

    /// BIP327's `cpoint`: 0x02 or 0x03 for an even or odd y, then x.
    pub(super) fn from_point(bytes: &[u8; 33]) -> Option<Self> {
        let [parity @ (2 | 3), x @ ..] = bytes else { return None };
        let even = Self::lift_x(x)?;
        Some(if *parity == 2 { even } else { -even })
    }

    /// BIP327's `cpoint_ext`: like [`Element::from_point`], or 33 zero bytes for infinity.
    pub(super) fn from_point_or_infinity(bytes: &[u8; 33]) -> Option<Self> {
        if *bytes == [0; 33] { Some(Self::ZERO) } else { Self::from_point(bytes) }
    }

    /// BIP327's `cbytes_ext`: compressed, or 33 zero bytes for infinity.
    pub(super) fn to_point(self) -> [u8; 33] {
        let mut bytes = [0; 33];
        if self != Self::ZERO {
            bytes[0] = if self.has_even_y() { 2 } else { 3 };
            bytes[1..].copy_from_slice(&self.x());
        }
        bytes
    }

    /// Returns a point's x (32 bytes).
    pub(super) fn x(self) -> [u8; 32] {
        widen(self.with_even_y().0)
    }

    pub(super) fn has_even_y(self) -> bool {
        self.0 <= MAX_X
    }

    /// Returns the one with even y, of a point and its negation.
    pub(super) fn with_even_y(self) -> Self {
        if self.has_even_y() { self } else { -self }
    }
}

impl Add for Element {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self::reduce(self.0 + other.0)
    }
}

impl Neg for Element {
    type Output = Self;
    fn neg(self) -> Self {
        Self::reduce(ORDER - self.0)
    }
}

impl Mul for Element {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        let product = u128::from(self.0) * u128::from(other.0);
        // 2^61 is 1 modulo the order, so the high bits are simply added to the low ones. Both parts
        // are below 2^61.
        Self::reduce((product as u64 & ORDER) + (product >> 61) as u64)
    }
}

impl Sum for Element {
    fn sum<I: Iterator<Item = Self>>(elements: I) -> Self {
        elements.fold(Self::ZERO, Add::add)
    }
}

/// Returns the number in the last 8 of 32 bytes, if the other bytes are zero.
fn narrow(bytes: &[u8; 32]) -> Option<u64> {
    let [zeros @ .., word] = bytes.as_chunks::<8>().0 else { return None };
    zeros.iter().all(|word| *word == [0; 8]).then(|| u64::from_be_bytes(*word))
}

fn widen(number: u64) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[24..].copy_from_slice(&number.to_be_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn element() -> impl Strategy<Value = Element> {
        prop_oneof![0..=4_u64, ORDER - 4..ORDER, MAX_X - 4..=MAX_X + 4, 0..ORDER].prop_map(Element)
    }

    proptest! {
        #[test]
        fn arithmetic_equals_that_of_integers_modulo_the_order(one in element(), other in element()) {
            let (a, b, p) = (u128::from(one.0), u128::from(other.0), u128::from(ORDER));
            prop_assert_eq!(u128::from((one + other).0), (a + b) % p);
            prop_assert_eq!(u128::from((one * other).0), a * b % p);
            prop_assert_eq!(one + -one, Element::ZERO);
        }

        #[test]
        fn every_number_and_every_scalar_of_secp256k1_is_reduced(number in any::<u64>(), bytes in any::<[u8; 32]>()) {
            prop_assert_eq!(Element::reduce(number).0, number % ORDER);
            let remainder = bytes.iter().fold(0, |sum, byte| (sum * 256 + u128::from(*byte)) % u128::from(ORDER));
            let reduced = Element::from_foreign(&bytes).map(|element| u128::from(element.0));
            prop_assert!(reduced == Some(remainder) || (reduced.is_none() && bytes.starts_with(&[0xff; 15])));
        }

        #[test]
        fn points_and_scalars_have_one_encoding_each(element in element()) {
            prop_assert_eq!(Element::from_scalar(&element.to_scalar()), Some(element));
            prop_assert_eq!(Element::from_point_or_infinity(&element.to_point()), Some(element));
            prop_assert_eq!(Element::from_point(&element.to_point()), Some(element).filter(|point| *point != Element::ZERO));
            prop_assert_eq!(element.x(), (-element).x());
            prop_assert!(element == Element::ZERO || element.has_even_y() != (-element).has_even_y());
        }

        #[test]
        fn points_that_decode_encode_to_the_same_bytes(parity in 0..=4_u8, high in any::<bool>(), word in any::<u64>()) {
            let mut bytes = [0; 33];
            bytes[0] = parity;
            bytes[1] = u8::from(high);
            bytes[25..].copy_from_slice(&word.to_be_bytes());
            if let Some(point) = Element::from_point(&bytes) {
                prop_assert_eq!(point.to_point(), bytes);
            }
        }
    }

    #[test]
    fn an_x_off_the_curve_is_not_a_point() {
        for x in [0, MAX_X + 1, ORDER, u64::MAX] {
            assert_eq!(Element::lift_x(&widen(x)), None, "{x}");
        }
        assert_eq!(Element::from_point(&[2; 33]), None);
        assert_eq!(Element::from_point_or_infinity(&[0; 33]), Some(Element::ZERO));
        assert_eq!(Element::from_scalar(&widen(ORDER)), None);
    }

    #[test]
    fn the_order_of_secp256k1_and_anything_above_is_not_a_scalar() {
        let below = {
            let mut bytes = SECP256K1_ORDER;
            bytes[31] -= 1;
            bytes
        };
        assert!(Element::from_foreign(&below).is_some());
        assert_eq!(Element::from_foreign(&SECP256K1_ORDER), None);
        assert_eq!(Element::from_foreign(&[0xff; 32]), None);
    }
}
