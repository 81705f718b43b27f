//! Permuting the axes of row-major elements.

/// The elements of `source` (of shape `shape`) with permuted axes: axis `i` of the result is axis
/// `permutation[i]` of the source.
///
/// # Panics
/// When `permutation` is no permutation of the axes or `source` does not have the shape's length; both
/// are checked for every value of a verified graph.
pub fn transposed<T: Copy>(source: &[T], shape: &[usize], permutation: &[usize]) -> Vec<T> {
    assert_eq!(source.len(), shape.iter().product::<usize>(), "elements do not fill shape {shape:?}");
    let mut steps = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        steps[axis - 1] = steps[axis] * shape[axis];
    }
    let extents: Vec<usize> = permutation.iter().map(|&axis| shape[axis]).collect();
    let steps: Vec<usize> = permutation.iter().map(|&axis| steps[axis]).collect();
    let mut index = vec![0; extents.len()];
    let mut position = 0;
    let mut result = Vec::with_capacity(source.len());
    for _ in 0..source.len() {
        result.push(source[position]);
        // Counts up the result's index, keeping the source's position in step.
        for axis in (0..extents.len()).rev() {
            index[axis] += 1;
            position += steps[axis];
            if index[axis] < extents[axis] {
                break;
            }
            position -= steps[axis] * extents[axis];
            index[axis] = 0;
        }
    }
    result
}

/// The permutation that undoes `permutation`.
pub fn inverse(permutation: &[usize]) -> Vec<usize> {
    let mut inverse = vec![0; permutation.len()];
    for (to, &from) in permutation.iter().enumerate() {
        inverse[from] = to;
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::{inverse, transposed};

    #[test]
    fn channels_first_becomes_channels_last() {
        // [1, 2, 1, 3]: two channels of a row of three pixels.
        let source = [1, 2, 3, 10, 20, 30];
        let last = transposed(&source, &[1, 2, 1, 3], &[0, 2, 3, 1]);
        assert_eq!(last, [1, 10, 2, 20, 3, 30]);
        assert_eq!(transposed(&last, &[1, 1, 3, 2], &inverse(&[0, 2, 3, 1])), source);
    }

    #[test]
    fn a_scalar_stays() {
        assert_eq!(transposed(&[7], &[], &[]), [7]);
    }
}
