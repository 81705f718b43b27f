//! Extents of a value's axes, straight from a hostile file or not: all arithmetic is checked.

use core::fmt;

/// Most elements a value may have. Far beyond any microcontroller, and small enough that no product of a
/// shape with an element size overflows anywhere.
pub const VALUE_LEN_MAX: usize = 1 << 26;

/// Most axes a value may have.
pub const RANK_MAX: usize = 8;

/// Why an operator cannot be applied to its operands; the node is named by the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShapeError(pub String);

impl fmt::Display for ShapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for ShapeError {}

/// Extents of a value's axes.
pub type Shape = Vec<usize>;

/// The error that says `message`.
pub(crate) fn fail<T>(message: String) -> Result<T, ShapeError> {
    Err(ShapeError(message))
}

/// Number of elements of `shape`, when it is within [`RANK_MAX`] and [`VALUE_LEN_MAX`] and no axis is empty.
pub fn checked_len(shape: &[usize]) -> Result<usize, ShapeError> {
    if shape.len() > RANK_MAX {
        return fail(format!("shape {shape:?} has {} axes, at most {RANK_MAX} are supported", shape.len()));
    }
    if shape.contains(&0) {
        return fail(format!("shape {shape:?} has an empty axis"));
    }
    let len = shape.iter().try_fold(1usize, |len, &extent| len.checked_mul(extent));
    match len {
        Some(len) if len <= VALUE_LEN_MAX => Ok(len),
        _ => fail(format!("shape {shape:?} has more than {VALUE_LEN_MAX} elements")),
    }
}

/// True when `permutation` names every axis below `rank` once.
pub fn is_permutation(permutation: &[usize], rank: usize) -> bool {
    permutation.len() == rank && (0..rank).all(|axis| permutation.contains(&axis))
}
