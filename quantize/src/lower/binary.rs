//! Add and Mul, with broadcasting.
//!
//! A kernel's first operand has the output's shape and comes from the arena; the second one may be a constant
//! or broadcast. Both operators commute to the bit, so operands are exchanged where that helps.

use kinglet_blob::OpCode;
use kinglet_blob::records::{self as record, BinaryF32, BinaryI8};
use kinglet_kernels::elementwise::{AddI8, Broadcast, MulI8};
use kinglet_kernels::numerics::FixedPoint;

use super::constants::{f32_bytes, i8_bytes};
use super::{Lowering, Reason, clamp_f32, narrow, no_kernel, refuse};
use crate::ir::{Activation, DType, Elements, Node, Op, ValueId};
use crate::op::fixed;
use crate::program::Input;
use crate::record::{Overlap, Record};

/// Which operand is which, and how the second is read.
struct Roles {
    a: ValueId,
    b: ValueId,
    /// Where `b` is.
    second: Input,
    broadcast: record::Broadcast,
}

impl Lowering<'_> {
    pub(super) fn binary(&mut self, node: &Node, activation: Activation) -> Result<(), Reason> {
        let roles = self.roles(node)?;
        let is_add = matches!(node.op, Op::Add(_));
        let record: Record = match self.dtype(node.output()) {
            DType::F32 => {
                let (min, max) = clamp_f32(activation);
                BinaryF32 { broadcast: roles.broadcast, min, max }.into()
            }
            DType::I16 if is_add => self.add_i16(node, [roles.a, roles.b], roles.broadcast, activation)?.into(),
            DType::I8 if is_add => self.add_i8(node, &roles, activation)?.into(),
            DType::I8 => self.mul_i8(node, &roles, activation)?.into(),
            other => return no_kernel(other),
        };
        let opcode = if is_add { OpCode::Add } else { OpCode::Mul };
        let mut step = self.step(opcode, record, [roles.a, node.output()], Overlap::IN_PLACE);
        step.inputs.push(roles.second);
        self.push(step);
        Ok(())
    }

    /// Chooses the first operand; stores the second when it is a constant.
    fn roles(&mut self, node: &Node) -> Result<Roles, Reason> {
        let output = self.graph.value(node.output());
        let (x, y) = (node.inputs[0], node.inputs[1]);
        let is_whole = |id: ValueId| self.graph.value(id).len() == output.len();
        let is_constant = |id: ValueId| self.graph.value(id).elements.is_some();
        let (a, b) = if is_whole(x) && !is_constant(x) { (x, y) } else { (y, x) };
        if !is_whole(a) || is_constant(a) {
            return refuse(
                format!("{:?} and {:?} make {:?}", self.shape(x), self.shape(y), output.shape),
                "one operand must have the shape of the result and depend on the model's input",
            );
        }
        let len: u32 = narrow(output.len(), "the number of elements")?;
        let all = Broadcast { inner: 1, len: output.len() };
        let broadcast = broadcast(&output.shape, self.shape(b));
        let extents = |broadcast: Broadcast| -> Result<record::Broadcast, Reason> {
            let inner = narrow(broadcast.inner, "a broadcast's stride")?;
            Ok(record::Broadcast { len, inner, b_len: narrow(broadcast.len, "an operand's length")? })
        };
        if let Some(elements) = &self.graph.value(b).elements {
            let expanded = match broadcast {
                Some(_) => elements.clone(),
                None => expand(elements, self.shape(b), &output.shape),
            };
            let offset = match &expanded {
                Elements::F32(elements) => self.constants.add(f32_bytes(elements))?,
                Elements::I8(elements) => self.constants.add(i8_bytes(elements))?,
                Elements::I16(_) => self.constants.add(expanded.bytes())?,
                _ => return refuse("its constant operand is an integer", "it must be float32, int8 or int16"),
            };
            let second = Input::Constant(self.dtype(b).into(), offset);
            return Ok(Roles { a, b, second, broadcast: extents(broadcast.unwrap_or(all))? });
        }
        let second = Input::Tensor(self.tensor(b));
        if self.layout.is_same(a, b) {
            return Ok(Roles { a, b, second, broadcast: extents(all)? });
        }
        match broadcast {
            Some(broadcast) => Ok(Roles { a, b, second, broadcast: extents(broadcast)? }),
            None => refuse(
                format!("{:?} is broadcast to {:?} along axes that do not lie together", self.shape(b), output.shape),
                "broadcast adjacent axes only, for example one value for each channel",
            ),
        }
    }

    fn add_i8(&self, node: &Node, roles: &Roles, activation: Activation) -> Result<BinaryI8, Reason> {
        let (a, b, y) = (self.quantization(roles.a)?, self.quantization(roles.b)?, self.quantization(node.output())?);
        let add = match fixed::add(a, b, y, activation) {
            Ok(add) => add,
            Err(error) => return refuse(error.to_string(), "its result's scale must not be far below its operands'"),
        };
        Ok(record_i8(roles, &add))
    }

    fn mul_i8(&self, node: &Node, roles: &Roles, activation: Activation) -> Result<BinaryI8, Reason> {
        let (a, b, y) = (self.quantization(roles.a)?, self.quantization(roles.b)?, self.quantization(node.output())?);
        let MulI8 { a_zero_point, b_zero_point, factor, stage } = fixed::mul(a, b, y, activation);
        // A product of two distances, up to 255 * 255, is shifted left without leaving 32 bits.
        if factor.shift > 14 {
            return refuse(
                format!("it scales products up by 2^{}", factor.shift),
                "recalibrate: its scales are unsound",
            );
        }
        let unused = FixedPoint { multiplier: 0, shift: 0 };
        let as_add =
            AddI8 { a_zero_point, b_zero_point, a_factor: unused, b_factor: unused, output_factor: factor, stage };
        Ok(record_i8(roles, &as_add))
    }
}

fn record_i8(roles: &Roles, add: &AddI8) -> BinaryI8 {
    BinaryI8 {
        broadcast: roles.broadcast,
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

/// The extent of `shape` under axis `axis` of a shape with `rank` axes, aligned at the end.
fn extent(shape: &[usize], rank: usize, axis: usize) -> usize {
    (axis + shape.len()).checked_sub(rank).and_then(|axis| shape.get(axis)).copied().unwrap_or(1)
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
    match elements {
        Elements::F32(elements) => Elements::F32((0..len).map(|index| elements[source(index)]).collect()),
        Elements::I8(elements) => Elements::I8((0..len).map(|index| elements[source(index)]).collect()),
        Elements::I16(elements) => Elements::I16((0..len).map(|index| elements[source(index)]).collect()),
        other => other.clone(),
    }
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
