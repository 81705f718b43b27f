//! Hostile model files: whatever the bytes, an import ends with a verified graph or an error, soon and in little
//! memory. `quantize/tests/hostile_models.rs` cuts and mutates files, the fuzz targets go further; here every bit is
//! flipped once, and files are built that describe far more than they hold.

use core::time::Duration;
use std::time::Instant;

use kinglet_quantize::import::{ImportError, Kind, from_bytes};
use kinglet_test_blobs::damage::flip;
use kinglet_tests::tree::root;

/// Imports damaged bytes; counts graphs and errors.
#[derive(Default)]
struct Tally {
    graphs: usize,
    errors: usize,
    longest: Duration,
}

impl Tally {
    fn import(&mut self, bytes: &[u8], kind: Kind) {
        let start = Instant::now();
        match from_bytes(bytes, kind, "damaged") {
            Ok(graph) => {
                graph.verify().expect("an imported graph is sound");
                self.graphs += 1;
            }
            Err(error) => {
                assert!(!error.to_string().is_empty());
                self.errors += 1;
            }
        }
        self.longest = self.longest.max(start.elapsed());
    }

    fn print(&self, what: &str) {
        println!("{what}: {} graphs, {} errors, longest {:?}", self.graphs, self.errors, self.longest);
    }
}

