//! Ring buffers: a state with the rows before those of a run.

use super::flow::Rows;
use super::walk::{Refusal, Walk};
use crate::ir::{DType, Elements, Node, State, Value, ValueId};
use crate::op::rule::time::Absent;
use crate::op::{Concat, Cut, Slice, fixed};

/// The axis on which the rows of a value are, and how many indices of it a row has.
#[derive(Clone, Copy)]
struct Place {
    axis: usize,
    unit: usize,
}

impl Walk {
    /// The newest `count` rows of `x`, which has those of a run; `absent` is what rows before the first run are.
    pub(super) fn newest(&mut self, x: ValueId, rows: &Rows, count: usize, absent: Absent) -> Result<ValueId, Refusal> {
        match count.checked_sub(rows.count) {
            Some(0) => Ok(x),
            Some(before) => self.ring(x, rows, before, absent),
            None => self.cut(x, rows, rows.count - count, rows.count),
        }
    }

    /// Rows `begin` to `end` of `x`, which may have more or fewer of them than a run.
    pub(super) fn cut(&mut self, x: ValueId, rows: &Rows, begin: usize, end: usize) -> Result<ValueId, Refusal> {
        let Place { axis, unit } = self.place(x, rows)?;
        let mut cuts = vec![Cut::ALL; self.graph.value(x).shape.len()];
        cuts[axis] = Cut { begin: begin * unit, end: Some(end * unit), stride: 1 };
        let part = self.like(x, "rows", axis, (end - begin) * unit);
        self.push(Slice { cuts }.into(), vec![x], part);
        Ok(part)
    }

    /// `before` rows of earlier runs, and then `x`.
    fn ring(&mut self, x: ValueId, rows: &Rows, before: usize, absent: Absent) -> Result<ValueId, Refusal> {
        let Place { axis, unit } = self.place(x, rows)?;
        let state = self.like(x, "before", axis, before * unit);
        let joined = self.like(x, "joined", axis, (before + rows.count) * unit);
        self.push(Concat { axis }.into(), vec![state, x], joined);
        let next = self.cut(joined, rows, rows.count, before + rows.count)?;
        let value = self.graph.value(state);
        let initial = filled(value, rows.past.unwrap_or(absent));
        let name = value.name.clone();
        self.graph.states.push(State { name, value: state, next, initial });
        Ok(joined)
    }

    /// A new value that is `x` with another extent of an axis; it stands for rows as `x` does.
    fn like(&mut self, x: ValueId, what: &str, axis: usize, extent: usize) -> ValueId {
        let mut value = self.graph.value(x).clone();
        value.shape[axis] = extent;
        value.name = self.graph.unique_name(&format!("{}/{what}", value.name));
        let id = self.graph.add_value(value);
        self.windowed.push(self.windowed[x.0 as usize].clone());
        id
    }

    fn push(&mut self, op: crate::ir::Op, inputs: Vec<ValueId>, output: ValueId) {
        let name = self.graph.value(output).name.clone();
        self.nodes.push(Node { name, op, inputs, outputs: vec![output] });
    }

    fn place(&self, x: ValueId, rows: &Rows) -> Result<Place, Refusal> {
        let shape = &self.windowed[x.0 as usize];
        match rows.time.holder(shape) {
            Some((axis, unit)) => Ok(Place { axis, unit }),
            None => Err(Refusal(format!(
                "has rows that are not on one axis of its operand {shape:?}; move that axis first"
            ))),
        }
    }
}

/// Elements for a value that nothing has been written to yet.
fn filled(value: &Value, absent: Absent) -> Elements {
    let (len, quantization) = (value.len(), value.quantization.as_ref());
    match (absent, value.dtype, quantization) {
        (Absent::Least, DType::F32, _) => Elements::F32(vec![f32::MIN; len]),
        (Absent::Least, DType::I8, _) => Elements::I8(vec![i8::MIN; len]),
        (Absent::Least, DType::I16, _) => Elements::I16(vec![i16::MIN; len]),
        (Absent::Real(real), DType::F32, _) => Elements::F32(vec![real; len]),
        (Absent::Real(real), DType::I8, Some(q)) => Elements::I8(vec![fixed::quantize_real(real, q); len]),
        (Absent::Real(real), DType::I16, Some(q)) => Elements::I16(vec![fixed::quantize_real_i16(real, q); len]),
        _ => Elements::zeros(value.dtype, quantization, len),
    }
}
