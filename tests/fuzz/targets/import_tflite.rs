//! Any bytes as a .tflite file: see `kinglet_fuzz_targets::tflite`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kinglet_fuzz_targets::tflite(data));
