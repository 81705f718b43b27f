//! A flash with any bytes in it: see `kinglet_fuzz_targets::flash`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kinglet_fuzz_targets::flash(data));
