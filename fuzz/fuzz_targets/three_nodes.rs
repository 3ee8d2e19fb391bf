#![no_main]

use musig2_sim::{Transparent, fuzz};

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::three_nodes::<Transparent>(data));
