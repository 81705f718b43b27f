//! What elimination did to each layer, and why channels that hold one value are still there.

use super::classes::Classes;
use super::plan::{Obstacle, obstacles};
use super::report::EliminationReport;
use super::weighted::Weighted;
use super::{CHANNEL_COUNT_MAX, constants};
use crate::ir::{DType, Graph};
use crate::op::rule::channels::channel_count;
use crate::pass::PassReport;

/// Explains the `report` of an elimination in steps of `step`, of which `graph` is the result.
pub fn explain(graph: &Graph, report: &EliminationReport, step: usize) -> PassReport {
    let mut explained = PassReport::new("eliminate");
    for layer in &report.layers {
        let ([inputs, inputs_left], [outputs, outputs_left]) = (layer.input_channels, layer.output_channels);
        if (inputs, outputs) != (inputs_left, outputs_left) && outputs_left > 0 {
            let what = format!(
                "input channels {inputs} to {inputs_left}, output channels {outputs} to {outputs_left}: the others \
                 hold one value, which went into biases"
            );
            explained.change(&layer.name, &what);
        }
    }
    report.removed_nodes.iter().for_each(|node| explained.change(node, "nothing reads its result"));
    let channels = graph.values.iter().map(channel_count).fold(0, usize::saturating_add);
    if channels > CHANNEL_COUNT_MAX {
        explained.miss(&graph.name, "has too many channels to look at");
        return explained;
    }
    let (classes, obstacles) = (Classes::new(graph, DType::I8), obstacles(graph, step));
    let known = constants::constant_channels(graph);
    for node in graph.nodes.iter().filter(|node| Weighted::new(graph, node).is_some()) {
        let constant = known[node.output().0 as usize].iter().enumerate().filter(|(_, value)| value.is_some());
        let found: Vec<Option<Obstacle>> =
            constant.map(|(channel, _)| obstacles[classes.of(node.output(), channel)]).collect();
        if found.is_empty() {
            explained.miss(&node.name, "no output channel holds one value");
        }
        for obstacle in Obstacle::ALL {
            let count = found.iter().filter(|&&one| one == Some(obstacle)).count();
            if count > 0 {
                explained.miss(&node.name, &format!("{count} output channels hold one value: {}", obstacle.reason()));
            }
        }
    }
    explained
}
