//! Lifetimes of memory that operators read and write in parts.
//!
//! A value that is computed stripe by stripe is not born at once, and one that is read stripe by stripe does not
//! die at once. Its memory is cut at the borders of all parts, and each piece lives from a write to the last read
//! before the next write:
//!
//! ```text
//! address            written from the top                 read from the top
//!    |     . . . . ##########################   #######
//!    |     . . ##############################   ##############
//!    v     ##################################   ######################
//!          steps ->
//! ```
//!
//! Such an item is a staircase, and two of them fit into each other: that is where striped execution saves memory.

use std::collections::{BTreeMap, BTreeSet};

use kinglet_blob::OpCode;

use super::place::Rect;
use crate::ir::{Graph, ValueId};
use crate::program::{Part, Program, Step};

/// What happens to bytes in a step.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Read,
    /// What was there before is not needed.
    Write,
    /// Some are written, and which is not known here.
    Touch,
}

/// Bytes `from .. to` of a buffer.
struct Access {
    step: usize,
    kind: Kind,
    from: usize,
    to: usize,
}

/// The buffer and the bytes of it that `part` of a value is, or all of the value when there is no part.
pub(super) fn bytes(program: &Program, id: ValueId, part: Option<Part>) -> Option<(usize, Part)> {
    let place = program.layout.place(id)?;
    let part = part.unwrap_or(Part { at: 0, bytes: place.bytes });
    Some((place.buffer, Part { at: place.offset + part.at, bytes: part.bytes }))
}

/// The rectangles of each buffer that some step uses in parts, by buffer.
pub(super) fn rects(graph: &Graph, program: &Program) -> BTreeMap<usize, Vec<Rect>> {
    let mut accesses: BTreeMap<usize, Vec<Access>> = BTreeMap::new();
    for step in program.steps.iter().filter(|step| step.stripe.is_some()) {
        for (id, _) in step.reads().chain(step.writes()) {
            accesses.extend(program.layout.place(id).map(|place| (place.buffer, Vec::new())));
        }
    }
    let mut add = |step: usize, kind: Kind, id: ValueId, part: Option<Part>| {
        let Some((buffer, part)) = bytes(program, id, part) else { return };
        if let Some(list) = accesses.get_mut(&buffer) {
            list.push(Access { step, kind, from: part.at, to: part.at + part.bytes });
        }
    };
    graph.sources().for_each(|id| add(0, Kind::Write, id, None));
    for (index, step) in program.steps.iter().enumerate() {
        step.reads().for_each(|(id, part)| add(index, Kind::Read, id, part));
        step.writes().for_each(|(id, part)| add(index, output_kind(step), id, part));
    }
    let kept = graph.states.iter().map(|state| state.value);
    for id in graph.outputs.iter().map(|port| port.value).chain(kept) {
        add(program.steps.len(), Kind::Read, id, None);
    }
    accesses.into_iter().map(|(buffer, list)| (buffer, pieces(&list))).collect()
}

/// A Concat's copies write between each other's bytes.
fn output_kind(step: &Step) -> Kind {
    let is_whole_copy = matches!(step.opcode, OpCode::Copy | OpCode::Rearrange) && step.stripe.is_none();
    if is_whole_copy { Kind::Touch } else { Kind::Write }
}

/// The lifetimes that follow from accesses in the order of time.
fn pieces(accesses: &[Access]) -> Vec<Rect> {
    let borders: BTreeSet<usize> = accesses.iter().flat_map(|access| [access.from, access.to]).collect();
    let borders: Vec<usize> = borders.into_iter().collect();
    let mut rects: Vec<Rect> = Vec::new();
    // For each lifetime the last rectangle that has it, to be continued by the piece behind.
    let mut latest: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    for pair in borders.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        let mut lives: Vec<(usize, usize)> = Vec::new();
        for access in accesses.iter().filter(|access| access.from <= from && to <= access.to) {
            match lives.last_mut() {
                Some(life) if access.kind != Kind::Write => life.1 = access.step,
                _ => lives.push((access.step, access.step)),
            }
        }
        for life in lives {
            match latest.get(&life).map(|&index| &mut rects[index]) {
                Some(rect) if rect.offset + rect.bytes == from => rect.bytes += to - from,
                _ => {
                    latest.insert(life, rects.len());
                    rects.push(Rect { first: life.0, last: life.1, offset: from, bytes: to - from });
                }
            }
        }
    }
    rects
}
