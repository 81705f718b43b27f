//! Operators on two operands, element by element, with broadcasting.
//!
//! A kernel's first operand has the output's shape and comes from the arena; the second one may be a constant
//! or broadcast. Operators that come here commute to the bit, so operands are exchanged where that helps.

use kinglet_blob::OpCode;
use kinglet_blob::records::{self, BinaryF32, BinaryI8, BinaryI16};
use kinglet_kernels::elementwise::{AddI8, AddI16, Broadcast};

use super::{Emission, Read, Reason, Site, narrow};
use crate::op::common::attributes::Activation;
use crate::op::common::elementwise::extent;
use crate::record::{Overlap, Record};
use crate::value::{DType, Elements, Quantization, Value};

/// Which operand is which, and how the second is read.
pub(crate) struct Roles {
    /// Position of the first.
    a: usize,
    /// Position of the second.
    b: usize,
    /// Where the second is.
    second: Read,
    /// How the second repeats.
    pub(crate) broadcast: records::Broadcast,
}

impl Roles {
    /// Chooses the first operand; stores the second when it is a constant. `None` when the operands repeat in another way
    /// than the record says: then it is for [`super::grid`].
    pub(crate) fn of(site: &mut Site<'_>) -> Result<Option<Self>, Reason> {
        let (output, [x, _]) = (site.result(), [site.operand(0), site.operand(1)]);
        let can_be_first = |value: &Value| value.len() == output.len() && value.elements.is_none();
        let (a, b) = if can_be_first(x) { (0, 1) } else { (1, 0) };
        if !can_be_first(site.operand(a)) {
            return Ok(None);
        }
        let len: u32 = narrow(output.len(), "the number of elements")?;
        let whole = Broadcast { inner: 1, len: output.len() };
        let value = site.operand(b);
        let broadcast = broadcast(&output.shape, &value.shape);
        let (second, broadcast) = match &value.elements {
            Some(elements) => {
                let all = broadcast.is_none().then(|| expand(elements, &value.shape, &output.shape));
                if !matches!(elements.dtype(), DType::F32 | DType::I8 | DType::I16) {
                    return Ok(None);
                }
                let offset = site.store(all.as_ref().unwrap_or(elements).bytes())?;
                (Read::Constant(value.dtype, offset), broadcast.or(Some(whole)))
            }
            None if site.are_same(a, b) => (Read::Operand(b), Some(whole)),
            None => (Read::Operand(b), broadcast),
        };
        let Some(broadcast) = broadcast else { return Ok(None) };
        let inner = narrow(broadcast.inner, "a broadcast's stride")?;
        let b_len = narrow(broadcast.len, "an operand's length")?;
        Ok(Some(Roles { a, b, second, broadcast: records::Broadcast { len, inner, b_len } }))
    }

    /// The quantizations of the first operand, of the second and of the result.
    pub(crate) fn quantizations<'a>(&self, site: &Site<'a>) -> Result<[&'a Quantization; 3], Reason> {
        let [a, b] = [self.a, self.b].map(|position| site.operand_quantization(position));
        Ok([a?, b?, site.result_quantization()?])
    }

    /// The record of a float operator.
    pub(crate) fn record_f32(&self, activation: Activation) -> BinaryF32 {
        let (min, max) = activation.bounds();
        BinaryF32 { broadcast: self.broadcast, min, max }
    }

    /// The record of an int8 operator with the parameters of a sum; others leave unused what they do not have.
    pub(crate) fn record_i8(&self, add: &AddI8) -> BinaryI8 {
        BinaryI8 {
            broadcast: self.broadcast,
            a_multiplier: add.a_factor.multiplier,
            b_multiplier: add.b_factor.multiplier,
            output_multiplier: add.output_factor.multiplier,
            a_shift: add.a_factor.shift as i8,
            b_shift: add.b_factor.shift as i8,
            output_shift: add.output_factor.shift as i8,
            a_zero_point: add.a_zero_point as i8,
            b_zero_point: add.b_zero_point as i8,
            zero_point: add.stage.zero_point as i8,
            min: add.stage.min as i8,
            max: add.stage.max as i8,
        }
    }

    /// The record of an int16 operator, likewise.
    pub(crate) fn record_i16(&self, add: &AddI16) -> BinaryI16 {
        let AddI16 { a_factor, b_factor, output_factor, min, max } = *add;
        BinaryI16 {
            broadcast: self.broadcast,
            a_multiplier: a_factor.multiplier,
            b_multiplier: b_factor.multiplier,
            output_multiplier: output_factor.multiplier,
            a_shift: a_factor.shift as i8,
            b_shift: b_factor.shift as i8,
            output_shift: output_factor.shift as i8,
            reserved: 0,
            min,
            max,
        }
    }

    /// Emits the operator `opcode` on the operands.
    pub(crate) fn emit(self, site: &mut Site<'_>, opcode: OpCode, record: Record) {
        let reads = vec![Read::Operand(self.a), self.second];
        site.emit(Emission { reads, ..Emission::new(opcode, record, Overlap::IN_PLACE) });
    }
}

