//! Weighted sums of some indices of one axis: Resize by lines, cubics and wider windows.

use core::fmt;

use kinglet_blob::OpCode;
use kinglet_blob::records;
use kinglet_kernels::resample::WEIGHT_BITS;

use super::common::attributes::Activation;
use super::common::real::{Real, Reals};
use super::common::{operands, types};
use super::lowering::{Emission, Reason, Site, narrow, no_kernel};
use super::operator::Operator;
use super::rule::channels::{ChannelTies, Channels, Known};
use super::rule::layout::{AxisAttributes, LayoutRule};
use super::rule::quantization::{Codes, End, Scaling};
use crate::record::{Access, Head, Overlap, Parameters, Shapes};
use crate::value::{DType, Shape, ShapeError, Value, checked_len, fail};

/// Index `i` of `axis` of the result is the sum of the indices `taps[i]` of that axis of `x`, each times its weight.
#[derive(Clone, Debug, PartialEq)]
pub struct Resample {
    /// The axis.
    pub axis: usize,
    /// For each index of the result as many pairs of an index of `x` and a weight as for any other.
    pub taps: Vec<Vec<(usize, f32)>>,
}

impl Operator for Resample {
    fn name(&self) -> &'static str {
        "Resample"
    }

    fn write_attributes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " axis {} to {} of {} each", self.axis, self.taps.len(), self.tap_count())
    }

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<Shape>, ShapeError> {
        let mut shape = operands::one(inputs)?.to_vec();
        let Some(extent) = shape.get_mut(self.axis) else {
            return fail(format!("axis {} of an operand with {} axes", self.axis, shape.len()));
        };
        let mut all = self.taps.iter().flatten();
        if self.tap_count() == 0 || self.taps.iter().any(|taps| taps.len() != self.tap_count()) {
            return fail("its indices are not sums of equally many others".into());
        }
        if let Some((index, weight)) = all.find(|(index, weight)| index >= extent || weight.is_nan() || weight.abs() >= 2.0) {
            return fail(format!("takes {weight} times index {index} of an axis of extent {extent}"));
        }
        *extent = self.taps.len();
        checked_len(&shape)?;
        Ok(vec![shape])
    }

    fn check_types(&self, inputs: &[&Value], outputs: &[&Value]) -> Result<(), String> {
        types::moving(inputs, outputs, &[DType::F32, DType::I8])?;
        types::activation(outputs[0], outputs[0].dtype)
    }

    fn evaluate(&self, inputs: &[Real<'_>], _shapes: &[&[usize]]) -> Reals {
        let x = inputs.first()?;
        let [outer, inner] = [&x.shape[..self.axis], &x.shape[self.axis + 1..]].map(|axes| axes.iter().product::<usize>());
        let extent = x.shape[self.axis];
        let mut result = Vec::with_capacity(outer * self.taps.len() * inner);
        for o in 0..outer {
            for taps in &self.taps {
                result.extend((0..inner).map(|n| {
                    let term = |&(index, weight): &(usize, f32)| f64::from(weight) * f64::from(x.data[(o * extent + index) * inner + n]);
                    taps.iter().map(term).sum::<f64>() as f32
                }));
            }
        }
        Some(vec![result])
    }

    fn changes_nothing(&self, _operand_count: usize, _operand: &Value, _clamp: Activation) -> bool {
        let is_itself = |(index, taps): (usize, &Vec<(usize, f32)>)| {
            taps.iter().all(|&(source, weight)| weight == if source == index { 1.0 } else { 0.0 })
                && taps.iter().any(|&(source, _)| source == index)
        };
        self.taps.iter().enumerate().all(is_itself)
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

    /// Where all weights of an index add up to one, equal codes stay what they are.
    fn constant_channels(&self, known: &Known<'_>) -> Option<Channels> {
        let rank = known.operands.first()?.shape.len();
        let keeps = self.axis + 1 != rank && self.codes_of_taps().iter().all(|taps| taps.iter().sum::<i32>() == 1 << WEIGHT_BITS);
        if keeps { known.each(|q| q) } else { None }
    }

    fn channel_ties(&self, shapes: &[&[usize]]) -> ChannelTies {
        let is_last = shapes.first().is_none_or(|shape| self.axis + 1 == shape.len());
        if is_last { ChannelTies::All } else { ChannelTies::InStep }
    }

    fn lower(&self, site: &mut Site<'_>) -> Result<(), Reason> {
        let shape = &site.operand(0).shape;
        let part = |axes: &[usize], what: &str| narrow(axes.iter().product(), what);
        let (outer, inner) =
            (part(&shape[..self.axis], "the number of rows")?, part(&shape[self.axis + 1..], "the length of a row")?);
        let extent = narrow(shape[self.axis], "an extent")?;
        let (count, taps) = (narrow(self.taps.len(), "an extent")?, narrow(self.tap_count(), "the number of weights")?);
        let mut table = Vec::new();
        for &(index, _) in self.taps.iter().flatten() {
            table.extend(narrow::<u32>(index, "an index")?.to_le_bytes());
        }
        let dtype = site.dtype();
        match dtype {
            DType::F32 => table.extend(self.taps.iter().flatten().flat_map(|(_, weight)| weight.to_le_bytes())),
            DType::I8 => {
                table.extend(self.codes_of_taps().into_iter().flatten().flat_map(|weight| (weight as i16).to_le_bytes()));
            }
            other => return no_kernel(other),
        }
        let constants = site.store(table)?;
        let record = records::Resample { constants, outer, extent, inner, count, taps, zero_point: 0 };
        let zero_point = if dtype == DType::I8 { site.result_quantization()?.zero_point() } else { 0 };
        let record = records::Resample { zero_point, ..record };
        site.emit(Emission::new(OpCode::Resample, record, Overlap::Never));
        Ok(())
    }
}

impl Resample {
    fn tap_count(&self) -> usize {
        self.taps.first().map_or(0, Vec::len)
    }

    /// The integer weights of each index: they add up to what the real ones do, so what rounding leaves goes to the
    /// largest.
    fn codes_of_taps(&self) -> Vec<Vec<i32>> {
        let one = f64::from(1 << WEIGHT_BITS);
        let of_index = |taps: &Vec<(usize, f32)>| {
            let mut codes: Vec<i32> = taps.iter().map(|&(_, weight)| (f64::from(weight) * one).round() as i32).collect();
            let sum = (taps.iter().map(|&(_, weight)| f64::from(weight)).sum::<f64>() * one).round() as i32;
            let rest = sum - codes.iter().sum::<i32>();
            if let Some(largest) = codes.iter_mut().max_by_key(|code| code.abs()) {
                *largest += rest;
            }
            codes.into_iter().map(|code| code.clamp(i16::MIN.into(), i16::MAX.into())).collect()
        };
        self.taps.iter().map(of_index).collect()
    }
}

impl AxisAttributes for Resample {
    fn follow(&mut self, form: &[usize]) -> Vec<usize> {
        self.axis = form[self.axis];
        form.to_vec()
    }
}

impl Parameters for records::Resample {
    fn shapes(&self) -> Shapes {
        Shapes::of(&[self.outer, self.extent, self.inner], &[self.outer, self.count, self.inner])
    }

    fn access(&self, _head: Head) -> Access<'_> {
        Access::Apart
    }
}
