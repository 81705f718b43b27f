//! Support vectors: kernels of each vector and the features, and sums of them.
//!
//! A kernel is made of the vectors of one class at a time, so that what meets only these is a small matrix.

use super::super::attributes::Call;
use super::super::{Entry, Importer};
use super::labels::{Labels, Pair, Transform};
use super::{EXPORT_AGAIN, floats};
use crate::import::build::{Convert, refuse};
use crate::ir::{DType, ValueId};
use crate::op::{Concat, Function, Map, MapFunction, Select, Take, Tanh};

/// How alike features and a vector are.
enum Kernel {
    Linear,
    Poly { gamma: f32, offset: f32, degree: f32 },
    Rbf { gamma: f32 },
    Sigmoid { gamma: f32, offset: f32 },
}

impl Kernel {
    fn of(call: &Call<'_>) -> Convert<Self> {
        let parameters = floats(call, "kernel_params")?;
        let [gamma, offset, degree] = match *parameters {
            [gamma, offset, degree] => [gamma, offset, degree],
            [] => [0.0, 0.0, 0.0],
            _ => return refuse(format!("has {} kernel parameters instead of 3", parameters.len()), EXPORT_AGAIN),
        };
        Ok(match call.string("kernel_type", "LINEAR")? {
            "LINEAR" => Kernel::Linear,
            "POLY" => Kernel::Poly { gamma, offset, degree },
            "RBF" => Kernel::Rbf { gamma },
            "SIGMOID" => Kernel::Sigmoid { gamma, offset },
            other => return refuse(format!("its kernel is {other}"), "use LINEAR, POLY, RBF or SIGMOID"),
        })
    }
}

impl Importer<'_> {
    /// The kernel of each row and each of some vectors: `[rows, vectors]`.
    fn kernels(&mut self, call: &Call<'_>, x: ValueId, vectors: &[f32], kernel: &Kernel) -> Convert<ValueId> {
        let features = self.shape(x)[1];
        let count = vectors.len() / features.max(1);
        if let Kernel::Rbf { gamma } = kernel {
            let distances = self.squared_distances(call, x, vectors)?;
            let powers = self.with_number(call, Function::Mul, distances, -gamma)?;
            return self.apply(&format!("{}/kernels", call.name), Map::plain(MapFunction::Exp).into(), vec![powers]);
        }
        let products = self.dense(call, x, (vec![count, features], vectors.to_vec()), vec![0.0; count])?;
        let line = |importer: &mut Self, gamma: f32, offset: f32| {
            let scaled = importer.with_number(call, Function::Mul, products, gamma)?;
            importer.with_number(call, Function::Add, scaled, offset)
        };
        match *kernel {
            Kernel::Poly { gamma, offset, degree } => {
                let base = line(self, gamma, offset)?;
                self.with_number(call, Function::Pow, base, degree)
            }
            Kernel::Sigmoid { gamma, offset } => {
                let angle = line(self, gamma, offset)?;
                self.apply(&format!("{}/kernels", call.name), Tanh.into(), vec![angle])
            }
            Kernel::Linear | Kernel::Rbf { .. } => Ok(products),
        }
    }

    /// The decision between each two of the classes, `[rows, pairs]`: above zero for the first of them.
    fn decisions(&mut self, call: &Call<'_>, x: ValueId, counts: &[usize], rho: &[f32]) -> Convert<ValueId> {
        let kernel = Kernel::of(call)?;
        let (vectors, coefficients) = (floats(call, "support_vectors")?, floats(call, "coefficients")?);
        let (classes, total, features) = (counts.len(), counts.iter().sum::<usize>(), self.shape(x)[1]);
        let fits = total.checked_mul(features) == Some(vectors.len())
            && (classes - 1).checked_mul(total) == Some(coefficients.len())
            && rho.len() == classes * (classes - 1) / 2;
        if !fits {
            let problem = format!("has {} numbers for {total} support vectors", vectors.len());
            return refuse(problem, EXPORT_AGAIN);
        }
        // Column `class * (classes - 1) + row`: what the vectors of a class say in each of its decisions.
        let mut sums = Vec::new();
        let mut first = 0;
        for &count in counts.iter().filter(|&&count| count > 0) {
            let own = self.kernels(call, x, &vectors[first * features..(first + count) * features], &kernel)?;
            let rows = (0..classes - 1).flat_map(|row| &coefficients[row * total + first..][..count]).copied();
            sums.push(self.dense(call, own, (vec![classes - 1, count], rows.collect()), vec![0.0; classes - 1])?);
            first += count;
        }
        if sums.len() != classes {
            return refuse("has a class without support vectors", "leave the class out");
        }
        let name = format!("{}/sums", call.name);
        let sums = self.apply(&name, Concat { axis: 1 }.into(), sums)?;
        let pairs: Vec<(usize, usize)> = (0..classes).flat_map(|i| (i + 1..classes).map(move |j| (i, j))).collect();
        let mut side = |part: &str, column: fn(usize, usize, usize) -> usize| {
            let columns = pairs.iter().map(|&(i, j)| column(i, j, classes - 1)).collect();
            self.apply(&format!("{name}/{part}"), Take::along(2, 1, columns).into(), vec![sums])
        };
        let (ours, theirs) =
            (side("first", |i, j, width| i * width + j - 1)?, side("second", |i, j, width| j * width + i)?);
        let both = self.combined(&format!("{name}/both"), Function::Add, [ours, theirs])?;
        let rho = self.own_floats(call, "rho", vec![1, rho.len()], rho.to_vec())?;
        self.combined(&format!("{}/decisions", call.name), Function::Add, [both, rho])
    }

    /// How many decisions went to each class, `[rows, classes]`.
    fn votes(&mut self, call: &Call<'_>, decisions: ValueId, classes: usize) -> Convert<ValueId> {
        let zero = self.own_floats(call, "zero", vec![1, 1], vec![0.0])?;
        let is_first = self.combined(&format!("{}/won", call.name), Function::Less, [zero, decisions])?;
        let won = self.cast(&format!("{}/points", call.name), is_first, DType::F32)?;
        // The first of a pair gains 1 where it has won, the second where it has not.
        let pairs: Vec<(usize, usize)> = (0..classes).flat_map(|i| (i + 1..classes).map(move |j| (i, j))).collect();
        let gain =
            |class: usize| pairs.iter().map(move |&(i, j)| f32::from(i8::from(class == i) - i8::from(class == j)));
        let given = |class: usize| pairs.iter().filter(|&&(_, j)| class == j).count() as f32;
        let gains = (0..classes).flat_map(gain).collect();
        self.dense(call, won, (vec![classes, pairs.len()], gains), (0..classes).map(given).collect())
    }
}

