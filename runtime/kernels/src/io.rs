//! Where a kernel reads its activations and writes its results.
//!
//! The memory plan may lay an operator's output over its input, wholly or in part, when the kernel's order of
//! work allows it. Two Rust slices cannot alias, so kernels do not take an input and an output slice but an
//! [`Io`], and ask it for one side at a time: gather from [`Io::input`], then write to [`Io::output`]. The
//! alternative, two copies of each kernel for the disjoint and the overlapping case, was rejected.
//!
//! # Broken contracts
//!
//! A kernel that finds a slice shorter than its layer needs writes nothing more and calls [`Io::refuse`]; who called it
//! asks [`Io::is_refused`] instead of taking old memory for a result. Lengths are asked for once, in the first lines of a
//! kernel, where its operator states them (`fits` of the layer). What cuts slices behind these lines, such as `range`,
//! gives empty ones where nothing fits: no kernel gets there with a broken contract.
//!
//! There is no third variant for it, because that would cost every operator a word of stack: see [`Io::refuse`].

use crate::strided::{self, Plane};

/// An operator's activation memory.
#[derive(Debug)]
pub enum Io<'a, T> {
    /// Input and output do not share memory.
    Split {
        /// Read from here.
        input: &'a [T],
        /// Write here.
        output: &'a mut [T],
    },
    /// Input and output are two ranges of one buffer that overlap.
    Overlapped {
        /// The hull of both ranges.
        buffer: &'a mut [T],
        /// First element and length of the input.
        input: (usize, usize),
        /// First element and length of the output.
        output: (usize, usize),
    },
}

impl<'a, T> Io<'a, T> {
    /// Disjoint input and output.
    pub fn split(input: &'a [T], output: &'a mut [T]) -> Self {
        Io::Split { input, output }
    }

    /// Input and output are the same elements.
    pub fn in_place(buffer: &'a mut [T]) -> Self {
        let all = (0, buffer.len());
        Io::Overlapped { buffer, input: all, output: all }
    }

    /// Says that the contract is broken. There is nothing to read or to write from here on.
    ///
    /// What has been refused is an output that is longer than its memory. The engine makes no such [`Io`], for both of
    /// its ranges lie in the memory that it has cut out for them.
    #[cold]
    #[inline(never)]
    pub fn refuse(&mut self) {
        *self = Io::refused();
    }

    /// What has been refused. For kernels that are part of the engine's function on some core, where [`Io::refuse`], which
    /// takes an address, would keep all of an [`Io`] in memory.
    #[inline]
    pub(crate) fn refused() -> Self {
        Io::Overlapped { buffer: &mut [], input: (0, 0), output: (0, usize::MAX) }
    }

    /// True when a kernel has refused to compute, and the output is not a result.
    #[inline]
    pub fn is_refused(&self) -> bool {
        matches!(self, Io::Overlapped { buffer, output: (_, len), .. } if *len > buffer.len())
    }

    /// True when there are `input` elements to read and `output` elements to write.
    #[inline]
    pub(crate) fn has(&self, input: usize, output: usize) -> bool {
        self.input().len() >= input && self.output_len() >= output
    }

    /// How many elements there are to write.
    #[inline]
    fn output_len(&self) -> usize {
        match self {
            Io::Split { output, .. } => output.len(),
            Io::Overlapped { buffer, output: (start, len), .. } => range(buffer, *start, *len).len(),
        }
    }

    /// The elements to read. After a write to an overlapping output they may have changed.
    #[inline]
    pub fn input(&self) -> &[T] {
        match self {
            Io::Split { input, .. } => input,
            Io::Overlapped { buffer, input: (start, len), .. } => range(buffer, *start, *len),
        }
    }

    /// The input from element `start` on, by a call: for kernels that ask once for a tile.
    #[inline(never)]
    pub(crate) fn input_from(&self, start: usize) -> &[T] {
        self.input().get(start..).unwrap_or_default()
    }

    /// `len` elements of the output from `start` on, or none, by a call.
    #[cfg(kinglet_isa = "armv7em")]
    #[inline(never)]
    pub(crate) fn output_range(&mut self, start: usize, len: usize) -> &mut [T] {
        self.output().get_mut(start..start.saturating_add(len)).unwrap_or_default()
    }

