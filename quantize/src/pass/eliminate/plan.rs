//! Which channels go, and what their absence adds to the biases of the layers that read them.

use std::collections::BTreeMap;

use super::classes::Classes;
use super::constants::constant_channels;
use super::weighted::Weighted;
use crate::ir::{DType, Graph, ValueId};
use crate::op::rule::channels::{Channels, channel_count};
use crate::op::rule::layer::WeightOrder;

/// One round of elimination.
pub(super) struct Removal {
    /// For each value and channel, whether it goes.
    pub(super) gone: Vec<Vec<bool>>,
    /// The complete new biases of the layers, by node index, that some constant is folded into.
    pub(super) biases: BTreeMap<usize, Vec<i32>>,
}

/// What is removable from `graph` now; `None` when nothing is. Values keep a multiple of `step` channels where they had
/// one: some dead channels stay to fill up.
pub(super) fn plan(graph: &Graph, step: usize) -> Option<Removal> {
    let classes = Classes::new(graph, DType::I8);
    let members = members(graph, &classes);
    let all = vec![true; classes.len()];
    let (planner, removed) = remove_all(graph, &classes, &members, &all);
    let (planner, removed) = if step > 1 {
        let kept = fill_up(graph, &members, &planner.remaining, removed, step);
        remove_all(graph, &classes, &members, &kept)
    } else {
        (planner, removed)
    };
    removed.contains(&true).then(|| planner.finish())
}

/// Of the classes that could be `removed`, those that should be, so that `remaining` channels of each value become a
/// multiple of `step`.
fn fill_up(
    graph: &Graph,
    members: &[Vec<Channel>],
    remaining: &[usize],
    mut removed: Vec<bool>,
    step: usize,
) -> Vec<bool> {
    let mut remaining = remaining.to_vec();
    let mut touching = vec![Vec::new(); graph.values.len()];
    for class in (0..members.len()).filter(|&class| removed[class]) {
        for (value, _) in &members[class] {
            touching[value.0 as usize].push(class);
        }
    }
    for (value, classes) in touching.iter().enumerate() {
        for &class in classes {
            if !remaining[value].is_multiple_of(step) && removed[class] {
                removed[class] = false;
                members[class].iter().for_each(|(value, _)| remaining[value.0 as usize] += 1);
            }
        }
    }
    removed
}

/// Removes what can be of the `wanted` classes, and says which those are.
fn remove_all<'g>(
    graph: &'g Graph,
    classes: &Classes,
    members: &[Vec<Channel>],
    wanted: &[bool],
) -> (Planner<'g>, Vec<bool>) {
    let mut planner = Planner::new(graph);
    let sinks = planner.sinks(classes);
    let mut removed = vec![false; classes.len()];
    // Backwards, so that what only feeds a channel that goes is found in the same round: values are mostly
    // numbered in the order in which they are computed.
    for class in (0..classes.len()).rev() {
        if !wanted[class]
            || members[class].is_empty()
            || classes.is_pinned(class)
            || !planner.leaves_some(&members[class])
        {
            continue;
        }
        if let Some(folded) = planner.fold(&sinks[class]) {
            planner.remove(&members[class], folded);
            removed[class] = true;
        }
    }
    (planner, removed)
}

/// Why channels that could be known to hold one value stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// One of those that can only go together cannot go.
    Pinned,
    /// A value would be left without any.
    Last,
    /// Their readers' biases cannot make up for them.
    Readers,
    /// Nothing but the step.
    FillUp,
}

impl Obstacle {
    pub(super) const ALL: [Obstacle; 4] = [Obstacle::Pinned, Obstacle::Last, Obstacle::Readers, Obstacle::FillUp];

    /// Ends a sentence about the channels.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Obstacle::Pinned => {
                "they are kept in step with channels that cannot go (a model's input or output, Softmax)"
            }
            Obstacle::Last => "a value would have no channel left",
            Obstacle::Readers => {
                "a layer that reads them sees another value in its padding, or something that is not constant goes \
                 with them"
            }
            Obstacle::FillUp => "they fill up the number of channels that the target's kernels compute at once",
        }
    }
}

/// What keeps each class of channels in `graph`, of which elimination in steps of `step` has left nothing to remove.
pub(super) fn obstacles(graph: &Graph, step: usize) -> Vec<Option<Obstacle>> {
    let classes = Classes::new(graph, DType::I8);
    let members = members(graph, &classes);
    let planner = Planner::new(graph);
    let sinks = planner.sinks(&classes);
    let of = |class: usize| {
        if members[class].is_empty() {
            return None;
        }
        if classes.is_pinned(class) {
            return Some(Obstacle::Pinned);
        }
        if !planner.leaves_some(&members[class]) {
            return Some(Obstacle::Last);
        }
        match planner.fold(&sinks[class]) {
            None => Some(Obstacle::Readers),
            Some(_) => (step > 1).then_some(Obstacle::FillUp),
        }
    };
    (0..classes.len()).map(of).collect()
}

