//! Any bytes, as they are and with their checksums made right: see `kinglet_fuzz_targets::raw`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kinglet_fuzz_targets::raw(data));
