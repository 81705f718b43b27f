//! Recurrent: a layer that goes over the steps of sequences and keeps a state for each.
//!
//! - `input: [steps, batch, inputs]`, or `[batch, steps, inputs]`; `initial: [batch, units]` of `h`, behind it of an LSTM's `c`.
//! - The result is `[steps, batch, units]` (or `[batch, steps, units]`) when the sequence is wanted, then `h: [batch, units]` as it is
//!   in the end, then, when it is wanted, `c: [batch, units]`.
//! - `weights: [gates, units, inputs]`, `recurrent: [gates, units, units]`, and a bias of each, `[gates, units]`.
//!
//! With `X = W x + b` and `R = R h + b'` of each gate, functions `f`, `g`, `k` and `.` element by element, a step is
//!
//! | cell | gates in their order | step |
//! |---|---|---|
//! | plain | h | `h = f(X + R)` |
//! | LSTM | input, forget, cell, output | `c = f(Xf + Rf) . c + f(Xi + Ri) . g(Xc + Rc)`, `h = f(Xo + Ro) . k(c)` |
//! | GRU | update, reset, new | `n = g(Xn + (Rn (r . h) + b'))`, `h = (1 - z) . n + z . h`, `z = f(Xz + Rz)`, `r = f(Xr + Rr)` |
//! | GRU, reset behind | the same | the same with `n = g(Xn + r . Rn)` |
//!
//! Arguments of functions are brought within bounds first, but for `c`. The result shares no memory with an operand.
//! Rejected: a dense layer over all steps at once in front of the loop, which would be faster on a large machine, but
//! wants memory for the gates of every step.

mod float;
mod int8;

pub use float::{RecurrentF32, recurrent_f32};
pub use int8::{Products, RecurrentI8, recurrent_i8};

/// What the state becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Cell {
    /// A function of the sum.
    Plain = 0,
    /// Long short-term memory.
    Lstm = 1,
    /// Gated, the reset before the product.
    Gru = 2,
    /// Gated, the reset behind the product.
    GruResetBehind = 3,
}

impl Cell {
    /// Every cell, in the order of its tag.
    pub const ALL: &'static [Cell] = &[Cell::Plain, Cell::Lstm, Cell::Gru, Cell::GruResetBehind];

    /// The cell with tag `tag`.
    pub fn from_tag(tag: u8) -> Option<Self> {
        Self::ALL.get(usize::from(tag)).copied()
    }

    /// How many gates it has.
    pub const fn gates(self) -> usize {
        match self {
            Cell::Plain => 1,
            Cell::Lstm => 4,
            Cell::Gru | Cell::GruResetBehind => 3,
        }
    }

    /// How many functions it has.
    pub const fn functions(self) -> usize {
        match self {
            Cell::Plain => 1,
            Cell::Lstm => 3,
            Cell::Gru | Cell::GruResetBehind => 2,
        }
    }

    /// How many states it keeps.
    pub const fn states(self) -> usize {
        if matches!(self, Cell::Lstm) { 2 } else { 1 }
    }
}

/// A function of a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Function {
    /// `1 / (1 + e^-x)`.
    Logistic = 0,
    /// The hyperbolic tangent.
    Tanh = 1,
    /// `max(x, 0)`.
    Relu = 2,
}

impl Function {
    /// Every function, in the order of its tag.
    pub const ALL: &'static [Function] = &[Function::Logistic, Function::Tanh, Function::Relu];

    /// The function with tag `tag`.
    pub fn from_tag(tag: u8) -> Option<Self> {
        Self::ALL.get(usize::from(tag)).copied()
    }
}

/// What is gone over, and what of it is the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sequences {
    /// What the state becomes.
    pub cell: Cell,
    /// Steps of a sequence.
    pub steps: usize,
    /// Sequences.
    pub batch: usize,
    /// Elements of a step.
    pub inputs: usize,
    /// Elements of the state.
    pub units: usize,
    /// Whether it begins with the last step.
    pub is_reversed: bool,
    /// Whether the steps of a sequence stand together.
    pub is_batch_first: bool,
    /// Whether the state after every step is a part of the result.
    pub gives_sequence: bool,
    /// Whether the cell state in the end is one.
    pub gives_cell_state: bool,
    /// Whether the states do not begin as zeros.
    pub has_initial: bool,
}

/// How many elements there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lens {
    /// Of the operand.
    pub input: usize,
    /// Of the states that it begins with.
    pub initial: usize,
    /// Of the result.
    pub output: usize,
    /// Of temporary memory.
    pub scratch: usize,
    /// Of each of both biases.
    pub bias: usize,
    /// Of the weights of a step.
    pub weights: usize,
    /// Of the weights of the state.
    pub recurrent: usize,
}

impl Sequences {
    /// The lengths of all of it; `None` when a number does not hold them or there is nothing of something.
    pub fn lens(&self) -> Option<Lens> {
        let Sequences { steps, batch, inputs, units, .. } = *self;
        let of = |extents: &[usize]| extents.iter().try_fold(1usize, |len, &extent| len.checked_mul(extent));
        let states = |count: usize| of(&[count, batch, units]);
        let sequence = if self.gives_sequence { of(&[steps, batch, units])? } else { 0 };
        let bias = of(&[self.cell.gates(), units])?;
        let lens = Lens {
            input: of(&[steps, batch, inputs])?,
            initial: states(if self.has_initial { self.cell.states() } else { 0 })?,
            output: sequence.checked_add(states(if self.gives_cell_state { 2 } else { 1 })?)?,
            // Gates of the step and of the state; the cell state, or what a GRU multiplies.
            scratch: of(&[2, bias])?.checked_add(units)?,
            bias,
            weights: of(&[bias, inputs])?,
            recurrent: of(&[bias, units])?,
        };
        let is_empty = [steps, batch, inputs, units].contains(&0);
        (!is_empty && (!self.gives_cell_state || self.cell == Cell::Lstm)).then_some(lens)
    }

    /// The number of a step of sequence `lane` in the order of memory, counted in the order of time.
    fn place(&self, lane: usize, step: usize) -> usize {
        let time = if self.is_reversed { self.steps.wrapping_sub(1).wrapping_sub(step) } else { step };
        if self.is_batch_first {
            lane.wrapping_mul(self.steps).wrapping_add(time)
        } else {
            time.wrapping_mul(self.batch).wrapping_add(lane)
        }
    }
}

/// `len` elements from `start`, or none when they do not fit.
fn part<T>(slice: &mut [T], start: usize, len: usize) -> &mut [T] {
    slice.get_mut(start..start.saturating_add(len)).unwrap_or_default()
}