/// How an operand of shape `b` is read for a result of shape `output`: `None` when its own axes do not lie
/// next to each other in the output, because then no single period describes the order.
fn broadcast(output: &[usize], b: &[usize]) -> Option<Broadcast> {
    let rank = output.len();
    let own = |axis: usize| extent(b, rank, axis) > 1;
    let (Some(first), Some(last)) = ((0..rank).find(|&axis| own(axis)), (0..rank).rfind(|&axis| own(axis))) else {
        return Some(Broadcast { inner: 1, len: 1 });
    };
    let matches = (first..=last).all(|axis| extent(b, rank, axis) == output[axis]);
    let product = |extents: &[usize]| extents.iter().product();
    matches.then(|| Broadcast { inner: product(&output[last + 1..]), len: product(&output[first..=last]) })
}

/// The elements of a constant at every position of `output`.
fn expand(elements: &Elements, shape: &[usize], output: &[usize]) -> Elements {
    let rank = output.len();
    let len: usize = output.iter().product();
    let source = |index: usize| {
        let (mut rest, mut at, mut stride) = (index, 0, 1);
        for axis in (0..rank).rev() {
            let own = extent(shape, rank, axis);
            at += (rest % output[axis]).min(own - 1) * stride;
            rest /= output[axis];
            stride *= own;
        }
        at
    };
    Elements::gather(&[elements], (0..len).map(|index| (0, source(index)))).unwrap_or_else(|| elements.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broadcasts_become_periods() {
        let period = |output: &[usize], b: &[usize]| broadcast(output, b).map(|b| (b.inner, b.len));
        assert_eq!(period(&[2, 3, 4], &[2, 3, 4]), Some((1, 24)));
        assert_eq!(period(&[2, 3, 4], &[4]), Some((1, 4)));
        assert_eq!(period(&[2, 3, 4], &[1, 3, 1]), Some((4, 3)));
        assert_eq!(period(&[2, 3, 4], &[]), Some((1, 1)));
        assert_eq!(period(&[2, 3, 4], &[2, 1, 4]), None);
        assert_eq!(period(&[2, 1, 4], &[2, 1, 4]), Some((1, 8)));
    }

    #[test]
    fn expansion_repeats_along_the_missing_axes() {
        let expanded = expand(&Elements::I8(vec![1, 2, 3, 4]), &[2, 1, 2], &[2, 3, 2]);
        assert_eq!(expanded, Elements::I8(vec![1, 2, 1, 2, 1, 2, 3, 4, 3, 4, 3, 4]));
    }

    #[test]
    fn a_period_reads_what_expansion_writes() {
        let (output, shape) = ([2, 3, 4], [1, 3, 1]);
        let Some(period) = broadcast(&output, &shape) else { panic!("expressible") };
        let Elements::I8(all) = expand(&Elements::I8(vec![7, 8, 9]), &shape, &output) else { panic!("int8") };
        let read: Vec<i8> = (0..24).map(|index| [7, 8, 9][period.index(index)]).collect();
        assert_eq!(all, read);
    }
}
