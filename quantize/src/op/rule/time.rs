//! How an operator goes along an axis whose rows come a few at a time.

/// What the rows of the results are made of, along one axis of the operands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum TimeRule {
    /// Row `i` of the results of row `i` of the operands; along this axis of the results.
    Rows(usize),
    /// Windows of rows of the first operand; along the same axis of the result.
    Windows(Reach),
    /// Row by row, with a state that goes on from each to the next ([`Operator::keep_states`](crate::op::Operator::keep_states)).
    Steps,
    /// All rows at once.
    Whole,
}

/// Which rows a window has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Reach {
    /// Rows from its first to its last.
    pub(crate) size: usize,
    /// Rows from one window to the next.
    pub(crate) stride: usize,
    /// How many rows before the first one the first window begins; negative when it begins behind it.
    pub(crate) before: isize,
    /// What rows that are not there are taken for.
    pub(crate) absent: Absent,
}

/// What rows that are not there are taken for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Absent {
    /// This real number.
    Real(f32),
    /// Something below every element.
    Least,
    /// Nothing: a window has fewer rows then.
    Nothing,
}
