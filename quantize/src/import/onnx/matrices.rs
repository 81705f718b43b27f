//! Products of matrices both of which may be computed: `MatMul`, `Gemm`, `Einsum`.
//!
//! A second factor that is one constant matrix makes a dense layer instead (`dense.rs`).

use super::attributes::Call;
use super::{Entry, Importer};
use crate::import::build::{Convert, refuse};
use crate::ir::{Activation, Elements, Op, ValueId};
use crate::op::{Add, MatMul, Mul, Reduce, Reduction, Transpose};

impl Importer<'_> {
    /// `x` times a number; `x` itself for 1.
    pub(super) fn scaled(&mut self, name: &str, x: ValueId, factor: f32) -> Convert<ValueId> {
        if factor == 1.0 {
            return Ok(x);
        }
        let ones = vec![1; self.shape(x).len()];
        let factor = self.builder.constant(&format!("{name}/factor"), ones, Elements::F32(vec![factor]))?;
        self.apply(&format!("{name}/scaled"), Op::Mul(Mul { activation: Activation::None }), vec![x, factor])
    }

    /// The product of the operands as NumPy has it: a vector is one row, or one column, and its axis goes again.
    fn product(&mut self, call: &Call<'_>) -> Convert<ValueId> {
        let mut factors = [self.float_operand(call, 0)?, self.float_operand(call, 1)?];
        let ranks = factors.map(|id| self.shape(id).len());
        if ranks.contains(&0) {
            return refuse("a factor is a scalar", "use Mul");
        }
        for (index, what) in [(0, "row"), (1, "column")] {
            if ranks[index] == 1 {
                let mut shape = self.shape(factors[index]);
                shape.insert(index, 1);
                factors[index] = self.builder.reshape(&format!("{}/{what}", call.name), factors[index], shape)?;
            }
        }
        let product = self.apply(call.name, MatMul::default().into(), factors.to_vec())?;
        let mut shape = self.shape(product);
        let rank = shape.len();
        if ranks[1] == 1 {
            shape.remove(rank - 1);
        }
        if ranks[0] == 1 {
            shape.remove(rank - 2);
        }
        self.builder.reshape(&format!("{}/vector", call.name), product, shape)
    }
}

/// `A * B`.
pub(super) fn mat_mul(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    Ok(Entry::Value(importer.product(call)?))
}

/// `alpha * A * B + beta * C`.
pub(super) fn gemm(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let factors = [importer.float_operand(call, 0)?, importer.float_operand(call, 1)?];
    if factors.iter().any(|&id| importer.shape(id).len() != 2) {
        return refuse("a factor has not 2 axes", "use MatMul");
    }
    let op = MatMul {
        transpose_a: call.int("transA", 0)? != 0,
        transpose_b: call.int("transB", 0)? != 0,
        activation: Activation::None,
    };
    let product = importer.apply(call.name, op.into(), factors.to_vec())?;
    let product = importer.scaled(call.name, product, call.float("alpha", 1.0)?)?;
    if call.operand(2).is_none() {
        return Ok(Entry::Value(product));
    }
    let c = importer.float_operand(call, 2)?;
    let c = importer.scaled(&format!("{}/c", call.name), c, call.float("beta", 1.0)?)?;
    let operands = importer.builder.same_rank(call.name, [product, c])?;
    let add = Op::Add(Add { activation: Activation::None });
    Ok(Entry::Value(importer.apply(&format!("{}/add", call.name), add, operands.to_vec())?))
}

/// Sums of products of operands named by letters: one or two operands, each letter once in each of them.
pub(super) fn einsum(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let count = call.operands.len();
    let operands = (0..count).map(|index| importer.float_operand(call, index)).collect::<Convert<Vec<_>>>()?;
    let ranks: Vec<usize> = operands.iter().map(|&id| importer.shape(id).len()).collect();
    let text = call.string("equation", "")?;
    let Some(equation) = Equation::read(text, &ranks) else {
        return refuse(
            format!("its equation `{text}` is not one of one or two operands with each letter once in each"),
            "use Transpose, ReduceSum and MatMul",
        );
    };
    let output = equation.output.clone();
    let result = match (operands.as_slice(), equation.operands.as_slice()) {
        (&[x], [labels]) => importer.summed(call, x, labels.clone(), &output)?,
        (&[a, b], [of_a, of_b]) => importer.contracted(call, [a, b], [of_a.clone(), of_b.clone()], &output)?,
        _ => return refuse(format!("it has {count} operands"), "use one Einsum for each two of them"),
    };
    Ok(Entry::Value(importer.ordered(call, result.0, &result.1, &output)?))
}

/// A value with a letter for each axis.
type Labeled = (ValueId, Vec<char>);

