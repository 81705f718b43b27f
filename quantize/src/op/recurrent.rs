//! Layers that go over time.

use core::fmt;
use std::sync::Arc;

use kinglet_blob::records::{self, BATCH_FIRST, CELL_STATE, INITIAL, REVERSED, SEQUENCE};
use kinglet_blob::OpCode;
pub use kinglet_kernels::recurrent::{Cell, Function};
use kinglet_kernels::recurrent::Sequences;

use super::common::int16::halves_of_logistic;
use super::common::real::{Real, Reals};
use super::common::types;
use super::lowering::recurrent_i8::Codes as LayerCodes;
use super::lowering::{Emission, Read, Reason, Site, narrow, no_kernel, refuse};
use super::operator::Operator;
use super::rule::layout::LayoutRule;
use super::rule::quantization::{Codes, End, Scaling};
use super::rule::time::TimeRule;
use crate::record::{Access, Head, Layer, Overlap, Parameters, Shapes};
use crate::value::{DType, Quantization, Shape, ShapeError, Value, checked_len, fail};

/// `x [steps, batch, inputs]` and, when states do not begin as zeros, `h [batch, units]` with an LSTM's `c [batch, units]` behind
/// it in one line -> one line of the sequence of states, when it is wanted, the state in the end, and the cell state in the
/// end when it is wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct Recurrent {
    /// What the state becomes.
    pub cell: Cell,
    /// Functions of its gates, as many as it has.
    pub functions: Vec<Function>,
    /// Bound of the arguments of functions; infinite for none.
    pub clip: f32,
    /// Whether it begins with the last step.
    pub is_reversed: bool,
    /// Whether `x` and the sequence are `[batch, steps, ..]`.
    pub is_batch_first: bool,
    /// Whether the state after every step is wanted.
    pub gives_sequence: bool,
    /// Whether the cell state in the end is wanted.
    pub gives_cell_state: bool,
    /// Whether it has a second operand, the states at first.
    pub has_initial: bool,
    /// What it multiplies with.
    pub weights: Arc<Weights>,
    /// The same as codes, of a layer that was int8 in its file.
    pub codes: Option<Arc<LayerCodes>>,
}

/// Weights and biases, gate by gate in the order of the cell.
///
/// They are no operands: passes that know weights know a matrix and its one input, and these have two.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    /// Elements of a step.
    pub inputs: usize,
    /// Elements of the state.
    pub units: usize,
    /// `[gates, units]`, added to the products with a step.
    pub bias: Vec<f32>,
    /// `[gates, units]`, added to the products with the state.
    pub recurrent_bias: Vec<f32>,
    /// `[gates, units, inputs]`.
    pub input: Vec<f32>,
    /// `[gates, units, units]`.
    pub recurrent: Vec<f32>,
}

impl Recurrent {
    /// What is gone over in an operand of this shape.
    fn sequences(&self, x: &[usize]) -> Result<Sequences, ShapeError> {
        let Weights { inputs, units, .. } = *self.weights;
        let &[first, second, found] = x else {
            return fail(format!("operand has shape {x:?}, 3 axes [steps, batch, {inputs}] are needed"));
        };
        if found != inputs {
            return fail(format!("operand {x:?} has steps of {found} elements, its weights want {inputs}"));
        }
        let (steps, batch) = if self.is_batch_first { (second, first) } else { (first, second) };
        Ok(Sequences {
            cell: self.cell,
            steps,
            batch,
            inputs,
            units,
            is_reversed: self.is_reversed,
            is_batch_first: self.is_batch_first,
            gives_sequence: self.gives_sequence,
            gives_cell_state: self.gives_cell_state,
            has_initial: self.has_initial,
        })
    }

