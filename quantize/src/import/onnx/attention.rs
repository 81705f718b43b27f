//! `Attention`, taken apart: two products of matrices with a softmax between them.

use kinglet_tract::type_code;

use super::attributes::Call;
use super::constant::{Constant, Numbers};
use super::{Entry, Importer};
use crate::import::build::{Convert, refuse};
use crate::ir::{Activation, DType, Elements, ValueId};
use crate::op::{Add, Concat, Function, MatMul, Mul, Select, Softmax, Tanh, Transpose};

/// A number that no score reaches: what is masked has it added. Softmax makes exactly 0 of it.
const MASKED: f32 = f32::MIN;

/// What is known on import of the numbers that are added to the scores, `[batch, heads, queries, keys]` or such of it.
struct Bias {
    shape: [usize; 4],
    numbers: Vec<f32>,
}

/// Extents: batch, heads of queries and of keys, queries, keys.
#[derive(Clone, Copy)]
struct Sizes {
    batch: usize,
    heads: usize,
    key_heads: usize,
    queries: usize,
    keys: usize,
}

pub(super) fn attention(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Vec<Entry>> {
    let keys = importer.float_operand(call, 1)?;
    if importer.rests_on(keys, type_code::BFLOAT16) {
        return refuse(
            "is on BFLOAT16, to which it rounds between its steps, some of them sums whose roundings nobody defines",
            "cast its operands to FLOAT, and its results back",
        );
    }
    let of_keys = importer.shape(keys);
    let rank = of_keys.len();
    let q = importer.heads(call, 0, "q_num_heads")?;
    let (k, v) = (importer.heads(call, 1, "kv_num_heads")?, importer.heads(call, 2, "kv_num_heads")?);
    let (k, v) = (importer.behind_past(call, 4, k)?, importer.behind_past(call, 5, v)?);
    let past = importer.shape(k)[2].saturating_sub(of_keys[rank.max(3) - 2]);
    let (of_q, of_k, of_v) = (importer.shape(q), importer.shape(k), importer.shape(v));
    let sizes = Sizes { batch: of_q[0], heads: of_q[1], key_heads: of_k[1], queries: of_q[2], keys: of_k[2] };
    if sizes.key_heads == 0 || !sizes.heads.is_multiple_of(sizes.key_heads) || of_v[1] != sizes.key_heads {
        return refuse(format!("{} heads of queries, {} of keys, {} of values", of_q[1], of_k[1], of_v[1]), AGAIN);
    }
    // Several heads of queries that share one of keys are rows of one matrix.
    let rows = sizes.heads / sizes.key_heads * sizes.queries;
    let scores_shape = vec![sizes.batch, sizes.heads, sizes.queries, sizes.keys];
    let shared = |last: usize| vec![sizes.batch, sizes.key_heads, rows, last];
    let grouped = importer.builder.reshape(&format!("{}/queries", call.name), q, shared(of_q[3]))?;
    let product = MatMul { transpose_b: true, ..MatMul::default() };
    let scores = importer.apply(&format!("{}/scores", call.name), product.into(), vec![grouped, k])?;
    let scores = importer.builder.reshape(&format!("{}/heads", call.name), scores, scores_shape.clone())?;
    let raw = importer.scaled(call.name, scores, call.float("scale", 1.0 / (of_q[3] as f32).sqrt())?)?;
    let capped = importer.capped(call, raw)?;
    let (biased, kept) = importer.biased(call, capped, sizes, past)?;
    let mut weights = importer.apply(&format!("{}/softmax", call.name), Softmax { beta: 1.0 }.into(), vec![biased])?;
    if let Some(kept) = kept {
        let op = Mul { activation: Activation::None };
        weights = importer.apply(&format!("{}/rows", call.name), op.into(), vec![weights, kept])?;
    }
    let grouped = importer.builder.reshape(&format!("{}/weights", call.name), weights, shared(sizes.keys))?;
    let y = importer.apply(&format!("{}/values", call.name), MatMul::default().into(), vec![grouped, v])?;
    let y = importer.builder.reshape(call.name, y, vec![sizes.batch, sizes.heads, sizes.queries, of_v[3]])?;
    let y = if rank == 3 { importer.joined_heads(call, y)? } else { y };
    let shown = match call.int("qk_matmul_output_mode", 0)? {
        0 => raw,
        1 => capped,
        2 if call.node.outputs.get(3).is_some_and(|output| !output.is_empty()) => importer.unbounded(call, biased)?,
        2 => biased,
        _ => weights,
    };
    Ok([y, k, v, shown].map(Entry::Value).to_vec())
}

const AGAIN: &str = "export the model again";

impl Importer<'_> {
    /// Operand `index` as `[batch, heads, steps, size]`.
    fn heads(&mut self, call: &Call<'_>, index: usize, count: &str) -> Convert<ValueId> {
        let x = self.float_operand(call, index)?;
        let shape = self.shape(x);
        match shape.as_slice() {
            [_, _, _, _] => Ok(x),
            &[batch, steps, features] => {
                let heads = call.extent(count)?;
                if !features.is_multiple_of(heads) {
                    return refuse(format!("{features} features are not {heads} heads"), AGAIN);
                }
                let name = format!("{}/heads of {index}", call.name);
                let split = self.builder.reshape(&name, x, vec![batch, steps, heads, features / heads])?;
                self.apply(&format!("{name} first"), Transpose { permutation: vec![0, 2, 1, 3] }.into(), vec![split])
            }
            _ => refuse(format!("operand {index} has shape {shape:?}"), "use 3 or 4 axes"),
        }
    }

    /// What earlier runs have left, and `x` behind it.
    fn behind_past(&mut self, call: &Call<'_>, index: usize, x: ValueId) -> Convert<ValueId> {
        if call.operand(index).is_none() {
            return Ok(x);
        }
        let past = self.float_operand(call, index)?;
        self.apply(&format!("{}/past {index}", call.name), Concat { axis: 2 }.into(), vec![past, x])
    }

    /// `[batch, heads, steps, size]` as `[batch, steps, features]`.
    fn joined_heads(&mut self, call: &Call<'_>, y: ValueId) -> Convert<ValueId> {
        let shape = self.shape(y);
        let op = Transpose { permutation: vec![0, 2, 1, 3] };
        let last = self.apply(&format!("{}/heads last", call.name), op.into(), vec![y])?;
        self.builder.reshape(&format!("{}/features", call.name), last, vec![shape[0], shape[2], shape[1] * shape[3]])
    }

    /// `softcap * tanh(x / softcap)`.
    fn capped(&mut self, call: &Call<'_>, x: ValueId) -> Convert<ValueId> {
        let cap = call.float("softcap", 0.0)?;
        if cap <= 0.0 {
            return Ok(x);
        }
        let small = self.scaled(&format!("{}/cap", call.name), x, 1.0 / cap)?;
        let tanh = self.apply(&format!("{}/cap/tanh", call.name), Tanh.into(), vec![small])?;
        self.scaled(&format!("{}/capped", call.name), tanh, cap)
    }

    /// Scores as a reader of them expects: what is masked is negative infinity.
    fn unbounded(&mut self, call: &Call<'_>, scores: ValueId) -> Convert<ValueId> {
        let name = format!("{}/unbounded", call.name);
        let mut number = |what: &str, number| {
            let elements = Elements::F32(vec![number]);
            self.builder.constant(&format!("{name}/{what}"), vec![1; 4], elements)
        };
        let (lowest, infinity) = (number("lowest", MASKED / 2.0)?, number("infinity", f32::NEG_INFINITY)?);
        let is_masked = self.combined(&format!("{name}/is masked"), Function::Less, [scores, lowest])?;
        self.builder.apply_typed(&name, Select.into(), vec![is_masked, infinity, scores], (DType::F32, None))
    }

    /// The scores with what masks add to them; and, when some query may see no key, 0 for it and 1 for others.
    fn biased(
        &mut self,
        call: &Call<'_>,
        mut scores: ValueId,
        sizes: Sizes,
        past: usize,
    ) -> Convert<(ValueId, Option<ValueId>)> {
        let add = |importer: &mut Self, scores: ValueId, bias: ValueId| {
            let operands = importer.builder.same_rank(&format!("{}/mask", call.name), [scores, bias])?.to_vec();
            importer.apply(&format!("{}/masked", call.name), Add { activation: Activation::None }.into(), operands)
        };
        if let Some(&Entry::Value(mask)) = call.operand(3) {
            let shape = self.shape(mask);
            if shape.last() != Some(&sizes.keys) {
                return refuse(
                    format!("its mask has shape {shape:?} for {} keys", sizes.keys),
                    "give one for all keys",
                );
            }
            scores = add(self, scores, mask)?;
        }
        let Some(bias) = known_bias(call, sizes, past)? else { return Ok((scores, None)) };
        self.budget.charge(bias.numbers.len(), 4)?;
        let is_masked = |row: &[f32]| row.iter().all(|number| *number <= MASKED);
        let rows: Vec<f32> =
            bias.numbers.chunks(sizes.keys).map(|row| if is_masked(row) { 0.0 } else { 1.0 }).collect();
        let [b, h, q, _] = bias.shape;
        let (shape, name) = (bias.shape.to_vec(), format!("{}/bias", call.name));
        let constant = self.builder.constant(&name, shape, Elements::F32(bias.numbers))?;
        scores = add(self, scores, constant)?;
        if rows.iter().all(|row| *row == 1.0) {
            return Ok((scores, None));
        }
        let kept = self.builder.constant(&format!("{}/kept", call.name), vec![b, h, q, 1], Elements::F32(rows))?;
        Ok((scores, Some(kept)))
    }
}

