//! A running instance: a model and the memory it works in.

#[cfg(feature = "state")]
use kinglet_blob::state::States;
use kinglet_blob::{DType, OpCode, Operators, SectionKind, cast};

use crate::error::{RunError, SessionError, TensorError};
use crate::memory::Memory;
use crate::op;
use crate::tracer::{NoTracer, Tracer};
use crate::{Model, SelfTestReport};

/// A model bound to an arena. Several sessions may share a model, each with its own arena; several models may
/// share an arena one after the other.
///
/// Inputs live in the arena: write them before each run, because a run may reuse their memory. Outputs stay
/// until the next run or write.
#[derive(Debug)]
pub struct Session<'m, 'a> {
    model: &'m Model<'m>,
    arena: &'a mut [u8],
    next: Position,
}

/// Where a session stands between two steps, see [`Session::position`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Of the next operator in OPERATORS.
    offset: usize,
    index: usize,
}

impl Position {
    /// Before the first operator.
    pub const START: Position = Position { offset: 0, index: 0 };

    /// Index of the operator that the next step runs.
    pub fn operator(self) -> usize {
        self.index
    }
}

/// What [`Session::step`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// Ran the operator with this index; there are more.
    Ran {
        /// Index in execution order.
        operator: usize,
    },
    /// Ran the last operator: outputs are ready, and the next step starts a new run.
    Finished,
}

impl<'m, 'a> Session<'m, 'a> {
    /// Binds `model` to `arena`, which needs [`Model::arena_bytes`] bytes at a 16-byte aligned address. More
    /// is fine and stays untouched.
    pub fn new(model: &'m Model<'_>, arena: &'a mut [u8]) -> Result<Self, SessionError> {
        let mut session = Self::resume(model, arena)?;
        session.reset();
        Ok(session)
    }

    /// As [`Session::new`], in memory that another session of this model has worked in: what the model keeps from run to
    /// run stays as that session left it.
    pub fn resume(model: &'m Model<'_>, arena: &'a mut [u8]) -> Result<Self, SessionError> {
        Ok(Session { model, arena: bound(model, arena)?, next: Position::START })
    }

    /// Makes all that the model keeps from run to run what it was at first, and forgets a run that was begun with
    /// [`Session::step`]. Nothing but that for a model without state.
    pub fn reset(&mut self) {
        self.restart();
        #[cfg(feature = "state")]
        self.write_initial_states();
    }

    #[cfg(feature = "state")]
    fn write_initial_states(&mut self) {
        let states = States::new(self.model.blob().section(SectionKind::State));
        for (state, value) in states.into_iter().flatten() {
            let start = state.arena_offset as usize;
            let memory = self.arena.get_mut(start..start.saturating_add(state.bytes as usize)).unwrap_or_default();
            // A value whose words are all the same is stored once.
            memory.iter_mut().zip(value.iter().cycle()).for_each(|(to, from)| *to = *from);
        }
    }

    /// The model.
    pub fn model(&self) -> &'m Model<'m> {
        self.model
    }

    /// Input `index` of int16 elements, to be written before a run.
    pub fn input_i16(&mut self, index: usize) -> Result<&mut [i16], TensorError> {
        cast::i16s_mut(self.input_bytes(index, Some(DType::I16))?).ok_or(TensorError::NoSuchTensor)
    }

    /// Input `index` of uint8 elements, to be written before a run.
    pub fn input_u8(&mut self, index: usize) -> Result<&mut [u8], TensorError> {
        self.input_bytes(index, Some(DType::U8))
    }

    /// Input `index`, to be written before a run.
    pub fn input_i8(&mut self, index: usize) -> Result<&mut [i8], TensorError> {
        Ok(cast::i8s_mut(self.input_bytes(index, Some(DType::I8))?))
    }

    /// Input `index`, to be written before a run.
    pub fn input_f32(&mut self, index: usize) -> Result<&mut [f32], TensorError> {
        cast::f32s_mut(self.input_bytes(index, Some(DType::F32))?).ok_or(TensorError::NoSuchTensor)
    }

    /// Input `index` as little-endian bytes, whatever its type.
    pub fn input_raw(&mut self, index: usize) -> Result<&mut [u8], TensorError> {
        self.input_bytes(index, None)
    }

    /// Output `index` of int16 elements of the last run.
    pub fn output_i16(&self, index: usize) -> Result<&[i16], TensorError> {
        cast::i16s(self.output_bytes(index, Some(DType::I16))?).ok_or(TensorError::NoSuchTensor)
    }

    /// Output `index` of uint8 elements of the last run.
    pub fn output_u8(&self, index: usize) -> Result<&[u8], TensorError> {
        self.output_bytes(index, Some(DType::U8))
    }

    /// Output `index` of the last run.
    pub fn output_i8(&self, index: usize) -> Result<&[i8], TensorError> {
        Ok(cast::i8s(self.output_bytes(index, Some(DType::I8))?))
    }