impl Importer<'_> {
    /// `x` summed over all axes whose letter is not one of `kept`.
    fn summed(&mut self, call: &Call<'_>, x: ValueId, labels: Vec<char>, kept: &[char]) -> Convert<Labeled> {
        let axes: Vec<usize> = (0..labels.len()).filter(|&axis| !kept.contains(&labels[axis])).collect();
        if axes.is_empty() {
            return Ok((x, labels));
        }
        let reduce = Reduce { kind: Reduction::Sum, axes, keep_dims: false };
        let sum = self.apply(&format!("{}/sum", call.name), reduce.into(), vec![x])?;
        Ok((sum, labels.into_iter().filter(|label| kept.contains(label)).collect()))
    }

    /// `x` with its axes in the order of `order`, the same letters.
    fn ordered(&mut self, call: &Call<'_>, x: ValueId, labels: &[char], order: &[char]) -> Convert<ValueId> {
        let at = |label: &char| labels.iter().position(|own| own == label);
        let Some(permutation) = order.iter().map(at).collect::<Option<Vec<usize>>>() else {
            return refuse("a letter of its result is in no operand", "export the model again");
        };
        if permutation.is_sorted() {
            return Ok(x);
        }
        self.apply(&format!("{}/order", call.name), Transpose { permutation }.into(), vec![x])
    }

    /// The product of two operands summed over the letters that they share and the result lacks.
    fn contracted(
        &mut self,
        call: &Call<'_>,
        [a, b]: [ValueId; 2],
        [of_a, of_b]: [Vec<char>; 2],
        output: &[char],
    ) -> Convert<Labeled> {
        let kept = |other: &[char]| -> Vec<char> { output.iter().chain(other).copied().collect() };
        let (kept_a, kept_b) = (kept(&of_b), kept(&of_a));
        let (a, of_a) = self.summed(call, a, of_a, &kept_a)?;
        let (b, of_b) = self.summed(call, b, of_b, &kept_b)?;
        let is_shared = |label: &char| of_a.contains(label) && of_b.contains(label);
        let batch: Vec<char> = output.iter().copied().filter(is_shared).collect();
        let depth: Vec<char> =
            of_a.iter().copied().filter(|label| is_shared(label) && !batch.contains(label)).collect();
        let free = |own: &[char]| -> Vec<char> { own.iter().copied().filter(|label| !is_shared(label)).collect() };
        let (rows, columns) = (free(&of_a), free(&of_b));
        let extents = |importer: &Self, x: ValueId, own: &[char], labels: &[char]| -> Vec<usize> {
            let shape = importer.shape(x);
            labels.iter().filter_map(|label| Some(shape[own.iter().position(|one| one == label)?])).collect()
        };
        let sizes = [extents(self, a, &of_a, &batch), extents(self, a, &of_a, &rows), extents(self, a, &of_a, &depth)];
        let of_columns = extents(self, b, &of_b, &columns);
        let [n, m, k] = sizes.clone().map(|extents| extents.iter().product::<usize>());
        let width = of_columns.iter().product::<usize>();
        // `[batch, rows, depth]` times `[batch, columns, depth]` or, when that is how it lies, `[batch, depth, columns]`.
        let a = self.ordered(call, a, &of_a, &[batch.clone(), rows.clone(), depth.clone()].concat())?;
        let a = self.builder.reshape(&format!("{}/a", call.name), a, vec![n, m, k])?;
        let straight = [batch.clone(), depth.clone(), columns.clone()].concat();
        let transpose_b = of_b != straight;
        let order = if transpose_b { [batch.clone(), columns.clone(), depth.clone()].concat() } else { straight };
        let b = self.ordered(call, b, &of_b, &order)?;
        let shape = if transpose_b { vec![n, width, k] } else { vec![n, k, width] };
        let b = self.builder.reshape(&format!("{}/b", call.name), b, shape)?;
        let product = self.apply(call.name, MatMul { transpose_b, ..MatMul::default() }.into(), vec![a, b])?;
        let [of_batch, of_rows, _] = sizes;
        let shape = [of_batch, of_rows, of_columns].concat();
        let product = self.builder.reshape(&format!("{}/axes", call.name), product, shape)?;
        Ok((product, [batch, rows, columns].concat()))
    }
}

/// An equation with a letter for each axis.
struct Equation {
    operands: Vec<Vec<char>>,
    output: Vec<char>,
}

impl Equation {
    /// Reads an equation of operands with so many axes; an ellipsis stands for those that have no letter.
    fn read(text: &str, ranks: &[usize]) -> Option<Self> {
        let text: String = text.chars().filter(|letter| !letter.is_whitespace()).collect();
        let (left, right) = text.split_once("->").map_or((text.as_str(), None), |(left, right)| (left, Some(right)));
        let parts: Vec<&str> = left.split(',').collect();
        if parts.len() != ranks.len() || parts.is_empty() {
            return None;
        }
        let widths = parts.iter().zip(ranks).map(|(part, rank)| {
            let letters = part.chars().filter(|letter| *letter != '.').count();
            if part.contains("...") { rank.checked_sub(letters) } else { (*rank == letters).then_some(0) }
        });
        let widths = widths.collect::<Option<Vec<usize>>>()?;
        let width = widths.iter().copied().max().filter(|&width| width < 10)?;
        // Axes of an ellipsis are digits, aligned at the end.
        let expand = |part: &str, own: usize| -> Option<Vec<char>> {
            let hidden: String = (width - own..width).filter_map(|axis| char::from_digit(axis as u32, 10)).collect();
            let labels: Vec<char> = part.replacen("...", &hidden, 1).chars().collect();
            let is_once = labels.iter().enumerate().all(|(at, label)| !labels[..at].contains(label));
            (is_once && !labels.contains(&'.')).then_some(labels)
        };
        let operands = parts.iter().zip(&widths).map(|(part, own)| expand(part, *own)).collect::<Option<Vec<_>>>()?;
        let output = match right {
            Some(right) => expand(right, if right.contains("...") { width } else { 0 })?,
            None => implied(&operands),
        };
        Some(Equation { operands, output })
    }
}

/// The result without an arrow: the axes of the ellipsis, then each letter that occurs once, in alphabetical order.
fn implied(operands: &[Vec<char>]) -> Vec<char> {
    let all: Vec<char> = operands.concat();
    let mut output: Vec<char> = all.clone();
    output.sort_unstable();
    output.dedup();
    output.retain(|label| label.is_ascii_digit() || all.iter().filter(|own| *own == label).count() == 1);
    output
}
