//! Tensors that are stored sparse, and DENSIFY, which has nothing left to do once they are read.
//!
//! A sparse tensor is a tree with a level for each axis, in any order, and behind them one for each axis that is cut
//! into blocks. A level either has all its positions, or lists those that are there, in the way of compressed rows:
//!
//! ```text
//!   axes [4, 4], blocks of [2, 2] along both: levels of 2, 2, 2, 2 positions
//!   level 0  dense      0          1
//!   level 1  segments   0 .. 1     1 .. 3
//!            indices    1          0      1
//!   levels 2, 3 dense: the elements of each block
//! ```
//!
//! Read level by level, so that a file cannot make the reader call itself, and with the positions of a level bounded by
//! what the file has in lists and elements.

use super::Importer;
use super::call::{Call, EXPORT_AGAIN};
use super::flatbuffer::{Read, Table, i32s};
use super::schema::Tensor;
use super::tensor::shape;
use crate::import::build::{Convert, refuse};
use crate::ir::{RANK_MAX, is_permutation};

/// The positions of one level that are there.
enum Level {
    /// All of so many.
    Dense(usize),
    /// Those in `indices`, `segments[parent] .. segments[parent + 1]` for each position of the level above.
    Listed { extent: usize, segments: Vec<usize>, indices: Vec<usize> },
}

/// A sparse tensor's levels, and how their positions make up an element's place.
struct Tree {
    levels: Vec<Level>,
    /// For each level the distance in elements that one of its positions stands for.
    steps: Vec<usize>,
}

/// A vector of the union of index vectors, whose type is in `slot` and whose table in the next one.
fn indices(table: Table<'_>, slot: usize) -> Read<Option<Vec<usize>>> {
    let Some(values) = table.table(slot + 1)? else { return Ok(None) };
    let numbers: Vec<Option<usize>> = match table.i8(slot)? {
        1 => i32s(values.vector(0, 4)?.raw()).into_iter().map(|index| usize::try_from(index).ok()).collect(),
        2 => values.vector(0, 2)?.raw().as_chunks().0.iter().map(|&raw| Some(u16::from_le_bytes(raw).into())).collect(),
        3 => values.vector(0, 1)?.raw().iter().map(|&index| Some(index.into())).collect(),
        _ => return Ok(None),
    };
    Ok(numbers.into_iter().collect())
}

impl Tree {
    /// The tree that `sparsity` describes for a tensor of `shape`; `None` when it contradicts itself.
    fn read(sparsity: Table<'_>, shape: &[usize]) -> Read<Option<Tree>> {
        let list = |slot: usize| -> Read<Vec<i64>> {
            Ok(i32s(sparsity.vector(slot, 4)?.raw()).into_iter().map(i64::from).collect())
        };
        let (order, block_map, metadata) = (list(0)?, list(1)?, sparsity.vector(2, 4)?);
        if metadata.len() > 2 * RANK_MAX
            || order.len() != metadata.len()
            || order.len() != shape.len() + block_map.len()
        {
            return Ok(None);
        }
        let count = order.len();
        let unsigned = |list: Vec<i64>| list.into_iter().map(|number| usize::try_from(number).ok()).collect();
        let (Some(order), Some(block_map)): (Option<Vec<usize>>, Option<Vec<usize>>) =
            (unsigned(order), unsigned(block_map))
        else {
            return Ok(None);
        };
        let fits = is_permutation(&order, count) && block_map.iter().all(|&axis| axis < shape.len());
        let tables = (0..count).map(|level| metadata.table(level)).collect::<Read<Vec<_>>>()?;
        let Some(parts) = fits.then(|| Parts::of(shape, &order, &block_map, &tables)).transpose()?.flatten() else {
            return Ok(None);
        };
        let levels = tables.iter().zip(&parts.extents).map(|(table, &extent)| level(*table, extent));
        let levels: Option<Vec<Level>> = levels.collect::<Read<Vec<Option<Level>>>>()?.into_iter().collect();
        Ok(levels.map(|levels| Tree { levels, steps: parts.steps }))
    }