/// What is added to the scores and known on import: a constant mask, causality, windows, lengths of keys.
fn known_bias(call: &Call<'_>, sizes: Sizes, past: usize) -> Convert<Option<Bias>> {
    let mask = match call.operand(3) {
        Some(Entry::Constant(mask)) => Some(&**mask),
        _ => None,
    };
    let lengths = match call.constant(6, "numbers of keys")? {
        Some(Constant { numbers: Numbers::I64(lengths), .. }) => Some(lengths.as_slice()),
        Some(_) => return refuse("its numbers of keys are floats", "INT64 is needed"),
        None => None,
    };
    let is_causal = call.int("is_causal", 0)? != 0;
    let windows = [call.int("left_window_size", -1)?, call.int("right_window_size", -1)?];
    if mask.is_none() && lengths.is_none() && !is_causal && windows == [-1; 2] {
        return Ok(None);
    }
    if lengths.is_some_and(|lengths| lengths.len() != sizes.batch) {
        return refuse("it has another number of lengths than of sequences", AGAIN);
    }
    let of_mask = mask.map(|mask| mask_shape(mask, sizes)).transpose()?;
    let mut shape = of_mask.unwrap_or([1, 1, 1, sizes.keys]);
    (shape[2], shape[3]) = (sizes.queries, sizes.keys);
    if lengths.is_some() {
        shape[0] = sizes.batch;
    }
    let is_allowed = |[b, _, i, j]: [usize; 4]| {
        let (i, j) = (i as i64, j as i64);
        let length = lengths.map(|lengths| lengths[b]);
        let here = i + length.map_or(past as i64, |length| length - sizes.queries as i64);
        let is_near = (windows[0] < 0 || here - j <= windows[0]) && (windows[1] < 0 || j - here <= windows[1]);
        (!is_causal || j <= here) && is_near && length.is_none_or(|length| j < length)
    };
    let numbers = (0..shape.iter().product()).map(|flat: usize| {
        let at = [
            flat / shape[3] / shape[2] / shape[1],
            flat / shape[3] / shape[2] % shape[1],
            flat / shape[3] % shape[2],
            flat % shape[3],
        ];
        let own = mask.zip(of_mask).map_or(0.0, |(mask, extents)| mask_at(mask, extents, at));
        if is_allowed(at) { own.max(MASKED) } else { MASKED }
    });
    Ok(Some(Bias { shape, numbers: numbers.collect() }))
}

