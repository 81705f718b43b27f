//! `docs/blob-format.md` and `docs/blob-records.md` say what the code does: every table of the pages is compared with
//! the sources, every byte of the example with what the writer writes and the engine accepts.

use core::fmt::Write;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use kinglet::{Aligned, Arena, Model, Session};
use kinglet_blob::constants::PER_TENSOR;
use kinglet_blob::records::{FullyConnectedI8, LayerQuant};
use kinglet_blob::{
    DType, FORMAT_MAJOR, Function, MapFunction, OpCode, Operand, Operands, PortRecord, STORAGE_FEATURES, SectionKind,
    WeightForm, Writer, operator_bytes,
};
use kinglet_kernels::machine::MACHINES;
use kinglet_kernels::packing::{DepthwisePacking, Packing, Storage};

fn source(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn page() -> String {
    source("docs/blob-format.md")
}

/// The page of the operators' parameters.
fn records_page() -> String {
    source("docs/blob-records.md")
}

/// The rows of the first table after `heading`, each cell without spaces and code marks.
fn table(page: &str, heading: &str) -> Vec<Vec<String>> {
    let (_, rest) = page.split_once(&format!("{heading}\n")).unwrap_or_else(|| panic!("no `{heading}`"));
    let lines = rest.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().replace('`', "")).collect();
    lines.skip(2).map(cells).collect()
}

/// Fields of every `record!`: names and types, in order.
fn records() -> BTreeMap<String, Vec<(String, String)>> {
    let mut all = BTreeMap::new();
    const FILES: [&str; 13] = [
        "baseline.rs",
        "header.rs",
        "port.rs",
        "signature.rs",
        "state.rs",
        "records/boxes.rs",
        "records/convolution.rs",
        "records/elementwise.rs",
        "records/movement.rs",
        "records/product.rs",
        "records/recurrent.rs",
        "records/reduction.rs",
        "records/trees.rs",
    ];
    for file in FILES {
        let text = source(&format!("runtime/blob/src/{file}"));
        for body in text.split("\nrecord! {\n").skip(1).filter_map(|rest| rest.split("\n}\n").next()) {
            let code = body.lines().map(str::trim).filter(|line| !line.starts_with("//"));
            let (mut name, mut fields) = (String::new(), Vec::new());
            for line in code {
                if let Some(record) = line.strip_suffix(" {") {
                    name = record.to_owned();
                } else if let Some((field, ty)) = line.trim_end_matches(',').split_once(": ") {
                    fields.push((field.to_owned(), ty.to_owned()));
                }
            }
            all.insert(name, fields);
        }
    }
    assert_eq!(all.len(), 68, "every record of the sources was read");
    all
}

/// Bytes of a type: a scalar, an array or another record.
fn size(ty: &str, records: &BTreeMap<String, Vec<(String, String)>>) -> usize {
    match ty {
        "u8" | "i8" => 1,
        "u16" | "i16" => 2,
        "u32" | "i32" | "f32" => 4,
        "u64" => 8,
        _ => match ty.trim_matches(['[', ']']).split_once("; ") {
            Some((element, count)) => size(element, records) * count.parse::<usize>().unwrap(),
            None => records[ty].iter().map(|(_, ty)| size(ty, records)).sum(),
        },
    }
}

#[test]
fn every_field_of_every_record_is_where_the_page_says() {
    let (pages, records) = ([page(), records_page()].concat(), records());
    for (name, fields) in &records {
        let total = fields.iter().map(|(_, ty)| size(ty, &records)).sum::<usize>();
        let level = if name == "Header" { "##" } else { "###" };
        let rows = table(&pages, &format!("{level} {name}, {total} bytes"));
        let mut offset = 0;
        let expected = fields.iter().map(|(field, ty)| {
            let row = [offset.to_string(), ty.clone(), field.clone()];
            offset += size(ty, &records);
            row
        });
        let said = rows.iter().map(|row| [row[0].clone(), row[1].clone(), row[2].clone()]);
        assert_eq!(said.collect::<Vec<_>>(), expected.collect::<Vec<_>>(), "{name}");
    }
}

/// The list of operators as the names of their records.
macro_rules! records_of {
    ($($(#[$doc:meta])* $name:ident = $tag:literal $text:literal {
        $($dtype:ident: $record:ident $feature:literal,)*
    })*) => {
        /// The record of an operator whose first operand has this type.
        fn record_of(opcode: OpCode, dtype: DType) -> &'static str {
            match (opcode, dtype) {
                $($((OpCode::$name, DType::$dtype) => stringify!($record),)*)*
                _ => "",
            }
        }
    };
}
kinglet_blob::for_each_operator!(records_of);

