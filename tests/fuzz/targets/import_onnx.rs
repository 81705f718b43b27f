//! Any bytes as an .onnx file: see `kinglet_fuzz_targets::onnx`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kinglet_fuzz_targets::onnx(data));
