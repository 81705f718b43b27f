//! Files with several entry points.

use super::writer::Tflite;
use crate::import::{Changes, Imported, Kind, ModelBytes, import};

/// A file whose entry points are two subgraphs, of which the second has one result less.
fn file(names: &[&'static str]) -> Vec<u8> {
    let mut file = Tflite::new();
    let [x, a, b] = ["x", "a", "b"].map(|name| file.float(name, &[1, 2]));
    file.operator(19, &[x], a, (0, Vec::new()));
    file.operator(28, &[a], b, (0, Vec::new()));
    for (index, name) in names.iter().enumerate() {
        file.signature(name, &[a, b][index.min(1)..]);
    }
    file.bytes(&[x], &[a, b])
}

fn read(names: &[&'static str], signature: Option<&str>) -> Result<Imported, String> {
    let changes = Changes { signature: signature.map(str::to_owned), ..Changes::default() };
    let bytes = file(names);
    import(&ModelBytes { changes: &changes, ..ModelBytes::new(&bytes, Kind::Tflite, "test") })
        .map_err(|error| error.to_string())
}

fn outputs(names: &[&'static str], signature: Option<&str>) -> Vec<String> {
    let graph = read(names, signature).expect("readable").graph;
    graph.outputs.into_iter().map(|port| port.name).collect()
}

#[test]
fn one_entry_point_needs_no_name() {
    assert_eq!(outputs(&[], None), ["a", "b"]);
    assert_eq!(outputs(&["serve"], None), ["a", "b"]);
    assert_eq!(outputs(&["serve"], Some("serve")), ["a", "b"]);
}

#[test]
fn one_of_several_is_chosen_by_its_name() {
    assert_eq!(outputs(&["encode", "decode"], Some("encode")), ["a", "b"]);
    assert_eq!(outputs(&["encode", "decode"], Some("decode")), ["b"]);
    let error = read(&["encode", "decode"], None).expect_err("ambiguous");
    assert!(error.contains("several signatures, `encode`, `decode`; choose one by --signature encode"), "{error}");
    let error = read(&["encode", "decode"], Some("train")).expect_err("no such name");
    assert!(error.contains("no signature `train`; there is `encode`, `decode`"), "{error}");
    let error = read(&[], Some("train")).expect_err("no names at all");
    assert!(error.contains("the file has none"), "{error}");
}
