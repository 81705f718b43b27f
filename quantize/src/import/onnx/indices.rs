//! Operators that read or write elements by indices, and those that look for indices.

use super::attributes::{Call, normal_axis};
use super::constant::{Constant, Numbers};
use super::{Entry, Importer, combine, moves};
use crate::import::build::{Convert, refuse};
use crate::import::rows;
use crate::ir::{DType, Elements, ValueId, inverse};
use crate::op::{Combine, Function, Rank, Scatter, Select, Suppress, Transpose, Update};

const EXPORT_AGAIN: &str = "export the model again";

impl Importer<'_> {
    /// Operand `index` in the type that it has: constants are floats, 32-bit integers or truth values.
    pub(super) fn any_operand(&mut self, call: &Call<'_>, index: usize) -> Convert<ValueId> {
        let dtype = match call.operand(index) {
            Some(Entry::Constant(constant)) => combine::kept_as(constant.type_code),
            _ => None,
        };
        let wide = dtype.map_or(DType::I32, |dtype| match dtype {
            DType::F32 | DType::Bool => dtype,
            _ => DType::I32,
        });
        match call.operand(index) {
            Some(Entry::Constant(_)) => self.constant_operand(call, index, wide),
            _ => call.value(index),
        }
    }

    /// Indices, as 32-bit integers.
    pub(super) fn index_operand(&mut self, call: &Call<'_>, index: usize) -> Convert<ValueId> {
        match call.operand(index) {
            Some(Entry::Constant(_)) => self.constant_operand(call, index, DType::I32),
            _ => {
                let x = call.value(index)?;
                self.cast(&format!("{}/indices", call.name), x, DType::I32)
            }
        }
    }

    /// A constant operand in a type.
    fn constant_operand(&mut self, call: &Call<'_>, index: usize, dtype: DType) -> Convert<ValueId> {
        let Some(constant) = call.constant(index, "its operand")? else {
            return refuse(format!("operand {index} is missing"), EXPORT_AGAIN);
        };
        self.budget.charge(constant.numbers.len(), 8)?;
        let elements = combine::elements(constant, dtype)?;
        self.builder.constant(&format!("{}/constant", call.name), constant.shape.clone(), elements)
    }

    /// Charges lists of rows, which constant indices become.
    fn charge_rows(&self, ids: &[ValueId]) -> Convert<()> {
        Ok(self.budget.charge(rows::listed(&self.builder, ids), 8)?)
    }

    fn axis(&self, call: &Call<'_>, default: i64, x: ValueId) -> Convert<usize> {
        normal_axis(call.int("axis", default)?, self.shape(x).len())
    }
}

/// Slices of an axis, by indices of any shape.
pub(super) fn gather(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    if matches!(call.operand(1), Some(Entry::Constant(_))) {
        return moves::gather(importer, call);
    }
    let x = importer.any_operand(call, 0)?;
    let indices = importer.index_operand(call, 1)?;
    let axis = importer.axis(call, 0, x)?;
    Ok(Entry::Value(rows::gathered(&mut importer.builder, call.name, [x, indices], [0, axis])?))
}

pub(super) fn gather_elements(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let x = importer.any_operand(call, 0)?;
    let indices = importer.index_operand(call, 1)?;
    let axis = importer.axis(call, 0, x)?;
    importer.charge_rows(&[x, indices])?;
    Ok(Entry::Value(rows::gathered_along(&mut importer.builder, call.name, [x, indices], axis)?))
}

pub(super) fn gather_nd(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let x = importer.any_operand(call, 0)?;
    let indices = importer.index_operand(call, 1)?;
    let batch = call.int("batch_dims", 0)?;
    let Some(batch) = usize::try_from(batch).ok().filter(|&batch| batch < importer.shape(x).len()) else {
        return refuse(format!("attribute `batch_dims` is {batch}"), EXPORT_AGAIN);
    };
    importer.charge_rows(&[x, indices])?;
    Ok(Entry::Value(rows::gathered_by_tuples(&mut importer.builder, call.name, [x, indices], [batch, batch])?))
}

/// What becomes of an element and the one in its place.
fn update(call: &Call<'_>) -> Convert<Update> {
    Ok(match call.string("reduction", "none")? {
        "none" => Update::Replace,
        "add" => Update::Add,
        "mul" => Update::Mul,
        "min" => Update::Min,
        "max" => Update::Max,
        other => return refuse(format!("reduces by {other}"), "use none, add, mul, min or max"),
    })
}

