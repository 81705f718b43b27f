//! Operators that only move elements: which label every byte of a result must have been copied with.

use std::rc::Rc;

use kinglet_blob::records::{Copy, Rearrange};

use super::{Flow, Replay, VerifyError};
use crate::ir::ValueId;
use crate::op::rule::moves::{Moves, Source};
use crate::record::reach;

impl Replay<'_> {
    /// What a node that only moves elements moves where.
    fn moves(&mut self, node: usize) -> Option<Rc<Moves>> {
        if let Some((_, moves)) = self.moves.as_ref().filter(|(index, _)| *index == node) {
            return Some(moves.clone());
        }
        let moves = Rc::new(self.graph.nodes.get(node)?.moves(self.graph)?);
        self.moves = Some((node, moves.clone()));
        Some(moves)
    }

    /// Where the elements of the result that a record writes come from.
    fn sources_of<'m>(&self, moves: &'m Option<Rc<Moves>>, flow: Flow) -> Option<&'m Vec<Source>> {
        let node = self.graph.nodes.get(flow.node)?;
        let position = node.outputs.iter().position(|&id| id == flow.output)?;
        moves.as_ref()?.get(position)
    }

    /// Elements of a result, each made of the one that the node puts there. Passed only by disjoint memory.
    pub(super) fn rearranged(&mut self, record: &Rearrange, flow: Flow) -> Result<(), VerifyError> {
        let moves = self.moves(flow.node);
        let Some(result) = self.sources_of(&moves, flow) else { return self.miscomputed(flow.first) };
        let size = self.graph.value(flow.output).dtype.size_bytes();
        let places = places(record);
        for &(_, to) in &places {
            self.write(flow.output, flow.first + to * size, flow.output_at + to * size, size)?;
        }
        for (from, to) in places {
            let first = flow.first + to * size;
            let Some(source) = result.get(first / size).filter(|_| first.is_multiple_of(size)) else {
                return self.miscomputed(first);
            };
            let operand = self.graph.nodes[flow.node].inputs[source.operand];
            self.read(operand, source.element * size, flow.input_at + from * size, size)?;
        }
        Ok(())
    }

    /// Blocks of a result, made of the elements that the node puts there. Passed only by disjoint memory.
    pub(super) fn copied(&mut self, copy: &Copy, flow: Flow) -> Result<(), VerifyError> {
        let moves = self.moves(flow.node);
        let Some(result) = self.sources_of(&moves, flow) else { return self.miscomputed(flow.first) };
        let graph = self.graph;
        let node = &graph.nodes[flow.node];
        let (blocks, bytes) = (copy.blocks as usize, copy.block_bytes as usize);
        for at in (0..blocks).map(|block| block * copy.output_stride as usize) {
            self.write(flow.output, flow.first + at, flow.output_at + at, bytes)?;
        }
        let size = graph.value(flow.output).dtype.size_bytes();
        for block in 0..blocks {
            let first = flow.first + block * copy.output_stride as usize;
            let sources = result.get(first / size..(first + bytes) / size);
            let Some(sources) = sources.filter(|_| first.is_multiple_of(size) && bytes.is_multiple_of(size)) else {
                return self.miscomputed(first);
            };
            let from = flow.input_at + block * copy.input_stride as usize;
            // Constants are not in the arena.
            let in_arena = |source: &&Source| graph.value(node.inputs[source.operand]).elements.is_none();
            for (index, source) in sources.iter().filter(in_arena).enumerate() {
                self.read(node.inputs[source.operand], source.element * size, from + index * size, size)?;
            }
        }
        Ok(())
    }

    /// Elements of a node's results that no record has put there are said to stand in their place: where the operand's
    /// are, they become the results'. What is missing is found when it is read.
    pub(super) fn rename_parts(&mut self, index: usize, offset_of: &dyn Fn(ValueId) -> Option<usize>) {
        let graph = self.graph;
        let node = &graph.nodes[index];
        let Some(moves) = self.moves(index) else { return };
        for (&output, sources) in node.outputs.iter().zip(moves.iter()) {
            let size = graph.value(output).dtype.size_bytes();
            let Some(at) = offset_of(output) else { continue };
            let to = self.sources[output.0 as usize];
            for (element, source) in sources.iter().enumerate() {
                let from = self.sources[node.inputs[source.operand].0 as usize];
                for byte in 0..size {
                    let (old, new) = (source.element * size + byte, element * size + byte);
                    if let Some(label) = self.labels.get_mut(at + new).filter(|label| **label == (from, old as u32)) {
                        *label = (to, new as u32);
                    }
                }
            }
        }
    }
}

/// The elements that a record reads and writes, counted from the lowest of each.
fn places(record: &Rearrange) -> Vec<(usize, usize)> {
    let mut places = vec![(reach(record).before, 0)];
    let strides = record.input_strides.iter().zip(record.output_strides);
    for (&extent, (&input, output)) in record.extents.iter().zip(strides) {
        let along = |&(from, to): &(usize, usize)| {
            (0..extent as usize).map(move |index| {
                (from.wrapping_add_signed(index as isize * input as isize), to + index * output as usize)
            })
        };
        places = places.iter().flat_map(along).collect();
    }
    places
}
