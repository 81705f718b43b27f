//! Operators that only move elements.

/// Where an element comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// Position of the operand.
    pub(crate) operand: usize,
    /// Index of the element, row-major.
    pub(crate) element: usize,
}

/// The source of every element of each result.
pub(crate) type Moves = Vec<Vec<Source>>;

/// The elements that `moves` makes of the operands' elements.
pub(crate) fn moved<T: Copy>(moves: &Moves, operands: &[&[T]]) -> Vec<Vec<T>> {
    let of = |source: &Source| operands[source.operand][source.element];
    moves.iter().map(|result| result.iter().map(of).collect()).collect()
}

/// Elements of the first operand, as the one result.
pub(crate) fn from_first(elements: impl IntoIterator<Item = usize>) -> Moves {
    vec![elements.into_iter().map(|element| Source { operand: 0, element }).collect()]
}
