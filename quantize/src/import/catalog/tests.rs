//! The families against the importers' lists, the records, the kernels, and blobs.

mod limits;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use kinglet_tract::OnnxFile;

use super::*;
use crate::compile::{Options, compile, compile_file};
use crate::host::AlignedBlob;
use crate::import::{Folder, Kind};

const HERE: &str = "quantize/src/import/catalog";

fn files() -> String {
    GROUPS.iter().map(|group| group.file).collect::<Vec<_>>().join(", ")
}

/// Compares the names of one format with its importer's.
fn compare(format: &str, list: &str, read: Vec<String>, ours: Vec<&'static str>) {
    let mut problems = Vec::new();
    for name in &read {
        let count = ours.iter().filter(|known| *known == name).count();
        if count == 0 {
            problems.push(format!(
                "{name} ({list}) stands nowhere. If a family of {HERE} computes it, add its name to the family's \
                 `{format}`; else add a line to the file that fits ({}):\n    Family {{ name: \"{name}\", {format}: \
                 \"{name}\", {}: \"\", parts: &[&[Run::Op(OpCode::...)]], limits: \"\" }},\nThen run: cargo xtask readme \
                 --write",
                files(),
                if format == "onnx" { "tflite" } else { "onnx" },
            ));
        } else if count > 1 {
            problems.push(format!("{name} stands {count} times as `{format}` of families in {HERE}; once is enough"));
        }
    }
    for name in ours.iter().filter(|name| read.iter().all(|known| known != *name)) {
        problems.push(format!("{name} is `{format}` of a family in {HERE}, and {list} does not read it"));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn every_operator_of_the_onnx_reader_stands_once() {
    let ours = families().flat_map(Family::onnx).collect();
    compare("onnx", "quantize/src/import/onnx/operator.rs", onnx::names().collect(), ours);
}

#[test]
fn every_operator_of_the_tflite_reader_stands_once() {
    let ours = families().flat_map(Family::tflite).collect();
    compare("tflite", "quantize/src/import/tflite/operator.rs", tflite::names().map(str::to_owned).collect(), ours);
}

#[test]
fn families_have_names_of_their_own() {
    let mut names = BTreeSet::new();
    for family in families() {
        assert!(names.insert(family.name), "two families are called {}", family.name);
        assert!(family.onnx().chain(family.tflite()).next().is_some(), "nobody calls anything {}", family.name);
    }
}

#[test]
fn the_page_has_these_families() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operators.md");
    let text = fs::read_to_string(path).expect("readable");
    let (_, rest) = text.split_once("<!-- operators: begin (cargo xtask readme --write) -->\n").expect("a mark");
    let (tables, _) = rest.split_once("<!-- operators: end -->\n").expect("a mark");
    // Two pages are too much to print.
    assert!(tables.trim() == page().trim(), "docs/operators.md has other families; run: cargo xtask readme --write");
}

/// What no family runs could as well be left out of the format.
#[test]
fn everything_that_a_blob_can_hold_is_of_some_family() {
    let runs: Vec<Run> = families().flat_map(|family| family.parts.iter().copied().flatten()).copied().collect();
    let missing = |what: &str, name: &str| {
        format!(
            "{what} {name} of runtime/blob is in no family's `parts` in {HERE} ({}): add it to what it computes",
            files()
        )
    };
    for &code in OpCode::ALL {
        let is_run = runs.iter().any(|run| run.opcodes().any(|known| known == code));
        assert!(is_run, "{}", missing("operator", code.name()));
    }
    for &function in MapFunction::ALL {
        assert!(runs.contains(&Run::Map(function)), "{}", missing("function of one element", function.name()));
    }
    for &function in Function::ALL {
        assert!(runs.contains(&Run::Two(function)), "{}", missing("function of two elements", function.name()));
    }
}

#[test]
fn every_operator_with_kernels_is_an_operator_of_blobs() {
    // Kernels that are listed under the operators that they compute beside others.
    const SHARED: [OpCode; 2] = [OpCode::AsymmetricConv2d, OpCode::HybridConv2d];
    for &code in OpCode::ALL.iter().filter(|code| !SHARED.contains(code)) {
        assert!(!kernels_of(code).is_empty(), "`kernels_of` in {HERE}/mod.rs does not know {}", code.name());
    }
    for operator in registry::Operator::ALL {
        let is_known = OpCode::ALL.iter().any(|&code| kernels_of(code).contains(operator));
        assert!(is_known, "`kernels_of` in {HERE}/mod.rs names {operator:?} for no operator of a blob");
    }
}

#[test]
fn types_and_kernels_follow_from_the_sources() {
    let family = |name: &str| families().find(|family| family.name == name).expect("a family");
    assert_eq!(family("Conv2D").types(), [DType::I8, DType::I16, DType::F32]);
    assert_eq!(family("LayerNormalization").types(), [DType::F32], "all parts run on it");
    assert_eq!(family("Identity").types(), []);
    let conv = family("Conv2D").accelerated();
    let has = |dtype: DType, isa: Isa| conv.iter().any(|(of, sets)| *of == dtype && sets.contains(&isa));
    assert!(has(DType::I8, Isa::Helium) && has(DType::F32, Isa::X86_64) && !has(DType::F32, Isa::Helium), "{conv:?}");
    let norm = family("LayerNormalization").accelerated();
    assert!(norm.iter().all(|(dtype, _)| *dtype == DType::F32), "those of int8 are of no use to floats: {norm:?}");
}

#[test]
fn names_are_found_however_they_are_written() {
    let one = |name: &str| match find(name) {
        Found::Runs(families) => families.iter().map(|family| family.name).collect::<Vec<_>>(),
        other => panic!("{name}: {other:?}"),
    };
    for name in ["FULLY_CONNECTED", "fullyconnected", "Gemm", "com.microsoft.QGemm", "qgemm"] {
        assert_eq!(one(name), ["FullyConnected"], "{name}");
    }
    assert!(matches!(find("CONV_3D"), Found::Instead(remedy) if remedy.contains("CONV_2D")));
    let near = |name: &str| match find(name) {
        Found::Unknown(near) => near,
        other => panic!("{name}: {other:?}"),
    };
    assert!(near("Convx").contains(&"Conv"));
    assert!(near("softmx").contains(&"Softmax"));
    assert!(near("nearest").contains(&"RESIZE_NEAREST_NEIGHBOR"));
    assert_eq!(near("entirely else"), [] as [&str; 0]);
}

/// A model, and where it is from.
struct Source {
    name: String,
    kind: Kind,
    bytes: Vec<u8>,
    /// Where it is a file of its own.
    path: Option<PathBuf>,
}

impl Source {
    /// What the file calls its operators.
    fn operators(&self) -> Vec<String> {
        let Kind::Onnx = self.kind else { return tflite::operators(&self.bytes) };
        let siblings = Folder::of(self.path.as_deref().unwrap_or(Path::new("")));
        let Ok(model) = OnnxFile::decode(&self.bytes, &siblings).and_then(|file| file.model()) else {
            return Vec::new();
        };
        let functions = model.functions.iter().flat_map(|function| &function.nodes);
        model.graph.nodes.iter().chain(functions).map(|node| node.op_type.clone()).collect()
    }

    /// The blob; none where it is refused.
    fn compiled(&self) -> Option<AlignedBlob> {
        let options = Options::default();
        let compiled = match &self.path {
            Some(path) => compile_file(path, &options, &mut |_| {}),
            None => compile(&self.bytes, self.kind, "m", &options, &mut |_| {}),
        };
        compiled.ok().map(|compiled| compiled.blob)
    }
}

/// The models of a file of cases, whose form `tests/golden/README.md` has.
fn cases(path: &Path) -> Vec<Source> {
    let bytes = fs::read(path).expect("readable");
    let mut rest = bytes.get(8..).expect("a head");
    let mut sized = |size: usize| {
        let (head, after) = rest.split_at(size);
        rest = after;
        head.to_vec()
    };
    let number = |bytes: Vec<u8>| bytes.iter().rev().fold(0, |number, &byte| number << 8 | usize::from(byte));
    let mut found = Vec::new();
    for _ in 0..number(sized(4)) {
        let len = number(sized(2));
        let name = format!("{}: {}", path.display(), String::from_utf8_lossy(&sized(len)));
        let len = number(sized(4));
        found.push(Source { name, kind: Kind::Tflite, bytes: sized(len), path: None });
        for _ in 0..2 * number(sized(1)) {
            for _ in 0..number(sized(1)) {
                let len = number(sized(4));
                sized(len);
            }
        }
    }
    found
}

/// Models of a few operators each: those of the repository, and exports of frameworks where they are.
fn sources() -> Vec<Source> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests");
    let mut found = Vec::new();
    let paths = |folder: &Path| {
        let entries = fs::read_dir(folder).into_iter().flatten();
        entries.map(|entry| entry.expect("an entry").path()).collect::<BTreeSet<_>>()
    };
    for path in paths(&tests.join("golden/ops")) {
        if path.extension().is_some_and(|extension| extension == "cases") {
            found.extend(cases(&path));
        }
    }
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let exports = std::env::var_os("KINGLET_SHARED").map_or_else(beside, PathBuf::from).join("exports");
    if !exports.is_dir() {
        println!("skipped: exports of frameworks: there is no {} (set KINGLET_SHARED)", exports.display());
    }
    for folder in paths(&tests.join("cases")).into_iter().chain(paths(&exports)) {
        for (file, kind) in [("model.tflite", Kind::Tflite), ("model.onnx", Kind::Onnx)] {
            if let Ok(bytes) = fs::read(folder.join(file)) {
                let (name, path) = (folder.display().to_string(), Some(folder.join(file)));
                found.push(Source { name, kind, bytes, path });
            }
        }
    }
    found
}

