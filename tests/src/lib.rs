//! Tests across the crates of this workspace: see the folder `tests`.