    /// Output `index` of the last run.
    pub fn output_f32(&self, index: usize) -> Result<&[f32], TensorError> {
        cast::f32s(self.output_bytes(index, Some(DType::F32))?).ok_or(TensorError::NoSuchTensor)
    }

    /// Output `index` of the last run as little-endian bytes, whatever its type.
    pub fn output_raw(&self, index: usize) -> Result<&[u8], TensorError> {
        self.output_bytes(index, None)
    }

    /// Runs all operators from the first one on.
    pub fn run(&mut self) -> Result<(), RunError> {
        self.run_traced(&mut NoTracer)
    }

    /// Runs all operators from the first one on and tells `tracer` about each.
    pub fn run_traced(&mut self, tracer: &mut impl Tracer) -> Result<(), RunError> {
        self.restart();
        while self.step_traced(tracer)? != Step::Finished {}
        Ok(())
    }

    /// Runs one operator and returns; call it until it says [`Step::Finished`]. For super-loops and
    /// watchdogs: the longest step is the model's largest operator.
    pub fn step(&mut self) -> Result<Step, RunError> {
        self.step_traced(&mut NoTracer)
    }

    /// [`Session::step`] with a tracer.
    pub fn step_traced(&mut self, tracer: &mut impl Tracer) -> Result<Step, RunError> {
        let Position { offset, index } = self.next;
        let section = self.model.blob().section(SectionKind::Operators);
        let mut operators = Operators::new(section, offset);
        if offset < section.len() {
            let changed = RunError::BlobChanged { offset: u32::try_from(offset).unwrap_or(u32::MAX) };
            let operator = operators.next().ok_or(changed)?;
            let known = OpCode::from_tag(operator.opcode).zip(operator.dtype());
            let (opcode, dtype) = known.ok_or(changed)?;
            let entry = op::operator(opcode, dtype).ok_or(changed)?;
            tracer.started(index, opcode);
            let mut memory = Memory { arena: self.arena, weights: self.model.weights(), token: self.model.token() };
            let output = (entry.run)(&operator, &mut memory).ok_or(changed)?;
            let written = self.arena.get(output.start..output.start.saturating_add(output.bytes));
            tracer.finished(index, opcode, written.unwrap_or_default());
        }
        if operators.offset() >= section.len() {
            self.restart();
            return Ok(Step::Finished);
        }
        self.next = Position { offset: operators.offset(), index: index.wrapping_add(1) };
        Ok(Step::Ran { operator: index })
    }

    /// Forgets a run that was begun with [`Session::step`]; the next step is the first operator.
    pub fn restart(&mut self) {
        self.next = Position::START;
    }

    /// Index of the operator that the next step runs; 0 between runs.
    pub fn next_operator(&self) -> usize {
        self.next.operator()
    }

    /// Where the session stands, for callers who cannot keep a session between steps: the C interface makes one for each
    /// call.
    pub fn position(&self) -> Position {
        self.next
    }

    /// Goes on at `position`, where a session of this model in this arena stood. A position of another model gives noise
    /// or [`RunError::BlobChanged`].
    pub fn seek(&mut self, position: Position) {
        self.next = position;
    }

    /// Runs the test vectors that the blob carries and compares every output bit with what the compiler
    /// computed. Overwrites inputs and outputs.
    pub fn self_test(&mut self) -> Result<SelfTestReport, crate::SelfTestError> {
        crate::self_test::run(self)
    }

    fn input_bytes(&mut self, index: usize, dtype: Option<DType>) -> Result<&mut [u8], TensorError> {
        if index >= self.model.input_count() {
            return Err(TensorError::NoSuchTensor);
        }
        let (start, end) = self.port_range(index, dtype)?;
        self.arena.get_mut(start..end).ok_or(TensorError::NoSuchTensor)
    }

    fn output_bytes(&self, index: usize, dtype: Option<DType>) -> Result<&[u8], TensorError> {
        if index >= self.model.output_count() {
            return Err(TensorError::NoSuchTensor);
        }
        let (start, end) = self.port_range(index.wrapping_add(self.model.input_count()), dtype)?;
        self.arena.get(start..end).ok_or(TensorError::NoSuchTensor)
    }

    fn port_range(&self, index: usize, dtype: Option<DType>) -> Result<(usize, usize), TensorError> {
        let (found, span) = self.model.span(index).ok_or(TensorError::NoSuchTensor)?;
        if dtype.is_some_and(|wanted| wanted != found) {
            return Err(TensorError::WrongType);
        }
        Ok((span.start, span.start.saturating_add(span.bytes)))
    }
}

/// The part of `arena` that `model` needs.
fn bound<'a>(model: &Model<'_>, arena: &'a mut [u8]) -> Result<&'a mut [u8], SessionError> {
    let (needed, given) = (model.arena_bytes(), arena.len());
    if !(arena.as_ptr() as usize).is_multiple_of(16) {
        return Err(SessionError::ArenaMisaligned);
    }
    arena.get_mut(..needed).ok_or(SessionError::ArenaTooSmall { needed, given })
}
