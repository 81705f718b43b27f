//! Drops nodes that nothing reads and values that nothing mentions, and numbers the rest anew.

use super::{Pass, PassError, PassReport};
use crate::ir::{Graph, ValueId};

/// See the module's head.
pub(super) struct DropDead;

impl Pass for DropDead {
    fn name(&self) -> &'static str {
        "drop-dead"
    }

    fn run(&self, graph: &mut Graph) -> Result<PassReport, PassError> {
        let mut report = PassReport::new(self.name());
        let mut used = vec![false; graph.values.len()];
        graph.outputs.iter().for_each(|port| used[port.value.0 as usize] = true);
        let mut needed = needed(graph, &mut used);
        // What a state becomes matters when something that matters reads the state.
        let mut is_kept = vec![false; graph.states.len()];
        while let Some(index) = (0..is_kept.len()).find(|&i| !is_kept[i] && used[graph.states[i].value.0 as usize]) {
            is_kept[index] = true;
            used[graph.states[index].next.0 as usize] = true;
            needed = self::needed(graph, &mut used);
        }
        for (node, _) in graph.nodes.iter().zip(&needed).filter(|(_, needed)| !**needed) {
            report.change(&node.name, "nothing reads its result");
        }
        graph.inputs.iter().for_each(|port| used[port.value.0 as usize] = true);
        let mut index = 0;
        graph.states.retain(|_| (is_kept[index], index += 1).0);
        let mut index = 0;
        graph.nodes.retain(|_| (needed[index], index += 1).0);
        compact(graph, &used);
        Ok(report)
    }
}

/// Which nodes compute a value that is `used`, now that what they read is used too.
fn needed(graph: &Graph, used: &mut [bool]) -> Vec<bool> {
    let mut needed = vec![false; graph.nodes.len()];
    for (index, node) in graph.nodes.iter().enumerate().rev() {
        needed[index] = node.outputs.iter().any(|id| used[id.0 as usize]);
        if needed[index] {
            node.inputs.iter().chain(&node.outputs).for_each(|id| used[id.0 as usize] = true);
        }
    }
    needed
}

/// Keeps the values marked `used`, in order.
fn compact(graph: &mut Graph, used: &[bool]) {
    let mut next = 0;
    let renumbered: Vec<ValueId> = used.iter().map(|&used| (ValueId(next), next += u32::from(used)).0).collect();
    let mut index = 0;
    graph.values.retain(|_| (used[index], index += 1).0);
    let renumber = |id: &mut ValueId| *id = renumbered[id.0 as usize];
    for node in &mut graph.nodes {
        node.inputs.iter_mut().for_each(renumber);
        node.outputs.iter_mut().for_each(renumber);
    }
    graph.inputs.iter_mut().chain(&mut graph.outputs).for_each(|port| renumber(&mut port.value));
    for state in &mut graph.states {
        renumber(&mut state.value);
        renumber(&mut state.next);
    }
}
