//! How many operands an operator takes.

use crate::value::{Shape, ShapeError, fail};

/// The one operand's shape.
pub(crate) fn one<'a>(inputs: &[&'a [usize]]) -> Result<&'a [usize], ShapeError> {
    match inputs {
        [x] => Ok(x),
        _ => fail(format!("takes 1 operand, has {}", inputs.len())),
    }
}

/// The shapes of two operands.
pub(crate) fn two<'a>(inputs: &[&'a [usize]]) -> Result<[&'a [usize]; 2], ShapeError> {
    match inputs {
        [a, b] => Ok([a, b]),
        _ => fail(format!("takes 2 operands, has {}", inputs.len())),
    }
}

/// The shapes of three operands.
pub(crate) fn three<'a>(inputs: &[&'a [usize]]) -> Result<[&'a [usize]; 3], ShapeError> {
    match inputs {
        [a, b, c] => Ok([a, b, c]),
        _ => fail(format!("takes 3 operands, has {}", inputs.len())),
    }
}

/// The result of an operator that works element by element on one operand.
pub(crate) fn like_operand(inputs: &[&[usize]]) -> Result<Vec<Shape>, ShapeError> {
    Ok(vec![one(inputs)?.to_vec()])
}

/// The extents of an operand that must be `[N, H, W, C]`.
pub(crate) fn nhwc(x: &[usize]) -> Result<[usize; 4], ShapeError> {
    match x {
        &[n, h, w, c] => Ok([n, h, w, c]),
        _ => fail(format!("operand has shape {x:?}, 4 axes [N, H, W, C] are needed")),
    }
}
