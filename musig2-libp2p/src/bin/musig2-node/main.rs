//! The command `musig2-node`.

fn main() {}
