//! A review as people read it.

use super::fee::Fee;
use super::input::{InputOwner, InputState, ReviewedInput};
use super::output::{Recipient, ReviewedOutput};
use super::{Review, Reviews};
use bitcoin::absolute::LockTime;
use bitcoin::{Amount, Denomination};
use core::fmt::{self, Write};

impl Review {
    /// Returns the review in one line: who is paid, what comes back, and the fee.
    ///
    /// `pays 0.5 BTC to bc1p… (not ours), 1.2 BTC change to ours (…/1/7), fee 2,310 sat (11.2
    /// sat/vB)`, with whole addresses.
    pub fn summary(&self) -> String {
        let paid: Vec<_> = self.outputs.iter().map(Payment).map(|one| one.to_string()).collect();
        format!("pays {}, {}", paid.join(", "), self.fee)
    }
}

/// Writes the summary, and a line for each thing that a signer should know besides.
impl fmt::Display for Review {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "transaction {}", self.txid)?;
        for output in &self.outputs {
            writeln!(f, "  pays {}", Payment(output))?;
        }
        writeln!(f, "  {}", self.fee)?;
        for (number, input) in self.inputs.iter().enumerate() {
            writeln!(f, "  input {number}: {}", Source(input))?;
        }
        if self.is_replaceable {
            writeln!(f, "  may be replaced: every version that was signed stays spendable")?;
        }
        match self.lock_time {
            LockTime::Blocks(height) if height.to_consensus_u32() > 0 => {
                writeln!(f, "  not valid before block {}", height.to_consensus_u32() + 1)
            }
            LockTime::Seconds(time) => {
                writeln!(f, "  not valid before Unix time {}", time.to_consensus_u32())
            }
            LockTime::Blocks(_) => Ok(()),
        }
    }
}

/// Writes one review after the other.
impl fmt::Display for Reviews {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter().try_for_each(|review| review.fmt(f))
    }
}

/// An output: `0.5 BTC to bc1p… (not ours)`.
struct Payment<'a>(&'a ReviewedOutput);

impl fmt::Display for Payment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let output = self.0;
        write!(f, "{}", Bitcoins(output.amount))?;
        if let Recipient::Change(place) = &output.recipient {
            return write!(f, " change to ours ({place})");
        }
        match &output.address {
            Some(address) => write!(f, " to {address}")?,
            None if output.script_pubkey.is_op_return() => {
                write!(f, " to nobody (data: {})", output.script_pubkey.to_hex_string())?;
            }
            None => write!(f, " to the script {}", output.script_pubkey.to_hex_string())?,
        }
        match &output.recipient {
            Recipient::Change(_) => Ok(()),
            Recipient::Wallet(place) => write!(f, " (ours: wallet {}, {place})", place.wallet),
            Recipient::BeyondGap(place) => write!(
                f,
                " (the wallet has it at {place}, but so far beyond its used addresses that it \
                 would not be found again)"
            ),
            Recipient::FalselyClaimed => {
                f.write_str(" (NOT ours, although the PSBT says that it is)")
            }
            Recipient::Foreign => f.write_str(" (not ours)"),
        }
    }
}

/// An input: `1.7 BTC of wallet treasury (…/0/3), signed by the key path`.
struct Source<'a>(&'a ReviewedInput);

impl fmt::Display for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let input = self.0;
        write!(f, "{}", Bitcoins(input.amount))?;
        let (place, kind, has_rounds) = match &input.owner {
            InputOwner::Wallet { place, sighash_type, has_rounds, .. } => {
                (place, sighash_type, *has_rounds)
            }
            InputOwner::Foreign { is_claimed } => {
                f.write_str(match is_claimed {
                    true => ", NOT ours, although the PSBT says that it is",
                    false => ", not ours",
                })?;
                return f.write_str(match input.state {
                    InputState::Final => ", signed",
                    InputState::Unsigned => ", others must sign it",
                });
            }
        };
        write!(f, " of wallet {} ({place})", place.wallet)?;
        match input.chosen() {
            Some(spend) => write!(f, ", to sign by {} of {kind}", spend.path)?,
            None if input.state == InputState::Final => f.write_str(", signed")?,
            None if input.spends().iter().any(|spend| spend.is_signed) => {
                f.write_str(", signed by this group")?;
            }
            None if input.spends().is_empty() => f.write_str(", others must sign it")?,
            None => f.write_str(", cannot be signed now: its timelocks are not met")?,
        }
        if let Some(number) = input.made_by {
            write!(f, ", made by transaction {number} of the list")?;
        }
        if has_rounds {
            f.write_str(", has nonces of another MuSig2 session, which are not used")?;
        }
        Ok(())
    }
}

/// Writes `fee 2,310 sat (11.2 sat/vB)`.
impl fmt::Display for Fee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = self.millisat_per_vbyte() / 100;
        let about = if self.is_estimated { "about " } else { "" };
        write!(f, "fee {} sat ({about}{}.{} sat/vB)", Grouped(self.amount), rate / 10, rate % 10)?;
        match self.is_fixed {
            true => Ok(()),
            false => f.write_str(", and others may still CHANGE what is paid and what it costs"),
        }
    }
}

/// An amount: `0.5 BTC`.
pub(crate) struct Bitcoins(pub Amount);

impl fmt::Display for Bitcoins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string_in(Denomination::Bitcoin);
        let text = match text.contains('.') {
            true => text.trim_end_matches('0').trim_end_matches('.'),
            false => &text,
        };
        write!(f, "{text} BTC")
    }
}

/// A number of sat with commas: `2,310`.
pub(crate) struct Grouped(pub Amount);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_sat().to_string();
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place).is_multiple_of(3) {
                f.write_char(',')?;
            }
            f.write_char(digit)?;
        }
        Ok(())
    }
}
