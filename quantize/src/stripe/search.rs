//! Which operators take turns, how many rows at a time and how rows are kept: the cheapest choice that fits.
//!
//! An operator outside of a segment needs what it has always needed, so a segment must reach over all operators that
//! need too much: few are left to be looked at. For each of them the program is rewritten and the most that any step
//! needs is found, which no plan can be below. Those that may fit are planned, the cheapest first.

use kinglet_blob::OpCode;

use super::rewrite::{Choice, Laps, Striped, rewrite};
use super::rows::ByRows;
use super::segment::by_rows;
use super::{Cost, Ram};
use crate::ir::Graph;
use crate::lower::{Program, Record};
use crate::plan::{MemoryPlan, PlanError, plan, sketch, usage};

/// Turns that a segment may take: each adds a record for each operator to the blob.
const MAX_TURNS: usize = 64;
/// Choices that are planned when one is to fit, and when the least is sought.
const PLANNED: usize = 64;
/// Instructions that an operator takes beside its arithmetic, that a copied byte takes, and a byte of a depthwise
/// layer's operand that is brought into planes again; rough figures of a Cortex-M4, which only rank choices.
const OPERATOR_COST: u64 = 600;
const COPY_COST: u64 = 9;
const REREAD_COST: u64 = 4;

/// Why a model does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RamError {
    /// Not even in stripes.
    #[error(
        "`{name}` does not fit {limit} bytes of working memory: the least that was found is {least} bytes, {how}; \
         use --ram {least}, or a smaller input or fewer channels in the first layers"
    )]
    DoesNotFit {
        /// The model.
        name: String,
        /// What was asked for.
        limit: usize,
        /// The smallest arena that was found.
        least: usize,
        /// How that is reached.
        how: String,
    },
    /// The planner failed.
    #[error(transparent)]
    Plan(#[from] PlanError),
}

/// A program that fits, planned.
#[derive(Debug)]
pub struct Fitted {
    /// The program.
    pub program: Program,
    /// Its memory.
    pub plan: MemoryPlan,
    /// What stripes cost; `None` when it fits without.
    pub cost: Option<Cost>,
}

/// Makes a lowered graph fit. `progress` is told how many choices of how many have been looked at.
pub fn fit(
    graph: &Graph,
    program: &Program,
    ram: Ram,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Fitted, RamError> {
    let whole = plan(graph, program)?;
    let limit = match ram {
        Ram::Bytes(bytes) => bytes,
        Ram::Least => 0,
    };
    if whole.arena_bytes <= limit {
        return Ok(Fitted { program: program.clone(), plan: whole, cost: None });
    }
    let search = Search { graph, program, rows: by_rows(graph, program), usage: usage(graph, program) };
    let mut best = None;
    if ram != Ram::Least {
        let mut choices = search.choices(limit, false, progress);
        choices.sort_by_key(|rated| (rated.cost, rated.bound, rated.choice));
        best = search.first_that_fits(&choices, limit)?;
    }
    if best.is_none() {
        let mut choices = search.choices(whole.arena_bytes - 1, true, progress);
        choices.sort_by_key(|rated| (rated.bound, rated.cost, rated.choice));
        best = search.smallest(&choices, whole.arena_bytes)?;
    }
    let fitted = match best {
        Some((striped, plan)) => {
            let cost = search.cost(&whole, &striped);
            Fitted { program: striped.program, plan, cost: Some(cost) }
        }
        None => Fitted { program: program.clone(), plan: whole, cost: None },
    };
    if ram == Ram::Least || fitted.plan.arena_bytes <= limit {
        return Ok(fitted);
    }
    let how = match &fitted.cost {
        Some(cost) => format!("with `{}` to `{}` in {} stripes", cost.first_node, cost.last_node, cost.stripes),
        None => "and no operators that could be computed in stripes would need less".into(),
    };
    Err(RamError::DoesNotFit { name: graph.name.clone(), limit, least: fitted.plan.arena_bytes, how })
}

/// A choice, what no plan for it can be below, and its price in instructions.
struct Rated {
    choice: Choice,
    bound: usize,
    cost: u64,
}

struct Search<'a> {
    graph: &'a Graph,
    program: &'a Program,
    rows: Vec<Option<ByRows>>,
    /// What each operator needs in the program as it is.
    usage: Vec<usize>,
}