pub(super) fn scatter_nd(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let update = update(call)?;
    let (x, rows_of) = (importer.any_operand(call, 0)?, importer.any_operand(call, 2)?);
    let indices = importer.index_operand(call, 1)?;
    importer.charge_rows(&[x, indices])?;
    let scatter = Scatter { batch: 0, axis: 0, update };
    Ok(Entry::Value(rows::scattered(&mut importer.builder, call.name, [x, indices, rows_of], scatter)?))
}

pub(super) fn scatter_elements(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let update = update(call)?;
    let (x, elements) = (importer.any_operand(call, 0)?, importer.any_operand(call, 2)?);
    let indices = importer.index_operand(call, 1)?;
    let axis = importer.axis(call, 0, x)?;
    let operands = [x, indices, elements];
    importer.charge_rows(&[x, indices])?;
    Ok(Entry::Value(rows::scattered_along(&mut importer.builder, call.name, operands, (axis, update))?))
}

/// Rows of an update at the place of each sequence in a cache, which may begin again behind its end.
pub(super) fn tensor_scatter(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let (x, part) = (importer.any_operand(call, 0)?, importer.any_operand(call, 1)?);
    let (whole, piece) = (importer.shape(x), importer.shape(part));
    let axis = importer.axis(call, -2, x)?;
    let fits = piece.len() == whole.len() && (0..whole.len()).all(|at| at == axis || piece[at] == whole[at]);
    if axis == 0 || !fits || piece[axis] > whole[axis] {
        return refuse(format!("puts {piece:?} into {whole:?} along axis {axis}"), EXPORT_AGAIN);
    }
    let is_circular = match call.string("mode", "linear")? {
        "linear" => false,
        "circular" => true,
        mode => return refuse(format!("its mode is {mode}"), "use linear or circular"),
    };
    let indices = importer.places_in_cache(call, [whole[0], piece[axis], whole[axis]], is_circular)?;
    let order: Vec<usize> = [0, axis].into_iter().chain((1..whole.len()).filter(|&other| other != axis)).collect();
    let (back, name) = (inverse(&order), call.name);
    let turn = |importer: &mut Importer<'_>, what: &str, x: ValueId, permutation: &[usize]| {
        let op = Transpose { permutation: permutation.to_vec() };
        importer.apply(&format!("{name}/{what}"), op.into(), vec![x])
    };
    let (x, part) = (turn(importer, "cache", x, &order)?, turn(importer, "update", part, &order)?);
    importer.charge_rows(&[x, indices])?;
    let scatter = Scatter { batch: 1, axis: 1, update: Update::Replace };
    let y = rows::scattered(&mut importer.builder, &format!("{name}/updated"), [x, indices, part], scatter)?;
    Ok(Entry::Value(turn(importer, "turned back", y, &back)?))
}

impl Importer<'_> {
    /// Where each of `steps` rows of each sequence goes in a cache of `extent`, `[batch, steps, 1]`.
    fn places_in_cache(
        &mut self,
        call: &Call<'_>,
        [batch, steps, extent]: [usize; 3],
        is_circular: bool,
    ) -> Convert<ValueId> {
        let name = format!("{}/places", call.name);
        self.budget.charge(steps, 4)?;
        let index = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
        let mut constant = |what: &str, shape: Vec<usize>, numbers: Vec<i32>| {
            self.builder.constant(&format!("{name}/{what}"), shape, Elements::I32(numbers))
        };
        let offsets = constant("steps", vec![1, steps, 1], (0..steps).map(index).collect())?;
        let end = constant("end", vec![1, 1, 1], vec![index(extent)])?;
        let first = match call.operand(2) {
            None => constant("begin", vec![batch, 1, 1], vec![0; batch])?,
            Some(_) => {
                let first = self.index_operand(call, 2)?;
                if self.shape(first) != [batch] {
                    return refuse(format!("has no index for each of {batch} sequences"), EXPORT_AGAIN);
                }
                self.builder.reshape(&format!("{name}/begin"), first, vec![batch, 1, 1])?
            }
        };
        let sum = self.apply(&format!("{name}/sum"), Combine::new(Function::Add).into(), vec![first, offsets])?;
        match is_circular {
            false => Ok(sum),
            true => self.apply(&name, Combine::new(Function::FloorMod).into(), vec![sum, end]),
        }
    }
}

pub(super) fn arg_max(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    extreme(importer, call, false)
}

pub(super) fn arg_min(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    extreme(importer, call, true)
}

fn extreme(importer: &mut Importer<'_>, call: &Call<'_>, is_least: bool) -> Convert<Entry> {
    let x = call.value(0)?;
    let axis = importer.axis(call, 0, x)?;
    let is_last = call.int("select_last_index", 0)? != 0;
    let rank = Rank { axis, count: 1, is_least, is_last };
    let keeps_axis = call.int("keepdims", 1)? != 0;
    Ok(Entry::Value(rows::extreme(&mut importer.builder, call.name, x, (rank, keeps_axis))?))
}