    /// The output from element `start` on, by a call.
    #[inline(never)]
    pub(crate) fn output_from(&mut self, start: usize) -> &mut [T] {
        self.output().get_mut(start..).unwrap_or_default()
    }

    /// The elements to write.
    #[inline]
    pub fn output(&mut self) -> &mut [T] {
        match self {
            Io::Split { output, .. } => output,
            Io::Overlapped { buffer, output: (start, len), .. } => {
                let end = start.saturating_add(*len);
                buffer.get_mut(*start..end).unwrap_or_default()
            }
        }
    }

    /// Writes one element; nothing happens outside the output.
    #[inline]
    pub fn set(&mut self, index: usize, value: T) {
        if let Some(element) = self.output().get_mut(index) {
            *element = value;
        }
    }

    /// Both sides narrowed to one image of a batch: elements `input.0 .. input.0 + input.1`, and likewise for
    /// the output. A range that does not fit becomes empty, and the kernel that gets it refuses it.
    pub fn narrow(&mut self, input: (usize, usize), output: (usize, usize)) -> Io<'_, T> {
        match self {
            Io::Split { input: all, output: out } => Io::Split {
                input: range(all, input.0, input.1),
                output: out.get_mut(output.0..output.0.saturating_add(output.1)).unwrap_or_default(),
            },
            Io::Overlapped { buffer, input: i, output: o } => Io::Overlapped {
                buffer,
                input: (i.0.saturating_add(input.0), input.1),
                output: (o.0.saturating_add(output.0), output.1),
            },
        }
    }
}

impl<T: Copy> Io<'_, T> {
    /// Replaces the elements, some at a time from the first to the last, by what `map` makes of them: the skeleton of every
    /// operator whose output element depends on the input element at the same place. The output is as long as the input and
    /// may start at its first element or before it; `map` finds the input where the output is to be.
    #[inline]
    pub fn map_parts(&mut self, mut map: impl FnMut(&mut [T])) {
        self.map_indexed(PART, |_, part| map(part));
    }

    /// The same with the index of the first of `part_len` elements.
    #[inline]
    pub(crate) fn map_indexed(&mut self, part_len: usize, mut map: impl FnMut(usize, &mut [T])) {
        let Some(len) = self.len_of_both() else { return self.refuse() };
        let mut index: usize = 0;
        while index < len {
            let part = len.wrapping_sub(index).min(part_len.max(1));
            self.move_part(index, part);
            map(index, self.output_from(index).get_mut(..part).unwrap_or_default());
            index = index.wrapping_add(part);
        }
    }

    /// How many elements there are to read and to write, when it is as many.
    #[inline]
    fn len_of_both(&self) -> Option<usize> {
        let (input, output) = match self {
            Io::Split { input, output } => (input.len(), output.len()),
            Io::Overlapped { buffer, input, output } => {
                (range(buffer, input.0, input.1).len(), range(buffer, output.0, output.1).len())
            }
        };
        (input == output).then_some(input)
    }

    /// Copies `len` elements of the input from `index` on to their places in the output.
    #[inline(never)]
    fn move_part(&mut self, index: usize, len: usize) {
        let run = Plane::run(len);
        match self {
            Io::Split { input, output } => strided::copy(&run, input, index, output, index),
            Io::Overlapped { input, output, .. } if input.0 == output.0 => {}
            Io::Overlapped { buffer, input, output } => {
                strided::copy_within(&run, buffer, input.0.wrapping_add(index), output.0.wrapping_add(index));
            }
        }
    }
}

/// Elements that [`Io::map_parts`] takes at a time: few enough to stay in a cache.
pub(crate) const PART: usize = 4096;

/// `len` elements from `start`, or none when they do not fit.
#[inline]
pub(crate) fn range<T>(slice: &[T], start: usize, len: usize) -> &[T] {
    slice.get(start..start.saturating_add(len)).unwrap_or_default()
}

/// Elements of a tensor of this shape. Wraps for a shape that no memory holds: the loader knows none, and no kernel takes
/// it for a proof of where it may read or write.
#[inline]
pub(crate) fn volume([a, b, c]: [usize; 3]) -> usize {
    a.wrapping_mul(b).wrapping_mul(c)
}