#[test]
fn operators_and_their_records() {
    let records = records();
    let rows = table(&page(), "## OPERATORS");
    assert_eq!(rows.len(), 7, "the first table is the head's");
    let (page, records_page) = (page(), records_page());
    let rows = table(&page[page.find("| opcode | operator |").unwrap() - 1..], "");
    let takes_any = |opcode: OpCode| DType::ALL.iter().all(|dtype| opcode.takes(*dtype));
    let known: Vec<_> =
        OpCode::KNOWN.iter().filter(|(opcode, dtype, _)| !takes_any(*opcode) || *dtype == DType::I8).collect();
    assert_eq!(rows.len(), known.len());
    for (row, (opcode, dtype, feature)) in rows.iter().zip(known) {
        let dtype_name = if takes_any(*opcode) { "any" } else { dtype.name() };
        let expected = [&(*opcode as u8).to_string(), opcode.name(), dtype_name, feature];
        assert_eq!(row[..4].iter().map(String::as_str).collect::<Vec<_>>(), expected);
        let record = row[5].split([']', '[']).nth(1).unwrap();
        let bytes = records[record].iter().map(|(_, ty)| size(ty, &records)).sum::<usize>();
        let link = format!("[{record}](blob-records.md#{}-{bytes}-bytes)", record.to_lowercase());
        assert_eq!(row[5], link, "{feature}");
        assert!(records_page.contains(&format!("\n### {record}, {bytes} bytes\n")), "{feature}: {link}");
        assert_eq!(record, record_of(*opcode, *dtype), "{feature}");
        assert_eq!(row[6] == "yes", opcode.is_packed(*dtype), "{feature}");
    }
}

#[test]
fn functions_have_their_tags_features_and_types() {
    let rows = table(&records_page(), "### Functions of two elements");
    let said: Vec<Vec<String>> = rows.iter().map(|row| row[..5].to_vec()).collect();
    let known = Function::ALL.iter().map(|function| {
        let types: Vec<DType> = [DType::F32, DType::I32, DType::I8, DType::I16, DType::Bool]
            .into_iter()
            .filter(|&dtype| function.result(dtype).is_some())
            .collect();
        let names: Vec<&str> = types.iter().map(|dtype| dtype.name()).collect();
        let is_same = types.iter().all(|&dtype| function.result(dtype) == Some(dtype));
        let result = if is_same { "the operands'" } else { "bool" };
        let tag = (*function as u8).to_string();
        [&tag, function.name(), function.feature(), &names.join(", "), result].map(str::to_owned).to_vec()
    });
    assert_eq!(said, known.collect::<Vec<_>>());
}

#[test]
fn sections_and_kernel_sets() {
    assert!(page().starts_with(&format!("# The blob format, version {FORMAT_MAJOR}.")));
    let rows = table(&page(), "### Sections");
    let said = rows.iter().map(|row| (row[0].clone(), row[1].clone()));
    let known = SectionKind::ALL.map(|kind| ((kind as u16).to_string(), format!("{kind:?}")));
    assert_eq!(said.collect::<Vec<_>>(), known);
    let rows = table(&page(), "### Kernel sets");
    let known: Vec<_> =
        MACHINES.iter().map(|machine| vec![(machine.set as u16).to_string(), machine.name.to_owned()]).collect();
    assert_eq!(rows, known);
    assert_eq!(MACHINES[0].set as u16, kinglet_blob::PORTABLE);
}

#[test]
fn packings_have_their_tags_and_names() {
    let rows = table(&page(), "### Packings");
    let said = |depthwise: bool| {
        let of = rows.iter().filter(move |row| row[0].contains("Depthwise") == depthwise);
        let mut said: Vec<_> = of.map(|row| (row[1].clone(), row[2].clone())).collect();
        said.sort();
        said
    };
    let mut dense = Packing::ALL.map(|packing| ((packing as u8).to_string(), packing.name().to_owned()));
    let mut depthwise = DepthwisePacking::ALL.map(|packing| ((packing as u8).to_string(), packing.name().to_owned()));
    dense.sort();
    depthwise.sort();
    assert_eq!(said(false), dense);
    assert_eq!(said(true), depthwise);
}

#[test]
fn storages_have_their_tags_bits_and_features() {
    let said: Vec<_> =
        table(&page(), "### Storage").into_iter().map(|row| [0, 1, 3].map(|at| row[at].clone())).collect();
    let feature = |storage: Storage| storage.feature().unwrap_or("-").to_owned();
    let all = || Storage::ALL.into_iter().chain([Storage::Sparse]);
    let known = all().map(|storage| [(storage as u8).to_string(), storage.bits().to_string(), feature(storage)]);
    assert_eq!(said, known.collect::<Vec<_>>());
    let narrow = all().filter_map(|storage| Some((storage as u8, storage.feature()?)));
    assert_eq!(narrow.collect::<Vec<_>>(), STORAGE_FEATURES);
}

#[test]
fn functions_have_their_tags_parameters_and_features() {
    let page = records_page();
    let rows = table(&page[page.find("| tag | function |").unwrap() - 1..], "");
    let known = MapFunction::ALL.iter().map(|function| {
        let numbers = [*function as usize, function.parameters()].map(|number| number.to_string());
        let [tag, parameters] = numbers;
        vec![tag, function.name().to_owned(), parameters, function.feature().to_owned()]
    });
    assert_eq!(rows, known.collect::<Vec<_>>());
}

