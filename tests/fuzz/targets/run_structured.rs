//! Blobs of plausible records, which are then run: see `kinglet_fuzz_targets::structured`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    kinglet_fuzz_targets::structured(data);
});
