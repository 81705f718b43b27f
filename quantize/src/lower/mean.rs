//! Mean over adjacent axes.

use kinglet_blob::OpCode;
use kinglet_blob::records::{MeanF32, MeanI8};

use super::{Lowering, Reason, narrow, no_kernel, refuse};
use crate::ir::{DType, Node};
use crate::op::fixed;
use crate::record::Overlap;

impl Lowering<'_> {
    pub(super) fn mean(&mut self, node: &Node, axes: &[usize]) -> Result<(), Reason> {
        let shape = self.shape(node.inputs[0]);
        let Some([outer, reduced, inner]) = split(shape, axes) else {
            return refuse(
                format!("it averages over the axes {axes:?} of {shape:?}, which do not lie next to each other"),
                "average over adjacent axes, one Mean after the other",
            );
        };
        let (outer, inner): (u32, u32) = (narrow(outer, "an extent")?, narrow(inner, "an extent")?);
        let reduced_u32: u32 = narrow(reduced, "an extent")?;
        let step = match self.dtype(node.output()) {
            DType::F32 => {
                let record = MeanF32 { outer, reduced: reduced_u32, inner };
                self.step(OpCode::Mean, record, [node.inputs[0], node.output()], Overlap::Never)
            }
            DType::I8 => {
                let (x, y) = (self.quantization(node.inputs[0])?, self.quantization(node.output())?);
                // The sum of distances from the zero point stays below 255 for each element.
                if reduced > (i32::MAX / 256) as usize {
                    return refuse(format!("it averages {reduced} elements"), "at most 8,388,607 fit the accumulator");
                }
                let factor = fixed::mean_factor(x, y, reduced);
                if !(-31..=30).contains(&factor.shift) {
                    return refuse(format!("its factor is 2^{}", factor.shift), "recalibrate: its scales are unsound");
                }
                let record = MeanI8 {
                    outer,
                    reduced: reduced_u32,
                    inner,
                    multiplier: factor.multiplier,
                    shift: factor.shift as i8,
                    input_zero_point: x.zero_point() as i8,
                    zero_point: y.zero_point() as i8,
                    reserved: 0,
                };
                self.step(OpCode::Mean, record, [node.inputs[0], node.output()], Overlap::Never)
            }
            other => return no_kernel(other),
        };
        self.push(step);
        Ok(())
    }
}

/// `[outer, reduced, inner]` of a mean over `axes`; `None` when an axis longer than 1 lies between them.
fn split(shape: &[usize], axes: &[usize]) -> Option<[usize; 3]> {
    let long: Vec<usize> = axes.iter().copied().filter(|&axis| shape[axis] > 1).collect();
    let (&first, &last) = match (long.first(), long.last()) {
        (Some(first), Some(last)) => (first, last),
        _ => (axes.first()?, axes.first()?),
    };
    if (first..=last).any(|axis| shape[axis] > 1 && !axes.contains(&axis)) {
        return None;
    }
    let product = |range: &[usize]| range.iter().product::<usize>();
    Some([product(&shape[..first]), product(&shape[first..=last]), product(&shape[last + 1..])])
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn splits_around_adjacent_axes() {
        assert_eq!(split(&[2, 3, 4, 5], &[1, 2]), Some([2, 12, 5]));
        assert_eq!(split(&[2, 3, 4, 5], &[3]), Some([24, 5, 1]));
        assert_eq!(split(&[2, 3, 1, 5], &[1, 3]), Some([2, 15, 1]));
        assert_eq!(split(&[2, 3, 4, 5], &[1, 3]), None);
        assert_eq!(split(&[2, 1, 1, 5], &[1, 2]), Some([2, 1, 5]));
    }
}
