//! Indices of some axes: what repeats, reverses, gathers by constants, enlarges to the nearest, or pads by reflection.

use core::fmt;

use kinglet_blob::OpCode;
use kinglet_blob::records;

use super::common::attributes::Activation;
use super::common::real::{Real, Reals, moved_reals, shapes_of};
use super::common::{operands, types};
use super::lowering::rearrange::{self, Axis, Movement, strides};
use super::lowering::{Emission, Reason, Site, narrow, refuse};
use super::operator::Operator;
use super::rule::channels::{ChannelTies, Channels, Known};
use super::rule::layout::{AxisAttributes, LayoutRule};
use super::rule::moves::{Moves, from_first};
use super::rule::quantization::{Codes, End, Scaling};
use crate::record::{Access, Head, Overlap, Parameters, Shapes};
use crate::value::{Shape, ShapeError, Value, checked_len, fail, inverse};

/// Most records that one node is made of; indices in more pieces are looked up in a table.
const PIECES_MAX: usize = 16;

/// Index `i` of an axis of the result is index `indices[i]` of that axis of `x`.
#[derive(Clone, Debug, PartialEq)]
pub struct Take {
    /// One list for each axis; `None` for all of an axis.
    pub indices: Vec<Option<Vec<usize>>>,
}

/// Indices of one axis in two nested steps: element `outer * inner_count + inner` of the result's indices from `to` on
/// is `from + outer * outer_step + inner * inner_step`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    to: usize,
    from: usize,
    outer: (usize, isize),
    inner: (usize, isize),
}

impl Operator for Take {
    fn name(&self) -> &'static str {
        "Take"
    }

    fn write_attributes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |list: &Option<Vec<usize>>| match list {
            None => ":".into(),
            Some(list) if list.len() > 8 => format!("{:?} and {} more", &list[..6], list.len() - 6),
            Some(list) => format!("{list:?}"),
        };
        write!(f, " [{}]", self.indices.iter().map(text).collect::<Vec<_>>().join(", "))
    }

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<Shape>, ShapeError> {
        let (x, indices) = (operands::one(inputs)?, &self.indices);
        if indices.len() != x.len() {
            return fail(format!("{} lists of indices for {} axes", indices.len(), x.len()));
        }
        for (list, &extent) in indices.iter().zip(x) {
            if let Some(index) = list.iter().flatten().find(|&&index| index >= extent) {
                return fail(format!("takes index {index} of an axis of extent {extent}"));
            }
        }
        let shape: Shape = indices.iter().zip(x).map(|(list, &extent)| list.as_ref().map_or(extent, Vec::len)).collect();
        checked_len(&shape)?;
        Ok(vec![shape])
    }

    fn check_types(&self, inputs: &[&Value], outputs: &[&Value]) -> Result<(), String> {
        types::copying(inputs, outputs, types::ANY)
    }

    fn evaluate(&self, inputs: &[Real<'_>], shapes: &[&[usize]]) -> Reals {
        moved_reals(self.moves(&shapes_of(inputs), shapes), inputs)
    }

    fn moves(&self, inputs: &[&[usize]], _outputs: &[&[usize]]) -> Option<Moves> {
        let mut sources = vec![0];
        for (list, &extent) in self.indices.iter().zip(*inputs.first()?) {
            let all: Vec<usize> = (0..extent).collect();
            let taken = list.as_ref().unwrap_or(&all);
            sources = sources.iter().flat_map(|row| taken.iter().map(move |index| row * extent + index)).collect();
        }
        Some(from_first(sources))
    }

    fn changes_nothing(&self, _operand_count: usize, _operand: &Value, _clamp: Activation) -> bool {
        self.indices.iter().flatten().all(|list| list.iter().copied().eq(0..list.len()))
    }

    fn layout(&mut self) -> LayoutRule<'_> {
        LayoutRule::Axes(self)
    }

    fn codes(&self) -> Codes {
        Codes::Kept
    }

    fn scale_floors(&self, _scaling: &dyn Scaling) -> Vec<(End, f32)> {
        Vec::new()
    }

    fn constant_channels(&self, known: &Known<'_>) -> Option<Channels> {
        let &all = known.channels.first()?;
        match self.indices.last()? {
            None => Some(all.clone()),
            Some(list) => list.iter().map(|&index| all.get(index).copied()).collect(),
        }
    }

    fn channel_ties(&self, _shapes: &[&[usize]]) -> ChannelTies {
        if matches!(self.indices.last(), Some(None)) { ChannelTies::InStep } else { ChannelTies::All }
    }

    /// Where few records move all indices, those; else one that looks them up, which knows one axis.
    fn lower(&self, site: &mut Site<'_>) -> Result<(), Reason> {
        let (x, y) = (&site.operand(0).shape, &site.result().shape);
        let axes: Vec<Vec<Piece>> =
            self.indices.iter().zip(x).map(|(list, &extent)| pieces(list.as_deref(), extent)).collect();
        let records = axes.iter().fold(1usize, |records, pieces| records.saturating_mul(pieces.len()));
        if records <= PIECES_MAX {
            return (0..records).try_for_each(|record| move_pieces(site, x, y, &axes, record));
        }
        let mut taken = self.indices.iter().enumerate().filter_map(|(axis, list)| Some((axis, list.as_ref()?)));
        match (taken.next(), taken.next()) {
            (Some((axis, list)), None) => look_up(site, axis, list),
            _ => refuse("it takes irregular indices of several axes at once", "take those of one axis after the other"),
        }
    }
}