/// Names and numbers of an enum's variants in a source file.
fn variants(path: &str, name: &str) -> Vec<[String; 2]> {
    let text = source(path);
    let body = text.split(&format!("pub enum {name} {{")).nth(1).and_then(|rest| rest.split("\n}").next()).unwrap();
    let pairs = body.lines().filter_map(|line| line.trim().strip_suffix(',')?.split_once(" = "));
    pairs.map(|(name, number)| [number.to_owned(), name.to_owned()]).collect()
}

#[test]
fn rules_have_their_numbers() {
    let page = page();
    for (heading, path, name) in [
        ("### Rules of structure", "runtime/blob/src/reader.rs", "FormatRule"),
        ("### Rules of records", "runtime/engine/src/error.rs", "LoadRule"),
    ] {
        let said = table(&page, heading).into_iter().map(|row| [row[0].clone(), row[1].clone()]).collect::<Vec<_>>();
        let known = variants(path, name);
        assert!(known.len() > 10 && said == known, "{name}: the page has {said:?}, the code {known:?}");
    }
}

/// The page's example.
fn example() -> Vec<u8> {
    let port = |arena_offset: u32, len: u32, name_offset: u16| PortRecord {
        arena_offset,
        dims: [len, 1, 1, 1],
        scale: 0.5,
        zero_point: 0,
        dtype: DType::I8 as u8,
        region: Operand::ARENA,
        rank: 1,
        channels_moved: 0,
        name_offset,
        name_bytes: 1,
    };
    let quant = LayerQuant {
        shift_base: -1,
        padding_value: 0,
        zero_point: 0,
        min: -128,
        max: 127,
        flags: PER_TENSOR,
        bias_shift: 0,
    };
    let layer = FullyConnectedI8 { constants: 0, rows: 1, taps: 3, outputs: 2, quant };
    let operands = Operands::unary((DType::I8, 0), (DType::I8, 16)).with_scratch(0);
    let mut weights: Vec<u8> = [1i32, -2, 0].iter().flat_map(|word| word.to_le_bytes()).collect();
    weights.extend([1i8, 2, 3, -1, 0, 5].map(|weight| weight as u8));
    let golden = [1, 0, 0, 0, 4, 8, 0xfc, 0, 3, 0xf9, 0, 0].to_vec();
    let writer = Writer {
        arena_bytes: 32,
        inputs: vec![port(0, 3, 0)],
        outputs: vec![port(16, 2, 1)],
        operators: vec![operator_bytes(OpCode::FullyConnected, WeightForm::default(), &operands, &layer)],
        names: b"xy".to_vec(),
        weights,
        golden,
        ..Writer::default()
    };
    writer.finish().unwrap()
}

/// Offset and sixteen bytes a line, with the name of what begins in it.
fn dump(bytes: &[u8]) -> String {
    let begins = [
        (0, "Header"),
        (64, "section table: PORTS"),
        (80, "OPERATORS"),
        (96, "NAMES"),
        (112, "WEIGHTS"),
        (128, "GOLDEN"),
        (144, "PORTS: input x"),
        (176, "(output y from 00b4 on)"),
        (224, "OPERATORS: fully-connected-i8, 11 words"),
        (272, "NAMES"),
        (288, "WEIGHTS: biases 1, -2; one factor"),
        (304, "two more weights"),
        (320, "GOLDEN: 1 vector; 4 8 -4; 3 -7"),
    ];
    let mut text = String::new();
    for (line, chunk) in bytes.chunks(16).enumerate() {
        let at = line * 16;
        let hex: Vec<String> = chunk.iter().map(|byte| format!("{byte:02x}")).collect();
        let what = begins.iter().find(|(start, _)| *start == at).map_or("", |(_, what)| what);
        let _ = writeln!(text, "{}", format!("{at:04x}  {:<47}  {what}", hex.join(" ")).trim_end());
    }
    text
}

#[test]
fn the_example_is_what_the_writer_writes() {
    let dump = dump(&example());
    assert!(page().contains(&format!("```text\n{dump}```\n")), "the page should have\n{dump}");
}

#[test]
fn the_example_computes_what_the_page_says() {
    let bytes = example();
    let mut aligned = Aligned([0; 512]);
    aligned.0[..bytes.len()].copy_from_slice(&bytes);
    let model = Model::from_bytes(&aligned.0[..bytes.len()]).unwrap();
    let mut arena = Arena::<32>::new();
    let mut session = Session::new(&model, arena.as_mut_slice()).unwrap();
    assert_eq!(session.self_test().unwrap().vectors, 1);
    session.input_i8(0).unwrap().copy_from_slice(&[4, 8, -4]);
    session.run().unwrap();
    assert_eq!(session.output_i8(0).unwrap(), [3, -7]);
}
