//! Any bytes as what is signed, sealed, sent or logged: see `kinglet_fuzz_targets::field`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kinglet_fuzz_targets::field(data));
