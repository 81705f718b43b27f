//! The Cholesky factor of a positive definite matrix, and what it solves.

use super::Symmetric;

/// `L` with `L L^T` the matrix, lower triangular.
#[derive(Clone, Debug)]
pub(crate) struct Cholesky {
    lower: Symmetric,
}

impl Cholesky {
    /// `None` when the matrix is not positive definite.
    pub(crate) fn of(matrix: &Symmetric) -> Option<Self> {
        let size = matrix.size();
        let mut lower = Symmetric::zeros(size);
        for row in 0..size {
            for column in 0..=row {
                let products = lower.row(row)[..column].iter().zip(&lower.row(column)[..column]);
                let rest = matrix.get(row, column) - products.map(|(a, b)| a * b).sum::<f64>();
                if row != column {
                    lower.set(row, column, rest / lower.get(column, column));
                } else if rest > 0.0 && rest.is_finite() {
                    lower.set(row, row, rest.sqrt());
                } else {
                    return None;
                }
            }
        }
        Some(Cholesky { lower })
    }

    /// `x` with `matrix x = right`.
    pub(crate) fn solve(&self, right: &[f64]) -> Vec<f64> {
        let size = self.lower.size();
        let mut x = right.to_vec();
        for row in 0..size {
            let known: f64 = self.lower.row(row)[..row].iter().zip(&x).map(|(a, b)| a * b).sum();
            x[row] = (x[row] - known) / self.lower.get(row, row);
        }
        for row in (0..size).rev() {
            x[row] /= self.lower.get(row, row);
            let own = x[row];
            // Row by row, as it is stored: what this unknown takes from those before it.
            x[..row].iter_mut().zip(self.lower.row(row)).for_each(|(x, a)| *x -= a * own);
        }
        x
    }

    /// The inverse of the matrix.
    pub(crate) fn inverse(&self) -> Symmetric {
        let size = self.lower.size();
        let mut inverse = Symmetric::zeros(size);
        for column in 0..size {
            let mut unit = vec![0.0; size];
            unit[column] = 1.0;
            for (row, element) in self.solve(&unit).into_iter().enumerate() {
                inverse.set(row, column, element);
            }
        }
        inverse
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solves_and_inverts() {
        let mut matrix = Symmetric::zeros(3);
        for x in [[1.0, 2.0, 0.0], [0.0, 1.0, -1.0], [3.0, 0.0, 0.5], [1.0, 1.0, 1.0]] {
            matrix.add_outer(&x);
        }
        matrix.mirror();
        let factor = Cholesky::of(&matrix).expect("three directions");
        let x = factor.solve(&[1.0, 2.0, 3.0]);
        for (row, right) in [1.0, 2.0, 3.0].into_iter().enumerate() {
            let left: f64 = matrix.row(row).iter().zip(&x).map(|(a, b)| a * b).sum();
            assert!((left - right).abs() < 1e-12, "{left}");
        }
        let inverse = factor.inverse();
        let product = |row: usize, column: usize| -> f64 {
            (0..3).map(|index| matrix.get(row, index) * inverse.get(index, column)).sum()
        };
        assert!((product(1, 1) - 1.0).abs() < 1e-12 && product(0, 2).abs() < 1e-12);
    }

    #[test]
    fn a_direction_without_data_has_no_factor_until_it_is_damped() {
        let mut matrix = Symmetric::zeros(2);
        matrix.add_outer(&[1.0, 0.0]);
        matrix.mirror();
        assert!(Cholesky::of(&matrix).is_none());
        matrix.damp(0.01);
        assert!(Cholesky::of(&matrix).is_some());
    }
}