/// What may run beside what the families say: layouts, padding and changes of type between operators, fused
/// activations, and what a layer without a bias or a scale has of its own.
const BESIDE: [OpCode; 7] =
    [OpCode::Copy, OpCode::Rearrange, OpCode::Quantize, OpCode::Dequantize, OpCode::Lookup, OpCode::Clamp, OpCode::Pad];

#[test]
fn blobs_run_what_the_families_of_their_operators_say() {
    let (mut compiled, mut problems) = (0, Vec::new());
    for source in sources() {
        let (names, Some(blob)) = (source.operators(), source.compiled()) else { continue };
        let model = kinglet::Model::from_bytes(&blob).expect("a sound blob");
        let is_its = |family: &&Family| family.names().any(|own| names.iter().any(|name| own == name));
        let may: Vec<OpCode> = families().filter(is_its).flat_map(Family::opcodes).chain(BESIDE).collect();
        for operator in model.blob().operators() {
            let code = OpCode::from_tag(operator.opcode).expect("known");
            if !may.contains(&code) {
                problems.push(format!("{}: {} runs for {names:?}", source.name, code.name()));
            }
        }
        compiled += 1;
    }
    assert!(compiled > 500, "{compiled}");
    let count = problems.len();
    problems.truncate(40);
    assert!(count == 0, "{count}: add it to the `parts` of the family in {HERE}:\n{}", problems.join("\n"));
}
