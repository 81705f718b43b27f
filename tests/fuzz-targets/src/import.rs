//! Files of other tools: an error or a verified graph.

use kinglet_quantize::import::{Kind, ModelBytes, Siblings, import};

/// A folder in which every file is and has one page.
struct Page;

impl Siblings for Page {
    fn size_bytes(&self, _: &str) -> Result<u64, String> {
        Ok(4096)
    }

    fn read(&self, _: &str, offset: u64, len: usize) -> Result<Vec<u8>, String> {
        assert!(offset <= 4096 && len as u64 <= 4096 - offset, "only what is there is read");
        Ok(vec![0x3c; len])
    }
}

/// `data` as a `.tflite` file.
pub fn tflite(data: &[u8]) {
    read(data, Kind::Tflite);
}

/// `data` as an `.onnx` file.
pub fn onnx(data: &[u8]) {
    read(data, Kind::Onnx);
}

fn read(data: &[u8], kind: Kind) {
    match import(&ModelBytes { siblings: &Page, ..ModelBytes::new(data, kind, "fuzz") }) {
        Ok(imported) => imported.graph.verify().expect("an imported graph is sound"),
        // A person reads it.
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
