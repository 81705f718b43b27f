//! Operators that take tensors apart: STRIDED_SLICE, SLICE, SPLIT, SPLIT_V.

use super::Importer;
use super::operator::{Options, normal_axis};
use super::schema::Operator;
use crate::import::build::{Convert, refuse};
use crate::ir::{Op, RANK_MAX};
use crate::op::{Cut, Reshape, Slice, Split};

const EXPORT_AGAIN: &str = "export the model again";

/// What the numbers of a STRIDED_SLICE mean: bit `i` is of position `i`.
struct Masks {
    /// From the first index on, whatever `begin` says.
    begin: i32,
    /// To the last index, whatever `end` says.
    end: i32,
    /// As many whole axes as are left.
    ellipsis: i32,
    /// A new axis of extent 1.
    new_axis: i32,
    /// One index, whose axis is dropped.
    shrink: i32,
}

impl Masks {
    fn has(mask: i32, position: usize) -> bool {
        u32::try_from(position).is_ok_and(|position| mask.checked_shr(position).unwrap_or(0) & 1 == 1)
    }
}

/// A STRIDED_SLICE as a slice of all axes, and the extents that its result has instead of those of the slice.
struct Strided {
    cuts: Vec<Cut>,
    /// For each extent of the result, the axis that it is of; `None` for a new one.
    axes: Vec<Option<usize>>,
}

impl Strided {
    /// Of an operand of `shape`; `numbers` are begin, end and stride of each position.
    fn new(shape: &[usize], numbers: &[[i64; 3]], masks: &Masks) -> Convert<Self> {
        let (mut cuts, mut axes): (Vec<Cut>, Vec<Option<usize>>) = (Vec::new(), Vec::new());
        let has_ellipsis = |position: usize| Masks::has(masks.ellipsis, position);
        let is_new = |position: usize| Masks::has(masks.new_axis, position) && !has_ellipsis(position);
        if (0..numbers.len()).filter(|&position| has_ellipsis(position)).count() > 1 {
            return refuse("has several ellipses", EXPORT_AGAIN);
        }
        for (position, &numbers_here) in numbers.iter().enumerate() {
            let axis = cuts.len();
            if has_ellipsis(position) {
                let behind = (position + 1..numbers.len()).filter(|&position| !is_new(position)).count();
                let whole = axis..shape.len().saturating_sub(behind).max(axis);
                cuts.extend(whole.clone().map(|_| Cut::ALL));
                axes.extend(whole.map(Some));
            } else if is_new(position) {
                axes.push(None);
            } else {
                let Some(&extent) = shape.get(axis) else {
                    return refuse(format!("cuts more than the {} axes of its operand", shape.len()), EXPORT_AGAIN);
                };
                let shrinks = Masks::has(masks.shrink, position);
                cuts.push(cut(extent, numbers_here, position, masks)?);
                axes.extend((!shrinks).then_some(Some(axis)));
            }
        }
        axes.extend((cuts.len()..shape.len()).map(Some));
        cuts.resize(shape.len(), Cut::ALL);
        Ok(Strided { cuts, axes })
    }
}

/// What one position takes of an axis of `extent`.
fn cut(extent: usize, [begin, end, stride]: [i64; 3], position: usize, masks: &Masks) -> Convert<Cut> {
    let Some(stride) = usize::try_from(stride).ok().filter(|&stride| stride > 0) else {
        return refuse(format!("takes steps of {stride}"), "slice with steps of 1 and above");
    };
    let from_end = |at: i64| if at < 0 { at.saturating_add(extent as i64) } else { at };
    let bound = |at: i64| from_end(at).clamp(0, extent as i64) as usize;
    if Masks::has(masks.shrink, position) {
        return match usize::try_from(from_end(begin)) {
            Ok(begin) if begin < extent => Ok(Cut { begin, end: Some(begin + 1), stride: 1 }),
            _ => refuse(format!("takes index {begin} of an axis of extent {extent}"), EXPORT_AGAIN),
        };
    }
    let begin = if Masks::has(masks.begin, position) { 0 } else { bound(begin) };
    let end = if Masks::has(masks.end, position) { extent } else { bound(end) };
    Ok(Cut { begin, end: (end < extent).then_some(end), stride })
}

