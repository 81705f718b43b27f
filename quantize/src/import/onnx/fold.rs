//! Arithmetic on numbers known on import, most of all on shapes.
//!
//! A node all of whose operands are known is computed here, when it is one of the operators that exporters
//! build shapes from; `Shape` needs only its operand's shape. Anything else on constants (a float constant
//! through `Mul`, say) is folded too where the formula is one line, so that weights written as expressions
//! are weights.

use kinglet_tract::{Attribute, type_code, type_name};

use super::attributes::{Call, normal_axes, normal_axis};
use super::combine::function_of;
use super::constant::{Constant, Numbers, is_plausible};
use super::operator::{Fold, Row};
use super::reshape::{resolve_shape, squeezed, unsqueezed};
use super::slice::spans;
use super::types::{integer_range, is_float, rounding, wrapped};
use super::{Entry, Importer};
use crate::import::budget::Budget;
use crate::import::build::{Convert, refuse};
use crate::ir::{broadcast, checked_len, transposed};
use crate::op::MapFunction;
use crate::op::common::functions;
use crate::op::{Function, integer, real};

const EXPORT_AGAIN: &str = "export the model again";

/// A node all of whose operands are known; there is at least one.
pub(super) struct Known<'a> {
    pub(super) call: &'a Call<'a>,
    pub(super) operands: Vec<&'a Constant>,
    budget: &'a Budget,
}

impl Known<'_> {
    pub(super) fn first(&self) -> &Constant {
        self.operands[0]
    }

    /// To be asked before anything that can be larger than the operands is made.
    pub(super) fn charge(&self, len: usize) -> Convert<()> {
        Ok(self.budget.charge(len, 8)?)
    }

    /// Texts are moved and looked up, and that is all.
    fn expect_numbers(&self) -> Convert<()> {
        match self.operands.iter().any(|operand| operand.texts.is_some()) {
            true => refuse("computes with texts", "encode texts as numbers before the model"),
            false => Ok(()),
        }
    }

    /// The numbers of the first operand under another shape.
    fn reshaped(&self, shape: Vec<usize>) -> Constant {
        self.first().with(shape, self.first().numbers.clone())
    }
}

impl Importer<'_> {
    /// The node's result, when it is known now.
    pub(super) fn fold(&self, row: &Row, call: &Call<'_>) -> Convert<Option<Constant>> {
        let folded = match row.fold {
            Fold::Never => None,
            Fold::Always(fold) => Some(fold(self, call)?),
            Fold::Constants(fold) => match known_operands(call) {
                Some(operands) => Some(fold(&Known { call, operands, budget: &self.budget })?),
                None => None,
            },
        };
        if let Some(constant) = &folded {
            self.budget.charge(constant.numbers.len(), 8)?;
            if !is_plausible(&constant.shape) {
                return refuse(format!("its result has shape {:?}", constant.shape), EXPORT_AGAIN);
            }
        }
        Ok(folded)
    }
}

fn known_operands<'c>(call: &'c Call<'_>) -> Option<Vec<&'c Constant>> {
    let known = |operand: &'c Option<Entry>| match operand {
        Some(Entry::Constant(constant)) => Some(&**constant),
        _ => None,
    };
    let operands: Vec<&Constant> = call.operands.iter().map(known).collect::<Option<_>>()?;
    (!operands.is_empty()).then_some(operands)
}

pub(super) fn shape(importer: &Importer<'_>, call: &Call<'_>) -> Convert<Constant> {
    let shape = match call.operand(0) {
        Some(&Entry::Value(id)) => importer.shape(id),
        Some(Entry::Constant(constant)) => constant.shape.clone(),
        _ => return refuse("its operand is missing", EXPORT_AGAIN),
    };
    let rank = shape.len() as i64;
    let bound = |value: i64| (if value < 0 { value.saturating_add(rank) } else { value }).clamp(0, rank) as usize;
    let (start, end) = (bound(call.int("start", 0)?), bound(call.int("end", rank)?));
    let extents = shape.get(start..end.max(start)).unwrap_or(&[]);
    Ok(Constant::list(extents.iter().map(|&extent| extent as i64).collect()))
}

