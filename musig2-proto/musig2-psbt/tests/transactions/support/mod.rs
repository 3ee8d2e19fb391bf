//! What several tests need.

pub mod vectors;
