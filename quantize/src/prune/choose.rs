//! Which channels go: those whose absence costs least for each multiplication that it saves.
//!
//! What a layer's results lose when the inputs `S` go and the other weights make up for it as well as they can is, by the
//! second moments `H = E[x x^T]` of what it reads (optimal brain surgeon: Hassibi and Stork, 1993; for blocks of weights:
//! Frantar and Alistarh, Optimal Brain Compression, 2022)
//!
//! ```text
//!   cost(S) = sum over outputs of  w_S^T ([H^-1]_SS)^-1 w_S
//! ```
//!
//! relative to the power of the results. A channel is `taps` inputs of each layer that reads it; channels that an addition or
//! a depthwise filter keeps in step go together, and their costs add up. After each removal weights and `H^-1` are those of the
//! layer without the inputs, so the next costs know of it.

use super::PruneError;
use super::layer::{Unfolded, positions};
use crate::calibrate::Prefix;
use crate::ir::{DType, Graph, ValueId};
use crate::numeric::{Cholesky, Symmetric};
use crate::op::rule::channels::channel_count;
use crate::pass::eliminate::Classes;

/// Part of the mean of `H`'s diagonal that is added to it.
const DAMPING: f64 = 0.01;

/// The channels of each value that go.
pub(super) type Gone = Vec<Vec<bool>>;

/// Second moments of what a layer reads.
struct Moments {
    sums: Symmetric,
}

impl Moments {
    /// Of a dense layer's operand in all samples.
    fn of(layer: &Unfolded<'_>, prefix: &Prefix, operand: ValueId) -> Option<Self> {
        let mut moments = Moments { sums: Symmetric::zeros(layer.taps * layer.channels) };
        let mut row = Vec::new();
        for sample in 0..prefix.samples() {
            let reals = prefix.reals(operand, sample)?;
            for position in positions(layer.positions, sample, prefix.samples()) {
                layer.row(&reals, position, &mut row);
                moments.sums.add_outer(&row);
            }
        }
        moments.sums.mirror();
        Some(moments)
    }
}

/// A layer that mixes channels, while some of them go.
struct Reader {
    node: usize,
    taps: usize,
    channels: usize,
    /// Of each output.
    weights: Vec<Vec<f64>>,
    inverse: Symmetric,
    power: f64,
    /// Counts removals, so that costs are known to be of today.
    version: usize,
}

impl Reader {
    fn new(node: usize, layer: &Unfolded<'_>, moments: Moments) -> Option<Self> {
        let mut sums = moments.sums;
        let mut power = 0.0;
        let weights: Vec<Vec<f64>> = layer.weights.chunks(layer.taps * layer.channels).map(to_f64).collect();
        for weights in &weights {
            for (row, weight) in weights.iter().enumerate().filter(|(_, weight)| **weight != 0.0) {
                power += weight * sums.row(row).iter().zip(weights).map(|(a, b)| a * b).sum::<f64>();
            }
        }
        sums.damp(DAMPING);
        let inverse = Cholesky::of(&sums)?.inverse();
        let (taps, channels) = (layer.taps, layer.channels);
        Some(Reader { node, taps, channels, weights, inverse, power: power.max(f64::MIN_POSITIVE), version: 0 })
    }

    fn inputs_of(&self, channels: &[usize]) -> Vec<usize> {
        (0..self.taps).flat_map(|tap| channels.iter().map(move |channel| tap * self.channels + channel)).collect()
    }

    /// The cost of some channels, of the outputs that stay.
    fn cost(&self, channels: &[usize], gone_outputs: &[bool]) -> f64 {
        let inputs = self.inputs_of(channels);
        let Some(block) = Cholesky::of(&self.inverse.part(&inputs)) else { return f64::INFINITY };
        let of_output = |weights: &Vec<f64>| {
            let own: Vec<f64> = inputs.iter().map(|&input| weights[input]).collect();
            own.iter().zip(block.solve(&own)).map(|(a, b)| a * b).sum::<f64>()
        };
        let outputs = self.weights.iter().zip(gone_outputs).filter(|(_, gone)| !**gone);
        outputs.map(|(weights, _)| of_output(weights)).sum::<f64>() / self.power
    }

