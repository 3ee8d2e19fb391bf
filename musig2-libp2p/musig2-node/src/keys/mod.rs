//! Secret keys in files, encrypted by a passphrase.

pub(crate) mod keyfile;
pub(crate) mod passphrase;