impl<'b> Importer<'_, 'b> {
    pub(super) fn strided_slice(&mut self, operator: &Operator<'b>, options: &Options<'b>, name: &str) -> Convert<()> {
        let x = self.operand(operator, 0)?;
        let shape = self.shape_of(x);
        let list =
            |position: usize, what: &str| self.integers(operator.inputs.get(position).copied().unwrap_or(-1), what);
        let (begin, end, stride) = (list(1, "its begins")?, list(2, "its ends")?, list(3, "its strides")?);
        if [end.len(), stride.len()] != [begin.len(); 2] || begin.len() > 2 * RANK_MAX {
            return refuse("begins, ends and strides differ in number, or are too many", EXPORT_AGAIN);
        }
        if options.flag(5)? {
            return refuse("counts its ends from its begins", "export with ends counted from the front");
        }
        let masks = Masks {
            begin: options.int(0, 0)?,
            end: options.int(1, 0)?,
            ellipsis: options.int(2, 0)?,
            new_axis: options.int(3, 0)?,
            shrink: options.int(4, 0)?,
        };
        let numbers: Vec<[i64; 3]> = (0..begin.len()).map(|at| [begin[at], end[at], stride[at]]).collect();
        let Strided { cuts, axes } = Strided::new(&shape, &numbers, &masks)?;
        let op = Op::Slice(Slice { cuts });
        if axes.iter().copied().eq((0..shape.len()).map(Some)) {
            return self.finish(operator, op, vec![x], name);
        }
        let sliced = self.builder.apply(&format!("{name}/slice"), op, vec![x])?;
        let extents = self.shape_of(sliced);
        let expected: Vec<usize> = axes.iter().map(|axis| axis.map_or(1, |axis| extents[axis])).collect();
        let output = self.result(operator)?;
        if self.shape_of(output) != expected {
            return refuse(format!("computes shape {expected:?} but its result has another"), EXPORT_AGAIN);
        }
        self.finish(operator, Op::Reshape(Reshape), vec![sliced], name)
    }

    pub(super) fn slice(&mut self, operator: &Operator<'b>, name: &str) -> Convert<()> {
        let x = self.operand(operator, 0)?;
        let shape = self.shape_of(x);
        let list =
            |position: usize, what: &str| self.integers(operator.inputs.get(position).copied().unwrap_or(-1), what);
        let (begins, sizes) = (list(1, "its begins")?, list(2, "its sizes")?);
        if [begins.len(), sizes.len()] != [shape.len(); 2] {
            return refuse(
                format!("has {} begins and {} sizes for {shape:?}", begins.len(), sizes.len()),
                EXPORT_AGAIN,
            );
        }
        let cut = |axis: usize| {
            let begin = usize::try_from(begins[axis]).ok()?;
            let end = match sizes[axis] {
                -1 => shape[axis],
                size => begin.checked_add(usize::try_from(size).ok()?)?,
            };
            Some(Cut { begin, end: (end != shape[axis]).then_some(end), stride: 1 })
        };
        match (0..shape.len()).map(cut).collect() {
            Some(cuts) => self.finish(operator, Op::Slice(Slice { cuts }), vec![x], name),
            None => refuse("a begin or a size is negative", EXPORT_AGAIN),
        }
    }

    /// Into equal parts.
    pub(super) fn split(&mut self, operator: &Operator<'b>, options: &Options<'b>, name: &str) -> Convert<()> {
        let count = operator.outputs.len();
        let axis = self.split_axis(operator, 0, 1)?;
        let x = self.operand(operator, 1)?;
        let extent = self.shape_of(x)[axis];
        if !extent.is_multiple_of(count.max(1)) {
            return refuse(format!("splits an extent of {extent} into {count}"), EXPORT_AGAIN);
        }
        self.split_into(operator, options, Split { axis, sizes: vec![extent / count.max(1); count] }, (1, name))
    }

    /// Into parts of the sizes given, of which one may be the rest.
    pub(super) fn split_v(&mut self, operator: &Operator<'b>, options: &Options<'b>, name: &str) -> Convert<()> {
        let axis = self.split_axis(operator, 2, 0)?;
        let x = self.operand(operator, 0)?;
        let extent = self.shape_of(x)[axis];
        let sizes = self.integers(operator.inputs.get(1).copied().unwrap_or(-1), "its sizes")?;
        let known = sizes.iter().fold(0usize, |sum, &size| sum.saturating_add(usize::try_from(size).unwrap_or(0)));
        let rest = |size: i64| if size == -1 { extent.saturating_sub(known) } else { size.try_into().unwrap_or(0) };
        let sizes = sizes.into_iter().map(rest).collect();
        self.split_into(operator, options, Split { axis, sizes }, (0, name))
    }

    /// The axis in operand `position`, along which operand `data` is split.
    fn split_axis(&mut self, operator: &Operator<'b>, position: usize, data: usize) -> Convert<usize> {
        let axis = self.integers(operator.inputs.get(position).copied().unwrap_or(-1), "its axis")?;
        let x = self.operand(operator, data)?;
        match axis.as_slice() {
            &[axis] => normal_axis(axis, self.shape_of(x).len()),
            axes => refuse(format!("splits along {} axes", axes.len()), EXPORT_AGAIN),
        }
    }

    fn split_into(
        &mut self,
        operator: &Operator<'b>,
        options: &Options<'b>,
        split: Split,
        (data, name): (usize, &str),
    ) -> Convert<()> {
        let count = operator.outputs.len();
        let declared = options.int(0, i32::try_from(count).unwrap_or(0))?;
        if usize::try_from(declared).ok() != Some(count) || split.sizes.len() != count {
            return refuse(format!("has {count} results for {} parts", split.sizes.len()), EXPORT_AGAIN);
        }
        let x = self.operand(operator, data)?;
        let outputs = operator.outputs.iter().map(|&output| self.value(output)).collect::<Convert<Vec<_>>>()?;
        self.builder.node_of(name, Op::Split(split), vec![x], outputs)
    }
}