    /// Lengths of the parts of the result that are wanted: the sequence, the state and the cell state.
    pub(crate) fn parts(&self, x: &[usize]) -> Vec<usize> {
        let len = |axes: usize| x.iter().take(axes).product::<usize>() * self.weights.units;
        let batch = x.get(usize::from(!self.is_batch_first)).copied().unwrap_or(0);
        let state = batch * self.weights.units;
        let sequence = self.gives_sequence.then(|| len(2));
        sequence.into_iter().chain([state]).chain(self.gives_cell_state.then_some(state)).collect()
    }
}

impl Operator for Recurrent {
    fn name(&self) -> &'static str {
        match self.cell {
            Cell::Plain => "RNN",
            Cell::Lstm => "LSTM",
            Cell::Gru | Cell::GruResetBehind => "GRU",
        }
    }

    fn write_attributes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " units {} {:?}", self.weights.units, self.functions)?;
        if self.clip.is_finite() {
            write!(f, " clip {}", self.clip)?;
        }
        let shown = [
            (self.cell == Cell::GruResetBehind, " reset behind"),
            (self.is_reversed, " reversed"),
            (self.is_batch_first, " batch first"),
            (self.gives_sequence, " sequence"),
            (self.gives_cell_state, " cell state"),
        ];
        shown.iter().filter(|(is_so, _)| *is_so).try_for_each(|(_, text)| f.write_str(text))
    }

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<Shape>, ShapeError> {
        let (x, initial) = match *inputs {
            [x] => (x, None),
            [x, initial] => (x, Some(initial)),
            _ => return fail(format!("takes 1 or 2 operands, has {}", inputs.len())),
        };
        if initial.is_some() != self.has_initial {
            return fail(format!("takes {} operands, has {}", 1 + usize::from(self.has_initial), inputs.len()));
        }
        let Some(lens) = self.sequences(x)?.lens() else {
            return fail(format!("operand {x:?} has no steps, or more elements than there can be"));
        };
        if let Some(initial) = initial.filter(|shape| *shape != [lens.initial]) {
            return fail(format!("begins with states {initial:?}, [{}] are needed", lens.initial));
        }
        let Weights { bias, recurrent_bias, input, recurrent, .. } = &*self.weights;
        let wanted = [lens.bias, lens.bias, lens.weights, lens.recurrent];
        if [bias, recurrent_bias, input, recurrent].map(Vec::len) != wanted {
            return fail("its weights do not agree with each other".into());
        }
        if self.functions.len() != self.cell.functions() || self.clip.is_nan() || self.clip <= 0.0 {
            return fail(format!("has functions {:?} and bounds {}", self.functions, self.clip));
        }
        let shape = vec![lens.output];
        checked_len(&shape)?;
        Ok(vec![shape])
    }

    fn check_types(&self, inputs: &[&Value], outputs: &[&Value]) -> Result<(), String> {
        let allowed = if self.has_codes() { &[DType::F32, DType::I8][..] } else { &[DType::F32] };
        types::rescaling_among(inputs, outputs, allowed)
    }

    fn evaluate(&self, inputs: &[Real<'_>], _shapes: &[&[usize]]) -> Reals {
        let x = inputs.first()?;
        let initial = inputs.get(1).map_or(&[][..], |initial| initial.data);
        let sequences = self.sequences(x.shape).ok()?;
        let Sequences { steps, batch, inputs, units, .. } = sequences;
        let states = batch * units;
        let (mut sequence, mut ends) = (vec![0.0; steps * states], vec![0.0; 2 * states]);
        for lane in 0..batch {
            let first = |at: usize| initial.get(at..at + units).map_or(vec![0.0; units], wide);
            let [mut h, mut c] = [first(lane * units), first(states + lane * units)];
            for step in 0..steps {
                let time = if self.is_reversed { steps - 1 - step } else { step };
                let place = if self.is_batch_first { lane * steps + time } else { time * batch + lane };
                self.step(&wide(&x.data[place * inputs..][..inputs]), &mut h, &mut c);
                let to = &mut sequence[place * units..][..units];
                to.iter_mut().zip(&h).for_each(|(to, &h)| *to = h as f32);
            }
            for (at, state) in [(0, &h), (states, &c)] {
                ends[at + lane * units..].iter_mut().zip(state).for_each(|(to, &from)| *to = from as f32);
            }
        }
        ends.truncate(if self.gives_cell_state { 2 * states } else { states });
        sequence.truncate(if self.gives_sequence { steps * states } else { 0 });
        Some(vec![[sequence, ends].concat()])
    }

    fn keep_states(&mut self, inputs: &[&[usize]]) -> Option<Result<usize, &'static str>> {
        if self.has_initial {
            return None;
        }
        if self.is_reversed {
            return Some(Err("goes backwards, so that it needs all of a sequence at once"));
        }
        if self.codes.is_some() {
            return Some(Err("is int8; only layers of float32 keep their states"));
        }
        (self.has_initial, self.gives_cell_state) = (true, self.cell == Cell::Lstm);
        let &x = inputs.first()?;
        let initial = self.sequences(x).ok()?.lens()?.initial;
        Some(self.infer(&[x, &[initial]]).map(|_| initial).map_err(|_| "is too long with its states behind it"))
    }

    fn time_rule(&self, axis: usize, _inputs: &[&[usize]]) -> TimeRule {
        if axis == usize::from(self.is_batch_first) { TimeRule::Steps } else { TimeRule::Whole }
    }

    fn layout(&mut self) -> LayoutRule<'_> {
        LayoutRule::Fixed
    }

    fn stays_on_floats(&self) -> bool {
        !self.has_codes()
    }

    fn codes(&self) -> Codes {
        // States lie between -1 and 1.
        if self.codes.is_some() { Codes::Rescaled } else { Codes::Bound(Quantization::per_tensor(1.0 / 128.0, 0)) }
    }

    fn scale_floors(&self, _scaling: &dyn Scaling) -> Vec<(End, f32)> {
        Vec::new()
    }

    fn lower(&self, site: &mut Site<'_>) -> Result<(), Reason> {
        if site.operand(0).elements.is_some() {
            return refuse("its sequences are constants", "let them depend on the model's input");
        }
        let x = &site.operand(0).shape;
        let sequences = self.sequences(x).or_else(|error| refuse(error.0, "export the model again"))?;
        match site.dtype() {
            DType::F32 => self.lower_f32(site, &sequences),
            DType::I8 => self.lower_i8(site, &sequences),
            other => no_kernel(other),
        }
    }
}

