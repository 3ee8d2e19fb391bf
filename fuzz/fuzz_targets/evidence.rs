#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| musig2_sim::fuzz::evidence(data));
