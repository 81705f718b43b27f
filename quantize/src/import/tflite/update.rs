//! A part of a tensor that another one takes the place of, from where indices say on.
//!
//! ```text
//!   first row = sum over the axes of clamp(start, 0, extent - part) * rows of an index
//!   rows      = first row + the rows of the part, counted in the whole
//! ```
//!
//! A row is what lies behind the last axis along which the part has less than the whole.

use super::Importer;
use super::call::{Call, EXPORT_AGAIN};
use crate::import::build::{Convert, refuse};
use crate::import::rows;
use crate::ir::{DType, Elements, ValueId};
use crate::op::{Combine, Cut, Function, Reshape, Scatter, Slice, Update};

pub(super) fn dynamic_update_slice(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let (x, part) = (importer.operand(call, 0)?, importer.operand(call, 1)?);
    let (whole, piece) = (importer.shape_of(x), importer.shape_of(part));
    let fits = whole.len() == piece.len() && whole.iter().zip(&piece).all(|(whole, part)| part <= whole);
    if !fits || whole.is_empty() {
        return refuse(format!("puts {piece:?} into {whole:?}"), EXPORT_AGAIN);
    }
    // Along the axes behind these the part starts at 0 whatever the indices are.
    let cut = whole.iter().zip(&piece).rposition(|(whole, part)| part < whole).map_or(0, |axis| axis + 1);
    if cut == 0 {
        return importer.finish(call, Reshape, vec![part]);
    }
    let inner: usize = whole[cut..].iter().product();
    let [count, places] = [&whole, &piece].map(|shape| shape[..cut].iter().product::<usize>());
    importer.model.budget.charge(places.max(count), 16)?;
    let indices = importer.rows_of_part(call, (&whole[..cut], &piece[..cut]))?;
    let (name, builder) = (call.name, &mut importer.builder);
    let flat = builder.reshape(&format!("{name}/data"), x, vec![count, inner])?;
    let part = builder.reshape(&format!("{name}/rows"), part, vec![places, inner])?;
    let scatter = Scatter { batch: 0, axis: 0, update: Update::Replace };
    let y = rows::scattered(builder, &format!("{name}/updated"), [flat, indices, part], scatter)?;
    importer.finish(call, Reshape, vec![y])
}

impl Importer<'_, '_> {
    /// The rows of `whole` that a part takes the place of, `[rows, 1]`.
    fn rows_of_part(&mut self, call: &Call<'_, '_>, (whole, part): (&[usize], &[usize])) -> Convert<ValueId> {
        let steps: Vec<usize> = (0..whole.len()).map(|axis| whole[axis + 1..].iter().product()).collect();
        let mut rows = vec![0];
        for (&step, &extent) in steps.iter().zip(part) {
            rows = rows.iter().flat_map(|row| (0..extent).map(move |at| row + at * step)).collect();
        }
        let room = |axis: usize| whole[axis] - part[axis];
        let is_known = !self.is_computed(call.tensor(2))?;
        let index = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
        let constant = |rows: Vec<usize>| Elements::I32(rows.into_iter().map(index).collect());
        let (len, name) = (rows.len(), format!("{}/places", call.name));
        if is_known {
            let starts = self.integers(call.tensor(2), "its indices")?;
            if starts.len() < whole.len() {
                return refuse(format!("has {} indices", starts.len()), EXPORT_AGAIN);
            }
            let start = |axis: usize| starts[axis].clamp(0, room(axis) as i64) as usize;
            let first: usize = (0..whole.len()).map(|axis| start(axis) * steps[axis]).sum();
            return self.builder.constant(
                &name,
                vec![len, 1],
                constant(rows.into_iter().map(|row| row + first).collect()),
            );
        }
        let starts = self.operand(call, 2)?;
        if self.builder.graph.value(starts).dtype != DType::I32 || self.shape_of(starts).len() != 1 {
            return refuse("its indices are no list of integers", EXPORT_AGAIN);
        }
        let builder = &mut self.builder;
        let mut sum = builder.constant(&name, vec![len, 1], constant(rows))?;
        for axis in (0..whole.len()).filter(|&axis| room(axis) > 0) {
            let name = format!("{name}/axis {axis}");
            let cuts = vec![Cut { begin: axis, end: Some(axis + 1), stride: 1 }];
            let mut start = builder.apply(&format!("{name}/start"), Slice { cuts }.into(), vec![starts])?;
            for (function, number) in [(Function::Max, 0), (Function::Min, room(axis)), (Function::Mul, steps[axis])] {
                let number =
                    builder.constant(&format!("{name}/{number}"), vec![1], Elements::I32(vec![index(number)]))?;
                start = builder.apply(
                    &format!("{name}/{function:?}"),
                    Combine::new(function).into(),
                    vec![start, number],
                )?;
            }
            let start = builder.reshape(&format!("{name}/column"), start, vec![1, 1])?;
            let add = Combine::new(Function::Add).into();
            sum = builder.apply(&format!("{name}/sum"), add, vec![sum, start])?;
        }
        Ok(sum)
    }
}
