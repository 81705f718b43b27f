//! An operator's memory: ranges of the arena and of the constants, checked at load and cut out at run.
//!
//! Loading and running go through the same functions. Each operator describes its memory once, as
//! [`Span`]s; [`Limits`] checks a description, [`Memory`] cuts it out of the arena.

use core::cell::Cell;
use core::ops::Range;

use kinglet_blob::cast::{self, Element};
use kinglet_blob::{Operand, OperatorBytes, size};
use kinglet_kernels::{Io, Token};

use crate::error::LoadRule;

/// Bytes `start .. start + bytes` of the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) bytes: usize,
}

impl Span {
    pub(crate) const EMPTY: Span = Span { start: 0, bytes: 0 };

    /// `len` elements of `size_bytes` bytes at byte `start`; so long that no arena holds it when that overflows.
    #[inline]
    pub(crate) fn new(start: u32, len: usize, size_bytes: usize) -> Span {
        Span { start: start as usize, bytes: size::saturating_product(len, size_bytes) }
    }

    /// An empty span stands at 0, where it overlaps nothing.
    #[inline]
    fn range(self) -> Range<usize> {
        if self.bytes == 0 { 0..0 } else { self.start..self.start.saturating_add(self.bytes) }
    }

    #[inline]
    pub(crate) fn overlaps(self, other: Span) -> bool {
        let (a, b) = (self.range(), other.range());
        a.start < b.end && b.start < a.end
    }

    /// The smallest span that holds both.
    #[inline]
    fn hull(self, other: Span) -> Span {
        let start = self.start.min(other.start);
        let end = self.range().end.max(other.range().end);
        Span { start, bytes: end.saturating_sub(start) }
    }
}

/// An operator's activations: one input, one output, scratch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spans {
    pub(crate) input: Span,
    pub(crate) output: Span,
    pub(crate) scratch: Span,
    /// Input and output start at multiples of this, the size of an element.
    pub(crate) align: u8,
    /// Scratch starts at a multiple of this.
    pub(crate) scratch_align: u8,
}

impl Spans {
    /// An input and an output of elements of `size` bytes, without scratch.
    #[inline]
    pub(crate) fn unary([input, output]: [u32; 2], lens: [usize; 2], size: usize) -> Spans {
        Spans {
            input: Span::new(input, lens[0], size),
            output: Span::new(output, lens[1], size),
            scratch: Span::EMPTY,
            align: align_of(size),
            scratch_align: 1,
        }
    }

    /// What a kernel has written that was given `io`; `None` when it has refused, which is when its record is not the one
    /// that was checked.
    #[inline]
    pub(crate) fn written<T>(&self, io: &Io<'_, T>) -> Option<Span> {
        if io.is_refused() { None } else { Some(self.output) }
    }
}

/// Where an operand is that may be a constant.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source {
    /// Bytes of the arena.
    Arena(Span),
    /// Bytes of WEIGHTS.
    Constant(Span),
}

impl Source {
    /// Operand `index`, of these bytes, in the region that its type byte names.
    pub(crate) fn of(operator: &OperatorBytes<'_>, index: usize, span: Span) -> Result<Source, LoadRule> {
        match operator.body.get(index.saturating_add(2)).map(|byte| byte >> 4) {
            Some(Operand::ARENA) => Ok(Source::Arena(span)),
            Some(Operand::CONSTANTS) => Ok(Source::Constant(span)),
            _ => Err(LoadRule::Operands),
        }
    }
}

/// The arena around the memory of a result.
pub(crate) struct Around<'a> {
    before: &'a [u8],
    behind: &'a [u8],
    /// Where the second part starts.
    start: usize,
}

