//! Numbers known on import that are counted, repeated, or chosen by indices.

use super::constant::{Constant, Numbers};
use super::fold::{Known, broadcast_position, select};
use crate::import::build::{Convert, refuse};
use crate::ir::{broadcast, checked_len};
use crate::op::common::rows::Naming;

const EXPORT_AGAIN: &str = "export the model again";

/// The integers of operand `index`.
fn integers<'k>(known: &'k Known<'_>, index: usize, what: &str) -> Convert<&'k [i64]> {
    match known.operands.get(index).map(|operand| &operand.numbers) {
        Some(Numbers::I64(integers)) => Ok(integers),
        _ => refuse(format!("{what} are no integers"), EXPORT_AGAIN),
    }
}

/// The elements at these places of the first operand, under another shape.
fn chosen(known: &Known<'_>, shape: Vec<usize>, places: &[usize]) -> Convert<Constant> {
    match select(&known.first().numbers, places) {
        Some(numbers) => Ok(known.first().with(shape, numbers)),
        None => refuse("reaches outside the data", EXPORT_AGAIN),
    }
}

/// How many elements a result has, which are charged.
fn charged(known: &Known<'_>, shape: &[usize]) -> Convert<usize> {
    let len = checked_len(shape).or_else(|error| refuse(error.0, EXPORT_AGAIN))?;
    known.charge(len)?;
    Ok(len)
}

/// Numbers from the first operand on to before the second one, by steps of the third.
pub(super) fn range(known: &Known<'_>) -> Convert<Constant> {
    let &[start, limit, delta] = known.operands.as_slice() else { return refuse("takes 3 operands", EXPORT_AGAIN) };
    let count = |start: f64, limit: f64, delta: f64| ((limit - start) / delta).ceil().max(0.0);
    if let [Some(start), Some(limit), Some(delta)] = [start, limit, delta].map(Constant::as_float) {
        let count = count(start.into(), limit.into(), delta.into());
        let len = charged(known, &[count as usize])?;
        let floats = (0..len).map(|index| (f64::from(start) + index as f64 * f64::from(delta)) as f32).collect();
        return Ok(Constant::floats(vec![len], floats));
    }
    let (Some(first), Some(limit), Some(delta)) = (start.as_int(), limit.as_int(), delta.as_int()) else {
        return refuse("takes no single numbers of one type", EXPORT_AGAIN);
    };
    if delta == 0 {
        return refuse("goes by steps of 0", EXPORT_AGAIN);
    }
    let len = charged(known, &[count(first as f64, limit as f64, delta as f64) as usize])?;
    let step = |index: usize| first.wrapping_add(delta.wrapping_mul(index as i64));
    Ok(start.with(vec![len], Numbers::I64((0..len).map(step).collect())))
}

/// The operand as often as each axis says.
pub(super) fn tile(known: &Known<'_>) -> Convert<Constant> {
    let (x, repeats) = (known.first(), integers(known, 1, "its repeats")?);
    let shape: Option<Vec<usize>> = x
        .shape
        .iter()
        .zip(repeats)
        .map(|(extent, &repeat)| usize::try_from(repeat).ok()?.checked_mul(*extent))
        .collect();
    let Some(shape) = shape.filter(|shape| shape.len() == repeats.len()) else {
        return refuse(format!("repeats {:?} {repeats:?} times", x.shape), EXPORT_AGAIN);
    };
    let len = charged(known, &shape)?;
    let place = |flat: usize| {
        let (mut rest, mut place, mut step) = (flat, 0, 1);
        for (&own, &extent) in x.shape.iter().zip(&shape).rev() {
            place += rest % extent % own * step;
            rest /= extent;
            step *= own;
        }
        place
    };
    let places: Vec<usize> = (0..len).map(place).collect();
    chosen(known, shape, &places)
}

