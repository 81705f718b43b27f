//! Operators on all elements along an axis: normalization, the logarithm of a softmax; and sums of many operands.

use super::Importer;
use super::call::{Call, EXPORT_AGAIN};
use crate::import::build::{Convert, refuse};
use crate::ir::{DType, ValueId};
use crate::op::{Along, Concat, Cut, LineFunction as Function, Reshape, Slice};

/// Squares along the last axis add up to 1.
pub(super) fn l2_normalization(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    call.no_activation(0)?;
    last_axis(importer, call, Function::L2, 1e-6)
}

/// The logarithms of a softmax along the last axis.
pub(super) fn log_softmax(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    last_axis(importer, call, Function::LogSoftmax, 0.0)
}

fn last_axis(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>, function: Function, epsilon: f32) -> Convert<()> {
    let x = importer.operand(call, 0)?;
    let Some(last) = importer.shape_of(x).len().checked_sub(1) else {
        return refuse("its operand is a scalar", EXPORT_AGAIN);
    };
    importer.finish(call, Along { function, axes: vec![last], epsilon }, vec![x])
}

impl Importer<'_, '_> {
    /// The sum of many int8 operands, rounded once: the last of the running sums of them all.
    pub(super) fn finish_sum_of_codes(&mut self, call: &Call<'_, '_>, operands: &[ValueId]) -> Convert<()> {
        let (name, result) = (call.name, self.result(call)?);
        let graph = &self.builder.graph;
        let quantization = graph.value(result).quantization.clone();
        let first = operands.first().map(|&id| graph.value(id).quantization.clone());
        if operands.iter().any(|&id| Some(&graph.value(id).quantization) != first.as_ref()) {
            return refuse("adds codes of several scales", "use ADD, which rescales its operands");
        }
        let len = graph.value(result).len();
        let rows = operands.iter().map(|&id| self.builder.reshape(&format!("{name}/row"), id, vec![1, len]));
        let rows = rows.collect::<Convert<Vec<_>>>()?;
        let count = rows.len();
        let stacked = self.builder.apply(&format!("{name}/rows"), Concat { axis: 0 }.into(), rows)?;
        let along = Along { function: Function::SumUpTo, axes: vec![0], epsilon: 0.0 };
        let typed = (DType::I8, quantization);
        let sums = self.builder.apply_typed(&format!("{name}/sums"), along.into(), vec![stacked], typed)?;
        let cuts = vec![Cut { begin: count - 1, end: None, stride: 1 }, Cut::ALL];
        let last = self.builder.apply(&format!("{name}/last"), Slice { cuts }.into(), vec![sums])?;
        self.finish(call, Reshape, vec![last])
    }
}
