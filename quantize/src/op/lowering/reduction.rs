//! Reductions: a record knows one middle axis, which several axes next to each other are together.

use super::{Reason, Site, narrow, refuse};

/// `[outer, reduced, inner]` of a reduction of the first operand over `axes`.
pub(crate) fn extents(site: &Site<'_>, axes: &[usize]) -> Result<[u32; 3], Reason> {
    let shape = &site.operand(0).shape;
    let Some([outer, reduced, inner]) = split(shape, axes) else {
        return refuse(
            format!("it reduces the axes {axes:?} of {shape:?}, which do not lie next to each other"),
            "reduce adjacent axes, one operator after the other",
        );
    };
    let extent = |extent: usize| narrow(extent, "an extent");
    Ok([extent(outer)?, extent(reduced)?, extent(inner)?])
}

/// The extents before, within and after `axes`; `None` when an axis longer than 1 lies between them.
fn split(shape: &[usize], axes: &[usize]) -> Option<[usize; 3]> {
    let long: Vec<usize> = axes.iter().copied().filter(|&axis| shape[axis] > 1).collect();
    let (&first, &last) = match (long.first(), long.last()) {
        (Some(first), Some(last)) => (first, last),
        _ => (axes.first()?, axes.first()?),
    };
    if (first..=last).any(|axis| shape[axis] > 1 && !axes.contains(&axis)) {
        return None;
    }
    let product = |range: &[usize]| range.iter().product::<usize>();
    Some([product(&shape[..first]), product(&shape[first..=last]), product(&shape[last + 1..])])
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn splits_around_adjacent_axes() {
        assert_eq!(split(&[2, 3, 4, 5], &[1, 2]), Some([2, 12, 5]));
        assert_eq!(split(&[2, 3, 4, 5], &[3]), Some([24, 5, 1]));
        assert_eq!(split(&[2, 3, 1, 5], &[1, 3]), Some([2, 15, 1]));
        assert_eq!(split(&[2, 3, 4, 5], &[1, 3]), None);
        assert_eq!(split(&[2, 1, 1, 5], &[1, 2]), Some([2, 1, 5]));
    }
}
