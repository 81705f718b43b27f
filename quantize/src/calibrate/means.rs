//! Means over samples of what layers read.

use std::collections::HashMap;

use crate::ir::{Graph, ValueId};

/// Samples that means are taken of, evenly among all. What counts is the difference of two means of the same samples, to
/// which each layer's positions add theirs.
const SAMPLES: usize = 64;

/// Whether means include sample `index` of `count`.
pub(crate) fn is_averaged(index: usize, count: usize) -> bool {
    count <= SAMPLES || (index + 1) * SAMPLES / count != index * SAMPLES / count
}

/// The mean over samples of each element of the first operand of every layer.
pub type Means = HashMap<ValueId, Vec<f32>>;

/// Adds up elements over samples.
#[derive(Debug, Default)]
pub(crate) struct MeanSums {
    sums: HashMap<ValueId, (Vec<f64>, usize)>,
}

impl MeanSums {
    /// Sums of the first operands of the layers of `graph`.
    pub(crate) fn of_layers(graph: &Graph) -> Self {
        let operands = graph.nodes.iter().filter(|node| node.op.operator().layer().is_some());
        MeanSums { sums: operands.filter_map(|node| Some((*node.inputs.first()?, (Vec::new(), 0)))).collect() }
    }

    /// Adds the elements of a value in one sample, if it is such an operand.
    pub(crate) fn add(&mut self, id: ValueId, elements: impl ExactSizeIterator<Item = f64>) {
        let Some((sums, count)) = self.sums.get_mut(&id) else { return };
        sums.resize(elements.len().max(sums.len()), 0.0);
        sums.iter_mut().zip(elements).for_each(|(sum, element)| *sum += element);
        *count += 1;
    }

    /// The means.
    pub(crate) fn means(self) -> Means {
        let seen = self.sums.into_iter().filter(|(_, (_, count))| *count > 0);
        let mean = |sums: Vec<f64>, count: usize| sums.iter().map(|sum| (sum / count as f64) as f32).collect();
        seen.map(|(id, (sums, count))| (id, mean(sums, count))).collect()
    }
}
