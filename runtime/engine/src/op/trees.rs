//! Trees: the leaves that a row of features comes to, put together.

use kinglet_blob::cast;
use kinglet_blob::records::TreesF32 as Record;
use kinglet_blob::{OperatorBytes, size};
use kinglet_kernels::trees::{self, Aggregate, Leaves, Trees};

use super::{UNARY_F32, product, record};
use crate::error::LoadRule;
use crate::memory::{Limits, Memory, Span, Spans, constants};

/// Nodes that a check looks at for the price of a channel: a node and a leaf have ten bytes or more, a channel nine or more, and
/// several operators may share them.
const NODES_PER_CHANNEL: usize = 8;

/// Cuts constants one after the other.
struct Constants<'b> {
    rest: &'b [u8],
}

impl<'b> Constants<'b> {
    /// The next `count` elements of `size` bytes.
    fn take(&mut self, count: usize, size: usize) -> Result<&'b [u8], LoadRule> {
        let bytes = size::product(count, size).ok_or(LoadRule::ConstantRange)?;
        let (taken, rest) = self.rest.split_at_checked(bytes).ok_or(LoadRule::ConstantRange)?;
        self.rest = rest;
        Ok(taken)
    }
}

fn view<T>(elements: Option<&[T]>) -> Result<&[T], LoadRule> {
    elements.ok_or(LoadRule::ConstantRange)
}

/// The trees, and where features and results are.
fn resolve<'b>(operator: &OperatorBytes<'_>, weights: &'b [u8]) -> Result<(Trees<'b>, Spans), LoadRule> {
    let (places, record): (_, Record) = record(operator, &UNARY_F32)?;
    let [rows, features, targets, trees, nodes, leaf_rows] =
        [record.rows, record.features, record.targets, record.trees, record.nodes, record.leaf_rows]
            .map(|number| number as usize);
    let aggregate = Aggregate::from_tag(record.aggregate).filter(|_| record.reserved == [0; 3]);
    let aggregate = aggregate.ok_or(LoadRule::Parameter)?;
    let lens = [product(&[rows, features])?, product(&[rows, targets])?];
    let leaf_count = size::sum(nodes, trees).filter(|_| trees != 0).ok_or(LoadRule::Shape)?;
    let mut from = Constants { rest: constants(weights, record.constants).ok_or(LoadRule::ConstantRange)? };
    let starts = view(cast::u32s(from.take(trees, 4)?))?;
    let (nodes, _) = view(cast::u32s(from.take(nodes, 8)?))?.as_chunks::<2>();
    let leaves = if leaf_rows == 0 {
        let numbers = view(cast::f32s(from.take(leaf_count, 4)?))?;
        Leaves::Numbers { numbers, targets: view(cast::u16s(from.take(trees, 2)?))? }
    } else {
        let numbers = size::product(leaf_rows, targets).ok_or(LoadRule::ConstantRange)?;
        let rows = view(cast::f32s(from.take(numbers, 4)?))?;
        Leaves::Rows { rows, places: view(cast::u16s(from.take(leaf_count, 2)?))? }
    };
    Ok((Trees { rows, features, targets, starts, nodes, leaves, aggregate }, Spans::unary(places, lens, 4)))
}

/// Whether all trees are in order, one behind the other, and end at leaves that there are.
fn is_sound(layer: &Trees<'_>) -> bool {
    let ends = layer.starts.iter().skip(1).map(|&next| next as usize).chain([layer.nodes.len()]);
    let is_tree = |(&start, end): (&u32, usize)| {
        let nodes = layer.nodes.get(start as usize..end);
        nodes.is_some_and(|nodes| trees::is_tree(nodes, layer.features))
    };
    let (names, bound) = match layer.leaves {
        Leaves::Numbers { targets, .. } => (targets, layer.targets),
        Leaves::Rows { rows, places } => (places, rows.len().checked_div(layer.targets).unwrap_or(0)),
    };
    layer.starts.first() == Some(&0)
        && layer.starts.iter().zip(ends).all(is_tree)
        && names.iter().all(|&name| usize::from(name) < bound)
}

pub(super) fn check(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    let (layer, spans) = resolve(operator, limits.weights)?;
    limits.look_at(layer.nodes.len().saturating_add(layer.starts.len()).div_ceil(NODES_PER_CHANNEL))?;
    if !is_sound(&layer) {
        return Err(LoadRule::Parameter);
    }
    limits.spans_apart(&spans)
}

pub(super) fn run(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (layer, spans) = resolve(operator, memory.weights).ok()?;
    let (x, y) = memory.pair(spans.input, spans.output)?;
    trees::trees_f32(&layer, cast::f32s(x)?, cast::f32s_mut(y)?).then_some(spans.output)
}
