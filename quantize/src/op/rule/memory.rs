//! Operators that need not run: their results are where their operands are. And where that is.

/// Which results and operands of an operator can be the same memory, without any element being moved.
///
/// This is what could be; `program/layout.rs` decides what is, and operators lower as copies for the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Placement {
    /// Results have memory of their own.
    Apart,
    /// The one result is the first operand under another shape: always the same memory.
    Renamed,
    /// The operands are parts of the one result, and can be computed there: the element at which each starts.
    /// Empty when they do not lie behind each other.
    Joined(Vec<usize>),
    /// The results are parts of the first operand, and can stay there: the element at which each starts. Empty when
    /// the elements of one do not lie behind each other.
    Taken(Vec<usize>),
}

/// A range of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Index of the buffer.
    pub buffer: usize,
    /// First byte.
    pub offset: usize,
    /// Length.
    pub bytes: usize,
}

impl Place {
    /// True when this starts at byte `offset` of `whole`.
    pub(crate) fn is_at(&self, whole: &Place, offset: usize) -> bool {
        self.buffer == whole.buffer && self.offset == whole.offset + offset
    }
}
