//! A bound on what may be copied out of a file.
//!
//! Both formats let a small file describe a huge graph: tensors share a buffer, nodes share a weight,
//! a list is joined to itself again and again. Whoever copies charges the copy first; an honest file needs
//! a few times its own size, and at 64 times the import ends. Shapes and their arithmetic are small, but not
//! against a file of a few kilobytes: so much is always allowed.

use core::cell::Cell;

use super::build::Refusal;

/// Bytes that may still be copied.
pub(super) struct Budget(Cell<usize>);

/// How many times a file's bytes may be copied, and bytes that may be beside that.
const ALLOWANCE: [usize; 2] = [64, 1 << 22];

/// The budget is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OverBudget;

impl OverBudget {
    pub(super) const PROBLEM: &'static str = "the file describes far more data than it holds";
}

impl Budget {
    pub(super) fn for_file(size_bytes: usize) -> Self {
        let [factor, floor] = ALLOWANCE;
        Budget(Cell::new(size_bytes.saturating_mul(factor).saturating_add(floor)))
    }

    /// Takes `count * size_bytes` off the budget.
    pub(super) fn charge(&self, count: usize, size_bytes: usize) -> Result<(), OverBudget> {
        let rest = count.checked_mul(size_bytes).and_then(|bytes| self.0.get().checked_sub(bytes));
        self.0.set(rest.ok_or(OverBudget)?);
        Ok(())
    }
}

impl From<OverBudget> for Refusal {
    fn from(_: OverBudget) -> Self {
        Refusal { problem: OverBudget::PROBLEM.into(), remedy: "export the model again".into() }
    }
}
