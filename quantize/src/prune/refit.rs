//! Fits the layers of a graph without some channels to what the whole graph computes.
//!
//! Layer by layer, in the order of execution: with `x` what the layer reads in the graph whose layers before it have been
//! fitted, and `y` what it shall sum up (what it does in the whole graph), weights and bias become
//!
//! ```text
//!   W = W_0 + R (H + d I)^-1     R = sum of (y - W_0 x) x^T,  H = sum of x x^T,  x with a 1 for the bias
//! ```
//!
//! the least squares, drawn by `d` to the weights that were there, without the columns that are gone. So what an earlier layer
//! could not make up for, a later one knows of.

use super::PruneError;
use super::choose::Gone;
use super::layer::{Unfolded, positions};
use crate::calibrate::Prefix;
use crate::ir::{Elements, Graph};
use crate::numeric::{Cholesky, Symmetric};

/// Part of the mean of `H`'s diagonal that is added to it.
const DAMPING: f64 = 0.01;

/// Weights and bias.
type Parameters = (Vec<f32>, Vec<f32>);

/// `whole` without the channels that are `gone`: their weights and biases are zero, and the others make up for it. The
/// prefixes start at the same samples.
pub(super) fn refit(whole: &Graph, gone: &Gone, mut read: [Prefix; 2]) -> Result<Graph, PruneError> {
    let mut graph = whole.clone();
    for index in 0..whole.nodes.len() {
        if let Some((weights, bias)) = without(whole, index, gone) {
            set(&mut graph, index, weights, bias);
        }
        if let Some((weights, bias)) = fitted(whole, &graph, index, gone, &read) {
            set(&mut graph, index, weights, bias);
        }
        for (prefix, graph) in read.iter_mut().zip([whole, &graph]) {
            let stuck = |_| PruneError::Stuck { node: whole.nodes[index].name.clone() };
            prefix.compute(graph, index).map_err(stuck)?;
            prefix.forget_behind(graph, index);
        }
    }
    Ok(graph)
}

/// The parameters of a layer with zeros where channels are gone.
fn without(whole: &Graph, index: usize, gone: &Gone) -> Option<Parameters> {
    let node = &whole.nodes[index];
    let order = node.op.operator().layer()?.order;
    let (&operand, &weights_id) = (node.inputs.first()?, node.inputs.get(1)?);
    let (gone_inputs, gone_outputs) = (&gone[operand.0 as usize], &gone[node.output().0 as usize]);
    if !gone_inputs.contains(&true) && !gone_outputs.contains(&true) {
        return None;
    }
    let shape = &whole.value(weights_id).shape;
    let keep = |(flat, &weight): (usize, &f32)| {
        let is_gone = gone_outputs[order.output_of(shape, flat)] || gone_inputs[order.input_of(shape, flat)];
        if is_gone { 0.0 } else { weight }
    };
    let weights = whole.constant_f32(weights_id)?.iter().enumerate().map(keep).collect();
    let bias = match node.inputs.get(2) {
        None => Vec::new(),
        Some(&id) => whole.constant_f32(id)?.to_vec(),
    };
    let kept = |(bias, &gone): (f32, &bool)| if gone { 0.0 } else { bias };
    Some((weights, bias.into_iter().zip(gone_outputs).map(kept).collect()))
}

/// The parameters of a layer fitted to what it computes in the whole graph.
fn fitted(whole: &Graph, graph: &Graph, index: usize, gone: &Gone, read: &[Prefix; 2]) -> Option<Parameters> {
    let (meant, found) = (Unfolded::of(whole, &whole.nodes[index])?, Unfolded::of(graph, &graph.nodes[index])?);
    let operand = *whole.nodes[index].inputs.first()?;
    let same = |sample: usize| read[0].bytes(operand, sample) == read[1].bytes(operand, sample);
    let samples = read[0].samples();
    if !gone[operand.0 as usize].contains(&true) && (0..samples).all(same) {
        return None;
    }
    let gone_outputs = &gone[whole.nodes[index].output().0 as usize];
    let outputs: Vec<usize> = (0..found.outputs).filter(|&output| !gone_outputs[output]).collect();
    // A dense layer's outputs read the same; each of a depthwise layer reads its own channel.
    let groups: Vec<Vec<usize>> =
        if found.is_depthwise { outputs.iter().map(|&output| vec![output]).collect() } else { vec![outputs] };
    let mut fits: Vec<Fit> =
        groups.into_iter().filter_map(|outputs| Fit::new(&found, outputs, gone, operand.0)).collect();
    let (mut before, mut row) = (Vec::new(), Vec::new());
    for sample in 0..samples {
        let (exact, reals) = (read[0].reals(operand, sample)?, read[1].reals(operand, sample)?);
        for position in positions(found.positions, sample, samples) {
            meant.row(&exact, position, &mut before);
            found.row(&reals, position, &mut row);
            fits.iter_mut().for_each(|fit| fit.add([&meant, &found], &before, &row));
        }
    }
    let mut weights = found.weights.to_vec();
    let mut bias = found.bias.map_or_else(|| vec![0.0; found.outputs], <[f32]>::to_vec);
    for fit in fits {
        fit.finish(&found, &mut weights, &mut bias);
    }
    Some((weights, bias))
}

