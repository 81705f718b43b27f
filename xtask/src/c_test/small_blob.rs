//! The model that the C tests misuse: three operators, both element types, two test vectors.
//!
//! Its sums are easy enough to be computed here and once more in `ffi/c-tests/small_model.h`, so that the library is
//! compared with something other than itself.

use anyhow::{Context, Result};
use kinglet_blob::constants::PER_TENSOR;
use kinglet_blob::records::{FullyConnectedI8, LayerQuant, Lookup, UnaryF32};
use kinglet_blob::{DType, OpCode, Operand, Operands, PortRecord, WeightForm, Writer, operator_bytes};

const SAMPLES: usize = 12;
const SUMS: usize = 5;
const LEVELS: usize = 4;

/// Byte offsets in the arena. The lookup is not in place: two ports look at its two sides.
const SAMPLES_AT: u32 = 0;
const FLIPPED_AT: u32 = 16;
const SUMS_AT: u32 = 32;
const LEVEL_AT: u32 = 48;
const CLAMPED_AT: u32 = 64;
const ARENA_BYTES: u32 = 96;

/// Byte offsets in WEIGHTS.
const TABLE_AT: u32 = 0;
const LAYER_AT: u32 = 256;

/// A blob, and what to give it and to expect of it.
pub(crate) struct SmallBlob {
    pub(crate) blob: Vec<u8>,
    /// The inputs of the first test vector, one after the other.
    pub(crate) input: Vec<u8>,
    /// Its outputs.
    pub(crate) expected: Vec<u8>,
}

pub(crate) fn build() -> Result<SmallBlob> {
    let mut names = Names::default();
    let inputs = vec![
        PortRecord {
            scale: 0.5,
            zero_point: -3,
            channels_moved: 1,
            ..names.port("samples", DType::I8, &[1, 2, 2, 3], SAMPLES_AT)
        },
        names.port("level", DType::F32, &[LEVELS as u32], LEVEL_AT),
    ];
    let outputs = vec![
        PortRecord { scale: 0.5, zero_point: 2, ..names.port("flipped", DType::I8, &[1, SAMPLES as u32], FLIPPED_AT) },
        PortRecord { scale: 0.5, ..names.port("sums", DType::I8, &[SUMS as u32], SUMS_AT) },
        names.port("clamped", DType::F32, &[LEVELS as u32], CLAMPED_AT),
    ];
    let (first, second) = (vector(1), vector(2));
    let mut golden = 2u32.to_le_bytes().to_vec();
    for (inputs, outputs) in [&first, &second] {
        inputs.iter().chain(outputs).for_each(|tensor| put_padded(&mut golden, tensor));
    }
    let writer = Writer {
        arena_bytes: ARENA_BYTES,
        inputs,
        outputs,
        operators: operators(),
        names: names.bytes,
        weights: weights(),
        golden,
        ..Writer::default()
    };
    let blob = writer.finish().context("the small blob cannot be written")?;
    Ok(SmallBlob { blob, input: first.0.concat(), expected: first.1.concat() })
}

fn operators() -> Vec<Vec<u8>> {
    let lookup = Lookup { len: SAMPLES as u32, constants: TABLE_AT };
    let quant = LayerQuant {
        // The one factor is 2^30 / 2^31 * 2^1.
        shift_base: 1,
        padding_value: 0,
        zero_point: 0,
        min: -128,
        max: 127,
        flags: PER_TENSOR,
        bias_shift: 0,
    };
    let sums = FullyConnectedI8 { constants: LAYER_AT, rows: 1, taps: SAMPLES as u32, outputs: SUMS as u32, quant };
    let clamp = UnaryF32 { len: LEVELS as u32, min: 0.0, max: 6.0 };
    let form = WeightForm::default();
    let unary = |dtype: DType, input: u32, output: u32| Operands::unary((dtype, input), (dtype, output));
    let sums_operands = unary(DType::I8, FLIPPED_AT, SUMS_AT).with_scratch(0);
    vec![
        operator_bytes(OpCode::Lookup, form, &unary(DType::I8, SAMPLES_AT, FLIPPED_AT), &lookup),
        operator_bytes(OpCode::FullyConnected, form, &sums_operands, &sums),
        operator_bytes(OpCode::Clamp, form, &unary(DType::F32, LEVEL_AT, CLAMPED_AT), &clamp),
    ]
}

/// The table of `-x - 1`; then bias, factor and weights of the sums.
fn weights() -> Vec<u8> {
    let mut weights: Vec<u8> = (i8::MIN..=i8::MAX).map(|x| !x as u8).collect();
    (0..SUMS as i32).for_each(|row| weights.extend((10 * row).to_le_bytes()));
    // The multiplier's top bit is not stored, and its others are zero.
    weights.extend(0u32.to_le_bytes());
    for row in 0..SUMS {
        weights.extend((0..SAMPLES).map(|tap| u8::from(tap <= row)));
    }
    weights
}

/// Inputs and outputs as bytes.
type Vector = (Vec<Vec<u8>>, Vec<Vec<u8>>);

fn vector(seed: i32) -> Vector {
    let samples: Vec<i8> = (0..SAMPLES as i32).map(|i| ((i * 37 + seed * 11) % 256 - 128) as i8).collect();
    let level: Vec<f32> = (0..LEVELS as i32).map(|i| (i * 3 - seed) as f32).collect();
    let flipped: Vec<i8> = samples.iter().map(|x| !x).collect();
    let sums = (0..SUMS).map(|row| {
        let sum: i32 = flipped.iter().take(row + 1).map(|x| i32::from(*x)).sum();
        (sum + 10 * row as i32).clamp(-128, 127) as i8
    });
    let bytes = |integers: &[i8]| integers.iter().map(|x| *x as u8).collect::<Vec<u8>>();
    let float_bytes = |floats: Vec<f32>| floats.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
    let clamped = level.iter().map(|x| x.clamp(0.0, 6.0)).collect();
    let outputs = vec![bytes(&flipped), bytes(&sums.collect::<Vec<i8>>()), float_bytes(clamped)];
    (vec![bytes(&samples), float_bytes(level)], outputs)
}

fn put_padded(golden: &mut Vec<u8>, tensor: &[u8]) {
    golden.extend_from_slice(tensor);
    golden.resize(golden.len().next_multiple_of(4), 0);
}

/// NAMES, as it grows.
#[derive(Default)]
struct Names {
    bytes: Vec<u8>,
}

impl Names {
    fn port(&mut self, name: &str, dtype: DType, shape: &[u32], arena_offset: u32) -> PortRecord {
        let mut dims = [1; 4];
        dims.iter_mut().zip(shape).for_each(|(to, from)| *to = *from);
        let name_offset = self.bytes.len() as u16;
        self.bytes.extend_from_slice(name.as_bytes());
        PortRecord {
            arena_offset,
            dims,
            scale: 1.0,
            zero_point: 0,
            dtype: dtype as u8,
            region: Operand::ARENA,
            rank: shape.len() as u8,
            channels_moved: 0,
            name_offset,
            name_bytes: name.len() as u16,
        }
    }
}