fn every_flip(path: &str, kind: Kind) {
    let bytes = std::fs::read(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    assert!(from_bytes(&bytes, kind, "sound").is_ok(), "{path}");
    let mut flips = Tally::default();
    let mut damaged = bytes.clone();
    for bit in 0..8 * bytes.len() {
        flip(&mut damaged, bit);
        flips.import(&damaged, kind);
        flip(&mut damaged, bit);
    }
    flips.print(path);
    assert!(flips.graphs > 0 && flips.errors > 0, "{path}: damage must reach both sides");
}

#[test]
fn every_flipped_bit_of_a_tflite_file() {
    every_flip("tests/golden/models/tiny_int8.tflite", Kind::Tflite);
    every_flip("tests/golden/models/tiny_float.tflite", Kind::Tflite);
}

#[test]
fn every_flipped_bit_of_an_onnx_file() {
    every_flip("examples/tiny/model.onnx", Kind::Onnx);
}

/// A flatbuffer in which many references lead to the same table: small files that describe a great deal.
#[derive(Default)]
struct Flatbuffer(Vec<u8>);

impl Flatbuffer {
    fn u32(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// A table with 32-bit fields in these slots, each a number or 0 for [`Flatbuffer::point`]; where each field is.
    fn table(&mut self, fields: &[(usize, u32)]) -> Vec<usize> {
        let slots = fields.iter().map(|(slot, _)| slot + 1).max().unwrap_or(0);
        let mut offsets = vec![0u16; slots];
        for (position, (slot, _)) in fields.iter().enumerate() {
            offsets[*slot] = 4 + 4 * position as u16;
        }
        let vtable = self.0.len();
        let head = [4 + 2 * slots as u16, 4 + 4 * fields.len() as u16];
        for half in head.iter().chain(&offsets) {
            self.0.extend_from_slice(&half.to_le_bytes());
        }
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        let start = self.0.len();
        self.u32((start - vtable) as u32);
        fields.iter().for_each(|(_, value)| self.u32(*value));
        [start].into_iter().chain((0..fields.len()).map(|position| start + 4 + 4 * position)).collect()
    }

    /// Makes the reference at `at` lead to `target`, which stands behind it.
    fn point(&mut self, at: usize, target: usize) {
        self.0[at..at + 4].copy_from_slice(&((target - at) as u32).to_le_bytes());
    }

    /// A vector of numbers; where it is.
    fn numbers(&mut self, numbers: impl ExactSizeIterator<Item = u32>) -> usize {
        let at = self.0.len();
        self.u32(numbers.len() as u32);
        numbers.for_each(|number| self.u32(number));
        at
    }

    /// A vector of `count` references to the next table of `fields`; where it is, and where the table's fields are.
    fn tables(&mut self, count: usize, fields: &[(usize, u32)]) -> (usize, Vec<usize>) {
        let at = self.numbers(core::iter::repeat_n(0, count));
        let table = self.table(fields);
        (0..count).for_each(|index| self.point(at + 4 + 4 * index, table[0]));
        (at, table)
    }
}

/// What a bomb is made of: one subgraph.
struct Bomb {
    /// Each tensor: how often it is there, its shape, its constant's elements.
    tensors: Vec<(usize, Vec<u32>, usize)>,
    inputs: Vec<u32>,
    outputs: Vec<u32>,
    /// The one operator, how often it is there, and its operands and results.
    operator: (u32, usize, Vec<u32>, Vec<u32>),
}

impl Bomb {
    fn bytes(&self) -> Vec<u8> {
        let mut file = Flatbuffer::default();
        file.u32(0);
        file.0.extend_from_slice(b"TFL3");
        let root = file.table(&[(0, 3), (1, 0), (2, 0), (4, 0)]);
        file.point(0, root[0]);
        let (code, count, operands, results) = &self.operator;
        let (codes, _) = file.tables(1, &[(0, *code), (3, *code)]);
        file.point(root[2], codes);
        let (subgraphs, graph) = file.tables(1, &[(0, 0), (1, 0), (2, 0), (3, 0)]);
        file.point(root[3], subgraphs);

        // References to tensors, then one table for each kind of them; buffer 0 is empty, buffer n is the nth kind's.
        let total = self.tensors.iter().map(|(count, ..)| count).sum();
        let list = file.numbers(core::iter::repeat_n(0, total));
        file.point(graph[1], list);
        let mut reference = list + 4;
        for (kind, (count, shape, constant)) in self.tensors.iter().enumerate() {
            let buffer = if *constant > 0 { kind as u32 + 1 } else { 0 };
            let table = file.table(&[(0, 0), (2, buffer)]);
            for _ in 0..*count {
                file.point(reference, table[0]);
                reference += 4;
            }
            let shape = file.numbers(shape.iter().copied());
            file.point(table[1], shape);
        }
        let inputs = file.numbers(self.inputs.iter().copied());
        file.point(graph[2], inputs);
        let outputs = file.numbers(self.outputs.iter().copied());
        file.point(graph[3], outputs);
        let (operators, table) = file.tables(*count, &[(1, 0), (2, 0)]);
        file.point(graph[4], operators);
        let operands = file.numbers(operands.iter().copied());
        file.point(table[1], operands);
        let results = file.numbers(results.iter().copied());
        file.point(table[2], results);

        let buffers = file.numbers(core::iter::repeat_n(0, self.tensors.len() + 1));
        file.point(root[4], buffers);
        for (index, elements) in [0].into_iter().chain(self.tensors.iter().map(|(.., constant)| *constant)).enumerate()
        {
            let table = file.table(&[(0, 0)]);
            file.point(buffers + 4 + 4 * index, table[0]);
            let data = file.0.len();
            file.point(table[1], data);
            file.u32(4 * elements as u32);
            file.0.resize(file.0.len() + 4 * elements, 0);
        }
        file.0
    }

    /// Prints what it took: a bomb that goes off takes minutes and all memory.
    fn import(&self) -> Result<(), ImportError> {
        let bytes = self.bytes();
        let start = Instant::now();
        let outcome = from_bytes(&bytes, Kind::Tflite, "bomb").map(|_| ());
        println!("{} bytes: {:?}", bytes.len(), start.elapsed());
        outcome
    }
}

/// ADD in the file's numbering.
const ADD: u32 = 0;

#[test]
fn the_bombs_would_be_models_if_they_were_small() {
    let add = |count: usize, constant: usize| Bomb {
        tensors: vec![(1, vec![1, 4], 0), (1, vec![4], constant), (1, vec![1, 4], 0)],
        inputs: vec![0],
        outputs: vec![2],
        operator: (ADD, count, vec![0, 1], vec![2]),
    };
    add(1, 4).import().expect("one ADD is a model");
    let twice = add(2, 4).import().expect_err("two that compute the same tensor are not");
    assert!(matches!(twice, ImportError::Invalid { .. }), "{twice}");
}

#[test]
fn a_constant_that_ten_thousand_operators_share_is_not_copied_for_each() {
    // Its rank differs from the other operand's, so each ADD wants a reshaped copy: ten gigabytes in all.
    let bomb = Bomb {
        tensors: vec![(1, vec![1, 1 << 18], 0), (1, vec![1 << 18], 1 << 18), (1, vec![1, 1 << 18], 0)],
        inputs: vec![0],
        outputs: vec![2],
        operator: (ADD, 10_000, vec![0, 1], vec![2]),
    };
    let error = bomb.import().expect_err("the file describes far more than it holds").to_string();
    assert!(error.contains("far more data than it holds"), "{}", &error[..error.len().min(300)]);
}

#[test]
fn eighty_thousand_outputs_of_ten_thousand_operators_are_looked_up_once() {
    let last = 79_999;
    let bomb = Bomb {
        tensors: vec![(80_000, vec![1], 0)],
        inputs: vec![],
        outputs: (0..80_000).collect(),
        operator: (ADD, 10_000, vec![0, 1], vec![last; 200]),
    };
    assert!(bomb.import().is_err(), "no operator of this file can be used");
}
