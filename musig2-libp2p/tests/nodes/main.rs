//! Tests of the ready-made node.
#![cfg(feature = "node")]

mod catch_up;
mod dials;
mod lifecycle;
mod link;
mod meeting;
mod mesh;
mod relay;
#[path = "../signers/mod.rs"]
mod signers;
mod store;
