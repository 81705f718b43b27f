//! Least squares with some weights at zero, one weight more or fewer at a time.
//!
//! The loss is `(w - w*) H (w - w*)^T`, and of all `w` with zeros where they shall be the one with the least loss is meant.
//! Goodnight's symmetric sweep operator (A Tutorial on the SWEEP Operator, 1979) keeps in one matrix what every next step needs:
//! between weights that are kept, the inverse of their part of `H`, negated; between those that are zero, what of `H` the kept
//! ones do not explain (the Schur complement). A pivot moves a weight from one side to the other. Beside the matrix stands, of
//! a kept weight, the weight; of the others, the slope of the loss. So the loss that a kept weight's removal adds, and that
//! another one's return takes away, is the same expression: `v_j^2 / |A_jj|` (Optimal Brain Surgeon, Hassibi and Stork 1993;
//! for one weight after the other: Optimal Brain Compression, Frantar and Alistarh 2022).

/// See the module.
#[derive(Clone)]
pub(super) struct Tableau {
    len: usize,
    /// `[len, len]`, of which what is at and below the diagonal counts.
    matrix: Vec<f64>,
    vector: Vec<f64>,
    kept: Vec<bool>,
    /// The row of a pivot.
    row: Vec<f64>,
}

/// A swap must lower the loss by this part of what it gains.
const PROGRESS: f64 = 1e-9;

impl Tableau {
    /// Of `matrix`, symmetric and positive definite, with every weight kept. `None` when it is not definite.
    pub(super) fn whole(matrix: Vec<f64>, len: usize) -> Option<Self> {
        let (vector, kept, row) = (vec![0.0; len], vec![false; len], vec![0.0; len]);
        let mut tableau = Tableau { len, matrix, vector, kept, row };
        for place in 0..len {
            let diagonal = tableau.matrix[place * len + place];
            if !(diagonal > 0.0 && diagonal.is_finite()) {
                return None;
            }
            tableau.pivot(place);
        }
        Some(tableau)
    }

    /// The weights that have no loss for slopes `b` at zero: `b H^-1`. Of a tableau whose weights are all kept.
    pub(super) fn divide(&self, b: &[f64]) -> Vec<f64> {
        let mut quotient = vec![0.0; self.len];
        for row in 0..self.len {
            let elements = &self.matrix[row * self.len..][..=row];
            let mut sum = 0.0;
            for ((&element, &slope), quotient) in elements.iter().zip(b).zip(&mut quotient).take(row) {
                sum -= element * slope;
                *quotient -= element * b[row];
            }
            quotient[row] += sum - elements[row] * b[row];
        }
        quotient
    }

    /// Some of the weights, which are `weights`; the others are never zero. Of a tableau whose weights are all kept.
    pub(super) fn part(&self, places: &[usize], weights: impl Iterator<Item = f64>) -> Tableau {
        let len = places.len();
        let mut matrix = vec![0.0; len * len];
        for (to, &row) in places.iter().enumerate() {
            for (element, &column) in matrix[to * len..][..=to].iter_mut().zip(places) {
                *element = self.matrix[row.max(column) * self.len + row.min(column)];
            }
        }
        Tableau { len, matrix, vector: weights.collect(), kept: vec![true; len], row: vec![0.0; len] }
    }

    /// Removes weights, always the one that adds least to the loss, until `most` are gone: which, and what each adds.
    pub(super) fn trace(&mut self, most: usize) -> Vec<(u32, f64)> {
        let mut removed = Vec::with_capacity(most);
        for _ in 0..most {
            let Some((place, cost)) = self.cheapest() else { break };
            self.pivot(place);
            removed.push((place as u32, cost));
        }
        removed
    }

    /// Exchanges removed weights for kept ones while that lowers the loss, at most `rounds` times.
    pub(super) fn refine(&mut self, rounds: usize) {
        for _ in 0..rounds {
            let others = (0..self.len).filter(|&place| !self.kept[place]);
            let Some(back) = others.map(|place| (place, self.stake(place))).max_by(|a, b| a.1.total_cmp(&b.1)) else {
                return;
            };
            self.pivot(back.0);
            let Some((place, cost)) = self.cheapest() else { return };
            let is_better = place != back.0 && cost < back.1 * (1.0 - PROGRESS);
            self.pivot(if is_better { place } else { back.0 });
            if !is_better {
                return;
            }
        }
    }