/// The extents of a record: steps, sequences, inputs, units.
fn extents(sequences: &Sequences) -> Result<[u32; 4], Reason> {
    Ok([
        narrow(sequences.steps, "the number of steps")?,
        narrow(sequences.batch, "the number of sequences")?,
        narrow(sequences.inputs, "the length of a step")?,
        narrow(sequences.units, "the length of the state")?,
    ])
}

/// How many elements of temporary memory a layer needs.
fn scratch_len(sequences: &Sequences) -> Result<usize, Reason> {
    match sequences.lens() {
        Some(lens) => Ok(lens.scratch),
        None => refuse(format!("its {} steps are too many", sequences.steps), "use fewer steps"),
    }
}

impl Recurrent {
    /// Whether there are kernels of int8 for it.
    fn has_codes(&self) -> bool {
        let is_bounded = self.functions.iter().all(|function| *function != Function::Relu);
        let is_plain = !self.has_initial && !self.gives_cell_state && self.clip.is_infinite();
        is_plain && is_bounded && self.cell != Cell::Gru
    }

    fn tags(&self) -> [u8; 3] {
        [0, 1, 2].map(|index| self.functions.get(index).map_or(0, |&function| function as u8))
    }

    fn flags(&self) -> u8 {
        let flags = [
            (self.is_reversed, REVERSED),
            (self.is_batch_first, BATCH_FIRST),
            (self.gives_sequence, SEQUENCE),
            (self.gives_cell_state, CELL_STATE),
            (self.has_initial, INITIAL),
        ];
        flags.iter().filter(|(is_so, _)| *is_so).fold(0, |all, (_, flag)| all | flag)
    }

