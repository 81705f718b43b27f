//! Rows that indices name: what both importers make of the operators that read, write or look for them.
//!
//! Indices are int32 values of the graph. Where they are constants, what they name is moved by the records for that.

use super::build::{Builder, Convert, refuse};
use crate::ir::{DType, Elements, ValueId, inverse};
use crate::op::common::rows::Naming;
use crate::op::{Combine, Concat, Cut, Function, Gather, Rank, Scatter, Select, Slice, Take, Transpose, Update};

const EXPORT_AGAIN: &str = "export the model again";

/// Most pieces that a tensor is put together of, when constants say which of its rows are others.
const PIECES_MAX: usize = 8;

fn shape(builder: &Builder, id: ValueId) -> Vec<usize> {
    builder.graph.value(id).shape.clone()
}

/// The numbers of constant indices.
fn known(builder: &Builder, indices: ValueId) -> Option<Vec<i32>> {
    match &builder.graph.value(indices).elements {
        Some(Elements::I32(numbers)) => Some(numbers.clone()),
        _ => None,
    }
}

/// Elements of the lists that constant indices among these values become; none where all are computed.
pub(super) fn listed(builder: &Builder, ids: &[ValueId]) -> usize {
    let is_known = ids.iter().any(|&id| builder.graph.value(id).elements.is_some());
    let len = ids.iter().fold(0usize, |len, &id| len.saturating_add(builder.graph.value(id).len()));
    if is_known { len } else { 0 }
}

/// `indices` as tuples of one.
fn tuples(builder: &mut Builder, name: &str, indices: ValueId) -> Convert<ValueId> {
    let mut extents = shape(builder, indices);
    extents.push(1);
    builder.reshape(&format!("{name}/tuples"), indices, extents)
}

/// The slices of axis `axis` of `x` that `indices`, of any shape, name; both share their first `batch` axes.
pub(super) fn gathered(
    builder: &mut Builder,
    name: &str,
    [x, indices]: [ValueId; 2],
    [batch, axis]: [usize; 2],
) -> Convert<ValueId> {
    let tuples = tuples(builder, name, indices)?;
    gathered_by_tuples(builder, name, [x, tuples], [batch, axis])
}

/// The rows of `x` that tuples along the last axis of `indices` name, for the axes from `axis` on.
pub(super) fn gathered_by_tuples(
    builder: &mut Builder,
    name: &str,
    [x, indices]: [ValueId; 2],
    [batch, axis]: [usize; 2],
) -> Convert<ValueId> {
    if known(builder, indices).is_none() {
        return builder.apply(name, Gather { batch, axis }.into(), vec![x, indices]);
    }
    let (naming, data, tuples) = (Naming { batch, axis }, shape(builder, x), shape(builder, indices));
    let result = naming.rows(&data, &tuples).or_else(|error| refuse(error.0, EXPORT_AGAIN))?;
    let (rows, inner) = numbers(builder, naming, x, indices)?;
    let flat = builder.reshape(&format!("{name}/rows"), x, vec![data.iter().product::<usize>() / inner, inner])?;
    let taken = builder.apply(&format!("{name}/taken"), Take::along(2, 0, rows).into(), vec![flat])?;
    builder.reshape(name, taken, result)
}

/// The numbers of the rows of `x` that constant indices name, and the length of a row.
fn numbers(builder: &Builder, naming: Naming, x: ValueId, indices: ValueId) -> Convert<(Vec<usize>, usize)> {
    let (data, tuples) = (shape(builder, x), shape(builder, indices));
    let Some(known) = known(builder, indices) else { return refuse("its indices are computed", EXPORT_AGAIN) };
    let places = naming.places(&data, &tuples, |at| known.get(at).copied().unwrap_or(0).into());
    let places = places.or_else(|error| refuse(error.0, EXPORT_AGAIN))?;
    let depth = tuples.last().copied().unwrap_or(1);
    let inner: usize = data[naming.axis + depth..].iter().product();
    Ok((places.iter().step_by(inner).map(|place| place / inner).collect(), inner))
}

