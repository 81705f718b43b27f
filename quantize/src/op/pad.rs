//! A border of one value.

use core::fmt;

use kinglet_blob::OpCode;
use kinglet_blob::records;

use super::common::attributes::Activation;
use super::common::real::{Real, Reals, ravel, unravel};
use super::common::{fixed, operands, types};
use super::lowering::{Emission, Reason, Site, narrow, no_kernel, refuse};
use super::operator::Operator;
use super::rule::channels::{ChannelTies, Channels, Known};
use super::rule::layout::{AxisAttributes, LayoutRule};
use super::rule::quantization::{Codes, End, Scaling};
use super::rule::rewrite::Border;
use super::rule::time::{Absent, Reach, TimeRule};
use crate::record::Overlap;
use crate::value::{DType, Shape, ShapeError, Value, fail, inverse};

/// Axes of a record.
const AXES: usize = 4;

/// Real zeros (or `value`) around `x`: `before` and `after` have one entry for each axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Pad {
    /// Elements added before each axis.
    pub before: Vec<usize>,
    /// Elements added after each axis.
    pub after: Vec<usize>,
    /// The real value of the added elements.
    pub value: f32,
}

impl Operator for Pad {
    fn name(&self) -> &'static str {
        "Pad"
    }

    fn write_attributes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Pad { before, after, value } = self;
        write!(f, " before {before:?} after {after:?} value {value}")
    }

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<Shape>, ShapeError> {
        let Pad { before, after, value } = self;
        let x = operands::one(inputs)?;
        if before.len() != x.len() || after.len() != x.len() {
            return fail(format!("{} and {} paddings for {} axes", before.len(), after.len(), x.len()));
        }
        if !value.is_finite() {
            return fail(format!("pads with {value}"));
        }
        let padded = |axis: usize| x[axis].checked_add(before[axis])?.checked_add(after[axis]);
        let extents =
            (0..x.len()).map(|axis| padded(axis).ok_or_else(|| ShapeError(format!("padding of axis {axis} is too large"))));
        Ok(vec![extents.collect::<Result<_, _>>()?])
    }

    fn check_types(&self, inputs: &[&Value], outputs: &[&Value]) -> Result<(), String> {
        types::copying(inputs, outputs, &[DType::F32, DType::I8, DType::I16])?;
        types::activation(outputs[0], outputs[0].dtype)
    }

    fn evaluate(&self, inputs: &[Real<'_>], shapes: &[&[usize]]) -> Reals {
        let (x, shape) = (inputs[0], shapes[0]);
        let mut result = vec![self.value; shape.iter().product()];
        for (flat, &element) in x.data.iter().enumerate() {
            let shifted = unravel(flat, x.shape).into_iter().zip(&self.before).map(|(at, &before)| at + before);
            result[ravel(shifted, shape)] = element;
        }
        Some(vec![result])
    }

    fn changes_nothing(&self, _operand_count: usize, _operand: &Value, _clamp: Activation) -> bool {
        true
    }

    fn border(&self) -> Option<Border<'_>> {
        Some(Border { before: &self.before, after: &self.after, value: self.value })
    }

    fn time_rule(&self, axis: usize, _inputs: &[&[usize]]) -> TimeRule {
        match (self.before.get(axis), self.after.get(axis)) {
            (Some(0), Some(0)) => TimeRule::Rows(axis),
            (Some(&before), Some(_)) => {
                let absent = Absent::Real(self.value);
                TimeRule::Windows(Reach { size: 1, stride: 1, before: before as isize, absent })
            }
            _ => TimeRule::Whole,
        }
    }

    fn begin_with_first_row(&mut self, axis: usize) {
        for amounts in [&mut self.before, &mut self.after] {
            if let Some(amount) = amounts.get_mut(axis) {
                *amount = 0;
            }
        }
    }

    fn layout(&mut self) -> LayoutRule<'_> {
        LayoutRule::Axes(self)
    }

    fn codes(&self) -> Codes {
        Codes::Kept
    }

    fn scale_floors(&self, _scaling: &dyn Scaling) -> Vec<(End, f32)> {
        Vec::new()
    }

    fn constant_channels(&self, known: &Known<'_>) -> Option<Channels> {
        let value = fixed::quantize_real(self.value, known.result.quantization.as_ref()?);
        let (&channels_before, rows_before) = self.before.split_last()?;
        let (&channels_after, rows_after) = self.after.split_last()?;
        let positions = rows_before.iter().chain(rows_after).any(|&extent| extent != 0);
        let inner = known.channels.first()?.iter().map(|&channel| channel.filter(|&q| !positions || q == value));
        let padded = |count: usize| core::iter::repeat_n(Some(value), count);
        Some(padded(channels_before).chain(inner).chain(padded(channels_after)).collect())
    }

    fn channel_ties(&self, _shapes: &[&[usize]]) -> ChannelTies {
        let keeps_channels = self.before.last() == Some(&0) && self.after.last() == Some(&0);
        if keeps_channels { ChannelTies::InStep } else { ChannelTies::All }
    }

    fn scales_with_operands(&self, _inputs: &[&[usize]], _output: &[usize]) -> bool {
        self.value == 0.0 && self.before.last() == Some(&0) && self.after.last() == Some(&0)
    }

    fn lower(&self, site: &mut Site<'_>) -> Result<(), Reason> {
        let (input, output) = (&site.operand(0).shape, &site.result().shape);
        let value = match site.dtype() {
            DType::F32 => self.value.to_bits(),
            DType::I8 => u32::from(fixed::quantize_real(self.value, site.result_quantization()?) as u8),
            DType::I16 => u32::from(fixed::quantize_real_i16(self.value, site.result_quantization()?) as u16),
            other => return no_kernel(other),
        };
        let [input, before, output] = joined([input.clone(), self.before.clone(), output.clone()]);
        let (input_dims, before, output_dims) = (four(&input, 1)?, four(&before, 0)?, four(&output, 1)?);
        let record = records::Pad { input_dims, before, output_dims, value };
        site.emit(Emission::new(OpCode::Pad, record, Overlap::Never));
        Ok(())
    }
}

