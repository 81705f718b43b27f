//! Elements at any strides to any strides.

use kinglet_blob::records::Rearrange as Record;
use kinglet_blob::{DType, OperatorBytes, size};
use kinglet_kernels::rearrange::{self, Rearrange};

use super::{by_size, check_same_type, product, record, run_as, shape};
use crate::error::LoadRule;
use crate::memory::{Limits, Memory, Span, Spans, align_of};

/// No two elements go to the same place, so that it never takes more steps than the arena has elements.
fn resolve(operator: &OperatorBytes<'_>) -> Result<(Rearrange, Spans), LoadRule> {
    let ([input, output], record): (_, Record) = record(operator, &shape::COPY)?;
    let element = operator.dtype().map_or(1, DType::size_bytes);
    let extents = record.extents.map(|extent| extent as usize);
    product(&extents)?;
    let layer = Rearrange {
        extents,
        input_strides: record.input_strides.map(|stride| stride as isize),
        output_strides: record.output_strides.map(|stride| stride as usize),
    };
    let reach = layer.reach().ok_or(LoadRule::Shape)?;
    let len = |last: Option<usize>| size::sum(last?, 1);
    let input_len = len(size::sum(reach.before, reach.behind)).ok_or(LoadRule::Shape)?;
    let output_len = len(Some(reach.output)).ok_or(LoadRule::Shape)?;
    let spans = Spans {
        input: Span::new(input, input_len, element),
        output: Span::new(output, output_len, element),
        scratch: Span::EMPTY,
        align: align_of(element),
        scratch_align: 1,
    };
    Ok((layer, spans))
}

pub(super) fn check(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    let (_, spans) = resolve(operator)?;
    check_same_type(operator)?;
    limits.spans_apart(&spans)
}

pub(super) fn run(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let (layer, spans) = resolve(operator).ok()?;
    // Floats are moved as integers: what they are is not looked at.
    by_size!(operator.dtype()?, Element => run_as::<Element>(&spans, memory, |io| rearrange::rearrange(&layer, io)))
}