/// How many elements the operand has.
pub(super) fn size(importer: &Importer<'_>, call: &Call<'_>) -> Convert<Constant> {
    let len = match call.operand(0) {
        Some(&Entry::Value(id)) => importer.shape(id).iter().product(),
        Some(Entry::Constant(constant)) => constant.numbers.len(),
        _ => return refuse("its operand is missing", EXPORT_AGAIN),
    };
    Ok(Constant::integers(Vec::new(), vec![len as i64]))
}

pub(super) fn constant(_: &Importer<'_>, call: &Call<'_>) -> Convert<Constant> {
    for name in ["value", "sparse_value"] {
        if let Some(tensor) = call.tensor(name)? {
            return Constant::new(tensor.clone());
        }
    }
    for (name, attribute) in &call.node.attributes {
        match (name.as_str(), attribute) {
            ("value_float", Attribute::Float(value)) => return Ok(Constant::floats(Vec::new(), vec![*value])),
            ("value_int", Attribute::Int(value)) => return Ok(Constant::integers(Vec::new(), vec![*value])),
            ("value_ints", Attribute::Ints(values)) => return Ok(Constant::list(values.clone())),
            ("value_floats", Attribute::Floats(_)) => {
                let values = call.floats("value_floats")?.unwrap_or_default().to_vec();
                return Ok(Constant::floats(vec![values.len()], values));
            }
            _ => {}
        }
    }
    refuse("its value is no tensor, number or list of numbers", "use a dense tensor")
}

pub(super) fn identity(known: &Known<'_>) -> Convert<Constant> {
    Ok(known.first().clone())
}

pub(super) fn squeeze(known: &Known<'_>) -> Convert<Constant> {
    Ok(known.reshaped(squeezed(known.call, &known.first().shape)?))
}

pub(super) fn unsqueeze(known: &Known<'_>) -> Convert<Constant> {
    Ok(known.reshaped(unsqueezed(known.call, &known.first().shape)?))
}

pub(super) fn reshape(known: &Known<'_>) -> Convert<Constant> {
    Ok(known.reshaped(resolve_shape(known.call, &known.first().shape)?))
}

pub(super) fn add(known: &Known<'_>) -> Convert<Constant> {
    arithmetic(known, |a, b| a + b, i64::checked_add)
}

pub(super) fn sub(known: &Known<'_>) -> Convert<Constant> {
    arithmetic(known, |a, b| a - b, i64::checked_sub)
}

pub(super) fn mul(known: &Known<'_>) -> Convert<Constant> {
    arithmetic(known, |a, b| a * b, i64::checked_mul)
}

pub(super) fn div(known: &Known<'_>) -> Convert<Constant> {
    arithmetic(known, |a, b| a / b, i64::checked_div)
}

/// Sums over axes.
pub(super) fn reduce_sum(known: &Known<'_>) -> Convert<Constant> {
    let first = known.first();
    let rank = first.shape.len();
    let summed = match axes(known.call, 1, rank)? {
        Some(axes) if !axes.is_empty() => axes,
        _ if known.call.int("noop_with_empty_axes", 0)? != 0 => return Ok(first.clone()),
        _ => (0..rank).collect(),
    };
    let keeps = known.call.int("keepdims", 1)? != 0;
    let is_summed = |axis: &usize| summed.contains(axis);
    let kept: Vec<usize> = (0..rank).map(|axis| if is_summed(&axis) { 1 } else { first.shape[axis] }).collect();
    let place = |flat: usize| {
        let mut rest = flat;
        let mut index: Vec<usize> = first
            .shape
            .iter()
            .rev()
            .map(|&extent| {
                let at = rest % extent.max(1);
                rest /= extent.max(1);
                at
            })
            .collect();
        index.reverse();
        index.iter().zip(&kept).fold(0, |place, (&at, &extent)| place * extent + if extent == 1 { 0 } else { at })
    };
    let len: usize = kept.iter().product();
    let numbers = match &first.numbers {
        Numbers::F32(values) => {
            let mut sums = vec![0.0f64; len];
            values.iter().enumerate().for_each(|(flat, &value)| sums[place(flat)] += f64::from(value));
            Numbers::F32(sums.into_iter().map(|sum| sum as f32).collect())
        }
        Numbers::I64(_) => return refuse("adds up integers", "FLOAT is needed"),
    };
    let shape = if keeps { kept } else { (0..rank).filter(|axis| !is_summed(axis)).map(|axis| kept[axis]).collect() };
    Ok(first.with(shape, numbers))
}

