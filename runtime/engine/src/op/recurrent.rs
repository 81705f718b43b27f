//! Recurrent: layers that go over time.

use kinglet_blob::constants::ROUND_TWICE;
use kinglet_blob::records::{
    BATCH_FIRST, CELL_STATE, INITIAL, LayerQuantI16, REVERSED, RecurrentF32 as RecordF32, RecurrentI8 as RecordI8,
    SEQUENCE,
};
use kinglet_blob::{DType, OperatorBytes, Signature, cast, size};
use kinglet_kernels::Token;
use kinglet_kernels::numerics::ClampF32;
use kinglet_kernels::recurrent::{self, Cell, Function, Lens, Products, RecurrentF32, RecurrentI8, Sequences};

use super::layer::{self, check_shifts_i16, layer_i16};
use super::record;
use crate::error::LoadRule;
use crate::memory::{Limits, Memory, Source, Span, Spans, constants};

/// Sequences, and states that may be constant, to a line of results.
pub(super) const F32: Signature =
    Signature::new(&[DType::F32, DType::F32], &[DType::F32]).or_constant(1).with_scratch();
/// Sequences to a line of results.
pub(super) const I8: Signature = layer::WEIGHTED_I8;

/// A record's memory.
struct Operands {
    input: Span,
    initial: Source,
    output: Span,
    scratch: Span,
}

/// What is gone over, with lengths that 32 bits hold: of the extents steps, batch, inputs and units.
fn sequences(cell: u8, flags: u8, extents: [u32; 4]) -> Result<(Sequences, Lens), LoadRule> {
    if flags & !(REVERSED | BATCH_FIRST | SEQUENCE | CELL_STATE | INITIAL) != 0 {
        return Err(LoadRule::Parameter);
    }
    let has = |flag: u8| flags & flag != 0;
    let [steps, batch, inputs, units] = extents.map(|extent| extent as usize);
    let sequences = Sequences {
        cell: Cell::from_tag(cell).ok_or(LoadRule::Parameter)?,
        steps,
        batch,
        inputs,
        units,
        is_reversed: has(REVERSED),
        is_batch_first: has(BATCH_FIRST),
        gives_sequence: has(SEQUENCE),
        gives_cell_state: has(CELL_STATE),
        has_initial: has(INITIAL),
    };
    let lens = sequences.lens().ok_or(LoadRule::Shape)?;
    // As narrow on a machine of 64 bits as on one of 32.
    let Lens { input, output, scratch, weights, recurrent, .. } = lens;
    let fits = [input, output, scratch, weights, recurrent].iter().all(|&len| size::product(len, 4).is_some());
    if fits { Ok((sequences, lens)) } else { Err(LoadRule::Shape) }
}

fn function(tag: u8) -> Result<Function, LoadRule> {
    Function::from_tag(tag).ok_or(LoadRule::Parameter)
}

fn resolve<'b>(
    operator: &OperatorBytes<'b>,
    weights: &'b [u8],
    token: Token,
) -> Result<(RecurrentF32<'b>, Operands), LoadRule> {
    let ([input, initial, output, scratch], record): (_, RecordF32) = record(operator, &F32)?;
    let extents = [record.steps, record.batch, record.inputs, record.units];
    let (sequences, lens) = sequences(record.cell, record.flags, extents)?;
    let [f, g, k] = record.functions;
    if record.reserved != [0; 3] {
        return Err(LoadRule::Parameter);
    }
    // Neither zero nor NaN.
    if record.clip.partial_cmp(&0.0) != Some(core::cmp::Ordering::Greater) {
        return Err(LoadRule::Parameter);
    }
    let mut rest = constants(weights, record.constants).ok_or(LoadRule::ConstantRange)?;
    let mut floats = |len: usize| {
        let bytes = size::product(len, 4).ok_or(LoadRule::ConstantRange)?;
        let (part, behind) = rest.split_at_checked(bytes).ok_or(LoadRule::ConstantRange)?;
        rest = behind;
        cast::f32s(part).ok_or(LoadRule::ConstantRange)
    };
    let layer = RecurrentF32 {
        sequences,
        functions: [function(f)?, function(g)?, function(k)?],
        clamp: ClampF32 { min: -record.clip, max: record.clip },
        bias: floats(lens.bias)?,
        recurrent_bias: floats(lens.bias)?,
        weights: floats(lens.weights)?,
        recurrent: floats(lens.recurrent)?,
        token,
    };
    let operands = Operands {
        input: Span::new(input, lens.input, 4),
        initial: Source::of(operator, 1, Span::new(initial, lens.initial, 4))?,
        output: Span::new(output, lens.output, 4),
        scratch: Span::new(scratch, lens.scratch, 4),
    };
    Ok((layer, operands))
}