    fn lower_f32(&self, site: &mut Site<'_>, sequences: &Sequences) -> Result<(), Reason> {
        if self.has_initial && site.are_same(0, 1) {
            return refuse("its first state is its sequence", "use another tensor for one of them");
        }
        let Weights { bias, recurrent_bias, input, recurrent, .. } = &*self.weights;
        let floats = [bias, recurrent_bias, input, recurrent].into_iter().flatten();
        let constants = site.store(floats.flat_map(|float| float.to_le_bytes()).collect())?;
        let initial = match site.optional(1) {
            None => Read::Constant(DType::F32, 0),
            Some(value) => match &value.elements {
                Some(elements) => Read::Constant(DType::F32, site.store(elements.bytes())?),
                None => Read::Operand(1),
            },
        };
        let [steps, batch, inputs, units] = extents(sequences)?;
        let record = records::RecurrentF32 {
            constants,
            steps,
            batch,
            inputs,
            units,
            clip: self.clip,
            cell: self.cell as u8,
            functions: self.tags(),
            flags: self.flags(),
            reserved: [0; 3],
        };
        site.emit(Emission {
            reads: vec![Read::Operand(0), initial],
            scratch_bytes: Some(4 * scratch_len(sequences)?),
            ..Emission::new(OpCode::Recurrent, record, Overlap::Never)
        });
        Ok(())
    }

    fn lower_i8(&self, site: &mut Site<'_>, sequences: &Sequences) -> Result<(), Reason> {
        let (x, h) = (site.operand_quantization(0)?, site.result_quantization()?);
        let Weights { bias, recurrent_bias, input, recurrent, .. } = &*self.weights;
        let codes = match &self.codes {
            Some(codes) => Arc::clone(codes),
            None => {
                let matrices = [(&input[..], &bias[..]), (recurrent, recurrent_bias)];
                Arc::new(LayerCodes::of(matrices, self.cell == Cell::Lstm, x, h))
            }
        };
        let [(step, step_constants), (state, state_constants)] = codes.store(site, [x.zero_point(), h.zero_point()])?;
        let table = site.store(halves_of_logistic().iter().flat_map(|half| half.to_le_bytes()).collect())?;
        let [steps, batch, inputs, units] = extents(sequences)?;
        let record = records::RecurrentI8 {
            step_constants,
            state_constants,
            table,
            steps,
            batch,
            inputs,
            units,
            step,
            state,
            multipliers: codes.factors.map(|factor| factor.multiplier),
            shifts: codes.factors.map(|factor| factor.shift as i8),
            cell_power: codes.cell_power,
            cell_clip: codes.cell_clip,
            zero_point: h.zero_point() as i8,
            cell: self.cell as u8,
            functions: self.tags(),
            flags: self.flags(),
        };
        site.emit(Emission {
            scratch_bytes: Some(2 * scratch_len(sequences)?),
            ..Emission::new(OpCode::Recurrent, record, Overlap::Never)
        });
        Ok(())
    }
}

fn wide(row: &[f32]) -> Vec<f64> {
    row.iter().copied().map(f64::from).collect()
}

/// The function on reals.
fn of(function: Function, x: f64) -> f64 {
    match function {
        Function::Logistic => 1.0 / (1.0 + (-x).exp()),
        Function::Tanh => x.tanh(),
        Function::Relu => x.max(0.0),
    }
}