/// Puts `axis` behind all others; `None` when it is there.
fn to_end(rank: usize, axis: usize) -> Option<Vec<usize>> {
    (axis + 1 != rank).then(|| (0..rank).filter(|&other| other != axis).chain([axis]).collect())
}

fn turned(builder: &mut Builder, name: &str, x: ValueId, permutation: Option<&Vec<usize>>) -> Convert<ValueId> {
    match permutation {
        None => Ok(x),
        Some(permutation) => builder.apply(name, Transpose { permutation: permutation.clone() }.into(), vec![x]),
    }
}

/// `y[.., i, ..] = x[.., indices[.., i, ..], ..]` along `axis`; `indices` may have less of the other axes than `x`.
pub(super) fn gathered_along(
    builder: &mut Builder,
    name: &str,
    [x, indices]: [ValueId; 2],
    axis: usize,
) -> Convert<ValueId> {
    let (data, wanted) = (shape(builder, x), shape(builder, indices));
    let rank = data.len();
    if wanted.len() != rank || axis >= rank {
        return refuse(format!("takes elements {wanted:?} along axis {axis} of {data:?}"), EXPORT_AGAIN);
    }
    let cut =
        |other: usize| if other == axis { Cut::ALL } else { Cut { begin: 0, end: Some(wanted[other]), stride: 1 } };
    let mut x = x;
    if (0..rank).any(|other| other != axis && wanted[other] != data[other]) {
        x = builder.apply(&format!("{name}/part"), Slice { cuts: (0..rank).map(cut).collect() }.into(), vec![x])?;
    }
    let order = to_end(rank, axis);
    let x = turned(builder, &format!("{name}/turned"), x, order.as_ref())?;
    let indices = turned(builder, &format!("{name}/indices turned"), indices, order.as_ref())?;
    let y = gathered(builder, name, [x, indices], [rank - 1, rank - 1])?;
    turned(builder, &format!("{name}/turned back"), y, order.map(|order| inverse(&order)).as_ref())
}

/// `x` in which the rows that tuples along the last axis of `indices` name are, or meet, those of `rows`.
pub(super) fn scattered(
    builder: &mut Builder,
    name: &str,
    [x, indices, rows]: [ValueId; 3],
    Scatter { batch, axis, update }: Scatter,
) -> Convert<ValueId> {
    let operands = vec![x, indices, rows];
    if known(builder, indices).is_none() || update != Update::Replace {
        return builder.apply(name, Scatter { batch, axis, update }.into(), operands);
    }
    let (places, inner) = numbers(builder, Naming { batch, axis }, x, indices)?;
    let data = shape(builder, x);
    let count = data.iter().product::<usize>() / inner;
    if shape(builder, rows).iter().product::<usize>() != places.len() * inner {
        return refuse(format!("has rows {:?} for {} places", shape(builder, rows), places.len()), EXPORT_AGAIN);
    }
    let x = builder.reshape(&format!("{name}/data"), x, vec![count, inner])?;
    let rows = builder.reshape(&format!("{name}/rows"), rows, vec![places.len(), inner])?;
    let y = match pieces(&places, count) {
        Some(pieces) => joined(builder, name, [x, rows], pieces)?,
        None => {
            let numbers = Elements::I32(places.iter().map(|&place| i32::try_from(place).unwrap_or(i32::MAX)).collect());
            let indices = builder.constant(&format!("{name}/places"), vec![places.len(), 1], numbers)?;
            let scatter = Scatter { batch: 0, axis: 0, update };
            builder.apply(&format!("{name}/scattered"), scatter.into(), vec![x, indices, rows])?
        }
    };
    builder.reshape(name, y, data)
}

/// Rows `from .. to` of one of two tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    operand: usize,
    from: usize,
    to: usize,
}