/// The same padding of fewer axes, if there are more than a record has: one without a border is joined with that before it.
fn joined([mut input, mut before, mut output]: [Vec<usize>; 3]) -> [Vec<usize>; 3] {
    while input.len() > AXES {
        // What stays smallest, as extents have 16 bits.
        let plain = (1..input.len()).filter(|&axis| input[axis] == output[axis]);
        let Some(axis) = plain.min_by_key(|&axis| output[axis - 1].saturating_mul(output[axis])) else { break };
        let extent = input.remove(axis);
        output.remove(axis);
        before.remove(axis);
        [&mut input, &mut before, &mut output].into_iter().for_each(|list| list[axis - 1] *= extent);
    }
    [input, before, output]
}

/// Extents of up to four axes, with `fill` for leading axes that are not there.
fn four(extents: &[usize], fill: u16) -> Result<[u16; AXES], Reason> {
    let Some(missing) = AXES.checked_sub(extents.len()) else {
        return refuse(format!("it pads {} groups of axes", extents.len()), "pad at most 4 axes at a time");
    };
    let mut all = [fill; AXES];
    for (slot, &extent) in all[missing..].iter_mut().zip(extents) {
        *slot = narrow(extent, "an extent")?;
    }
    Ok(all)
}

impl AxisAttributes for Pad {
    fn follow(&mut self, form: &[usize]) -> Vec<usize> {
        let back = inverse(form);
        let moved = |amounts: &[usize]| back.iter().map(|&axis| amounts[axis]).collect();
        (self.before, self.after) = (moved(&self.before), moved(&self.after));
        form.to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::joined;

    #[test]
    fn axes_without_a_border_are_joined() {
        let all = [vec![2, 3, 4, 5, 6, 7], vec![0, 1, 0, 0, 2, 0], vec![2, 5, 4, 5, 8, 7]];
        assert_eq!(joined(all), [vec![2, 12, 5, 42], vec![0, 4, 0, 14], vec![2, 20, 5, 56]]);
        let few = [vec![2, 3], vec![0, 1], vec![2, 5]];
        assert_eq!(joined(few.clone()), few);
        let bordered = [vec![2; 6], vec![1; 6], vec![3; 6]];
        assert_eq!(joined(bordered.clone())[0].len(), 6, "six axes have a border");
    }
}