impl Recurrent {
    /// The states behind a step, of those before it.
    fn step(&self, x: &[f64], h: &mut [f64], c: &mut [f64]) {
        let Weights { units, bias, recurrent_bias, input, recurrent, .. } = &*self.weights;
        let row = |weights: &[f32], bias: &[f32], at: usize, x: &[f64]| -> f64 {
            let products = weights[at * x.len()..].iter().zip(x).map(|(&w, x)| f64::from(w) * x);
            f64::from(bias[at]) + products.sum::<f64>()
        };
        let of_x = |gate: usize, unit: usize| row(input, bias, gate * units + unit, x);
        let of_h = |gate: usize, unit: usize, h: &[f64]| row(recurrent, recurrent_bias, gate * units + unit, h);
        let open = |index: usize, sum: f64| {
            of(self.functions[index], sum.clamp(-f64::from(self.clip), f64::from(self.clip)))
        };
        let gate = |gate: usize, function: usize, unit: usize, h: &[f64]| {
            open(function, of_x(gate, unit) + of_h(gate, unit, h))
        };
        let before = h.to_vec();
        match self.cell {
            Cell::Plain => (0..*units).for_each(|unit| h[unit] = gate(0, 0, unit, &before)),
            Cell::Lstm => {
                for unit in 0..*units {
                    let [i, f, n, o] = [(0, 0), (1, 0), (2, 1), (3, 0)].map(|(g, of)| gate(g, of, unit, &before));
                    c[unit] = f * c[unit] + i * n;
                    h[unit] = o * of(self.functions[2], c[unit]);
                }
            }
            Cell::Gru | Cell::GruResetBehind => {
                let reset: Vec<f64> = (0..*units).map(|unit| gate(1, 0, unit, &before)).collect();
                let kept: Vec<f64> = reset.iter().zip(&before).map(|(reset, h)| reset * h).collect();
                for unit in 0..*units {
                    let update = gate(0, 0, unit, &before);
                    let of_state = match self.cell {
                        Cell::Gru => of_h(2, unit, &kept),
                        _ => reset[unit] * of_h(2, unit, &before),
                    };
                    h[unit] = (1.0 - update) * open(1, of_x(2, unit) + of_state) + update * before[unit];
                }
            }
        }
    }
}

/// Answers of both records: extents, and weights of so many bytes each from `$constants` on.
macro_rules! records {
    ($($record:ident, $constants:ident, $bytes:literal;)*) => { $(
        impl Parameters for records::$record {
            fn shapes(&self) -> Shapes {
                let states = self.batch.saturating_mul(self.units);
                let sequence = if self.flags & SEQUENCE == 0 { 0 } else { states.saturating_mul(self.steps) };
                let ends = states.saturating_mul(if self.flags & CELL_STATE == 0 { 1 } else { 2 });
                let [a, b] =
                    if self.flags & BATCH_FIRST == 0 { [self.steps, self.batch] } else { [self.batch, self.steps] };
                Shapes::of(&[a, b, self.inputs], &[sequence.saturating_add(ends)])
            }

            fn access(&self, _head: Head) -> Access<'_> {
                Access::Apart
            }

            fn layer(&self, _head: Head) -> Option<Layer> {
                let cell = Cell::from_tag(self.cell)?;
                let outputs = cell.gates().saturating_mul(self.units as usize);
                let row = u64::from(self.inputs) + u64::from(self.units);
                let weights = row.saturating_mul(outputs as u64);
                let steps = u64::from(self.steps) * u64::from(self.batch);
                let (weight_bytes, macs) = (weights.saturating_mul($bytes), weights.saturating_mul(steps));
                Some(Layer { constants: self.$constants, outputs, weight_bytes, macs })
            }

            fn operand_lens(&self) -> Vec<usize> {
                let [steps, batch, inputs, units] =
                    [self.steps, self.batch, self.inputs, self.units].map(|extent| extent as usize);
                let count = if self.flags & INITIAL == 0 { 0 } else { Cell::from_tag(self.cell).map_or(0, Cell::states) };
                let input = steps.saturating_mul(batch).saturating_mul(inputs);
                vec![input, count.saturating_mul(batch).saturating_mul(units)]
            }
        }
    )* };
}
records! {
    RecurrentF32, constants, 4;
    RecurrentI8, step_constants, 1;
}
