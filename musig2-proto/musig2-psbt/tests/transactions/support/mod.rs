//! What several tests need.

pub mod core;
pub mod draft;
pub mod manifests;
pub mod parties;
pub mod vectors;