/// A label and scores: of two classes their decision and its opposite, of more the decision between each two of them.
pub(super) fn classifier(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Vec<Entry>> {
    let (x, [_, features]) = importer.features(call, 0)?;
    let labels = Labels::of(call, "classlabels_ints", "classlabels_strings")?;
    let transform = Transform::of(call)?;
    let rho = floats(call, "rho")?;
    let counts = call.ints("vectors_per_class")?.unwrap_or_default();
    let counts: Option<Vec<usize>> = counts.iter().map(|&count| usize::try_from(count).ok()).collect();
    let Some(counts) = counts.filter(|counts| counts.iter().all(|&count| count < 1 << 24)) else {
        return refuse("has a negative number of support vectors", EXPORT_AGAIN);
    };
    let probabilities = floats(call, "prob_a")?;
    if counts.is_empty() {
        let (coefficients, rho) = (floats(call, "coefficients")?, rho.first().copied().unwrap_or(0.0));
        let classes = labels.len();
        let scores = importer.dense(call, x, (vec![classes, features], coefficients.to_vec()), vec![rho; classes])?;
        let index = importer.greatest(call, scores)?;
        let label = importer.label(call, index, &labels)?;
        return Ok(vec![label, Entry::Value(importer.transformed(call, scores, transform)?)]);
    }
    labels.expect(counts.len())?;
    if counts.len() < 2 {
        return refuse("has fewer than 2 classes", EXPORT_AGAIN);
    }
    let decisions = importer.decisions(call, x, &counts, rho)?;
    if !probabilities.is_empty() {
        return importer.coupled(call, decisions, &labels, transform);
    }
    let votes = importer.votes(call, decisions, counts.len())?;
    let index = importer.greatest(call, votes)?;
    let label = importer.label(call, index, &labels)?;
    let scores = if counts.len() > 2 {
        importer.transformed(call, decisions, transform)?
    } else if transform == Transform::None {
        importer.paired(call, decisions, Pair::Opposite, transform)?
    } else {
        importer.paired(call, decisions, Pair::Complement, transform)?
    };
    Ok(vec![label, Entry::Value(scores)])
}

impl Importer<'_> {
    /// Probabilities of classes from those between each two of them. The label is that of the votes.
    fn coupled(
        &mut self,
        call: &Call<'_>,
        decisions: ValueId,
        labels: &Labels,
        transform: Transform,
    ) -> Convert<Vec<Entry>> {
        let _ = (call, decisions, labels, transform);
        refuse("has probabilities (prob_a)", "fit with probability=False")
    }
}

/// The sum of kernels, or with `one_class` its sign.
pub(super) fn regressor(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let (x, [_, features]) = importer.features(call, 0)?;
    let coefficients = floats(call, "coefficients")?;
    let rho = floats(call, "rho")?.first().copied().unwrap_or(0.0);
    let count = call.int("n_supports", 0)?;
    let y = if count > 0 {
        let vectors = floats(call, "support_vectors")?;
        if vectors.len() != coefficients.len().saturating_mul(features) || count as usize != coefficients.len() {
            return refuse(format!("has {} numbers for {count} support vectors", vectors.len()), EXPORT_AGAIN);
        }
        let kernels = importer.kernels(call, x, vectors, &Kernel::of(call)?)?;
        importer.dense(call, kernels, (vec![1, coefficients.len()], coefficients.to_vec()), vec![rho])?
    } else {
        importer.dense(call, x, (vec![1, features], coefficients.to_vec()), vec![rho])?
    };
    if call.int("one_class", 0)? == 0 {
        return Ok(Entry::Value(y));
    }
    let zero = importer.own_floats(call, "zero", vec![1, 1], vec![0.0])?;
    let is_above = importer.combined(&format!("{}/inside", call.name), Function::Less, [zero, y])?;
    let one = importer.own_floats(call, "one", vec![1, 1], vec![1.0])?;
    let minus_one = importer.own_floats(call, "minus one", vec![1, 1], vec![-1.0])?;
    let operands = vec![is_above, one, minus_one];
    Ok(Entry::Value(importer.builder.apply_typed(call.name, Select.into(), operands, (DType::F32, None))?))
}
