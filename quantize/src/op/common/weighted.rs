//! Operators with weights: `x, w, [b]`.

use crate::value::{ShapeError, fail};

/// Shapes of `x, w, [b]`.
type Weighted<'a> = (&'a [usize], &'a [usize], Option<&'a [usize]>);

/// Splits `x, w, [b]`.
pub(crate) fn with_bias<'a>(inputs: &[&'a [usize]]) -> Result<Weighted<'a>, ShapeError> {
    match inputs {
        [x, w] => Ok((x, w, None)),
        [x, w, b] => Ok((x, w, Some(b))),
        _ => fail(format!("takes 2 or 3 operands, has {}", inputs.len())),
    }
}

/// Checks the bias against the number of output channels.
pub(crate) fn check_bias(bias: Option<&[usize]>, output_channels: usize) -> Result<(), ShapeError> {
    match bias {
        Some(shape) if shape != [output_channels] => {
            fail(format!("bias has shape {shape:?}, [{output_channels}] is needed"))
        }
        _ => Ok(()),
    }
}
