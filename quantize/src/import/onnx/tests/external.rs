//! Constants that lie in files beside the model.

use super::writer::Onnx;
use crate::import::{ImportError, Imported, Kind, ModelBytes, Siblings, import};

/// A folder with one file, `w.bin`.
struct OneFile(Vec<u8>);

impl Siblings for OneFile {
    fn size_bytes(&self, location: &str) -> Result<u64, String> {
        if location == "w.bin" { Ok(self.0.len() as u64) } else { Err(format!("{location}: not found")) }
    }

    fn read(&self, location: &str, offset: u64, len: usize) -> Result<Vec<u8>, String> {
        self.size_bytes(location)?;
        let start = offset as usize;
        // What lies outside was refused before.
        Ok(self.0[start..start + len].to_vec())
    }
}

/// 32 floats: 0, 1, 2, ...
fn numbers() -> OneFile {
    OneFile((0..32).flat_map(|number| f32::to_le_bytes(number as f32)).collect())
}

fn read(onnx: Onnx) -> Result<Imported, ImportError> {
    let bytes = onnx.bytes();
    import(&ModelBytes { siblings: &numbers(), ..ModelBytes::new(&bytes, Kind::Onnx, "m.onnx") })
}

/// `x + w` with four numbers for `w` at a place.
fn add(place: &[(&str, &str)]) -> Onnx {
    Onnx::new(13).external("w", &[4], place).input("x", &[4]).node("Add", &["x", "w"], "y", &[]).output("y")
}

#[test]
fn numbers_are_read_from_where_they_are() {
    for (place, first) in [
        (&[("location", "w.bin"), ("offset", "8"), ("length", "16")][..], 2.0),
        (&[("location", "w.bin"), ("offset", "112")], 28.0),
        (&[("location", "w.bin")], 0.0),
    ] {
        let graph = read(add(place)).unwrap_or_else(|error| panic!("{error}")).graph;
        let constant = graph.values.iter().find_map(|value| value.elements.clone()).expect("w");
        let expected: Vec<f32> = (0..4).map(|step| first + step as f32).collect();
        assert_eq!(constant, crate::ir::Elements::F32(expected));
    }
}

#[test]
fn what_is_not_there_is_told_with_file_and_tensor() {
    let said = |place: &[(&str, &str)]| read(add(place)).err().map_or_else(String::new, |error| error.to_string());
    let missing = said(&[("location", "v.bin")]);
    assert!(missing.starts_with("m.onnx: tensor `w` is in `v.bin`: v.bin: not found; keep that file"), "{missing}");
    for (place, expected) in [
        (&[("location", "w.bin"), ("offset", "116")][..], "bytes 116 to 116 + 16 are wanted, the file ends at 128"),
        (&[("location", "w.bin"), ("offset", "18446744073709551615")], "the file ends at 128"),
        (&[("location", "w.bin"), ("length", "12")], "16 bytes by its shape and type, 12 by its place"),
        (&[("location", "w.bin"), ("offset", "-4")], "its offset `-4` is no number"),
        (&[("location", "../w.bin")], "only files in the model's folder or below"),
        (&[("location", "/w.bin")], "only files in the model's folder or below"),
        (&[], "the file names no place of it"),
    ] {
        let error = said(place);
        assert!(error.contains(expected) && error.contains("external_data=False"), "{place:?}: {error}");
    }
    let escaped = said(&[("location", "w\x1b[2J")]);
    assert!(!escaped.chars().any(char::is_control), "{escaped:?}");
}

#[test]
fn one_place_named_by_many_tensors_is_not_copied_for_each() {
    let many = |count: usize| {
        let place = [("location", "w.bin"), ("length", "128")];
        let mut onnx = Onnx::new(13).input("x", &[32]);
        for index in 0..count {
            onnx = onnx.external(&format!("w{index}"), &[32], &place);
        }
        onnx.node("Add", &["x", "w0"], "y", &[]).output("y")
    };
    assert!(read(many(4)).is_ok());
    let error = read(many(5)).expect_err("128 bytes become 640").to_string();
    assert!(error.contains("`w4`") && error.contains("more than 4 times"), "{error}");
}

#[test]
fn a_model_from_memory_has_nothing_beside_it() {
    let bytes = add(&[("location", "w.bin")]).bytes();
    let error = crate::import::from_bytes(&bytes, Kind::Onnx, "m").expect_err("no folder").to_string();
    assert!(error.contains("came without its folder"), "{error}");
}
