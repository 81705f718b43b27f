//! The memory plan: a byte offset in the arena for every buffer and every operator's scratch.
//!
//! ```text
//! Lifetimes   from which step to which each of them is needed      lifetime.rs, access.rs
//! Placement   offsets, searched for the smallest arena             place.rs
//! verify      replays the placed operators byte by byte            verify.rs
//! ```
//!
//! A model's input is kept only until it has been read for the last time, as in TensorFlow Lite Micro. An
//! operator may write over the operand it reads for the last time as far as its kernel's order of work allows
//! ([`crate::record::Overlap`]). Scratch is planned like any other memory that lives for one step. The plan is checked by
//! [`verify`], which shares no code with the search: it runs the operators on labels instead of numbers.

mod access;
mod lifetime;
mod place;
#[cfg(test)]
mod tests;
mod verify;

pub use verify::{VerifyError, verify};

use crate::ir::{Graph, ValueId};
use crate::program::{PlacedOperator, Program, Tensor};

/// Sessions need memory in multiples of this.
const ARENA_ALIGN: usize = 16;

/// Where everything is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryPlan {
    /// First byte of each buffer of the layout.
    pub buffers: Vec<usize>,
    /// First byte of each step's scratch; 0 where there is none.
    pub scratch: Vec<usize>,
    /// Size of the arena.
    pub arena_bytes: usize,
    /// No plan for these steps in this order needs less; equal to `arena_bytes` when the plan is optimal.
    pub lower_bound_bytes: usize,
    /// The step during which the most bytes are in use.
    pub peak_step: usize,
    /// The largest scratch of a step.
    pub scratch_bytes_max: usize,
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// Offsets are 32 bits wide.
    #[error("the model needs {arena_bytes} bytes of working memory, a blob's offsets reach 4 GiB")]
    TooLarge {
        /// What the plan came to.
        arena_bytes: usize,
    },
    /// The plan is wrong: a defect of the compiler.
    #[error("the memory plan is unsound: {0}; please report this model")]
    Unsound(#[from] VerifyError),
}

/// Plans the memory of a lowered graph and has the plan verified.
pub fn plan(graph: &Graph, program: &Program) -> Result<MemoryPlan, PlanError> {
    let problem = lifetime::problem(graph, program);
    let solution = place::solve(&problem, place::BUDGET);
    let arena_bytes = solution.peak.next_multiple_of(ARENA_ALIGN);
    if u32::try_from(arena_bytes).is_err() {
        return Err(PlanError::TooLarge { arena_bytes });
    }
    let (lower_bound, peak_step) = problem.lower_bound();
    let buffers = program.layout.buffers().len();
    let mut scratch = vec![0; program.steps.len()];
    let with_scratch = (0..program.steps.len()).filter(|&step| program.steps[step].scratch() > 0);
    for (step, start) in with_scratch.zip(&solution.starts[buffers..]) {
        scratch[step] = *start;
    }
    let plan = MemoryPlan {
        buffers: solution.starts[..buffers].to_vec(),
        scratch,
        arena_bytes,
        lower_bound_bytes: lower_bound.next_multiple_of(ARENA_ALIGN),
        peak_step,
        scratch_bytes_max: program.steps.iter().map(|step| step.scratch()).max().unwrap_or(0),
    };
    verify(graph, program, &plan.place(program), &|id| plan.offset(program, id), plan.arena_bytes)?;
    Ok(plan)
}

/// How much of the full search [`sketch`] does.
const SKETCH_PART: usize = 100;

/// Bytes that each step of a program needs at least: no plan needs less than the largest of them.
pub fn usage(graph: &Graph, program: &Program) -> Vec<usize> {
    lifetime::problem_of_usage(graph, program).usage()
}

/// The size of an arena that [`plan`] does not exceed, found by a short search.
pub fn sketch(graph: &Graph, program: &Program) -> usize {
    let problem = lifetime::problem(graph, program);
    place::solve(&problem, place::BUDGET / SKETCH_PART).peak.next_multiple_of(ARENA_ALIGN)
}

impl MemoryPlan {
    /// The arena offset of a computed value; `None` for constants.
    pub fn offset(&self, program: &Program, id: ValueId) -> Option<usize> {
        let place = program.layout.place(id)?;
        Some(self.buffers.get(place.buffer)? + place.offset)
    }

    /// The steps with their arena offsets.
    pub fn place(&self, program: &Program) -> Vec<PlacedOperator> {
        let at = |tensor: Tensor| self.offset(program, tensor.id).unwrap_or(0);
        let steps = program.steps.iter().zip(&self.scratch);
        steps.map(|(step, &scratch)| PlacedOperator::new(step, &at, scratch)).collect()
    }
}
