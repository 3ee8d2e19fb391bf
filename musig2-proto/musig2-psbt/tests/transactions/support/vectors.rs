//! The tables in `tests/vectors/`.

use musig2_psbt::Psbt;

pub const BIP373: &str = include_str!("../../vectors/bip373.tsv");
pub const BIP390: &str = include_str!("../../vectors/bip390.tsv");

/// Returns the lines of a table, without remarks, divided into columns.
pub fn rows(table: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    let lines = table.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split('\t').collect())
}

/// Returns BIP373's valid PSBTs: what each is, and how far it is signed.
pub fn bip373_valid() -> impl Iterator<Item = (&'static str, &'static str, Psbt)> {
    rows(BIP373)
        .filter(|row| row[0] == "valid")
        .map(|row| (row[1], row[2], row[3].parse().unwrap()))
}
