//! The inverse of a covariance, as the root that rounding sweeps along.

/// A symmetric positive definite matrix `M`, and the upper triangular `U` with `U^T U = M^-1`.
pub(super) struct Inverse {
    len: usize,
    /// `M`, row-major.
    matrix: Vec<f64>,
    /// `U`, row-major.
    root: Vec<f64>,
}

impl Inverse {
    /// Of `matrix`, row-major, `len * len`; `None` when it is not positive definite.
    ///
    /// `M = R R^T` with `R` upper triangular, found from the last column on; then `U = R^-1`.
    pub(super) fn of(matrix: Vec<f64>, len: usize) -> Option<Self> {
        let mut factor = vec![0.0; len * len];
        for column in (0..len).rev() {
            let behind = column + 1;
            let own = factor[column * len + behind..][..len - behind].to_vec();
            let diagonal = matrix[column * len + column] - dot(&own, &own);
            if !(diagonal > 0.0 && diagonal.is_finite()) {
                return None;
            }
            let diagonal = diagonal.sqrt();
            factor[column * len + column] = diagonal;
            for row in 0..column {
                let product = dot(&factor[row * len + behind..][..len - behind], &own);
                factor[row * len + column] = (matrix[row * len + column] - product) / diagonal;
            }
        }
        let mut root = vec![0.0; len * len];
        for row in (0..len).rev() {
            let (above, below) = root.split_at_mut((row + 1) * len);
            let own = &mut above[row * len..];
            own[row] = 1.0;
            for (other, rows) in (row + 1..len).zip(below.chunks_exact(len)) {
                let times = factor[row * len + other];
                own[other..].iter_mut().zip(&rows[other..]).for_each(|(to, from)| *to -= times * from);
            }
            let diagonal = factor[row * len + row];
            own.iter_mut().for_each(|element| *element /= diagonal);
        }
        Some(Inverse { len, matrix, root })
    }

    /// A row of `M`.
    pub(super) fn row(&self, row: usize) -> &[f64] {
        &self.matrix[row * self.len..][..self.len]
    }

    /// The row of `U`, from the diagonal on.
    pub(super) fn root_row(&self, row: usize) -> &[f64] {
        &self.root[row * self.len..][row..self.len]
    }

    /// `v M`.
    pub(super) fn times(&self, v: &[f64]) -> Vec<f64> {
        let mut product = vec![0.0; self.len];
        for (row, &times) in v.iter().enumerate().filter(|(_, times)| **times != 0.0) {
            product.iter_mut().zip(self.row(row)).for_each(|(to, from)| *to += times * from);
        }
        product
    }

    /// `v M^-1`.
    pub(super) fn divide(&self, v: &[f64]) -> Vec<f64> {
        let mut quotient = vec![0.0; self.len];
        for row in 0..self.len {
            let root = self.root_row(row);
            let times = dot(root, &v[row..]);
            quotient[row..].iter_mut().zip(root).for_each(|(to, from)| *to += times * from);
        }
        quotient
    }
}

/// The sum of products, in four sums at a time: always the same order.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let ((fours_a, rest_a), (fours_b, rest_b)) = (a.as_chunks::<4>(), b.as_chunks::<4>());
    let mut sums = [0.0; 4];
    for (a, b) in fours_a.iter().zip(fours_b) {
        for lane in 0..4 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f64 = rest_a.iter().zip(rest_b).map(|(a, b)| a * b).sum();
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_that_of_the_inverse() {
        let matrix = vec![4.0, 1.0, 0.5, 1.0, 3.0, -0.5, 0.5, -0.5, 2.0];
        let inverse = Inverse::of(matrix.clone(), 3).expect("positive definite");
        for row in 0..3 {
            let of_row = inverse.divide(inverse.row(row));
            let unit: Vec<f64> = (0..3).map(|column| f64::from(u8::from(column == row))).collect();
            assert!(of_row.iter().zip(&unit).all(|(a, b)| (a - b).abs() < 1e-12), "{of_row:?}");
            assert_eq!(inverse.times(&unit), inverse.row(row));
        }
        assert!(Inverse::of(vec![1.0, 2.0, 2.0, 1.0], 2).is_none());
    }
}
