//! Products of matrices of int8, four columns of the output at a time.
//!
//! `sum of (a - za) * (b - zb)` is `sum of (a - za) * b` less `zb` times the sum of `a - za`, which all columns share.

use super::dots;
use crate::formula::positions;
use crate::io::range;
use crate::mat_mul::{MatMulI8, portable};
use crate::numerics::ShortStage;

/// See [`crate::mat_mul::mat_mul_i8`].
pub(crate) fn mat_mul_i8(layer: &MatMulI8, a: &[i8], b: &[i8], output: &mut [i8]) -> bool {
    let shape = &layer.shape;
    let ([_, _, _, of_row, of_a], [_, _, _, of_k, of_column]) = (shape.a, shape.b);
    let dots = match (of_a, of_k, of_column) {
        (1, 1, _) => dots::along,
        (1, _, 1) => dots::across,
        _ => return portable::mat_mul_i8(layer, a, b, output),
    };
    let Ok(zero_point) = i8::try_from(layer.a_zero_point) else { return portable::mat_mul_i8(layer, a, b, output) };
    if !shape.fits([a.len(), b.len(), output.len()]) {
        return false;
    }
    // Products of differences of bytes, so many that they fit 30 bits.
    let is_short = shape.depth < 1 << 14 && i8::try_from(layer.b_zero_point).is_ok();
    let short = if is_short { ShortStage::new(layer.factor, layer.stage) } else { None };
    let stride = if of_k == 1 { of_column } else { of_k };
    let [b0, b1, b2] = shape.batch;
    let rows = output.chunks_exact_mut(shape.columns.max(1));
    for (row, [x, y, z, i]) in rows.zip(positions([b0, b1, b2, shape.rows])) {
        let a_at = shape.start([x, y, z], shape.a).wrapping_add(i.wrapping_mul(of_row));
        let a_row = range(a, a_at, shape.depth);
        let matrix = b.get(shape.start([x, y, z], shape.b)..).unwrap_or_default();
        let a_sum = a_row.iter().fold(0_i32, |sum, a| sum.wrapping_add(i32::from(*a).wrapping_sub(layer.a_zero_point)));
        let offset = a_sum.wrapping_mul(layer.b_zero_point).wrapping_neg();
        let mut column: usize = 0;
        let mut blocks = row.chunks_exact_mut(4);
        for block in &mut blocks {
            let mut sums = [offset; 4];
            let start = column.wrapping_mul(of_column);
            dots(a_row, matrix.get(start..).unwrap_or_default(), stride, zero_point, &mut sums);
            match &short {
                Some(stage) => block.iter_mut().zip(sums).for_each(|(element, sum)| *element = stage.apply(sum)),
                None => block.iter_mut().zip(sums).for_each(|(element, sum)| *element = layer.finish(sum)),
            }
            column = column.wrapping_add(4);
        }
        portable::last_columns(layer, a_row, matrix, column, blocks.into_remainder());
    }
    true
}
