//! What both importers make of operators that only move elements: lists of indices, and Reshape-Transpose-Reshape.

use super::build::{Builder, Convert, refuse};
use crate::ir::{Op, ValueId};
use crate::op::{Take, Transpose};

/// How a border repeats what is inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Border {
    /// Mirrored at the edge elements, which are not repeated.
    Reflect,
    /// Mirrored at the edge, edge elements included.
    Symmetric,
    /// The edge elements.
    Edge,
    /// The other end.
    Wrap,
}

impl Border {
    /// The indices of an axis of `extent` with elements before and behind it; negative amounts cut. `None` when there are
    /// more of them than there is to repeat, or nothing is left.
    pub(super) fn indices(self, extent: usize, before: i64, after: i64) -> Option<Vec<usize>> {
        let extent = i64::try_from(extent).ok().filter(|&extent| extent > 0)?;
        let most = match self {
            Border::Reflect => extent - 1,
            Border::Symmetric => extent,
            Border::Edge | Border::Wrap => i64::from(i32::MAX),
        };
        if before > most || after > most {
            return None;
        }
        let end = extent.checked_add(after)?;
        let inside = |at: i64| match self {
            Border::Edge => at.clamp(0, extent - 1),
            Border::Wrap => at.rem_euclid(extent),
            Border::Reflect if at < 0 => -at,
            Border::Symmetric if at < 0 => -1 - at,
            Border::Reflect if at >= extent => 2 * (extent - 1) - at,
            Border::Symmetric if at >= extent => 2 * extent - 1 - at,
            Border::Reflect | Border::Symmetric => at,
        };
        let begin = before.checked_neg()?;
        (begin < end).then(|| (begin..end).map(|at| inside(at) as usize).collect())
    }
}

/// Adds all steps of `take` but the last one, which is left to the caller with its operand.
pub(super) fn but_last(builder: &mut Builder, name: &str, x: ValueId, take: Take) -> Convert<(ValueId, Op)> {
    let shape = builder.graph.value(x).shape.clone();
    if take.indices.len() != shape.len() {
        return refuse(format!("moves {} axes of {shape:?}", take.indices.len()), "export the model again");
    }
    let mut steps = take.steps(&shape);
    let Some(last) = steps.pop() else { return refuse("takes nothing", "export the model again") };
    let mut x = x;
    for (index, step) in steps.into_iter().enumerate() {
        x = builder.apply(&format!("{name}/axis{index}"), step.into(), vec![x])?;
    }
    Ok((x, last.into()))
}

/// `x` in blocks: reshaped to `blocks`, transposed, and reshaped to `shape`.
pub(super) fn reblocked(
    builder: &mut Builder,
    name: &str,
    x: ValueId,
    (blocks, permutation, shape): (Vec<usize>, Vec<usize>, Vec<usize>),
) -> Convert<ValueId> {
    let blocked = builder.reshape(&format!("{name}/blocks"), x, blocks)?;
    let turned = builder.apply(&format!("{name}/turned"), Transpose { permutation }.into(), vec![blocked])?;
    builder.reshape(name, turned, shape)
}

/// The three steps of a DepthToSpace of `[N, H, W, C]`: a channel's number is its place in the block, then the channel of
/// the result, or the other way round.
pub(super) fn depth_to_space(
    shape: &[usize],
    block: usize,
    block_first: bool,
) -> Option<(Vec<usize>, Vec<usize>, Vec<usize>)> {
    let &[n, h, w, c] = shape else { return None };
    let area = block.checked_mul(block).filter(|&area| area > 0 && c.is_multiple_of(area))?;
    let result = vec![n, h.checked_mul(block)?, w.checked_mul(block)?, c / area];
    Some(if block_first {
        (vec![n, h, w, block, block, c / area], vec![0, 1, 3, 2, 4, 5], result)
    } else {
        (vec![n, h, w, c / area, block, block], vec![0, 1, 4, 2, 5, 3], result)
    })
}

/// The three steps of a SpaceToDepth of `[N, H, W, C]`: the reverse of [`depth_to_space`].
pub(super) fn space_to_depth(
    shape: &[usize],
    block: usize,
    block_first: bool,
) -> Option<(Vec<usize>, Vec<usize>, Vec<usize>)> {
    let &[n, h, w, c] = shape else { return None };
    let fits = block > 0 && h.is_multiple_of(block) && w.is_multiple_of(block);
    let channels = block.checked_mul(block).and_then(|area| area.checked_mul(c));
    let channels = channels.filter(|_| fits)?;
    let (rows, columns) = (h / block, w / block);
    let order = if block_first { vec![0, 1, 3, 2, 4, 5] } else { vec![0, 1, 3, 5, 2, 4] };
    Some((vec![n, rows, block, columns, block, c], order, vec![n, rows, columns, channels]))
}

#[cfg(test)]
mod tests {
    use super::Border;

    #[test]
    fn borders_are_those_of_numpy() {
        let of = |border: Border| border.indices(4, 3, 2);
        assert_eq!(of(Border::Reflect), Some(vec![3, 2, 1, 0, 1, 2, 3, 2, 1]));
        assert_eq!(of(Border::Symmetric), Some(vec![2, 1, 0, 0, 1, 2, 3, 3, 2]));
        assert_eq!(of(Border::Edge), Some(vec![0, 0, 0, 0, 1, 2, 3, 3, 3]));
        assert_eq!(of(Border::Wrap), Some(vec![1, 2, 3, 0, 1, 2, 3, 0, 1]));
        assert_eq!(Border::Reflect.indices(4, 4, 0), None, "there are only three to mirror");
        assert_eq!(Border::Edge.indices(4, -1, -2), Some(vec![1]), "negative amounts cut");
        assert_eq!(Border::Wrap.indices(4, -2, -2), None);
        assert_eq!(Border::Wrap.indices(4, i64::MIN, i64::MAX), None);
    }
}
