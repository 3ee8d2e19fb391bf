//! Pages that specify this crate. They have no code.

/// PROTOCOL.md: every byte and every rule.
#[allow(rustdoc::broken_intra_doc_links, reason = "the page is read elsewhere as well")]
#[doc = include_str!("../../PROTOCOL.md")]
pub mod protocol {}

/// SECURITY.md: who the attackers are, and what each can and cannot do.
#[allow(rustdoc::broken_intra_doc_links, reason = "the page is read elsewhere as well")]
#[doc = include_str!("../../SECURITY.md")]
pub mod security {}

#[doc = include_str!("bounds.md")]
pub mod bounds {}