/// A function of one element. Of integers only those that give integers.
pub(super) fn mapped(known: &Known<'_>, function: MapFunction) -> Convert<Constant> {
    let first = known.first();
    known.charge(first.numbers.len())?;
    let numbers = match (&first.numbers, function) {
        (Numbers::F32(values), _) => {
            let of = |&value: &f32| functions::real(function, [0.0; 2], f64::from(value)) as f32;
            Numbers::F32(values.iter().map(of).collect())
        }
        (Numbers::I64(values), MapFunction::Abs) => each_integer(values, first.type_code, i64::checked_abs)?,
        (Numbers::I64(values), MapFunction::Neg) => each_integer(values, first.type_code, i64::checked_neg)?,
        (Numbers::I64(values), MapFunction::Sign) => {
            each_integer(values, first.type_code, |value| Some(value.signum()))?
        }
        (Numbers::I64(_), _) => return refuse("its operand holds integers", "FLOAT is needed"),
    };
    Ok(first.with(first.shape.clone(), numbers))
}

/// A function of integers of a type, in which the least one has no negative.
fn each_integer(values: &[i64], type_code: i32, function: fn(i64) -> Option<i64>) -> Convert<Numbers> {
    match values.iter().map(|&value| Some(wrapped(function(value)?, type_code))).collect() {
        Some(values) => Ok(Numbers::I64(values)),
        None => refuse("its result leaves 64 bits", EXPORT_AGAIN),
    }
}

/// A function of two elements, or of any number of them, one after the other.
pub(super) fn combine(known: &Known<'_>) -> Convert<Constant> {
    known.expect_numbers()?;
    let (function, swaps) = function_of(known.call)?;
    let mut operands: Vec<Constant> = known.operands.iter().map(|&operand| operand.clone()).collect();
    if swaps {
        operands.reverse();
    }
    // Exponents may have another type than the base.
    if operands.iter().any(|operand| matches!(operand.numbers, Numbers::F32(_))) {
        operands
            .iter_mut()
            .for_each(|operand| *operand = Constant::floats(operand.shape.clone(), floats(&operand.numbers)));
    }
    let mut operands = operands.into_iter();
    let Some(first) = operands.next() else { return refuse("has no operand", EXPORT_AGAIN) };
    operands.try_fold(first, |y, operand| function_of_two(known, function, &y, &operand))
}

fn function_of_two(known: &Known<'_>, function: Function, a: &Constant, b: &Constant) -> Convert<Constant> {
    let (shape, pairs) = known.pairs(a, b)?;
    let unknown = || refuse(format!("{} of constants is not computed", function.name()), EXPORT_AGAIN);
    let mut type_code = a.type_code;
    let numbers = match (&a.numbers, &b.numbers) {
        (Numbers::F32(a), Numbers::F32(b)) => {
            let Some(formula) = real(function) else { return unknown() };
            let results = pairs.map(|(i, j)| formula(a[i].into(), b[j].into()));
            match function.result(kinglet_blob::DType::F32) {
                Some(kinglet_blob::DType::Bool) => {
                    type_code = type_code::BOOL;
                    Numbers::I64(results.map(|result| result as i64).collect())
                }
                _ => Numbers::F32(results.map(|result| result as f32).collect()),
            }
        }
        (Numbers::I64(a), Numbers::I64(b)) => {
            let Some(formula) = integer(function) else { return unknown() };
            if function.result(kinglet_blob::DType::I32) == Some(kinglet_blob::DType::Bool) {
                type_code = type_code::BOOL;
            }
            Numbers::I64(pairs.map(|(i, j)| wrapped(formula(a[i], b[j]), type_code)).collect())
        }
        _ => return refuse("mixes floats with integers", EXPORT_AGAIN),
    };
    Ok(Constant { shape, numbers, type_code, is_decoded: false, texts: None })
}

fn floats(numbers: &Numbers) -> Vec<f32> {
    match numbers {
        Numbers::F32(floats) => floats.clone(),
        Numbers::I64(integers) => integers.iter().map(|&each| each as f32).collect(),
    }
}

