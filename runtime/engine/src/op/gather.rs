//! Gather and Scatter: rows of a tensor, by indices of run time.

use kinglet_blob::cast::Element;
use kinglet_blob::records::{Gather as Record, Scatter as RecordScatter};
use kinglet_blob::{DType, Operand, OperatorBytes, Signature};
use kinglet_kernels::gather::{self, Number, Rows, Update};

use super::{by_size, product, record, source, typed};
use crate::error::LoadRule;
use crate::memory::{Limits, Memory, Source, Span};

/// Data and indices, and rows of the data's type. Each of the two may be constant.
pub(super) const GATHER: Signature =
    Signature::new(&[DType::I8, DType::I32], &[DType::I8]).of_any_type().or_constant(0).or_constant(1);
/// Data, indices and rows, and a result of the data's type. Each of the three may be constant.
pub(super) const SCATTER: Signature = Signature::new(&[DType::I8, DType::I32, DType::I8], &[DType::I8])
    .of_any_type()
    .or_constant(0)
    .or_constant(1)
    .or_constant(2);

/// The rows of a record, and how many elements data, indices and rows have.
fn rows(record: &Record) -> Result<(Rows, [usize; 3]), LoadRule> {
    let wide = |extent: u32| extent as usize;
    let rows = Rows {
        batches: wide(record.batches),
        outer: wide(record.outer),
        extents: record.extents.map(wide),
        depth: wide(record.depth),
        count: wide(record.count),
        inner: wide(record.inner),
    };
    let unnamed = gather::DEPTH_MAX.checked_sub(rows.depth).and_then(|unnamed| rows.extents.get(..unnamed));
    if unnamed.is_none_or(|unnamed| unnamed.iter().any(|&extent| extent != 1)) {
        return Err(LoadRule::Shape);
    }
    let around = [rows.batches, rows.outer, rows.inner];
    let len = product(&around)?;
    let lens = [
        product(&[len, product(&rows.extents)?])?,
        product(&[rows.batches, rows.count, rows.depth])?,
        product(&[len, rows.count])?,
    ];
    Ok((rows, lens))
}

/// The type of the data, which the result at `index` has too.
fn element(operator: &OperatorBytes<'_>, index: usize) -> Result<DType, LoadRule> {
    match (typed(operator, 0), typed(operator, index)) {
        (Some((dtype, _)), Some((result, Operand::ARENA))) if dtype == result => Ok(dtype),
        _ => Err(LoadRule::Operands),
    }
}

struct Gathering {
    rows: Rows,
    operands: [Source; 2],
    output: Span,
    dtype: DType,
}

fn resolve_gather(operator: &OperatorBytes<'_>) -> Result<Gathering, LoadRule> {
    let ([data, indices, output], record): ([u32; 3], Record) = record(operator, &GATHER)?;
    let dtype = element(operator, 2)?;
    let (rows, lens) = rows(&record)?;
    let operands = [source(operator, 0, dtype, data, lens[0])?, source(operator, 1, DType::I32, indices, lens[1])?];
    Ok(Gathering { rows, operands, output: Span::new(output, lens[2], dtype.size_bytes()), dtype })
}

pub(super) fn check_gather(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    let Gathering { operands: [data, indices], output, dtype, .. } = resolve_gather(operator)?;
    let size = dtype.size_bytes();
    limits.apart(&[(data, size), (indices, 4)], output, size)
}

pub(super) fn run_gather(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let gathering = resolve_gather(operator).ok()?;
    by_size!(gathering.dtype, Width => gathering.run::<Width>(memory))
}

impl Gathering {
    fn run<T: Element>(&self, memory: &mut Memory<'_, '_>) -> Option<Span> {
        let weights = memory.weights;
        let (around, to) = memory.around(self.output)?;
        let [data, indices] = self.operands.map(|source| around.get(source, weights));
        gather::gather(&self.rows, T::view(data?)?, i32::view(indices?)?, T::view_mut(to)?).then_some(self.output)
    }
}

struct Scattering {
    rows: Rows,
    update: Update,
    operands: [Source; 3],
    output: Span,
    dtype: DType,
}

fn resolve_scatter(operator: &OperatorBytes<'_>) -> Result<Scattering, LoadRule> {
    let ([data, indices, updates, output], record): ([u32; 4], RecordScatter) = record(operator, &SCATTER)?;
    let dtype = element(operator, 3)?;
    let (rows, lens) = rows(&record.rows)?;
    let update = Update::from_tag(record.update).filter(|_| record.reserved == [0; 3]).ok_or(LoadRule::Parameter)?;
    if update != Update::Replace && !matches!(dtype, DType::F32 | DType::I32) {
        return Err(LoadRule::Parameter);
    }
    let operands = [
        source(operator, 0, dtype, data, lens[0])?,
        source(operator, 1, DType::I32, indices, lens[1])?,
        source(operator, 2, dtype, updates, lens[2])?,
    ];
    Ok(Scattering { rows, update, operands, output: Span::new(output, lens[0], dtype.size_bytes()), dtype })
}

pub(super) fn check_scatter(operator: &OperatorBytes<'_>, limits: &Limits<'_>) -> Result<(), LoadRule> {
    let Scattering { operands: [data, indices, updates], output, dtype, .. } = resolve_scatter(operator)?;
    let size = dtype.size_bytes();
    limits.apart(&[(data, size), (indices, 4), (updates, size)], output, size)
}

pub(super) fn run_scatter(operator: &OperatorBytes<'_>, memory: &mut Memory<'_, '_>) -> Option<Span> {
    let scattering = resolve_scatter(operator).ok()?;
    match (scattering.update, scattering.dtype) {
        (Update::Replace, dtype) => by_size!(dtype, Width => scattering.replace::<Width>(memory)),
        (_, DType::F32) => scattering.update::<f32>(memory),
        (_, DType::I32) => scattering.update::<i32>(memory),
        _ => None,
    }
}

impl Scattering {
    fn replace<T: Element>(&self, memory: &mut Memory<'_, '_>) -> Option<Span> {
        self.run::<T>(memory, gather::scatter)
    }

    fn update<T: Element + Number>(&self, memory: &mut Memory<'_, '_>) -> Option<Span> {
        self.run::<T>(memory, |rows, data, indices, updates, y| {
            gather::scatter_update((rows, self.update), data, indices, updates, y)
        })
    }

    fn run<T: Element>(
        &self,
        memory: &mut Memory<'_, '_>,
        kernel: impl FnOnce(&Rows, &[T], &[i32], &[T], &mut [T]) -> bool,
    ) -> Option<Span> {
        let weights = memory.weights;
        let (around, to) = memory.around(self.output)?;
        let [data, indices, updates] = self.operands.map(|source| around.get(source, weights));
        let (data, indices, updates) = (T::view(data?)?, i32::view(indices?)?, T::view(updates?)?);
        kernel(&self.rows, data, indices, updates, T::view_mut(to)?).then_some(self.output)
    }
}
