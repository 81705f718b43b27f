//! How many instructions an operator takes on a core: an estimate, fitted to measured counts.
//!
//! The count of every kernel here is, to a few per cent, a sum of parts that follow from the shape: something for each
//! call, for each element read and written, for each element gathered into a patch, and for each multiplication.
//! `cargo xtask fit-costs` finds the prices of those parts from what `mcu-bench --profile` has measured and writes them
//! to `table.rs`. The choice of a layer's packing goes by them (`op/lowering/packing.rs`), and `kinglet inspect` shows them.

mod table;

use crate::record::Work;
use crate::target::Target;

/// Prices of the parts of [`Work`]: a call, an element of the operand, of the result, of a patch, a multiplication.
struct Row {
    target: Target,
    /// With its element type, as reports have it.
    operator: &'static str,
    /// The packing's tag.
    packing: u8,
    prices: [f64; 5],
}

/// A line of the table.
const fn row(target: Target, operator: &'static str, packing: u8, prices: [f64; 5]) -> Row {
    Row { target, operator, packing, prices }
}

/// Instructions of one run of the operator on `target`; `None` where nothing has been measured.
pub fn instructions(target: Target, operator: &str, packing: u8, work: &Work) -> Option<u64> {
    let is_of = |row: &&Row| (row.target, row.operator, row.packing) == (target, operator, packing);
    let row = table::TABLE.iter().find(is_of)?;
    let parts = work.parts().into_iter().zip(row.prices);
    Some(parts.map(|(count, price)| count as f64 * price).sum::<f64>().round() as u64)
}

/// Whether a packing of the target's own is worth having for an operator with row-major weights as the alternative.
///
/// An image whose layers all have packings of their own does without the row-major kernels, which are up to 9 kB. So
/// row-major wins only where it takes less than a quarter of the instructions, and never where nothing has been measured.
pub fn is_worth_packing(target: Target, operator: &str, packing: u8, work: &Work) -> bool {
    let cost = |packing: u8| instructions(target, operator, packing, work);
    match (cost(packing), cost(0)) {
        (Some(packed), Some(row_major)) => packed <= row_major.saturating_mul(4),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_prices_something_once() {
        for (index, row) in table::TABLE.iter().enumerate() {
            let same =
                |other: &&Row| (other.target, other.operator, other.packing) == (row.target, row.operator, row.packing);
            assert_eq!(table::TABLE[index..].iter().filter(same).count(), 1, "{:?} {:?}", row.target, row.operator);
            assert!(row.prices.iter().all(|price| *price >= 0.0) && row.prices.iter().any(|price| *price > 0.0));
        }
    }

    #[test]
    fn more_work_is_never_cheaper_and_what_was_not_measured_has_no_price() {
        let work = Work { input: 1000, output: 1000, gathered: 9000, macs: 90_000 };
        let more = Work { macs: 180_000, ..work };
        for row in table::TABLE {
            let cost = |work: &Work| instructions(row.target, row.operator, row.packing, work);
            assert!(cost(&more) >= cost(&work), "{:?} {:?}", row.target, row.operator);
        }
        assert_eq!(instructions(Target::X86_64, "conv2d-i8", 0, &work), None);
        assert!(is_worth_packing(Target::X86_64, "conv2d-i8", 1, &work));
    }

    #[test]
    fn large_layers_are_worth_packing_on_every_core_that_has_packings() {
        let work = Work { input: 16_384, output: 16_384, gathered: 147_456, macs: 2_359_296 };
        let mut compared = 0;
        for row in table::TABLE.iter().filter(|row| row.packing > 0 && row.operator == "conv2d-i8") {
            let estimates = [row.packing, 0].map(|packing| instructions(row.target, row.operator, packing, &work));
            assert!(is_worth_packing(row.target, row.operator, row.packing, &work), "{estimates:?}");
            compared += usize::from(estimates.iter().all(Option::is_some) && estimates[0] < estimates[1]);
        }
        assert!(compared >= 4, "only {compared} packings are cheaper than row-major weights");
    }
}
