//! Operators whose results are known on import: extents, and tensors of one number or of numbers in a row.

use super::Importer;
use super::call::{Call, EXPORT_AGAIN};
use crate::import::build::{Convert, refuse};
use crate::ir::{DType, Elements, Value};

impl Importer<'_, '_> {
    /// Makes a constant the operator's one result, under the shape that the file declares.
    fn finish_constant(
        &mut self,
        call: &Call<'_, '_>,
        of: impl FnOnce(DType, usize) -> Option<Elements>,
    ) -> Convert<()> {
        let declared = self.declared_value(call.first_result())?;
        let len = declared.len();
        self.model.budget.charge(len, declared.dtype.size_bytes())?;
        let Some(elements) = of(declared.dtype, len).filter(|elements| elements.len() == len) else {
            return refuse(
                format!("its result is declared as {:?} {:?}", declared.dtype, declared.shape),
                EXPORT_AGAIN,
            );
        };
        let constant = self.builder.value(Value { elements: Some(elements), ..declared })?;
        self.rename(call, constant)
    }
}

/// `len` times the same number.
fn repeated(one: &Elements, dtype: DType, len: usize) -> Option<Elements> {
    match (one, dtype) {
        (Elements::F32(one), DType::F32) => Some(Elements::F32(vec![*one.first()?; len])),
        (Elements::I32(one), DType::I32) => Some(Elements::I32(vec![*one.first()?; len])),
        (Elements::I64(one), DType::I32) => Some(Elements::I32(vec![i32::try_from(*one.first()?).ok()?; len])),
        (Elements::Bool(one), DType::Bool) => Some(Elements::Bool(vec![*one.first()?; len])),
        (Elements::I8(one), DType::I8) => Some(Elements::I8(vec![*one.first()?; len])),
        (Elements::I16(one), DType::I16) => Some(Elements::I16(vec![*one.first()?; len])),
        _ => None,
    }
}

/// The extents of the operand.
pub(super) fn shape(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let extents = super::tensor::shape(importer.tensor(call.tensor(0))?)?;
    importer.finish_constant(call, |dtype, _| {
        let extents = extents.iter().map(|&extent| i32::try_from(extent).ok()).collect::<Option<_>>()?;
        (dtype == DType::I32).then_some(Elements::I32(extents))
    })
}

/// How many axes the operand has.
pub(super) fn rank(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let rank = i32::try_from(importer.tensor(call.tensor(0))?.shape.len()).unwrap_or(i32::MAX);
    importer.finish_constant(call, |dtype, _| (dtype == DType::I32).then_some(Elements::I32(vec![rank])))
}

/// One number everywhere.
pub(super) fn fill(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let value = importer.operand(call, 1)?;
    match importer.builder.graph.value(value).elements.clone() {
        Some(one) => importer.finish_constant(call, |dtype, len| repeated(&one, dtype, len)),
        None => super::moves::spread(importer, call, value),
    }
}

/// Zeros of the operand's shape.
pub(super) fn zeros_like(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    importer.finish_constant(call, |dtype, len| match dtype {
        DType::F32 => Some(Elements::F32(vec![0.0; len])),
        DType::I32 => Some(Elements::I32(vec![0; len])),
        DType::Bool => Some(Elements::Bool(vec![0; len])),
        // The code 0, whatever that stands for.
        DType::I8 => Some(Elements::I8(vec![0; len])),
        DType::I16 => Some(Elements::I16(vec![0; len])),
        _ => None,
    })
}

/// Numbers from the first operand on, by steps of the third.
pub(super) fn range(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let known = |position: usize, importer: &mut Importer<'_, '_>| {
        let value = importer.operand(call, position)?;
        match importer.builder.graph.value(value).elements.clone() {
            Some(elements) => Ok(elements),
            None => refuse("its bounds are computed", "export with fixed shapes, so that they are constants"),
        }
    };
    let (start, delta) = (known(0, importer)?, known(2, importer)?);
    importer.finish_constant(call, |dtype, len| match (dtype, &start, &delta) {
        (DType::F32, Elements::F32(start), Elements::F32(delta)) => {
            let (start, delta) = (*start.first()?, *delta.first()?);
            Some(Elements::F32((0..len).map(|index| start + index as f32 * delta).collect()))
        }
        (DType::I32, start, delta) => {
            let number = |elements: &Elements| match elements {
                Elements::I32(all) => all.first().copied(),
                Elements::I64(all) => i32::try_from(*all.first()?).ok(),
                _ => None,
            };
            let (start, delta) = (number(start)?, number(delta)?);
            Some(Elements::I32((0..len).map(|index| start.wrapping_add(delta.wrapping_mul(index as i32))).collect()))
        }
        _ => None,
    })
}