impl Search<'_> {
    /// Choices that may need at most `limit` bytes; with `tighten`, less than the best so far, more or less.
    fn choices(&self, mut limit: usize, tighten: bool, progress: &mut dyn FnMut(usize, usize)) -> Vec<Rated> {
        let ranges = self.ranges();
        let mut rated = Vec::new();
        for (done, &range) in ranges.iter().enumerate() {
            progress(done, ranges.len());
            for pull in [false, true] {
                for (rows, laps) in self.turns(range, pull, limit) {
                    let choice = Choice { range, pull, rows, laps };
                    let Some(striped) = rewrite(self.graph, self.program, &self.rows, &choice) else { break };
                    if !is_loadable(&striped.program) {
                        continue;
                    }
                    let bound = usage(self.graph, &striped.program).into_iter().max().unwrap_or(0);
                    if bound <= limit {
                        rated.push(Rated { choice, bound, cost: self.price(&striped) });
                        if tighten {
                            // What is planned may need somewhat more than its bound.
                            limit = limit.min(bound + bound / 8);
                        }
                    }
                }
            }
        }
        progress(ranges.len(), ranges.len());
        rated
    }

    /// First and last operators of all runs of operators that can be computed by rows, the longest first.
    fn ranges(&self) -> Vec<(usize, usize)> {
        let count = self.rows.len();
        let mut ranges = Vec::new();
        for from in 0..count {
            let run = self.rows[from..].iter().take_while(|rows| rows.is_some()).count();
            ranges.extend((from..from + run).map(|to| (from, to)));
        }
        ranges
    }

    /// Rows and laps worth trying for a segment; none when operators outside of it need more than `limit`.
    fn turns(&self, range: (usize, usize), pull: bool, limit: usize) -> Vec<(usize, Laps)> {
        let Some(segment) = super::segment::Segment::new(self.graph, self.program, &self.rows, range, pull) else {
            return Vec::new();
        };
        let (first, last) = (range.0, segment.steps.last().copied().unwrap_or(0));
        let adds_nothing = pull && last == range.1;
        let too_much = |(index, &bytes): (usize, &usize)| bytes > limit && !(first..=last).contains(&index);
        if adds_nothing || self.usage.iter().enumerate().any(too_much) {
            return Vec::new();
        }
        let height = self.rows[last].map_or(0, |rows| rows.output_rows);
        let powers = (0..16).map(|power| 1 << power).take_while(|&rows| rows < height);
        let rows: Vec<usize> = powers.filter(|&rows| height.div_ceil(rows) <= MAX_TURNS).collect();
        let laps = [Laps::One, Laps::Room(1), Laps::Room(2)];
        rows.into_iter().flat_map(|rows| laps.map(|laps| (rows, laps))).collect()
    }

    fn first_that_fits(&self, choices: &[Rated], limit: usize) -> Result<Option<(Striped, MemoryPlan)>, PlanError> {
        for rated in choices.iter().filter(|rated| rated.bound <= limit).take(PLANNED) {
            let Some(striped) = rewrite(self.graph, self.program, &self.rows, &rated.choice) else { continue };
            if sketch(self.graph, &striped.program) <= limit {
                let plan = plan(self.graph, &striped.program)?;
                return Ok(Some((striped, plan)));
            }
        }
        Ok(None)
    }

    /// The choice whose arena is the smallest, if that is below `whole`.
    fn smallest(&self, choices: &[Rated], whole: usize) -> Result<Option<(Striped, MemoryPlan)>, PlanError> {
        let (mut least, mut best) = (whole, None);
        for rated in choices.iter().take(PLANNED) {
            if rated.bound >= least {
                break;
            }
            let Some(striped) = rewrite(self.graph, self.program, &self.rows, &rated.choice) else { continue };
            let arena = sketch(self.graph, &striped.program);
            if arena < least {
                (least, best) = (arena, Some(striped));
            }
        }
        let Some(striped) = best else { return Ok(None) };
        let plan = plan(self.graph, &striped.program)?;
        Ok(Some((striped, plan)))
    }

    fn price(&self, striped: &Striped) -> u64 {
        let added = striped.program.steps.len().saturating_sub(self.program.steps.len()) as u64;
        let is_depthwise = |&node: &usize| {
            self.program.steps.iter().any(|step| step.node == node && step.opcode == OpCode::DepthwiseI8)
        };
        let reread = if striped.nodes.iter().any(is_depthwise) { striped.reread_bytes } else { 0 };
        added * OPERATOR_COST + striped.copied_bytes * COPY_COST + reread * REREAD_COST
    }

    fn cost(&self, whole: &MemoryPlan, striped: &Striped) -> Cost {
        let name = |node: Option<&usize>| {
            node.and_then(|&node| self.graph.nodes.get(node)).map_or_else(String::new, |node| node.name.clone())
        };
        Cost {
            arena_bytes_whole: whole.arena_bytes,
            first_node: name(striped.nodes.first()),
            last_node: name(striped.nodes.last()),
            operators_striped: striped.nodes.len(),
            stripes: striped.turns,
            operators_added: striped.program.steps.len().saturating_sub(self.program.steps.len()),
            copied_bytes: striped.copied_bytes,
            macs_recomputed: macs(&striped.program).saturating_sub(macs(self.program)),
        }
    }
}

fn macs(program: &Program) -> u64 {
    program.steps.iter().map(|step| step.record.macs(step.opcode)).fold(0, u64::saturating_add)
}

/// An engine looks at the channels of each operator while it loads a blob, at no more than WEIGHTS has bytes
/// altogether. A blob has at most 65,535 operators.
fn is_loadable(program: &Program) -> bool {
    let channels = |record: &Record| match record {
        Record::FullyConnectedI8(record) => record.outputs as usize,
        record => record.window().map_or(0, |window| window.output[2].into()),
    };
    let looked_at: usize = program.steps.iter().map(|step| channels(&step.record)).sum();
    looked_at <= program.weights.len() && program.steps.len() <= usize::from(u16::MAX)
}
