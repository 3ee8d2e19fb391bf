//! Seeds as people write them.

use core::fmt;
use core::ops::Range;
use core::str::FromStr;

/// How many hexadecimal digits of a commit id count. There are few enough that a range that starts
/// at such a seed never overflows.
const COMMIT_DIGITS: usize = 15;

/// One seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seed(pub u64);

/// Seeds from one number up to, but not including, another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seeds(pub Range<u64>);

/// The text is not a seed, or not a range of seeds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SeedError {
    #[error(
        "`{0}` is no seed: give a decimal number, a hexadecimal one with 0x, or a commit id of 40 digits"
    )]
    NoSeed(String),
    #[error("`{0}` is no range of seeds: give A..B or A..+COUNT, say 0..20000")]
    NoRange(String),
    #[error("the range `{0}` is empty: its end must be greater than its beginning")]
    Empty(String),
}

impl FromStr for Seed {
    type Err = SeedError;

    fn from_str(text: &str) -> Result<Self, SeedError> {
        let is_commit = text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = match text.strip_prefix("0x") {
            _ if is_commit => u64::from_str_radix(&text[..COMMIT_DIGITS], 16),
            Some(digits) => u64::from_str_radix(digits, 16),
            None => text.replace('_', "").parse(),
        };
        number.map(Self).map_err(|_| SeedError::NoSeed(text.into()))
    }
}

impl FromStr for Seeds {
    type Err = SeedError;

    fn from_str(text: &str) -> Result<Self, SeedError> {
        let (from, to) = text.split_once("..").ok_or_else(|| SeedError::NoRange(text.into()))?;
        let Seed(from) = from.parse()?;
        let to = match to.strip_prefix('+') {
            Some(count) => {
                let Seed(count) = count.parse()?;
                from.checked_add(count).ok_or_else(|| SeedError::NoRange(text.into()))?
            }
            None => to.parse::<Seed>()?.0,
        };
        if to > from { Ok(Self(from..to)) } else { Err(SeedError::Empty(text.into())) }
    }
}

impl fmt::Display for Seeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.0.start, self.0.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_decimal_hexadecimal_or_a_commit_id() {
        let seed = |text: &str| text.parse::<Seed>().map(|seed| seed.0);
        assert_eq!(seed("20_000"), Ok(20_000));
        assert_eq!(seed("0xff"), Ok(255));
        assert_eq!(seed("f147606000000000000000000000000000000000"), Ok(0x0f14_7606_0000_0000));
        assert_eq!(seed("1111111111111111111111111111111111111111"), Ok(0x0111_1111_1111_1111));
        for wrong in ["", "-1", "ff", "0x", "99999999999999999999", "1.5"] {
            assert_eq!(seed(wrong), Err(SeedError::NoSeed(wrong.into())));
        }
    }

    #[test]
    fn a_range_has_an_end_or_a_count() {
        let range = |text: &str| text.parse::<Seeds>().map(|seeds| seeds.0);
        assert_eq!(range("3..7"), Ok(3..7));
        assert_eq!(range("0x10..+16"), Ok(16..32));
        assert_eq!(range("7..7"), Err(SeedError::Empty("7..7".into())));
        assert_eq!(range("7"), Err(SeedError::NoRange("7".into())));
        assert!(range("18446744073709551615..+1").is_err());
    }
}