    /// The place of each of `stored` elements, in their order; `None` when a list is not one of positions.
    fn places(&self, stored: usize) -> Option<Vec<usize>> {
        // Whatever a level has is an element in the end, or has a place in a list below.
        let segments = |level: &Level| if let Level::Listed { segments, .. } = level { segments.len() } else { 0 };
        let limit = self.levels.iter().map(segments).fold(stored, usize::max);
        let mut places = vec![0];
        for (level, step) in self.levels.iter().zip(&self.steps) {
            let mut next = Vec::new();
            for (parent, place) in places.into_iter().enumerate() {
                if next.len() > limit {
                    return None;
                }
                match level {
                    Level::Dense(extent) => next.extend((0..*extent).map(|position| place + position * step)),
                    Level::Listed { extent, segments, indices } => {
                        let own = indices.get(*segments.get(parent)?..*segments.get(parent + 1)?)?;
                        if !own.is_sorted_by(|a, b| a < b) || own.last().is_some_and(|last| last >= extent) {
                            return None;
                        }
                        next.extend(own.iter().map(|position| place + position * step));
                    }
                }
            }
            places = next;
        }
        (places.len() == stored).then_some(places)
    }
}

/// Extents and steps of the levels.
struct Parts {
    extents: Vec<usize>,
    steps: Vec<usize>,
}

impl Parts {
    /// The product of all extents is the number of the tensor's elements.
    fn of(shape: &[usize], order: &[usize], block_map: &[usize], tables: &[Table<'_>]) -> Read<Option<Parts>> {
        let rank = shape.len();
        // The size of each block, and how far apart the elements of an axis are.
        let mut blocks = vec![1; block_map.len()];
        for (table, &part) in tables.iter().zip(order) {
            if let Some(block) = part.checked_sub(rank) {
                blocks[block] = usize::try_from(table.i32(1, 0)?).unwrap_or(0);
            }
        }
        let mut blocked = vec![1usize; rank];
        for (&axis, &size) in block_map.iter().zip(&blocks) {
            blocked[axis] = blocked[axis].saturating_mul(size);
        }
        let divides = |(&extent, &size): (&usize, &usize)| size > 0 && extent.is_multiple_of(size);
        // One block along an axis: more levels of them would have an order of their own.
        let is_single = (0..rank).all(|axis| block_map.iter().filter(|&&mapped| mapped == axis).count() <= 1);
        if !is_single || !shape.iter().zip(&blocked).all(divides) {
            return Ok(None);
        }
        let apart = |axis: usize| shape[axis + 1..].iter().product::<usize>();
        let part = |&part: &usize| match part.checked_sub(rank) {
            None => (shape[part] / blocked[part], apart(part) * blocked[part]),
            Some(block) => (blocks[block], apart(block_map[block])),
        };
        let (extents, steps) = order.iter().map(part).unzip();
        Ok(Some(Parts { extents, steps }))
    }
}

/// One level of `extent` positions.
fn level(table: Table<'_>, extent: usize) -> Read<Option<Level>> {
    match table.i8(0)? {
        0 => Ok((usize::try_from(table.i32(1, 0)?) == Ok(extent)).then_some(Level::Dense(extent))),
        1 => {
            let lists = indices(table, 2)?.zip(indices(table, 4)?);
            Ok(lists.map(|(segments, indices)| Level::Listed { extent, segments, indices }))
        }
        _ => Ok(None),
    }
}

impl Importer<'_, '_> {
    /// The bytes of all elements of a sparse tensor, zeros where none is stored.
    pub(super) fn dense(
        &self,
        tensor: &Tensor<'_>,
        sparsity: Table<'_>,
        data: &[u8],
        size_bytes: usize,
    ) -> Convert<Vec<u8>> {
        let shape = shape(tensor)?;
        let len: usize = shape.iter().product();
        self.model.budget.charge(len, size_bytes)?;
        let stored = data.chunks_exact(size_bytes.max(1));
        let Some(places) = Tree::read(sparsity, &shape)?.and_then(|tree| tree.places(stored.len())) else {
            return refuse(
                format!("`{}` is stored sparse in a way that contradicts itself", tensor.name),
                EXPORT_AGAIN,
            );
        };
        let mut dense = vec![0; len * size_bytes];
        for (place, element) in places.into_iter().zip(stored) {
            dense[place * size_bytes..][..size_bytes].copy_from_slice(element);
        }
        Ok(dense)
    }
}

/// A sparse constant was made dense as it was read.
pub(super) fn densify(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let x = importer.operand(call, 0)?;
    importer.rename(call, x)
}