/// The first elements along an axis, sorted, and their indices.
pub(super) fn top_k(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Vec<Entry>> {
    let x = call.value(0)?;
    let axis = importer.axis(call, -1, x)?;
    let count = match call.constant(1, "the number of elements")? {
        Some(constant) => constant.as_int(),
        None => Some(call.int("k", 0)?),
    };
    let extent = importer.shape(x)[axis];
    let Some(count) = count.and_then(|count| usize::try_from(count).ok()).filter(|count| (1..=extent).contains(count))
    else {
        return refuse(
            format!("looks for {count:?} of {extent} elements"),
            "look for at least one, at most all of them",
        );
    };
    let rank = Rank { axis, count, is_least: call.int("largest", 1)? == 0, is_last: false };
    let indices = rows::ranked(&mut importer.builder, &format!("{}/indices", call.name), x, rank)?;
    let values = rows::gathered_along(&mut importer.builder, call.name, [x, indices], axis)?;
    Ok(vec![Entry::Value(values), Entry::Value(indices)])
}

/// Along a new axis one number where its index is that of the operand, another one elsewhere.
pub(super) fn one_hot(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let depth = call.constant(1, "its depth")?.and_then(|depth| {
        depth
            .as_int()
            .or_else(|| depth.as_float().map(|depth| depth as i64))
            .and_then(|depth| usize::try_from(depth).ok())
    });
    let Some(depth) = depth.filter(|depth| (1..=1 << 24).contains(depth)) else {
        return refuse("its depth is no number of indices", EXPORT_AGAIN);
    };
    let Some(Constant { numbers, type_code, .. }) = call.constant(2, "its values")?.filter(|it| it.numbers.len() == 2)
    else {
        return refuse("has no two values", EXPORT_AGAIN);
    };
    let value = |at: usize| match numbers {
        Numbers::F32(floats) => Constant::floats(Vec::new(), floats[at..=at].to_vec()),
        Numbers::I64(integers) => {
            Constant { type_code: *type_code, ..Constant::integers(Vec::new(), integers[at..=at].to_vec()) }
        }
    };
    let (off, on) = (value(0), value(1));
    let dtype = match combine::kept_as(off.type_code) {
        Some(DType::F32) => DType::F32,
        Some(DType::Bool) => DType::Bool,
        _ => DType::I32,
    };
    let x = importer.index_operand(call, 0)?;
    let rank = importer.shape(x).len() + 1;
    let axis = normal_axis(call.int("axis", -1)?, rank)?;
    importer.budget.charge(2 * depth, 4)?;
    let condition = rows::is_hot(&mut importer.builder, call.name, x, (axis, depth, true))?;
    let mut operands = vec![condition];
    for (name, value) in [("on", on), ("off", off)] {
        let elements = combine::elements(&value, dtype)?;
        operands.push(importer.builder.constant(&format!("{}/{name}", call.name), vec![1; rank], elements)?);
    }
    Ok(Entry::Value(importer.builder.apply_typed(call.name, Select.into(), operands, (dtype, None))?))
}

/// Boxes that do not overlap: as many rows as there can be, those behind the last box being -1.
pub(super) fn non_max_suppression(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let (boxes, scores) = (importer.float_operand(call, 0)?, importer.float_operand(call, 1)?);
    let limit = match call.constant(2, "the number of boxes")? {
        Some(constant) => constant.as_int().unwrap_or(0),
        None => 0,
    };
    let count = importer.shape(scores).get(2).copied().unwrap_or(0);
    let limit = usize::try_from(limit).unwrap_or(0).min(count);
    if limit == 0 {
        return refuse("takes no box", "give it the number of boxes of a class (max_output_boxes_per_class)");
    }
    let threshold = |index: usize, default: f32| match call.constant(index, "a threshold")? {
        Some(constant) => match constant.as_float() {
            Some(threshold) => Ok(threshold),
            None => refuse("a threshold is no single float", EXPORT_AGAIN),
        },
        None => Ok(default),
    };
    let (likeness_max, score_min) = (threshold(3, 0.0)?, threshold(4, f32::NEG_INFINITY)?);
    let is_centered = call.int("center_point_box", 0)? != 0;
    let suppress = Suppress { limit, likeness_max, score_min, is_centered };
    importer.builder.warn(format!(
        "`{}` has as many rows as there can be boxes; those behind the last box are -1, and a node that reads them reads the \
         last element of an axis",
        call.name
    ));
    let operands = vec![boxes, scores];
    Ok(Entry::Value(importer.builder.apply_typed(call.name, suppress.into(), operands, (DType::I32, None))?))
}