/// Sums of least squares for outputs that read the same.
struct Fit {
    outputs: Vec<usize>,
    /// Which of an output's inputs are left.
    left: Vec<usize>,
    moments: Symmetric,
    /// Of each output.
    residuals: Vec<Vec<f64>>,
    /// Of each output, where its inputs are in a row and where its weights are.
    places: Vec<(Vec<usize>, Vec<usize>)>,
    /// The inputs of a row that are left, and a 1.
    inputs: Vec<f32>,
}

impl Fit {
    fn new(layer: &Unfolded<'_>, outputs: Vec<usize>, gone: &Gone, operand: u32) -> Option<Self> {
        let seen = layer.seen_by(*outputs.first()?);
        let gone_inputs = &gone[operand as usize];
        let left: Vec<usize> = (0..seen.len()).filter(|&input| !gone_inputs[seen[input] % layer.channels]).collect();
        let size = left.len() + 1;
        let places = outputs.iter().map(|&output| (layer.seen_by(output), layer.weights_of(output))).collect();
        let residuals = vec![vec![0.0; size]; outputs.len()];
        Some(Fit { outputs, left, moments: Symmetric::zeros(size), residuals, places, inputs: Vec::new() })
    }

    /// Adds what a position sees in both graphs.
    fn add(&mut self, [meant, found]: [&Unfolded<'_>; 2], before: &[f32], row: &[f32]) {
        let Some((seen, _)) = self.places.first() else { return };
        self.inputs.clear();
        self.inputs.extend(self.left.iter().map(|&input| row[seen[input]]));
        self.inputs.push(1.0);
        self.moments.add_outer(&self.inputs);
        for ((&output, (seen, places)), residuals) in self.outputs.iter().zip(&self.places).zip(&mut self.residuals) {
            let sum = |layer: &Unfolded<'_>, row: &[f32]| {
                let products = seen.iter().zip(places).map(|(&at, &place)| row[at] * layer.weights[place]);
                f64::from(products.sum::<f32>() + layer.bias.map_or(0.0, |bias| bias[output]))
            };
            let residual = sum(meant, before) - sum(found, row);
            residuals.iter_mut().zip(&self.inputs).for_each(|(sum, &x)| *sum += residual * f64::from(x));
        }
    }

    /// Adds the solution to weights and biases; without one they stay.
    fn finish(mut self, layer: &Unfolded<'_>, weights: &mut [f32], bias: &mut [f32]) {
        self.moments.mirror();
        self.moments.damp(DAMPING);
        let Some(factor) = Cholesky::of(&self.moments) else { return };
        for (&output, residuals) in self.outputs.iter().zip(&self.residuals) {
            let more = factor.solve(residuals);
            let places = layer.weights_of(output);
            for (&input, more) in self.left.iter().zip(&more) {
                weights[places[input]] += *more as f32;
            }
            bias[output] += more.last().copied().unwrap_or(0.0) as f32;
        }
    }
}

/// Gives a layer new constants: the old ones may serve others too. No biases leave it without.
fn set(graph: &mut Graph, index: usize, weights: Vec<f32>, bias: Vec<f32>) {
    let (name, old) = (graph.nodes[index].name.clone(), graph.nodes[index].inputs[1]);
    let shape = graph.value(old).shape.clone();
    graph.nodes[index].inputs.truncate(1);
    let weights = graph.add_constant(&format!("{name}/weights"), shape, Elements::F32(weights));
    graph.nodes[index].inputs.push(weights);
    if !bias.is_empty() {
        let bias = graph.add_constant(&format!("{name}/bias"), vec![bias.len()], Elements::F32(bias));
        graph.nodes[index].inputs.push(bias);
    }
}
