//! Which values share memory by construction, before any address is chosen.
//!
//! ```text
//! Reshape(x) = y             y is x under another shape: one buffer, no operator
//! Concat(p, q) = y           | p | q |: where the blocks are contiguous, p and q are computed in place
//! Split(x) = p, q            | p | q |: where the blocks are contiguous and nothing else reads x, p and q stay in it
//! ```
//!
//! Every computed value is a range of exactly one buffer.

use crate::ir::{Graph, Node, ValueId};
pub use crate::op::rule::memory::Place;
use crate::op::rule::memory::Placement;

/// The place of every computed value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// By value; `None` for constants and values that nothing computes.
    places: Vec<Option<Place>>,
    /// Length of each buffer in bytes.
    buffers: Vec<usize>,
}

impl Layout {
    /// Lays out a verified graph.
    pub fn new(graph: &Graph) -> Self {
        let mut links = Links { parent: (0..graph.values.len()).map(|value| (value, 0)).collect() };
        for node in &graph.nodes {
            match node.placement(graph) {
                Placement::Apart => {}
                Placement::Renamed => links.attach(node.output(), node.inputs[0], 0),
                Placement::Joined(starts) => attach_operands(graph, node, &starts, &mut links),
                Placement::Taken(starts) => attach_results(graph, node, &starts, &mut links),
            }
        }
        let computed = graph.sources().chain(graph.nodes.iter().flat_map(|node| node.outputs.iter().copied()));
        let mut layout = Layout { places: vec![None; graph.values.len()], buffers: Vec::new() };
        let mut buffer_of = vec![None; graph.values.len()];
        for id in computed {
            let (root, offset) = links.find(id.0 as usize);
            let buffer = *buffer_of[root].get_or_insert_with(|| {
                layout.buffers.push(0);
                layout.buffers.len() - 1
            });
            let bytes = graph.value(id).len() * graph.value(id).dtype.size_bytes();
            layout.buffers[buffer] = layout.buffers[buffer].max(offset + bytes);
            layout.places[id.0 as usize] = Some(Place { buffer, offset, bytes });
        }
        layout
    }

    /// Where a value is; `None` for constants.
    pub fn place(&self, id: ValueId) -> Option<Place> {
        self.places.get(id.0 as usize).copied().flatten()
    }

    /// The length of each buffer.
    pub fn buffers(&self) -> &[usize] {
        &self.buffers
    }

    /// True when no other value has a part in the memory of `id`.
    pub fn is_alone(&self, id: ValueId) -> bool {
        let Some(place) = self.place(id) else { return false };
        self.places.iter().flatten().filter(|other| other.buffer == place.buffer).count() == 1
    }

    /// Gives a value that is alone in its buffer fewer bytes: not all of it is kept at the same time.
    pub(crate) fn shrink(&mut self, id: ValueId, bytes: usize) {
        debug_assert!(self.is_alone(id));
        if let Some(Some(place)) = self.places.get_mut(id.0 as usize) {
            place.bytes = bytes;
            self.buffers[place.buffer] = place.offset + bytes;
        }
    }

    /// True when `part` is computed at byte `offset` of `whole`.
    pub fn is_slice(&self, part: ValueId, whole: ValueId, offset: usize) -> bool {
        self.place(part).zip(self.place(whole)).is_some_and(|(part, whole)| part.is_at(&whole, offset))
    }

    /// True when both values are the same memory.
    pub fn is_same(&self, a: ValueId, b: ValueId) -> bool {
        self.place(a).is_some() && self.place(a) == self.place(b)
    }
}

/// Union-find: each value's distance in bytes from the one it stands in.
struct Links {
    parent: Vec<(usize, usize)>,
}

impl Links {
    fn find(&self, mut value: usize) -> (usize, usize) {
        let mut offset = 0;
        while self.parent[value].0 != value {
            let (parent, distance) = self.parent[value];
            (value, offset) = (parent, offset + distance);
        }
        (value, offset)
    }

    /// Puts `part`, which stands alone so far, at `offset` of `whole`.
    fn attach(&mut self, part: ValueId, whole: ValueId, offset: usize) {
        self.parent[part.0 as usize] = (whole.0 as usize, offset);
    }
}

/// Attaches the operands of a Concat that can be computed in their slice of the result.
///
/// An operand must be contiguous in the result, computed by an operator of its own and read by this Concat
/// alone: then nothing else can want it elsewhere, and no operator reads the whole and a slice at once.
fn attach_operands(graph: &Graph, node: &Node, starts: &[usize], links: &mut Links) {
    let size = graph.value(node.output()).dtype.size_bytes();
    for (&input, start) in node.inputs.iter().zip(starts) {
        let is_computed = graph.producer(input).is_some();
        if read_once(graph, input) && is_computed && is_own(graph, input) && !graph.is_output(input) {
            links.attach(input, node.output(), start * size);
        }
    }
}

/// Where a result that stays in an operand may start: kernels load words.
const RESULT_ALIGN: usize = 4;

/// Attaches the results of a Split that can stay in the operand.
///
/// Nothing but this Split may read the operand, under this name or another: its bytes are the results' from then on.
fn attach_results(graph: &Graph, node: &Node, starts: &[usize], links: &mut Links) {
    let operand = node.inputs[0];
    let is_kept = graph.is_output(operand) || graph.states.iter().any(|state| state.value == operand);
    if is_kept || graph.value(operand).elements.is_some() || !read_once(graph, operand) || !is_own(graph, operand) {
        return;
    }
    for (&output, start) in node.outputs.iter().zip(starts) {
        let offset = start * graph.value(output).dtype.size_bytes();
        if offset.is_multiple_of(RESULT_ALIGN) && !graph.is_output(output) {
            links.attach(output, operand, offset);
        }
    }
}

/// True when one operator reads `id`, once.
fn read_once(graph: &Graph, id: ValueId) -> bool {
    graph.nodes.iter().flat_map(|node| &node.inputs).filter(|&&input| input == id).count() == 1
}

/// True when `id` is no other name for another value.
fn is_own(graph: &Graph, id: ValueId) -> bool {
    graph.producer(id).is_none_or(|index| !graph.nodes[index].renames(graph))
}
