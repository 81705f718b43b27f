//! Any bytes as an .onnx file: see `kinglet_fuzz::onnx`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kinglet_fuzz::onnx(data));