    /// Lets channels go; the other weights make up for them.
    fn remove(&mut self, channels: &[usize]) {
        let inputs = self.inputs_of(channels);
        let Some(block) = Cholesky::of(&self.inverse.part(&inputs)) else { return };
        for weights in &mut self.weights {
            let own: Vec<f64> = inputs.iter().map(|&input| weights[input]).collect();
            for (&input, factor) in inputs.iter().zip(block.solve(&own)) {
                weights.iter_mut().zip(self.inverse.row(input)).for_each(|(weight, a)| *weight -= a * factor);
            }
            inputs.iter().for_each(|&input| weights[input] = 0.0);
        }
        let taken: Vec<Vec<f64>> = inputs.iter().map(|&input| self.inverse.row(input).to_vec()).collect();
        for column in 0..self.inverse.size() {
            let own: Vec<f64> = taken.iter().map(|row| row[column]).collect();
            let factors = block.solve(&own);
            for row in 0..self.inverse.size() {
                let less: f64 = taken.iter().zip(&factors).map(|(taken, factor)| taken[row] * factor).sum();
                self.inverse.set(row, column, self.inverse.get(row, column) - less);
            }
        }
        // What went has nothing more to do with anything; 1 keeps blocks invertible.
        for &input in &inputs {
            for other in 0..self.inverse.size() {
                self.inverse.set(input, other, 0.0);
                self.inverse.set(other, input, 0.0);
            }
            self.inverse.set(input, input, 1.0);
        }
        self.version += 1;
    }
}

fn to_f64(floats: &[f32]) -> Vec<f64> {
    floats.iter().copied().map(f64::from).collect()
}

/// Channels that go together.
#[derive(Default)]
struct Candidate {
    members: Vec<(ValueId, usize)>,
    /// Readers with the channels of their operand.
    readers: Vec<(usize, Vec<usize>)>,
    /// Cost by each reader, and its version then.
    costs: Vec<(f64, usize)>,
}

/// Chooses, until what is left has at most `budget` multiplications.
pub(super) struct Chooser<'g> {
    graph: &'g Graph,
    layers: Vec<Option<Unfolded<'g>>>,
    readers: Vec<Reader>,
    candidates: Vec<Option<Candidate>>,
    pub(super) gone: Gone,
}

impl<'g> Chooser<'g> {
    /// For a float graph, and what its values are in some samples.
    pub(super) fn new(graph: &'g Graph, prefix: &mut Prefix) -> Result<Self, PruneError> {
        let layers: Vec<Option<Unfolded<'g>>> = graph.nodes.iter().map(|node| Unfolded::of(graph, node)).collect();
        let mut readers = Vec::new();
        for (index, layer) in layers.iter().enumerate() {
            let node = &graph.nodes[index];
            if let Some(layer) = layer.as_ref().filter(|layer| !layer.is_depthwise) {
                let moments = Moments::of(layer, prefix, node.inputs[0]);
                readers.extend(moments.and_then(|moments| Reader::new(index, layer, moments)));
            }
            prefix.compute(graph, index).map_err(|_| PruneError::Stuck { node: node.name.clone() })?;
            prefix.forget_behind(graph, index);
        }
        let gone = graph.values.iter().map(|value| vec![false; channel_count(value)]).collect();
        let candidates = candidates(graph, &readers).into_iter().map(Some).collect();
        Ok(Chooser { graph, layers, readers, candidates, gone })
    }

    /// Multiplications of the layers that are understood, without the channels that are gone.
    pub(super) fn macs(&self) -> u64 {
        (0..self.layers.len()).map(|index| self.macs_of(index, &[])).sum()
    }

    fn macs_of(&self, index: usize, more: &[(ValueId, usize)]) -> u64 {
        let Some(layer) = &self.layers[index] else { return 0 };
        let node = &self.graph.nodes[index];
        let left = |id: ValueId| {
            let kept = self.gone[id.0 as usize].iter().filter(|gone| !**gone).count();
            kept - more.iter().filter(|(value, _)| *value == id).count()
        };
        layer.macs(left(node.inputs[0]), left(node.output()))
    }

