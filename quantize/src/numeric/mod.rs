//! Linear algebra on small dense matrices, in `f64`.

mod cholesky;

pub(crate) use cholesky::Cholesky;

/// A symmetric matrix, all of it stored, row by row.
#[derive(Clone, Debug)]
pub(crate) struct Symmetric {
    size: usize,
    elements: Vec<f64>,
}

impl Symmetric {
    pub(crate) fn zeros(size: usize) -> Self {
        Symmetric { size, elements: vec![0.0; size * size] }
    }

    pub(crate) fn size(&self) -> usize {
        self.size
    }

    pub(crate) fn get(&self, row: usize, column: usize) -> f64 {
        self.elements[row * self.size + column]
    }

    pub(crate) fn set(&mut self, row: usize, column: usize, element: f64) {
        self.elements[row * self.size + column] = element;
    }

    pub(crate) fn row(&self, row: usize) -> &[f64] {
        &self.elements[row * self.size..][..self.size]
    }

    /// Adds `x x^T` to the part at and below the diagonal; [`Symmetric::mirror`] fills the rest in.
    pub(crate) fn add_outer(&mut self, x: &[f32]) {
        for (row, &a) in x.iter().enumerate() {
            // After a ReLU half of all elements are zero.
            if a != 0.0 {
                let sums = &mut self.elements[row * self.size..][..=row];
                sums.iter_mut().zip(x).for_each(|(sum, &b)| *sum += f64::from(a) * f64::from(b));
            }
        }
    }

    /// Copies what is below the diagonal above it.
    pub(crate) fn mirror(&mut self) {
        for row in 0..self.size {
            for column in 0..row {
                self.set(column, row, self.get(row, column));
            }
        }
    }

    /// The rows and columns of some indices.
    pub(crate) fn part(&self, indices: &[usize]) -> Symmetric {
        let elements = indices.iter().flat_map(|&row| indices.iter().map(move |&column| self.get(row, column)));
        Symmetric { size: indices.len(), elements: elements.collect() }
    }

    /// Adds `share` of the mean of the diagonal to it, so that directions in which there is no data have a scale too; at
    /// least so much that there is something to divide by.
    pub(crate) fn damp(&mut self, share: f64) {
        let mean = (0..self.size).map(|index| self.get(index, index)).sum::<f64>() / self.size.max(1) as f64;
        let more = (mean * share).max(1e-12);
        for index in 0..self.size {
            self.set(index, index, self.get(index, index) + more);
        }
    }
}
