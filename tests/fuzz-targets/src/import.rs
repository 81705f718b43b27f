//! Files of other tools: an error or a verified graph.

use kinglet_quantize::import::{Kind, from_bytes};

/// `data` as a `.tflite` file.
pub fn tflite(data: &[u8]) {
    import(data, Kind::Tflite);
}

/// `data` as an `.onnx` file.
pub fn onnx(data: &[u8]) {
    import(data, Kind::Onnx);
}

fn import(data: &[u8], kind: Kind) {
    match from_bytes(data, kind, "fuzz") {
        Ok(graph) => graph.verify().expect("an imported graph is sound"),
        // A person reads it.
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