pub(super) fn not(known: &Known<'_>) -> Convert<Constant> {
    match &known.first().numbers {
        Numbers::I64(truths) => {
            let numbers = Numbers::I64(truths.iter().map(|&truth| i64::from(truth == 0)).collect());
            Ok(known.first().with(known.first().shape.clone(), numbers))
        }
        Numbers::F32(_) => refuse("its operand is no truth value", EXPORT_AGAIN),
    }
}

/// Elements of the second operand where the first is true, else of the third.
pub(super) fn select_by(known: &Known<'_>) -> Convert<Constant> {
    let &[condition, a, b] = known.operands.as_slice() else { return refuse("takes 3 operands", EXPORT_AGAIN) };
    let Numbers::I64(truths) = &condition.numbers else {
        return refuse("its condition is no truth value", EXPORT_AGAIN);
    };
    let (inner, _) = known.pairs(a, b)?;
    let whole = Constant::integers(inner, Vec::new());
    let (shape, _) = known.pairs(condition, &whole)?;
    let len: usize = shape.iter().product();
    let at = |flat: usize, operand: &Constant| broadcast_position(flat, &shape, &operand.shape);
    let is_first = |flat: usize| truths[at(flat, condition)] != 0;
    let numbers = match (&a.numbers, &b.numbers) {
        (Numbers::F32(x), Numbers::F32(y)) => {
            Numbers::F32((0..len).map(|flat| if is_first(flat) { x[at(flat, a)] } else { y[at(flat, b)] }).collect())
        }
        (Numbers::I64(x), Numbers::I64(y)) => {
            Numbers::I64((0..len).map(|flat| if is_first(flat) { x[at(flat, a)] } else { y[at(flat, b)] }).collect())
        }
        _ => return refuse("mixes floats with integers", EXPORT_AGAIN),
    };
    Ok(a.with(shape, numbers))
}

pub(super) fn cast(known: &Known<'_>) -> Convert<Constant> {
    known.expect_numbers()?;
    let (constant, to) = (known.first(), known.call.int("to", 1)?);
    let Some(to) = i32::try_from(to).ok().filter(|&to| is_float(to) || integer_range(to).is_some()) else {
        let name = i32::try_from(to).map_or("an unknown type", type_name);
        return refuse(format!("casts a constant to {name}"), "use floats, integers or BOOL");
    };
    Ok(converted(constant, to))
}

/// The numbers of a constant in another type of floats, integers or truth values.
pub(super) fn converted(constant: &Constant, to: i32) -> Constant {
    let shape = constant.shape.clone();
    if is_float(to) {
        let floats = match &constant.numbers {
            Numbers::F32(v) => v.clone(),
            Numbers::I64(v) => v.iter().map(|&value| value as f32).collect(),
        };
        let rounded = match rounding(to) {
            Some((_, nearest)) => floats.into_iter().map(nearest).collect(),
            None => floats,
        };
        return Constant::floats(shape, rounded);
    }
    let integers = match &constant.numbers {
        Numbers::F32(v) if to == type_code::BOOL => v.iter().map(|&value| i64::from(value != 0.0)).collect(),
        Numbers::F32(v) => v.iter().map(|&value| value as i64).collect(),
        Numbers::I64(v) => v.iter().map(|&value| wrapped(value, to)).collect(),
    };
    Constant { type_code: to, ..Constant::integers(shape, integers) }
}

/// Selects elements by position: `positions` are flat indices into `source`.
pub(super) fn select(source: &Numbers, positions: &[usize]) -> Option<Numbers> {
    Some(match source {
        Numbers::F32(v) => Numbers::F32(positions.iter().map(|&at| v.get(at).copied()).collect::<Option<_>>()?),
        Numbers::I64(v) => Numbers::I64(positions.iter().map(|&at| v.get(at).copied()).collect::<Option<_>>()?),
    })
}