    /// Which weights are kept.
    pub(super) fn kept(&self) -> &[bool] {
        &self.kept
    }

    /// Takes a weight to the other side.
    pub(super) fn pivot(&mut self, place: usize) {
        let len = self.len;
        let mut row = core::mem::take(&mut self.row);
        row[..=place].copy_from_slice(&self.matrix[place * len..][..=place]);
        (place + 1..len).for_each(|below| row[below] = self.matrix[below * len + place]);
        let (diagonal, own) = (row[place], self.vector[place]);
        for index in (0..len).filter(|&index| index != place) {
            let factor = row[index] / diagonal;
            if factor != 0.0 {
                let elements = &mut self.matrix[index * len..][..=index];
                elements.iter_mut().zip(&row).for_each(|(to, from)| *to -= factor * from);
                self.vector[index] -= factor * own;
            }
        }
        let size = diagonal.abs();
        (0..place).for_each(|before| self.matrix[place * len + before] = row[before] / size);
        (place + 1..len).for_each(|below| self.matrix[below * len + place] = row[below] / size);
        self.matrix[place * len + place] = -diagonal.recip();
        self.vector[place] = own / size;
        self.kept[place] = !self.kept[place];
        self.row = row;
    }

    /// The kept weight whose removal adds least, and what it adds.
    fn cheapest(&self) -> Option<(usize, f64)> {
        let kept = (0..self.len).filter(|&place| self.kept[place]);
        kept.map(|place| (place, self.stake(place))).min_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// What the loss would change by.
    fn stake(&self, place: usize) -> f64 {
        self.vector[place].powi(2) / self.matrix[place * self.len + place].abs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The least loss with these weights kept, by elimination.
    fn loss(matrix: &[f64], len: usize, wanted: &[f64], kept: &[bool]) -> f64 {
        let b: Vec<f64> = (0..len).map(|row| (0..len).map(|at| matrix[row * len + at] * wanted[at]).sum()).collect();
        let places: Vec<usize> = (0..len).filter(|&place| kept[place]).collect();
        let part = places.iter().flat_map(|&row| places.iter().map(move |&column| matrix[row * len + column]));
        let whole = Tableau::whole(part.collect(), places.len()).expect("definite");
        let weights = whole.divide(&places.iter().map(|&place| b[place]).collect::<Vec<_>>());
        let mut lost = wanted.to_vec();
        places.iter().zip(weights).for_each(|(&place, weight)| lost[place] -= weight);
        (0..len).map(|row| (0..len).map(|at| lost[row] * matrix[row * len + at] * lost[at]).sum::<f64>()).sum()
    }

    #[test]
    fn what_steps_add_is_what_the_least_squares_lose() {
        let len = 7_usize;
        let matrix: Vec<f64> = (0..len * len).map(|at| 0.8_f64.powi((at / len).abs_diff(at % len) as i32)).collect();
        let wanted = [0.61, -0.33, 0.9, 0.14, -0.47, 0.2, 0.7];
        let whole = Tableau::whole(matrix.clone(), len).expect("definite");
        let mut tableau = whole.part(&[0, 1, 2, 3, 4, 5, 6], wanted.into_iter());
        let mut sum = 0.0;
        for count in 1..=4 {
            for (_, cost) in tableau.trace(1) {
                sum += cost;
            }
            let found = loss(&matrix, len, &wanted, tableau.kept());
            assert!((sum - found).abs() < 1e-9, "{count} removed: {sum} {found}");
        }
        // Exchanging never makes it worse, and comes close to the best choice of three there is.
        tableau.refine(20);
        let refined = loss(&matrix, len, &wanted, tableau.kept());
        let masks = (0_u32..128).filter(|mask| mask.count_ones() == 3);
        let of_mask = |mask: u32| -> Vec<bool> { (0..7).map(|place| mask >> place & 1 == 1).collect() };
        let best = masks.map(|mask| loss(&matrix, len, &wanted, &of_mask(mask))).fold(f64::INFINITY, f64::min);
        assert_eq!(tableau.kept().iter().filter(|kept| **kept).count(), 3);
        assert!(refined <= sum + 1e-9 && refined <= best * 1.05, "{sum} {refined} {best}");
    }

    #[test]
    fn a_matrix_that_is_not_definite_is_refused() {
        assert!(Tableau::whole(vec![1.0, 2.0, 2.0, 1.0], 2).is_none());
    }
}