/// The operand under a larger shape.
pub(super) fn expand(known: &Known<'_>) -> Convert<Constant> {
    let x = known.first();
    let wanted = integers(known, 1, "its extents")?.iter().map(|&extent| usize::try_from(extent).ok());
    let Some(wanted) = wanted.collect::<Option<Vec<usize>>>() else {
        return refuse("its extents are negative", EXPORT_AGAIN);
    };
    let shape = broadcast(&x.shape, &wanted).or_else(|error| refuse(error.0, EXPORT_AGAIN))?;
    let len = charged(known, &shape)?;
    let places: Vec<usize> = (0..len).map(|flat| broadcast_position(flat, &shape, &x.shape)).collect();
    chosen(known, shape, &places)
}

/// The indices of elements that are not zero, an axis a row.
pub(super) fn non_zero(known: &Known<'_>) -> Convert<Constant> {
    let x = known.first();
    let is_set = |flat: &usize| match &x.numbers {
        Numbers::F32(floats) => floats[*flat] != 0.0,
        Numbers::I64(integers) => integers[*flat] != 0,
    };
    let found: Vec<usize> = (0..x.numbers.len()).filter(is_set).collect();
    charged(known, &[x.shape.len(), found.len()])?;
    let mut indices = Vec::new();
    let mut step: usize = x.shape.iter().product();
    for &extent in &x.shape {
        step /= extent.max(1);
        indices.extend(found.iter().map(|flat| (flat / step.max(1) % extent) as i64));
    }
    Ok(Constant::integers(vec![x.shape.len(), found.len()], indices))
}

/// Rows of constants, by constant indices.
pub(super) fn gather_nd(known: &Known<'_>) -> Convert<Constant> {
    let batch = usize::try_from(known.call.int("batch_dims", 0)?).unwrap_or(usize::MAX);
    let indices = integers(known, 1, "its indices")?;
    let (naming, data, tuples) = (Naming { batch, axis: batch }, &known.first().shape, &known.operands[1].shape);
    let shape = naming.rows(data, tuples).or_else(|error| refuse(error.0, EXPORT_AGAIN))?;
    charged(known, &shape)?;
    let places = naming.places(data, tuples, |at| indices.get(at).copied().unwrap_or(0));
    chosen(known, shape, &places.or_else(|error| refuse(error.0, EXPORT_AGAIN))?)
}

/// Constants in which some rows are others.
pub(super) fn scatter_nd(known: &Known<'_>) -> Convert<Constant> {
    let &[x, tuples, rows] = known.operands.as_slice() else { return refuse("takes 3 operands", EXPORT_AGAIN) };
    let indices = integers(known, 1, "its indices")?;
    if known.call.string("reduction", "none")? != "none" {
        return refuse("reduces constants", "compute them before the export");
    }
    let naming = Naming { batch: 0, axis: 0 };
    let named = naming.rows(&x.shape, &tuples.shape).or_else(|error| refuse(error.0, EXPORT_AGAIN))?;
    if named != rows.shape {
        return refuse(format!("names rows {named:?}, and has {:?}", rows.shape), EXPORT_AGAIN);
    }
    known.charge(x.numbers.len().saturating_add(rows.numbers.len()))?;
    let places = naming.places(&x.shape, &tuples.shape, |at| indices.get(at).copied().unwrap_or(0));
    let places = places.or_else(|error| refuse(error.0, EXPORT_AGAIN))?;
    let numbers = match (&x.numbers, &rows.numbers) {
        (Numbers::F32(x), Numbers::F32(rows)) => Numbers::F32(replaced(x, rows, &places)),
        (Numbers::I64(x), Numbers::I64(rows)) => Numbers::I64(replaced(x, rows, &places)),
        _ => return refuse("mixes floats with integers", EXPORT_AGAIN),
    };
    Ok(x.with(x.shape.clone(), numbers))
}

fn replaced<T: Copy>(x: &[T], rows: &[T], places: &[usize]) -> Vec<T> {
    let mut all = x.to_vec();
    places.iter().zip(rows).for_each(|(&place, &row)| all[place] = row);
    all
}
