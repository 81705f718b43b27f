//! Trees: the leaves that a row of features comes to, put together.

use kinglet_blob::cast;
use kinglet_blob::records::{TreesF32, TreesI16};
use kinglet_blob::{DType, OperatorBytes, Signature, size};
use kinglet_kernels::trees::codes::{self, Places, SHARED_BITS};
use kinglet_kernels::trees::{self, Aggregate, Leaves, Trees};

use super::{UNARY_F32, product, record};
use crate::error::LoadRule;
use crate::memory::{Limits, Memory, Span, Spans, constants};

/// From codes to sums.
pub(super) const I16: Signature = Signature::new(&[DType::I16], &[DType::I32]);

/// Nodes that a check looks at for the price of a channel: a node and a leaf have five bytes or more, a channel nine or more, and
/// several operators may share them.
const NODES_PER_CHANNEL: usize = 8;

/// Most rows that a leaf names with a byte.
const BYTE_ROWS: usize = 256;

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
fn resolve_f32<'b>(operator: &OperatorBytes<'_>, weights: &'b [u8]) -> Result<(Trees<'b>, Spans), LoadRule> {
    let (places, record): (_, TreesF32) = record(operator, &UNARY_F32)?;
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

/// The trees on codes, and where features and sums are.
fn resolve_i16<'b>(operator: &OperatorBytes<'_>, weights: &'b [u8]) -> Result<(codes::Trees<'b>, [Span; 2]), LoadRule> {
    let ([input, output], record): ([u32; 2], TreesI16) = record(operator, &I16)?;
    let [rows, features, targets, trees, nodes, leaf_rows] =
        [record.rows, record.features, record.targets, record.trees, record.nodes, record.leaf_rows]
            .map(|number| number as usize);
    let feature_bits = u32::from(record.feature_bits);
    if feature_bits > SHARED_BITS || record.reserved != [0; 3] {
        return Err(LoadRule::Parameter);
    }
    let input = Span::new(input, product(&[rows, features])?, 2);
    let output = Span::new(output, product(&[rows, targets])?, 4);
    let leaf_count = size::sum(nodes, trees).filter(|_| trees != 0).ok_or(LoadRule::Shape)?;
    let mut from = Constants { rest: constants(weights, record.constants).ok_or(LoadRule::ConstantRange)? };
    let starts = view(cast::u32s(from.take(trees, 4)?))?;
    let nodes = view(cast::u32s(from.take(nodes, 4)?))?;
    let base = view(cast::i32s(from.take(targets, 4)?))?;
    let leaves = if leaf_rows == 0 {
        let numbers = view(cast::i16s(from.take(leaf_count, 2)?))?;
        codes::Leaves::Numbers { numbers, targets: view(cast::u16s(from.take(trees, 2)?))? }
    } else {
        let numbers = size::product(leaf_rows, targets).ok_or(LoadRule::ConstantRange)?;
        let rows = view(cast::i16s(from.take(numbers, 2)?))?;
        let places = if leaf_rows <= BYTE_ROWS {
            Places::Bytes(from.take(leaf_count, 1)?)
        } else {
            Places::Halves(view(cast::u16s(from.take(leaf_count, 2)?))?)
        };
        codes::Leaves::Rows { rows, places }
    };
    Ok((codes::Trees { rows, features, feature_bits, starts, nodes, base, leaves }, [input, output]))
}

/// Whether all trees are in order, one behind the other.
fn are_in_order<N>(starts: &[u32], nodes: &[N], is_tree: impl Fn(&[N]) -> bool) -> bool {
    let ends = starts.iter().skip(1).map(|&next| next as usize).chain([nodes.len()]);
    let is_tree = |(&start, end): (&u32, usize)| nodes.get(start as usize..end).is_some_and(&is_tree);
    starts.first() == Some(&0) && starts.iter().zip(ends).all(is_tree)
}

/// Whether all trees end at leaves that there are.
fn is_sound_f32(layer: &Trees<'_>) -> bool {
    let (names, bound) = match layer.leaves {
        Leaves::Numbers { targets, .. } => (targets, layer.targets),
        Leaves::Rows { rows, places } => (places, rows.len().checked_div(layer.targets).unwrap_or(0)),
    };
    are_in_order(layer.starts, layer.nodes, |nodes| trees::is_tree(nodes, layer.features))
        && names.iter().all(|&name| usize::from(name) < bound)
}

fn is_sound_i16(layer: &codes::Trees<'_>) -> bool {
    let targets = layer.base.len();
    let are_known = match layer.leaves {
        codes::Leaves::Numbers { targets: names, .. } => names.iter().all(|&name| usize::from(name) < targets),
        codes::Leaves::Rows { rows, places } => places.are_below(rows.len().checked_div(targets).unwrap_or(0)),
    };
    let is_tree = |nodes: &[u32]| codes::is_tree(nodes, layer.feature_bits, layer.features);
    are_in_order(layer.starts, layer.nodes, is_tree) && are_known
}

fn look_at(limits: &Limits<'_>, nodes: usize, trees: usize) -> Result<(), LoadRule> {
    limits.look_at(nodes.saturating_add(trees).div_ceil(NODES_PER_CHANNEL))
}

pub(super) fn check_f32(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    let (layer, spans) = resolve_f32(operator, limits.weights)?;
    look_at(limits, layer.nodes.len(), layer.starts.len())?;
    if !is_sound_f32(&layer) {
        return Err(LoadRule::Parameter);
    }
    limits.spans_apart(&spans)
}

pub(super) fn check_i16(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    let (layer, [input, output]) = resolve_i16(operator, limits.weights)?;
    look_at(limits, layer.nodes.len(), layer.starts.len())?;
    if !is_sound_i16(&layer) {
        return Err(LoadRule::Parameter);
    }
    limits.span(input, 2)?;
    limits.span(output, 4)?;
    if input.overlaps(output) { Err(LoadRule::ArenaOverlap) } else { Ok(()) }
}

pub(super) fn run_i16(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (layer, [input, output]) = resolve_i16(operator, memory.weights).ok()?;
    let (x, y) = memory.pair(input, output)?;
    codes::trees_i16(&layer, cast::i16s(x)?, cast::i32s_mut(y)?).then_some(output)
}

pub(super) fn run_f32(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (layer, spans) = resolve_f32(operator, memory.weights).ok()?;
    let (x, y) = memory.pair(spans.input, spans.output)?;
    trees::trees_f32(&layer, cast::f32s(x)?, cast::f32s_mut(y)?).then_some(spans.output)
}