    /// Lets channels go; false when `budget` cannot be reached.
    pub(super) fn reach(&mut self, budget: u64) -> bool {
        while self.macs() > budget {
            let rated = (0..self.candidates.len()).filter_map(|index| Some((self.price(index)?, index)));
            let Some((_, best)) = rated.min_by(|a, b| a.0.total_cmp(&b.0)) else { return false };
            self.remove(best);
        }
        true
    }

    /// Cost for each multiplication; `None` when a candidate cannot go.
    fn price(&mut self, index: usize) -> Option<f64> {
        let mut candidate = self.candidates[index].take()?;
        let price = self.priced(&mut candidate);
        self.candidates[index] = Some(candidate);
        price
    }

    fn priced(&self, candidate: &mut Candidate) -> Option<f64> {
        let leaves_some = |&(id, _): &(ValueId, usize)| {
            let kept = self.gone[id.0 as usize].iter().filter(|gone| !**gone).count();
            kept > candidate.members.iter().filter(|(value, _)| *value == id).count()
        };
        if !candidate.members.iter().all(leaves_some) {
            return None;
        }
        for ((reader, channels), cost) in candidate.readers.iter().zip(&mut candidate.costs) {
            let reader = &self.readers[*reader];
            if cost.1 != reader.version {
                let output = self.graph.nodes[reader.node].output();
                *cost = (reader.cost(channels, &self.gone[output.0 as usize]), reader.version);
            }
        }
        let touched = |index: &usize| {
            let node = &self.graph.nodes[*index];
            let ends = [node.inputs.first().copied(), node.outputs.first().copied()];
            candidate.members.iter().any(|(value, _)| ends.contains(&Some(*value)))
        };
        let saved = |index: usize| self.macs_of(index, &[]) - self.macs_of(index, &candidate.members);
        let saved: u64 = (0..self.layers.len()).filter(touched).map(saved).sum();
        let cost: f64 = candidate.costs.iter().map(|(cost, _)| cost).sum();
        (saved > 0 && cost.is_finite()).then(|| cost / saved as f64)
    }

    fn remove(&mut self, index: usize) {
        let Some(candidate) = self.candidates[index].take() else { return };
        for (id, channel) in candidate.members {
            self.gone[id.0 as usize][channel] = true;
        }
        for (reader, channels) in candidate.readers {
            self.readers[reader].remove(&channels);
        }
    }
}

/// The classes of channels that only layers read whose costs are known.
fn candidates(graph: &Graph, readers: &[Reader]) -> Vec<Candidate> {
    let classes = Classes::new(graph, DType::F32);
    let mut all: Vec<Candidate> = (0..classes.len()).map(|_| Candidate::default()).collect();
    for (index, value) in graph.values.iter().enumerate() {
        let id = ValueId(index as u32);
        for channel in 0..channel_count(value) {
            all[classes.of(id, channel)].members.push((id, channel));
        }
    }
    let mut is_known = vec![true; classes.len()];
    for (index, node) in graph.nodes.iter().enumerate() {
        let Some(&operand) = node.inputs.first().filter(|_| node.op.operator().layer().is_some()) else { continue };
        let reader = readers.iter().position(|reader| reader.node == index);
        // A depthwise layer reads channels in step with its results, and costs nothing of its own.
        let is_depthwise = Unfolded::of(graph, node).is_some_and(|layer| layer.is_depthwise);
        for channel in (0..channel_count(graph.value(operand))).filter(|_| !is_depthwise) {
            let class = classes.of(operand, channel);
            match reader {
                None => is_known[class] = false,
                Some(reader) => match all[class].readers.iter_mut().find(|(other, _)| *other == reader) {
                    Some((_, channels)) => channels.push(channel),
                    None => all[class].readers.push((reader, vec![channel])),
                },
            }
        }
    }
    let usable = |&(class, ref candidate): &(usize, Candidate)| {
        is_known[class] && !classes.is_pinned(class) && !candidate.readers.is_empty()
    };
    let chosen = all.into_iter().enumerate().filter(usable).map(|(_, mut candidate)| {
        candidate.costs = vec![(0.0, usize::MAX); candidate.readers.len()];
        candidate
    });
    chosen.collect()
}
