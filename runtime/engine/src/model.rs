//! A verified blob.

#[cfg(feature = "state")]
use kinglet_blob::state::{StateRecord, States};
use kinglet_blob::{Blob, DType, Field, OpCode, Operand, PortRecord, SectionKind, Work, golden, size};
use kinglet_kernels::Token;
use kinglet_kernels::machine::KernelSet;

use crate::error::{LoadError, LoadRule};
use crate::memory::{Limits, Span};
use crate::op;

/// A blob of which every byte has been checked. Costs a few words; shares the blob's memory.
#[derive(Clone, Copy, Debug)]
pub struct Model<'b> {
    blob: Blob<'b>,
    arena_bytes: usize,
    token: Token,
}

/// An input or output as the caller sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Port<'b> {
    /// The source model's name for it.
    pub name: &'b str,
    /// Element type.
    pub dtype: DType,
    /// `real = scale * (q - zero_point)`; 1 for floats.
    pub scale: f32,
    /// 0 for floats and for integers that are not quantized.
    pub zero_point: i32,
    /// True when the source model has this tensor channels-first and the blob has it channels-last.
    pub channels_moved: bool,
    dims: [u32; 4],
    rank: u8,
}

impl Port<'_> {
    /// Extent of each axis.
    pub fn shape(&self) -> &[u32] {
        self.dims.get(..usize::from(self.rank)).unwrap_or_default()
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape().iter().fold(1usize, |product, &dim| product.wrapping_mul(dim as usize))
    }

    /// False: verified ports have elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<'b> Model<'b> {
    /// Checks `bytes` once, in one pass over tables and weights. They must start at a 16-byte aligned
    /// address (see [`crate::include_blob!`]) and must not change while the model is in use.
    pub fn from_bytes(bytes: &'b [u8]) -> Result<Self, LoadError> {
        let blob = Blob::parse(bytes).map_err(LoadError::Format)?;
        let header = blob.header();
        let arena_bytes = usize::try_from(header.arena_bytes).ok().filter(|&size| size <= i32::MAX as usize);
        let arena_bytes = arena_bytes.ok_or(LoadError::Record { rule: LoadRule::ArenaSize, offset: 16 })?;
        let model = Model { blob, arena_bytes, token: Token::detect() };
        model.check_operators()?;
        model.check_ports()?;
        model.check_golden()?;
        model.check_states()?;
        Ok(model)
    }

    /// As [`Model::from_bytes`], and refuses a model whose [`Model::work`] is in total above `most`: by
    /// [`LoadRule::Work`], at the operator that crosses it. For blobs from elsewhere, which could otherwise keep a
    /// processor busy for years.
    pub fn from_bytes_within(bytes: &'b [u8], most: u64) -> Result<Self, LoadError> {
        let model = Self::from_bytes(bytes)?;
        let base = model.blob.section_offset(SectionKind::Operators);
        let mut sum = Work::default();
        for operator in model.blob.operators() {
            sum = sum.plus(operator.work().unwrap_or_default());
            if sum.total() > most {
                return Err(LoadError::Record { rule: LoadRule::Work, offset: offset_u32(base, operator.offset) });
            }
        }
        Ok(model)
    }

    /// What a run has to do, counted from the records, exactly as far as 64 bits reach. A run takes no more steps than
    /// a constant times the total; what a step takes is up to the machine.
    pub fn work(&self) -> Work {
        self.blob.operators().filter_map(|operator| operator.work()).fold(Work::default(), Work::plus)
    }

    fn check_operators(&self) -> Result<(), LoadError> {
        let base = self.blob.section_offset(SectionKind::Operators);
        let fail = |rule, offset: usize| LoadError::Record { rule, offset: offset_u32(base, offset) };
        let limits = Limits::new(self.arena_bytes, self.weights());
        let mut operators = self.blob.operators();
        let mut count = 0usize;
        for operator in operators.by_ref() {
            let known = OpCode::from_tag(operator.opcode).zip(operator.dtype());
            let (opcode, dtype) = known.ok_or(fail(LoadRule::UnknownOperator, operator.offset))?;
            let entry = op::operator(opcode, dtype).ok_or_else(|| fail(missing(opcode, dtype), operator.offset))?;
            op::check_head(opcode, dtype, &operator).map_err(|rule| fail(rule, operator.offset))?;
            (entry.check)(&operator, &limits).map_err(|rule| fail(rule, operator.offset))?;
            count = count.wrapping_add(1);
        }
        if operators.offset() != self.blob.section(SectionKind::Operators).len() {
            return Err(fail(LoadRule::RecordLength, operators.offset()));
        }
        if count != usize::from(self.blob.header().operator_count) {
            return Err(LoadError::Record { rule: LoadRule::OperatorCount, offset: 20 });
        }
        Ok(())
    }

    fn check_ports(&self) -> Result<(), LoadError> {
        let base = self.blob.section_offset(SectionKind::Ports);
        for index in 0..self.input_count().wrapping_add(self.output_count()) {
            let fail =
                |rule| LoadError::Record { rule, offset: offset_u32(base, index.wrapping_mul(PortRecord::SIZE)) };
            let record = self.blob.port(index).ok_or(fail(LoadRule::Port))?;
            let port = self.described(&record).ok_or(fail(LoadRule::Port))?;
            let beyond_rank = record.dims.get(usize::from(record.rank)..).ok_or(fail(LoadRule::Port))?;
            let sound = port.scale.is_finite() && port.scale > 0.0 && beyond_rank.iter().all(|&dim| dim == 1);
            if !sound || record.channels_moved > 1 || record.region != Operand::ARENA || port.is_empty() {
                return Err(fail(LoadRule::Port));
            }
            let span = span_of(&record).ok_or(fail(LoadRule::Port))?.1;
            Limits::new(self.arena_bytes, &[]).span(span, port.dtype.size_bytes()).map_err(fail)?;
        }
        Ok(())
    }

    /// GOLDEN is as long as its vectors, of which each has bytes: of empty ones, four billion would fit.
    fn check_golden(&self) -> Result<(), LoadError> {
        let section = self.blob.section(SectionKind::Golden);
        if section.is_empty() {
            return Ok(());
        }
        let fits = golden::split(section).and_then(|(count, vectors)| {
            let each = self.vector_bytes().filter(|&each| each > 0)?;
            Some(size::product(usize::try_from(count).ok()?, each)? == vectors.len())
        });
        let offset = offset_u32(self.blob.section_offset(SectionKind::Golden), 0);
        if fits == Some(true) { Ok(()) } else { Err(LoadError::Record { rule: LoadRule::Golden, offset }) }
    }

    #[cfg(not(feature = "state"))]
    fn check_states(&self) -> Result<(), LoadError> {
        let offset = offset_u32(self.blob.section_offset(SectionKind::State), 0);
        let not_linked = LoadError::Record { rule: LoadRule::OperatorNotLinked, offset };
        if self.has_state() { Err(not_linked) } else { Ok(()) }
    }

    /// The tensors of STATE lie in the arena, and the section is as long as they say.
    #[cfg(feature = "state")]
    fn check_states(&self) -> Result<(), LoadError> {
        let offset = offset_u32(self.blob.section_offset(SectionKind::State), 0);
        let fail = |rule| LoadError::Record { rule, offset };
        let mut states = States::new(self.blob.section(SectionKind::State)).ok_or(fail(LoadRule::State))?;
        let limits = Limits::new(self.arena_bytes, &[]);
        for (state, _) in states.by_ref() {
            let dtype = DType::from_tag(state.dtype).ok_or(fail(LoadRule::State))?;
            let is_whole = (state.bytes as usize).is_multiple_of(dtype.size_bytes()) && state.bytes > 0;
            if !is_whole
                || state.region != Operand::ARENA
                || state.flags & !StateRecord::UNIFORM != 0
                || state.reserved != 0
            {
                return Err(fail(LoadRule::State));
            }
            limits.span(Span::new(state.arena_offset, state.bytes as usize, 1), 4).map_err(fail)?;
        }
        if states.is_at_end() { Ok(()) } else { Err(fail(LoadRule::State)) }
    }

    /// True when the model keeps tensors from run to run: what a run computes depends on those before it, back to the
    /// last [`crate::Session::reset`].
    pub fn has_state(&self) -> bool {
        !self.blob.section(SectionKind::State).is_empty()
    }

    /// Bytes of one vector in GOLDEN.
    fn vector_bytes(&self) -> Option<usize> {
        (0..self.input_count().checked_add(self.output_count())?)
            .try_fold(0usize, |sum, index| size::sum(sum, golden::padded(self.span(index)?.1.bytes)))
    }

    /// Memory that a [`crate::Session`] needs.
    pub fn arena_bytes(&self) -> usize {
        self.arena_bytes
    }

    /// Number of operators, the steps of a run.
    pub fn operator_count(&self) -> usize {
        self.blob.header().operator_count.into()
    }

    /// Number of inputs.
    pub fn input_count(&self) -> usize {
        self.blob.header().input_count.into()
    }

    /// Number of outputs.
    pub fn output_count(&self) -> usize {
        self.blob.header().output_count.into()
    }

    /// What the blob was compiled for.
    pub fn kernel_set(&self) -> Option<KernelSet> {
        KernelSet::from_tag(self.blob.header().kernel_set)
    }

    /// Input `index`.
    pub fn input(&self, index: usize) -> Option<Port<'b>> {
        if index < self.input_count() { self.port(index) } else { None }
    }

    /// Output `index`.
    pub fn output(&self, index: usize) -> Option<Port<'b>> {
        if index < self.output_count() { self.port(index.checked_add(self.input_count())?) } else { None }
    }

    /// The blob underneath.
    pub fn blob(&self) -> &Blob<'b> {
        &self.blob
    }

    /// What was found of the processor when the model was loaded.
    pub(crate) fn token(&self) -> Token {
        self.token
    }

    pub(crate) fn weights(&self) -> &'b [u8] {
        self.blob.section(SectionKind::Weights)
    }

    /// Port `index`, outputs behind the inputs.
    fn port(&self, index: usize) -> Option<Port<'b>> {
        self.described(&self.blob.port(index)?)
    }

    /// What a record says of its port.
    fn described(&self, record: &PortRecord) -> Option<Port<'b>> {
        record.len()?;
        Some(Port {
            name: self.blob.name(record)?,
            dtype: DType::from_tag(record.dtype)?,
            scale: record.scale,
            zero_point: record.zero_point,
            channels_moved: record.channels_moved == 1,
            dims: record.dims,
            rank: record.rank,
        })
    }

    /// Type and memory of port `index`, outputs behind the inputs.
    pub(crate) fn span(&self, index: usize) -> Option<(DType, Span)> {
        span_of(&self.blob.port(index)?)
    }
}

/// Type and memory of a port.
fn span_of(record: &PortRecord) -> Option<(DType, Span)> {
    let dtype = DType::from_tag(record.dtype)?;
    Some((dtype, Span::new(record.arena_offset, record.len()?, dtype.size_bytes())))
}

fn offset_u32(base: usize, offset: usize) -> u32 {
    u32::try_from(base.saturating_add(offset)).unwrap_or(u32::MAX)
}

/// Why there is nothing to check and run an operator with.
#[cold]
fn missing(opcode: OpCode, dtype: DType) -> LoadRule {
    if opcode.takes(dtype) { LoadRule::OperatorNotLinked } else { LoadRule::UnknownOperator }
}