/// `count` rows of the first tensor, with those of the second in `places`, in few pieces; `None` when they are many.
fn pieces(places: &[usize], count: usize) -> Option<Vec<Piece>> {
    let mut sources: Vec<(usize, usize)> = (0..count).map(|row| (0, row)).collect();
    places.iter().enumerate().for_each(|(row, &place)| sources[place] = (1, row));
    let mut pieces: Vec<Piece> = Vec::new();
    for (operand, row) in sources {
        let count = pieces.len();
        match pieces.last_mut() {
            Some(piece) if (piece.operand, piece.to) == (operand, row) => piece.to += 1,
            _ if count == PIECES_MAX => return None,
            _ => pieces.push(Piece { operand, from: row, to: row + 1 }),
        }
    }
    Some(pieces)
}

fn joined(builder: &mut Builder, name: &str, operands: [ValueId; 2], pieces: Vec<Piece>) -> Convert<ValueId> {
    let mut parts = Vec::with_capacity(pieces.len());
    for (index, Piece { operand, from, to }) in pieces.into_iter().enumerate() {
        let cuts = vec![Cut { begin: from, end: Some(to), stride: 1 }, Cut::ALL];
        parts.push(builder.apply(&format!("{name}/piece{index}"), Slice { cuts }.into(), vec![operands[operand]])?);
    }
    builder.apply(&format!("{name}/joined"), Concat { axis: 0 }.into(), parts)
}

/// `x` in which the elements that `indices` name along `axis` are, or meet, those of `elements`.
pub(super) fn scattered_along(
    builder: &mut Builder,
    name: &str,
    [x, indices, elements]: [ValueId; 3],
    (axis, update): (usize, Update),
) -> Convert<ValueId> {
    let (data, named) = (shape(builder, x), shape(builder, indices));
    let rank = data.len();
    let fits = named.len() == rank && (0..rank).all(|other| other == axis || named[other] == data[other]);
    if !fits || named != shape(builder, elements) {
        return refuse(
            format!("puts {named:?} elements along axis {axis} of {data:?}"),
            "name elements in all of the other axes; slice the data first, and join the rest again",
        );
    }
    let order = to_end(rank, axis);
    let x = turned(builder, &format!("{name}/turned"), x, order.as_ref())?;
    let indices = turned(builder, &format!("{name}/indices turned"), indices, order.as_ref())?;
    let elements = turned(builder, &format!("{name}/elements turned"), elements, order.as_ref())?;
    let tuples = tuples(builder, name, indices)?;
    let scatter = Scatter { batch: rank - 1, axis: rank - 1, update };
    let y = scattered(builder, name, [x, tuples, elements], scatter)?;
    turned(builder, &format!("{name}/turned back"), y, order.map(|order| inverse(&order)).as_ref())
}

/// Each sequence of a batch reversed up to its length, which is computed at run time; what is behind stays.
pub(super) fn reversed(
    builder: &mut Builder,
    name: &str,
    [x, lengths]: [ValueId; 2],
    [batch, time]: [usize; 2],
) -> Convert<ValueId> {
    let data = shape(builder, x);
    let rank = data.len();
    if batch == time || batch >= rank || time >= rank || shape(builder, lengths) != [data[batch]] {
        return refuse("has no fitting length for each sequence", EXPORT_AGAIN);
    }
    let steps = i32::try_from(data[time]).unwrap_or(i32::MAX);
    let lengths = builder.reshape(&format!("{name}/lengths"), lengths, vec![data[batch], 1])?;
    let numbers =
        builder.constant(&format!("{name}/steps"), vec![1, data[time]], Elements::I32((0..steps).collect()))?;
    let minus = builder.constant(&format!("{name}/minus one"), vec![1, 1], Elements::I32(vec![-1]))?;
    let last = builder.apply(&format!("{name}/last"), Combine::new(Function::Add).into(), vec![lengths, minus])?;
    let back = builder.apply(&format!("{name}/back"), Combine::new(Function::Sub).into(), vec![last, numbers])?;
    let less = Combine::new(Function::Less).into();
    let inside = vec![numbers, lengths];
    let inside = builder.apply_typed(&format!("{name}/inside"), less, inside, (DType::Bool, None))?;
    let chosen = vec![inside, back, numbers];
    let indices = builder.apply_typed(&format!("{name}/steps taken"), Select.into(), chosen, (DType::I32, None))?;
    let order: Vec<usize> =
        [batch, time].into_iter().chain((0..rank).filter(|axis| ![batch, time].contains(axis))).collect();
    let order = (!order.iter().copied().eq(0..rank)).then_some(order);
    let x = turned(builder, &format!("{name}/turned"), x, order.as_ref())?;
    let y = gathered(builder, name, [x, indices], [1, 1])?;
    turned(builder, &format!("{name}/turned back"), y, order.map(|order| inverse(&order)).as_ref())
}