impl Take {
    /// All of every axis but one.
    pub(crate) fn along(rank: usize, axis: usize, indices: Vec<usize>) -> Self {
        let mut all = vec![None; rank];
        all[axis] = Some(indices);
        Take { indices: all }
    }

    /// The same in steps that can each be lowered: all at once where few records are enough, else axis after axis.
    pub(crate) fn steps(self, x: &[usize]) -> Vec<Take> {
        let pieces = self.indices.iter().zip(x).map(|(list, &extent)| pieces(list.as_deref(), extent).len());
        if pieces.fold(1usize, usize::saturating_mul) <= PIECES_MAX {
            return vec![self];
        }
        let rank = self.indices.len();
        let lists = self.indices.into_iter().enumerate();
        let mut steps: Vec<Take> =
            lists.filter_map(|(axis, list)| Some(Take::along(rank, axis, list?))).collect();
        // What makes the tensor smaller comes first.
        steps.sort_by_key(|step| {
            let grown = step.indices.iter().zip(x).map(|(list, &extent)| list.as_ref().map_or(0, |list| 1024 * list.len() / extent));
            grown.sum::<usize>()
        });
        steps
    }
}

impl AxisAttributes for Take {
    fn follow(&mut self, form: &[usize]) -> Vec<usize> {
        self.indices = inverse(form).iter().map(|&axis| self.indices[axis].clone()).collect();
        form.to_vec()
    }
}

/// Indices in as few pieces as a walk from the front finds.
fn pieces(list: Option<&[usize]>, extent: usize) -> Vec<Piece> {
    let Some(list) = list else {
        return vec![Piece { to: 0, from: 0, outer: (1, 0), inner: (extent, 1) }];
    };
    let step = |from: usize, to: usize| to as isize - from as isize;
    let mut pieces: Vec<Piece> = Vec::new();
    let mut to = 0;
    while let Some(&from) = list.get(to) {
        let rest = &list[to..];
        let inner_step = rest.get(1).map_or(1, |&next| step(from, next));
        let count = 1 + rest.windows(2).take_while(|pair| step(pair[0], pair[1]) == inner_step).count();
        match pieces.last_mut() {
            Some(last) if last.inner == (count, inner_step) && continues(last, from) => {
                last.outer = (last.outer.0 + 1, step(last.from, from) / last.outer.0 as isize);
            }
            _ => pieces.push(Piece { to, from, outer: (1, 0), inner: (count, inner_step) }),
        }
        to += count;
    }
    pieces
}