impl Operands {
    /// Everything is where it can be read or written, and shares nothing.
    fn check(&self, limits: &Limits<'_>) -> Result<(), LoadRule> {
        let sources = [(Source::Arena(self.input), 4), (self.initial, 4)];
        limits.apart(&sources, self.output, 4)?;
        limits.apart(&sources, self.scratch, 4)?;
        let initial = self.arena_of_initial();
        if self.scratch.overlaps(self.output) || self.input.overlaps(initial) {
            return Err(LoadRule::ArenaOverlap);
        }
        Ok(())
    }

    /// Where the states are that it begins with; nowhere when these are constants.
    fn arena_of_initial(&self) -> Span {
        match self.initial {
            Source::Arena(span) => span,
            Source::Constant(_) => Span::EMPTY,
        }
    }
}

pub(super) fn check_f32(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    resolve(operator, limits.weights, Token::PLAIN)?.1.check(limits)
}

pub(super) fn run_f32(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let weights = memory.weights;
    let (layer, operands) = resolve(operator, weights, memory.token).ok()?;
    let spans = [operands.input, operands.arena_of_initial(), operands.output, operands.scratch];
    let [input, initial, output, scratch] = memory.disjoint(spans)?;
    let initial: &[u8] = match operands.initial {
        Source::Arena(_) => initial,
        Source::Constant(span) => constants(weights, u32::try_from(span.start).ok()?)?.get(..span.bytes)?,
    };
    let (x, initial, y, scratch) =
        (cast::f32s(input)?, cast::f32s(initial)?, cast::f32s_mut(output)?, cast::f32s_mut(scratch)?);
    recurrent::recurrent_f32(&layer, x, initial, y, scratch).then_some(operands.output)
}

/// Weights of `len` numbers, with the factors of their rows.
fn products<'b>(
    quant: &LayerQuantI16,
    weights: &'b [u8],
    at: u32,
    rows: usize,
    len: usize,
) -> Result<Products<'b>, LoadRule> {
    // Gates saturate, and their sums have 32 bits.
    if quant.flags & ROUND_TWICE == 0 || (quant.min, quant.max) != (i16::MIN, i16::MAX) {
        return Err(LoadRule::Parameter);
    }
    let constants = constants(weights, at).ok_or(LoadRule::ConstantRange)?;
    let (weights, stage) = layer_i16(quant, constants, rows, len)?;
    Ok(Products { weights, stage })
}

/// Bytes of the table.
const TABLE_BYTES: usize = 512;

fn resolve_i8<'b>(operator: &OperatorBytes<'b>, weights: &'b [u8]) -> Result<(RecurrentI8<'b>, Spans), LoadRule> {
    let ([input, output, scratch], record): (_, RecordI8) = record(operator, &I8)?;
    let extents = [record.steps, record.batch, record.inputs, record.units];
    let (sequences, lens) = sequences(record.cell, record.flags, extents)?;
    let is_known = record.flags & (INITIAL | CELL_STATE) == 0 && sequences.cell != Cell::Gru;
    if !is_known || !(-15..=0).contains(&record.cell_power) || record.cell_clip < 0 {
        return Err(LoadRule::Parameter);
    }
    let ([f, g, k], [a, b, c], [i, j, l]) = (record.functions, record.multipliers, record.shifts);
    let table = constants(weights, record.table).and_then(|all| all.get(..TABLE_BYTES)).and_then(cast::i16s);
    let layer = RecurrentI8 {
        sequences,
        functions: [function(f)?, function(g)?, function(k)?],
        step: products(&record.step, weights, record.step_constants, lens.bias, lens.weights)?,
        state: products(&record.state, weights, record.state_constants, lens.bias, lens.recurrent)?,
        factors: [layer::factor(a, i)?, layer::factor(b, j)?, layer::factor(c, l)?],
        cell_power: record.cell_power.into(),
        cell_clip: record.cell_clip,
        zero_point: record.zero_point,
        table: table.ok_or(LoadRule::ConstantRange)?,
    };
    let spans = Spans {
        scratch: Span::new(scratch, lens.scratch, 2),
        scratch_align: 4,
        ..Spans::unary([input, output], [lens.input, lens.output], 1)
    };
    Ok((layer, spans))
}

pub(super) fn check_i8(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    let (layer, spans) = resolve_i8(operator, limits.weights)?;
    check_shifts_i16(&layer.step.stage, limits)?;
    check_shifts_i16(&layer.state.stage, limits)?;
    limits.spans_apart(&spans)
}

pub(super) fn run_i8(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (layer, spans) = resolve_i8(operator, memory.weights).ok()?;
    let [input, output, scratch] = memory.disjoint([spans.input, spans.output, spans.scratch])?;
    let scratch = cast::i16s_mut(scratch)?;
    recurrent::recurrent_i8(&layer, cast::i8s(input), cast::i8s_mut(output), scratch).then_some(spans.output)
}