impl<'a> Around<'a> {
    /// An operand that does not overlap the result.
    pub(crate) fn get(&self, source: Source, weights: &'a [u8]) -> Option<&'a [u8]> {
        match source {
            Source::Constant(span) => constants(weights, u32::try_from(span.start).ok()?)?.get(..span.bytes),
            Source::Arena(span) => {
                let range = span.range();
                match self.before.get(range.clone()) {
                    Some(bytes) => Some(bytes),
                    None => self.behind.get(range.start.checked_sub(self.start)?..range.end.checked_sub(self.start)?),
                }
            }
        }
    }
}

/// The alignment of elements of `size` bytes, which is their size.
#[inline]
pub(crate) const fn align_of(size: usize) -> u8 {
    if size > 8 { 8 } else { size.to_le_bytes()[0] }
}

/// What a record may refer to, and how much work its check may be.
#[derive(Debug)]
pub(crate) struct Limits<'b> {
    arena_bytes: usize,
    pub(crate) weights: &'b [u8],
    /// Channels that checks may still look at one by one. Records are short and may share constants: without a
    /// limit, loading could take the square of the blob's length.
    channels_left: Cell<usize>,
}

impl<'b> Limits<'b> {
    /// Honest operators look at no more channels than WEIGHTS has bytes: a channel has a bias, a factor and at
    /// least one weight, nine bytes or more.
    pub(crate) fn new(arena_bytes: usize, weights: &'b [u8]) -> Self {
        Limits { arena_bytes, weights, channels_left: Cell::new(weights.len()) }
    }

    /// Announces that a check is about to look at `channels` channels.
    pub(crate) fn look_at(&self, channels: usize) -> Result<(), LoadRule> {
        self.channels_left.set(self.channels_left.get().checked_sub(channels).ok_or(LoadRule::ConstantRange)?);
        Ok(())
    }

    /// `span` is in the arena and starts at a multiple of `align`.
    pub(crate) fn span(&self, span: Span, align: usize) -> Result<(), LoadRule> {
        let end = size::sum(span.start, span.bytes).ok_or(LoadRule::ArenaRange)?;
        if end > self.arena_bytes {
            return Err(LoadRule::ArenaRange);
        }
        if !span.start.is_multiple_of(align) { Err(LoadRule::ArenaAlignment) } else { Ok(()) }
    }

    /// Operands are where they can be read, and those in the arena share nothing with the result; each with the bytes of
    /// its elements.
    pub(crate) fn apart(&self, operands: &[(Source, usize)], output: Span, output_size: usize) -> Result<(), LoadRule> {
        self.span(output, output_size)?;
        for &(source, size) in operands {
            match source {
                Source::Arena(span) => {
                    self.span(span, size)?;
                    if span.overlaps(output) {
                        return Err(LoadRule::ArenaOverlap);
                    }
                }
                Source::Constant(span) => {
                    let at = u32::try_from(span.start).ok().ok_or(LoadRule::ConstantRange)?;
                    let found = constants(self.weights, at).and_then(|bytes| bytes.get(..span.bytes));
                    found.ok_or(LoadRule::ConstantRange)?;
                }
            }
        }
        Ok(())
    }

    /// The same as [`Limits::spans`] for an operator whose result shares nothing with its operand.
    pub(crate) fn spans_apart(&self, spans: &Spans) -> Result<(), LoadRule> {
        self.spans(spans)?;
        if spans.input.overlaps(spans.output) { Err(LoadRule::ArenaOverlap) } else { Ok(()) }
    }

    /// All spans of an operator are in the arena, aligned, and can be cut out of it together.
    pub(crate) fn spans(&self, spans: &Spans) -> Result<(), LoadRule> {
        self.span(spans.input, spans.align.into())?;
        self.span(spans.output, spans.align.into())?;
        self.span(spans.scratch, spans.scratch_align.into())?;
        // Ranges that share memory are handed to the kernel as one hull, so scratch must be outside the hull.
        let outside = if spans.input.overlaps(spans.output) {
            !spans.scratch.overlaps(spans.input.hull(spans.output))
        } else {
            !spans.scratch.overlaps(spans.input) && !spans.scratch.overlaps(spans.output)
        };
        if outside { Ok(()) } else { Err(LoadRule::ArenaOverlap) }
    }
}

/// WEIGHTS from `offset` on.
#[inline]
pub(crate) fn constants(weights: &[u8], offset: u32) -> Option<&[u8]> {
    if !offset.is_multiple_of(4) {
        return None;
    }
    weights.get(offset as usize..)
}