/// True when a run of the same form from `from` on is the next one of `piece`.
fn continues(piece: &Piece, from: usize) -> bool {
    let (count, step) = piece.outer;
    count == 1 || piece.from as isize + count as isize * step == from as isize
}

/// Moves one piece of each axis, `record` saying which.
fn move_pieces(site: &mut Site<'_>, x: &[usize], y: &[usize], axes: &[Vec<Piece>], record: usize) -> Result<(), Reason> {
    let steps = strides(x).into_iter().zip(strides(y));
    let mut movement = Movement { from: 0, to: 0, axes: Vec::new() };
    let mut rest = record;
    for (pieces, (input, output)) in axes.iter().zip(steps) {
        let piece = pieces[rest % pieces.len()];
        rest /= pieces.len();
        movement.from += piece.from * input;
        movement.to += piece.to * output;
        let axis = |(count, step): (usize, isize), output: usize| Axis { count, input: step * input as isize, output };
        movement.axes.extend([axis(piece.outer, piece.inner.0 * output), axis(piece.inner, output)]);
    }
    rearrange::lower(site, (0, 0), movement)
}

/// Looks the indices of one axis up in a table.
fn look_up(site: &mut Site<'_>, axis: usize, list: &[usize]) -> Result<(), Reason> {
    let x = &site.operand(0).shape;
    let part = |axes: &[usize], what: &str| narrow(axes.iter().product(), what);
    let table = list.iter().map(|&index| narrow::<u32>(index, "an index")).collect::<Result<Vec<_>, _>>()?;
    let record = records::Take {
        constants: site.store(table.iter().flat_map(|index| index.to_le_bytes()).collect())?,
        outer: part(&x[..axis], "the number of rows")?,
        extent: narrow(x[axis], "an extent")?,
        inner: part(&x[axis + 1..], "the length of a row")?,
        count: narrow(list.len(), "an extent")?,
    };
    site.emit(Emission::new(OpCode::Take, record, Overlap::Never));
    Ok(())
}

impl Parameters for records::Take {
    fn shapes(&self) -> Shapes {
        Shapes::of(&[self.outer, self.extent, self.inner], &[self.outer, self.count, self.inner])
    }

    fn access(&self, _head: Head) -> Access<'_> {
        Access::Apart
    }
}

#[cfg(test)]
mod tests {
    use super::pieces;

    /// What the pieces say, in the order of the result.
    fn unrolled(list: &[usize]) -> (usize, Vec<usize>) {
        let pieces = pieces(Some(list), 99);
        let mut all = Vec::new();
        for piece in &pieces {
            assert_eq!(piece.to, all.len());
            for outer in 0..piece.outer.0 as isize {
                for inner in 0..piece.inner.0 as isize {
                    all.push((piece.from as isize + outer * piece.outer.1 + inner * piece.inner.1) as usize);
                }
            }
        }
        (pieces.len(), all)
    }

    #[test]
    fn indices_are_taken_in_few_pieces() {
        let cases: [(&[usize], usize); 10] = [
            (&[5], 1),
            (&[0, 1, 2, 3], 1),
            (&[3, 2, 1, 0], 1),
            (&[0, 0, 0, 1, 1, 1, 2, 2, 2], 1),
            (&[0, 1, 2, 0, 1, 2], 1),
            (&[4, 2, 0, 5, 3, 1], 1),
            // Mirrored, with the edge repeated, and not.
            (&[2, 1, 0, 1, 2, 3, 2, 1], 3),
            (&[0, 0, 0, 1, 2, 3, 3, 3], 3),
            (&[0, 0, 1, 2, 2], 3),
            (&[7, 7, 7], 1),
        ];
        for (list, count) in cases {
            assert_eq!(unrolled(list), (count, list.to_vec()));
        }
    }
}