pub(super) fn concat(known: &Known<'_>) -> Convert<Constant> {
    let operands = &known.operands;
    known.expect_numbers()?;
    let rank = operands[0].shape.len();
    let axis = normal_axis(known.call.int("axis", 0)?, rank)?;
    let agree = |a: &[usize]| a.len() == rank && (0..rank).all(|at| at == axis || a[at] == operands[0].shape[at]);
    if operands.iter().any(|operand| !agree(&operand.shape)) {
        return refuse("operands differ outside the joined axis", EXPORT_AGAIN);
    }
    let total = operands.iter().map(|operand| operand.numbers.len()).fold(0, usize::saturating_add);
    known.charge(total)?;
    let outer: usize = operands[0].shape[..axis].iter().product();
    let mut shape = operands[0].shape.clone();
    shape[axis] = operands.iter().map(|operand| operand.shape[axis]).sum();
    let rows = (0..outer).flat_map(|row| operands.iter().map(move |operand| (row, operand)));
    let span = |row: usize, len: usize| row * (len / outer.max(1))..(row + 1) * (len / outer.max(1));
    let numbers = match &operands[0].numbers {
        Numbers::F32(_) => Numbers::F32(joined(rows, |numbers, row| match numbers {
            Numbers::F32(v) => v.get(span(row, v.len())),
            Numbers::I64(_) => None,
        })?),
        Numbers::I64(_) => Numbers::I64(joined(rows, |numbers, row| match numbers {
            Numbers::I64(v) => v.get(span(row, v.len())),
            Numbers::F32(_) => None,
        })?),
    };
    Ok(operands[0].with(shape, numbers))
}

fn joined<'a, T: Copy + 'a>(
    rows: impl Iterator<Item = (usize, &'a &'a Constant)>,
    part: impl Fn(&'a Numbers, usize) -> Option<&'a [T]>,
) -> Convert<Vec<T>> {
    let mut all = Vec::new();
    for (row, operand) in rows {
        let Some(part) = part(&operand.numbers, row) else {
            return refuse("joins floats and integers", EXPORT_AGAIN);
        };
        all.extend_from_slice(part);
    }
    Ok(all)
}

pub(super) fn gather(known: &Known<'_>) -> Convert<Constant> {
    let &[data, Constant { shape: index_shape, numbers: Numbers::I64(indices), .. }] = known.operands.as_slice() else {
        return refuse("takes data and integer indices", EXPORT_AGAIN);
    };
    let axis = normal_axis(known.call.int("axis", 0)?, data.shape.len())?;
    let (outer, inner) = (&data.shape[..axis], &data.shape[axis + 1..]);
    let extent = data.shape[axis];
    let shape: Vec<usize> = outer.iter().chain(index_shape).chain(inner).copied().collect();
    known.charge(checked_len(&shape).or_else(|error| refuse(error.0, EXPORT_AGAIN))?)?;
    let wanted = indices.iter().map(|&index| normal_axis(index, extent)).collect::<Convert<Vec<_>>>()?;
    let (rows, block) = (outer.iter().product::<usize>(), inner.iter().product::<usize>());
    let mut positions = Vec::new();
    for row in 0..rows {
        for &index in &wanted {
            let start = (row * extent + index) * block;
            positions.extend(start..start + block);
        }
    }
    match select(&data.numbers, &positions) {
        Some(numbers) => Ok(data.with(shape, numbers)),
        None => refuse("an index is outside the data", EXPORT_AGAIN),
    }
}

/// Along one axis at a time: what exporters write to take a shape apart.
pub(super) fn slice(known: &Known<'_>) -> Convert<Constant> {
    let mut sliced = known.first().clone();
    for span in spans(known.call, &known.first().shape)? {
        let (axis, extent) = (span.axis, sliced.shape[span.axis]);
        let rows: usize = sliced.shape[..axis].iter().product();
        let block: usize = sliced.shape[axis + 1..].iter().product();
        let taken = || span.indices();
        let starts = (0..rows).flat_map(|row| taken().map(move |index| (row * extent + index) * block));
        let positions: Vec<usize> = starts.flat_map(|start| start..start + block).collect();
        let Some(numbers) = select(&sliced.numbers, &positions) else {
            return refuse("reaches outside the data", EXPORT_AGAIN);
        };
        sliced.numbers = numbers;
        sliced.shape[axis] = taken().count();
    }
    Ok(sliced)
}

pub(super) fn transpose(known: &Known<'_>) -> Convert<Constant> {
    let data = known.first();
    let permutation = known.call.permutation(data.shape.len())?;
    let numbers = match &data.numbers {
        Numbers::F32(v) => Numbers::F32(transposed(v, &data.shape, &permutation)),
        Numbers::I64(v) => Numbers::I64(transposed(v, &data.shape, &permutation)),
    };
    Ok(data.with(permutation.iter().map(|&axis| data.shape[axis]).collect(), numbers))
}

pub(super) fn constant_of_shape(known: &Known<'_>) -> Convert<Constant> {
    let Numbers::I64(extents) = &known.first().numbers else {
        return refuse("its shape is not made of integers", EXPORT_AGAIN);
    };
    let extents: Option<Vec<usize>> = extents.iter().map(|&extent| usize::try_from(extent).ok()).collect();
    let shape = extents.unwrap_or_else(|| vec![0; 9]);
    let len = checked_len(&shape).or_else(|error| refuse(error.0, EXPORT_AGAIN))?;
    known.charge(len)?;
    let Some(tensor) = known.call.tensor("value")? else {
        return Ok(Constant::floats(shape, vec![0.0; len]));
    };
    let filler = Constant::new(tensor.clone())?;
    let numbers = match (filler.as_float(), filler.as_int()) {
        (Some(float), _) => Numbers::F32(vec![float; len]),
        (None, Some(integer)) => Numbers::I64(vec![integer; len]),
        _ => return refuse("its value is no single number", EXPORT_AGAIN),
    };
    Ok(filler.with(shape, numbers))
}

impl Known<'_> {
    /// The shape of an elementwise result, and for each of its elements where those of the operands are.
    fn pairs(&self, a: &Constant, b: &Constant) -> Convert<(Vec<usize>, impl Iterator<Item = (usize, usize)> + use<>)> {
        let shape = broadcast(&a.shape, &b.shape).or_else(|error| refuse(error.0, EXPORT_AGAIN))?;
        let len = checked_len(&shape).or_else(|error| refuse(error.0, EXPORT_AGAIN))?;
        self.charge(len)?;
        let (result, a, b) = (shape.clone(), a.shape.clone(), b.shape.clone());
        let at = move |flat| (broadcast_position(flat, &result, &a), broadcast_position(flat, &result, &b));
        Ok((shape, (0..len).map(at)))
    }
}