/// Along a new axis of `depth` elements, whether an element's place is the index. With `wraps`, one below zero counts from
/// the end.
pub(super) fn is_hot(
    builder: &mut Builder,
    name: &str,
    indices: ValueId,
    (axis, depth, wraps): (usize, usize, bool),
) -> Convert<ValueId> {
    let mut extents = shape(builder, indices);
    extents.insert(axis, 1);
    let mut line = vec![1; extents.len()];
    line[axis] = depth;
    let indices = builder.reshape(&format!("{name}/indices"), indices, extents)?;
    let mut equal = |part: &str, first: i64| {
        let numbers = (0..depth as i64).map(|at| i32::try_from(first + at).unwrap_or(i32::MAX));
        let numbers = Elements::I32(numbers.collect());
        let numbers = builder.constant(&format!("{name}/{part}"), line.clone(), numbers)?;
        let equal = Combine::new(Function::Equal).into();
        builder.apply_typed(&format!("{name}/is {part}"), equal, vec![indices, numbers], (DType::Bool, None))
    };
    let ascending = equal("ascending", 0)?;
    if !wraps {
        return Ok(ascending);
    }
    let from_end = equal("from the end", -(depth as i64))?;
    builder.apply(&format!("{name}/is hot"), Combine::new(Function::Or).into(), vec![ascending, from_end])
}

/// The indices of the first elements along an axis in some order.
pub(super) fn ranked(builder: &mut Builder, name: &str, x: ValueId, rank: Rank) -> Convert<ValueId> {
    builder.apply_typed(name, rank.into(), vec![x], (DType::I32, None))
}

/// The index of the greatest or the least element along `axis`, which stays with extent 1 or goes.
pub(super) fn extreme(
    builder: &mut Builder,
    name: &str,
    x: ValueId,
    (rank, keeps_axis): (Rank, bool),
) -> Convert<ValueId> {
    let axis = rank.axis;
    let found = ranked(builder, &format!("{name}/index"), x, rank)?;
    let mut extents = shape(builder, found);
    if !keeps_axis {
        extents.remove(axis);
    }
    builder.reshape(name, found, extents)
}

#[cfg(test)]
mod tests {
    use super::{Piece, pieces};

    #[test]
    fn rows_in_order_are_one_piece() {
        let piece = |operand, from, to| Piece { operand, from, to };
        assert_eq!(pieces(&[1, 2], 5), Some(vec![piece(0, 0, 1), piece(1, 0, 2), piece(0, 3, 5)]));
        assert_eq!(pieces(&[0, 1, 2], 3), Some(vec![piece(1, 0, 3)]));
        // The last row for a place is what is there.
        assert_eq!(pieces(&[1, 1], 2), Some(vec![piece(0, 0, 1), piece(1, 1, 2)]));
        assert_eq!(pieces(&[0, 2, 4, 6, 8], 10), None);
    }
}
