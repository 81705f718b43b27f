//! Reductions: the axes of an operand as the extents of a record.

use super::{Reason, Site, narrow, refuse};

/// `[outer, reduced, inner]` of a reduction of the first operand over `axes`; `None` when these do not lie next to each
/// other.
pub(crate) fn extents_of(site: &Site<'_>, axes: &[usize]) -> Result<Option<[u32; 3]>, Reason> {
    let Some([outer, reduced, inner]) = split(&site.operand(0).shape, axes) else { return Ok(None) };
    let extent = |extent: usize| narrow(extent, "an extent");
    Ok(Some([extent(outer)?, extent(reduced)?, extent(inner)?]))
}

/// Kept and reduced extents in turn of a reduction of the first operand over `axes`.
pub(crate) fn alternating(site: &Site<'_>, axes: &[usize]) -> Result<[u32; 7], Reason> {
    let shape = &site.operand(0).shape;
    let Some(extents) = groups(shape, axes) else {
        return refuse(
            format!("it reduces the axes {axes:?} of {shape:?}, which are more than three groups"),
            "reduce adjacent axes, one operator after the other",
        );
    };
    let mut narrowed = [1; 7];
    for (to, from) in narrowed.iter_mut().zip(extents) {
        *to = narrow(from, "an extent")?;
    }
    Ok(narrowed)
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

/// Neighbouring axes that are all kept or all reduced together, in turn; the last group is a kept one, of extent 1 when
/// there is none. `None` when there are more than seven.
fn groups(shape: &[usize], axes: &[usize]) -> Option<[usize; 7]> {
    // From the back, where a kept group is first.
    let mut groups = vec![1];
    for (axis, &extent) in shape.iter().enumerate().rev().filter(|(_, extent)| **extent > 1) {
        let is_reduced = groups.len().is_multiple_of(2);
        match groups.last_mut() {
            Some(group) if axes.contains(&axis) == is_reduced => *group *= extent,
            _ => groups.push(extent),
        }
    }
    if groups.len() > 7 {
        return None;
    }
    groups.resize(7, 1);
    groups.reverse();
    groups.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::{groups, split};

    #[test]
    fn splits_around_adjacent_axes() {
        assert_eq!(split(&[2, 3, 4, 5], &[1, 2]), Some([2, 12, 5]));
        assert_eq!(split(&[2, 3, 4, 5], &[3]), Some([24, 5, 1]));
        assert_eq!(split(&[2, 3, 1, 5], &[1, 3]), Some([2, 15, 1]));
        assert_eq!(split(&[2, 3, 4, 5], &[1, 3]), None);
        assert_eq!(split(&[2, 1, 1, 5], &[1, 2]), Some([2, 1, 5]));
    }

    #[test]
    fn groups_take_turns() {
        assert_eq!(groups(&[2, 3, 4, 5], &[1, 2]), Some([1, 1, 1, 1, 2, 12, 5]));
        assert_eq!(groups(&[2, 3, 4, 5], &[1, 3]), Some([1, 1, 2, 3, 4, 5, 1]));
        assert_eq!(groups(&[2, 3, 1, 5], &[0, 3]), Some([1, 1, 1, 2, 3, 5, 1]));
        assert_eq!(groups(&[2, 3, 4, 5, 6, 7], &[0, 2, 4]), Some([1, 2, 3, 4, 5, 6, 7]));
        assert_eq!(groups(&[2, 3, 4, 5, 6, 7, 8], &[0, 2, 4, 6]), None);
        assert_eq!(groups(&[1, 1], &[0, 1]), Some([1; 7]));
    }
}