/// A channel of a value.
type Channel = (ValueId, usize);

/// The channels of each class, by the class's index.
fn members(graph: &Graph, classes: &Classes) -> Vec<Vec<Channel>> {
    let mut members = vec![Vec::new(); classes.len()];
    for (index, value) in graph.values.iter().enumerate() {
        let id = ValueId(index as u32);
        for channel in 0..channel_count(value) {
            members[classes.of(id, channel)].push((id, channel));
        }
    }
    members
}

/// Node indices with the biases their layer would have.
type Biases = BTreeMap<usize, Vec<i64>>;

struct Planner<'g> {
    layers: Vec<Option<Weighted<'g>>>,
    known: Vec<Channels>,
    gone: Vec<Vec<bool>>,
    remaining: Vec<usize>,
    biases: Biases,
}

impl<'g> Planner<'g> {
    fn new(graph: &'g Graph) -> Self {
        Planner {
            layers: graph.nodes.iter().map(|node| Weighted::new(graph, node)).collect(),
            known: constant_channels(graph),
            gone: graph.values.iter().map(|value| vec![false; channel_count(value)]).collect(),
            remaining: graph.values.iter().map(channel_count).collect(),
            biases: Biases::new(),
        }
    }

    /// For each class the layers (and their input channels) that mix its channels into others.
    fn sinks(&self, classes: &Classes) -> Vec<Vec<(usize, usize)>> {
        let mut sinks = vec![Vec::new(); classes.len()];
        for (node, layer) in self.layers.iter().enumerate() {
            let Some(layer) = layer else { continue };
            if layer.order == (WeightOrder::Dense { groups: 1 }) {
                for channel in 0..layer.inputs {
                    sinks[classes.of(layer.input, channel)].push((node, channel));
                }
            }
        }
        sinks
    }

    /// True when every value keeps a channel without these: the format has no empty tensors.
    fn leaves_some(&self, members: &[Channel]) -> bool {
        let mut going = BTreeMap::new();
        for (value, _) in members {
            *going.entry(value.0).or_insert(0) += 1;
        }
        going.iter().all(|(&value, &count)| self.remaining[value as usize] > count)
    }

    /// The biases that make up for the absence of all `sinks`; `None` when they are not the same at every
    /// position or leave the range of `i32`.
    fn fold(&self, sinks: &[(usize, usize)]) -> Option<Biases> {
        let mut biases = Biases::new();
        for &(node, channel) in sinks {
            let layer = self.layers[node].as_ref()?;
            let current = || match self.biases.get(&node) {
                Some(biases) => biases.clone(),
                None => (0..layer.outputs).map(|output| layer.bias(output)).collect(),
            };
            let biases = biases.entry(node).or_insert_with(current);
            let known = self.known[layer.input.0 as usize][channel];
            let gone = &self.gone[layer.output.0 as usize];
            for (output, bias) in biases.iter_mut().enumerate().filter(|(output, _)| !gone[*output]) {
                *bias += match known {
                    Some(constant) => layer.contribution(output, channel, constant)?,
                    None => layer.ignores(output, channel).then_some(0)?,
                };
            }
        }
        let fits = |bias: &i64| i32::try_from(*bias).is_ok();
        biases.values().flatten().all(fits).then_some(biases)
    }

    fn remove(&mut self, members: &[Channel], folded: Biases) {
        for &(value, channel) in members {
            self.gone[value.0 as usize][channel] = true;
            self.remaining[value.0 as usize] -= 1;
        }
        self.biases.extend(folded);
    }

    fn finish(self) -> Removal {
        // Every bias was shown to fit when it was folded.
        let narrow = |biases: Vec<i64>| biases.into_iter().map(|bias| bias as i32).collect();
        // Only what changed needs a new constant, and a layer without bias gets none for nothing.
        let layers = &self.layers;
        let changed = |node: usize, biases: &[i64]| {
            let layer = layers[node].as_ref();
            layer.is_some_and(|layer| (0..layer.outputs).any(|output| layer.bias(output) != biases[output]))
        };
        let biases = self.biases.into_iter().filter(|(node, biases)| changed(*node, biases));
        Removal { gone: self.gone, biases: biases.map(|(node, biases)| (node, narrow(biases))).collect() }
    }
}