/// The arena and the constants while an operator runs.
pub(crate) struct Memory<'a, 'b> {
    pub(crate) arena: &'a mut [u8],
    pub(crate) weights: &'b [u8],
    /// What the processor can do.
    pub(crate) token: Token,
}

impl Memory<'_, '_> {
    /// Input, output and scratch as bytes.
    #[inline]
    fn cut(&mut self, spans: &Spans) -> Option<(Io<'_, u8>, &mut [u8])> {
        let (input, output) = (spans.input, spans.output);
        if input.overlaps(output) {
            let hull = input.hull(output);
            let at = |span: Span| (span.start.wrapping_sub(hull.start), span.bytes);
            let [buffer, scratch] = self.arena.get_disjoint_mut([hull.range(), spans.scratch.range()]).ok()?;
            Some((Io::Overlapped { buffer, input: at(input), output: at(output) }, scratch))
        } else {
            let ranges = [input.range(), output.range(), spans.scratch.range()];
            let [input, output, scratch] = self.arena.get_disjoint_mut(ranges).ok()?;
            Some((Io::Split { input, output }, scratch))
        }
    }

    /// The memory of a result, and what is around it.
    #[inline]
    pub(crate) fn around(&mut self, output: Span) -> Option<(Around<'_>, &mut [u8])> {
        let range = output.range();
        let (before, rest) = self.arena.split_at_mut_checked(range.start)?;
        let (result, behind) = rest.split_at_mut_checked(output.bytes)?;
        Some((Around { before, behind, start: range.end }, result))
    }

    /// Spans that share nothing, as bytes.
    #[inline]
    pub(crate) fn disjoint<const N: usize>(&mut self, spans: [Span; N]) -> Option<[&mut [u8]; N]> {
        self.arena.get_disjoint_mut(spans.map(Span::range)).ok()
    }

    /// Two disjoint spans as bytes, for operators that change the element type.
    #[inline]
    pub(crate) fn pair(&mut self, input: Span, output: Span) -> Option<(&[u8], &mut [u8])> {
        let [input, output] = self.arena.get_disjoint_mut([input.range(), output.range()]).ok()?;
        Some((input, output))
    }

    /// Input and output of an int8 operator, and its scratch as bytes.
    // Not inlined: what cutting takes must not lie in the frame that kernels run on.
    #[inline(never)]
    pub(crate) fn i8(&mut self, spans: &Spans) -> Option<(Io<'_, i8>, &mut [u8])> {
        let (io, scratch) = self.cut(spans)?;
        let io = match io {
            Io::Split { input, output } => Io::Split { input: cast::i8s(input), output: cast::i8s_mut(output) },
            Io::Overlapped { buffer, input, output } => Io::Overlapped { buffer: cast::i8s_mut(buffer), input, output },
        };
        Some((io, scratch))
    }

    /// Input, output and scratch of an operator on floats.
    #[inline]
    pub(crate) fn f32(&mut self, spans: &Spans) -> Option<(Io<'_, f32>, &mut [f32])> {
        let (io, scratch) = self.elements(spans)?;
        Some((io, cast::f32s_mut(scratch)?))
    }

    /// Input and output of an operator on elements of any type, and its scratch as bytes.
    #[inline]
    pub(crate) fn elements<T: Element>(&mut self, spans: &Spans) -> Option<(Io<'_, T>, &mut [u8])> {
        let (io, scratch) = self.cut(spans)?;
        let io = match io {
            Io::Split { input, output } => Io::Split { input: T::view(input)?, output: T::view_mut(output)? },
            Io::Overlapped { buffer, input, output } => {
                let elements = |(start, bytes): (usize, usize)| {
                    let size = const { size_of::<T>() };
                    (start.checked_div(size).unwrap_or(0), bytes.checked_div(size).unwrap_or(0))
                };
                Io::Overlapped { buffer: T::view_mut(buffer)?, input: elements(input), output: elements(output) }
            }
        };
        Some((io, scratch))
    }
}