/// The mask's own shape with four axes.
fn mask_shape(mask: &Constant, sizes: Sizes) -> Convert<[usize; 4]> {
    let mut shape = [1; 4];
    let fits = mask.shape.len() <= 4;
    for (extent, own) in shape.iter_mut().rev().zip(mask.shape.iter().rev()) {
        *extent = *own;
    }
    let whole = [sizes.batch, sizes.heads, sizes.queries, sizes.keys];
    let fits = fits && shape[..3].iter().zip(whole).all(|(own, extent)| *own == 1 || *own == extent);
    if fits && shape[3] <= sizes.keys {
        Ok(shape)
    } else {
        refuse(format!("its mask has shape {:?}", mask.shape), AGAIN)
    }
}

/// What the mask adds: keys behind its end are masked. Of integers, which stand for booleans, zero is.
fn mask_at(mask: &Constant, extents: [usize; 4], at: [usize; 4]) -> f32 {
    if at[3] >= extents[3] {
        return MASKED;
    }
    let flat = at.iter().zip(extents).fold(0, |flat, (at, extent)| flat * extent + at.min(&(extent - 1)));
    match &mask.numbers {
        Numbers::F32(numbers) => numbers.get(flat).copied().unwrap_or(0.0),
        Numbers::I64(numbers) if numbers.get(flat) == Some(&0) => MASKED,
        Numbers::I64(_) => 0.0,
    }
}
