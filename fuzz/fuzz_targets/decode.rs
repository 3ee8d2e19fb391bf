#![no_main]

use musig2_sim::fuzz::{decode, decoding_limit};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    decode(data);
    let used = MEMORY.peak_usage() - before;
    assert!(used <= decoding_limit(data.len()), "{used} bytes of memory for {}", data.len());
});
