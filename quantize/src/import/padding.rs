//! Constants around a tensor: what both importers make of it.
//!
//! A record pads up to four groups of axes, floats and codes. More axes take two of them, and integers that are no codes are
//! joined with constants axis by axis.

use super::build::{Builder, Convert, refuse};
use crate::ir::{DType, Elements, Op, Value, ValueId};
use crate::op::{Concat, Pad};

/// Most axes with a border that one record pads, whatever lies between them.
const BORDERED_MAX: usize = 3;

/// `pad` in steps that have a record each, of which the last one is still to be done: its operand and it.
pub(super) fn but_last(builder: &mut Builder, name: &str, x: ValueId, pad: Pad) -> Convert<(ValueId, Op)> {
    let mut whole = pad;
    let bordered: Vec<usize> =
        (0..whole.before.len()).filter(|&axis| (whole.before[axis], whole.after[axis]) != (0, 0)).collect();
    let mut x = x;
    if whole.before.len() > BORDERED_MAX + 1 {
        for (step, axes) in bordered.chunks(BORDERED_MAX).rev().skip(1).rev().enumerate() {
            let mut part = Pad { before: vec![0; whole.before.len()], after: vec![0; whole.before.len()], ..whole };
            for &axis in axes {
                (part.before[axis], part.after[axis]) =
                    (core::mem::take(&mut whole.before[axis]), core::mem::take(&mut whole.after[axis]));
            }
            x = builder.apply(&format!("{name}/axes{step}"), part.into(), vec![x])?;
        }
    }
    Ok((x, whole.into()))
}

/// Integers around integers, the same one everywhere.
pub(super) fn of_integers(
    builder: &mut Builder,
    name: &str,
    x: ValueId,
    ([before, after], value): ([&[usize]; 2], i32),
) -> Convert<ValueId> {
    let mut x = x;
    for axis in 0..before.len().min(after.len()) {
        let mut parts = Vec::new();
        for (side, count) in [("before", before[axis]), ("after", after[axis])] {
            if side == "after" {
                parts.push(x);
            }
            if count > 0 {
                let Value { mut shape, dtype, .. } = builder.graph.value(x).clone();
                shape[axis] = count;
                let len = shape.iter().try_fold(1usize, |len, &extent| len.checked_mul(extent));
                let elements = match (dtype, len.filter(|&len| len <= crate::ir::VALUE_LEN_MAX)) {
                    (DType::I32, Some(len)) => Elements::I32(vec![value; len]),
                    (DType::Bool, Some(len)) => Elements::Bool(vec![u8::from(value != 0); len]),
                    _ => return refuse(format!("pads {count} elements of {dtype:?}"), "pad fewer, of INT32 or BOOL"),
                };
                parts.push(builder.constant(&format!("{name}/{side} {axis}"), shape, elements)?);
            }
        }
        if parts.len() > 1 {
            x = builder.apply(&format!("{name}/axis {axis}"), Concat { axis }.into(), parts)?;
        }
    }
    Ok(x)
}