fn arithmetic(
    known: &Known<'_>,
    floats: fn(f32, f32) -> f32,
    integers: fn(i64, i64) -> Option<i64>,
) -> Convert<Constant> {
    let &[a, b] = known.operands.as_slice() else { return refuse("takes 2 operands", EXPORT_AGAIN) };
    let (shape, pairs) = known.pairs(a, b)?;
    let numbers = match (&a.numbers, &b.numbers) {
        (Numbers::F32(a), Numbers::F32(b)) => Some(Numbers::F32(pairs.map(|(i, j)| floats(a[i], b[j])).collect())),
        (Numbers::I64(a), Numbers::I64(b)) => {
            pairs.map(|(i, j)| integers(a[i], b[j])).collect::<Option<_>>().map(Numbers::I64)
        }
        _ => None,
    };
    match numbers {
        Some(numbers) => Ok(a.with(shape, numbers)),
        None => refuse("mixes floats with integers, or its result does not fit", EXPORT_AGAIN),
    }
}

/// Where element `flat` of an elementwise result of shape `shape` comes from in an operand.
pub(super) fn broadcast_position(flat: usize, shape: &[usize], operand: &[usize]) -> usize {
    let (mut rest, mut position, mut step) = (flat, 0, 1);
    for (back, &extent) in shape.iter().rev().enumerate() {
        let index = rest % extent;
        rest /= extent;
        if let Some(&own) = operand.len().checked_sub(back + 1).and_then(|axis| operand.get(axis)) {
            position += if own == 1 { 0 } else { index * step };
            step *= own;
        }
    }
    position
}

/// Axes of a node that had them as an attribute before operator set 13 or 18, and as operand `index` since.
pub(super) fn axes(call: &Call<'_>, index: usize, rank: usize) -> Convert<Option<Vec<usize>>> {
    call.integers("axes", index)?.map(|axes| normal_axes(&axes, rank)).transpose()
}
