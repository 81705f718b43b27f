//! Which operators take turns, how many rows at a time and how rows are kept: the cheapest choice that fits.
//!
//! Some operator needs the most memory, and a segment that helps contains it. For each such segment the program is
//! rewritten, and the most that any step needs is found, which no plan can be below. The choices that may fit are
//! planned, the cheapest first. When operators elsewhere still need too much, the search goes on in the rewritten
//! program for a further segment.

use std::collections::BTreeMap;

use super::price::{is_loadable, macs, price};
use super::rewrite::{Choice, Laps, Striped, rewrite};
use super::rows::ByRows;
use super::segment::{Segment, by_rows};
use super::{Cost, Ram, SegmentCost};
use crate::ir::Graph;
use crate::plan::{MemoryPlan, PlanError, plan, sketch, usage};
use crate::program::Program;

/// Turns that a segment may take: each adds a record for each operator to the blob.
const MAX_TURNS: usize = 64;
/// Operators of a segment. Each keeps some rows, so memory grows with them.
const MAX_OPERATORS: usize = 16;
/// Segments of a program.
const MAX_SEGMENTS: usize = 3;
/// Choices that are planned because they are cheap, and because little memory is in use, before the next limit or the
/// next segment is tried.
const PLANNED: usize = 40;
/// Choices that are planned in full although a short search has found no plan for them, only nearly.
const NEAR_MISSES: usize = 3;
/// Choices of one segment that a further one is sought for.
const FOLLOWED: usize = 3;
/// Limits that are tried to find the least.
const LIMITS: usize = 8;

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

/// Is told how many choices of how many have been looked at.
type Progress<'a> = &'a mut dyn FnMut(usize, usize);

/// Makes a lowered graph fit.
pub fn fit(graph: &Graph, program: &Program, ram: Ram, progress: Progress<'_>) -> Result<Fitted, RamError> {
    let whole = plan(graph, program)?;
    let limit = match ram {
        Ram::Bytes(bytes) => bytes,
        Ram::Least => 0,
    };
    if whole.arena_bytes <= limit {
        return Ok(Fitted { program: program.clone(), plan: whole, cost: None });
    }
    let mut root = Node::new(graph, program.clone(), Vec::new(), [0; 2]);
    let mut found = None;
    if ram != Ram::Least {
        found = root.reach(graph, limit, progress)?;
    }
    if found.is_none() {
        found = least(graph, &mut root, whole.arena_bytes, progress)?;
    }
    let Some((node, plan)) = found else {
        let fitted = Fitted { program: program.clone(), plan: whole, cost: None };
        let how = "and computing its operators in stripes does not help".into();
        return if ram == Ram::Least { Ok(fitted) } else { Err(too_large(graph, limit, &fitted.plan, how)) };
    };
    let operators_added = node.program.steps.len().saturating_sub(program.steps.len());
    let cost = Cost {
        arena_bytes_whole: whole.arena_bytes,
        operators_added,
        copied_bytes: node.copied_bytes,
        macs_recomputed: macs(&node.program).saturating_sub(macs(program)),
        segments: node.segments,
    };
    if ram != Ram::Least && plan.arena_bytes > limit {
        let segment = |s: &SegmentCost| format!("`{}` to `{}` in {} stripes", s.first_node, s.last_node, s.stripes);
        let segments: Vec<String> = cost.segments.iter().map(segment).collect();
        return Err(too_large(graph, limit, &plan, format!("with {}", segments.join(" and "))));
    }
    Ok(Fitted { program: node.program, plan, cost: Some(cost) })
}

fn too_large(graph: &Graph, limit: usize, plan: &MemoryPlan, how: String) -> RamError {
    RamError::DoesNotFit { name: graph.name.clone(), limit, least: plan.arena_bytes, how }
}

/// The smallest arena below `high`, by halving what is between it and one that cannot be reached.
fn least(
    graph: &Graph,
    root: &mut Node,
    high: usize,
    progress: Progress<'_>,
) -> Result<Option<(Found, MemoryPlan)>, PlanError> {
    let (mut low, mut best) = (0_usize, root.reach(graph, high - 1, progress)?);
    for _ in 0..LIMITS {
        let Some((_, plan)) = &best else { break };
        let middle = low.midpoint(plan.arena_bytes);
        if plan.arena_bytes - middle < 16 {
            break;
        }
        match root.reach(graph, middle, progress)? {
            Some(found) => best = Some(found),
            None => low = middle,
        }
    }
    Ok(best)
}

/// A choice and what it comes to.
struct Rated {
    choice: Choice,
    /// Bytes that the segment's steps need at least.
    inside: usize,
    /// Bytes that the other steps need at least.
    outside: usize,
    price: u64,
}

/// A program on the way.
struct Node {
    program: Program,
    segments: Vec<SegmentCost>,
    /// Bytes copied, and bytes read again.
    moved: [u64; 2],
    rows: Vec<Option<ByRows>>,
    usage: Vec<usize>,
    /// What may be done next; filled when it is asked for.
    rated: Option<Vec<Rated>>,
    /// What has been looked at behind a choice.
    behind: BTreeMap<Choice, Node>,
}

/// A program that fits.
struct Found {
    program: Program,
    segments: Vec<SegmentCost>,
    copied_bytes: u64,
}

impl Node {
    fn new(graph: &Graph, program: Program, segments: Vec<SegmentCost>, moved: [u64; 2]) -> Node {
        let (rows, usage) = (by_rows(graph, &program), usage(graph, &program));
        Node { program, segments, moved, rows, usage, rated: None, behind: BTreeMap::new() }
    }

    /// The cheapest program of at most `limit` bytes that is found.
    fn reach(
        &mut self,
        graph: &Graph,
        limit: usize,
        progress: Progress<'_>,
    ) -> Result<Option<(Found, MemoryPlan)>, PlanError> {
        if self.rated.is_none() {
            self.rated = Some(self.rate(graph, progress));
        }
        let rated = self.rated.as_deref().unwrap_or_default();
        let bound = |rated: &Rated| rated.inside.max(rated.outside);
        let mut fitting: Vec<&Rated> = rated.iter().filter(|rated| bound(rated) <= limit).collect();
        fitting.sort_by_key(|rated| (rated.price, bound(rated), rated.choice));
        // Then those that have the most room to be planned badly.
        let mut roomy = fitting.split_off(fitting.len().min(PLANNED));
        roomy.sort_by_key(|rated| (bound(rated), rated.price, rated.choice));
        let mut near_misses = 0;
        for rated in fitting.into_iter().chain(roomy.into_iter().take(PLANNED)) {
            let Some(striped) = rewrite(graph, &self.program, &self.rows, &rated.choice) else { continue };
            let sketched = sketch(graph, &striped.program);
            // The full search often finds some bytes more.
            near_misses += usize::from(sketched > limit && sketched <= limit + limit / 32);
            if sketched > limit && (sketched > limit + limit / 32 || near_misses > NEAR_MISSES) {
                continue;
            }
            let plan = plan(graph, &striped.program)?;
            if plan.arena_bytes <= limit {
                let Node { program, segments, moved: [copied_bytes, _], .. } = self.next(graph, striped);
                return Ok(Some((Found { program, segments, copied_bytes }, plan)));
            }
        }
        if self.segments.len() + 1 == MAX_SEGMENTS {
            return Ok(None);
        }
        let mut halves: Vec<&Rated> =
            rated.iter().filter(|rated| rated.inside <= limit && rated.outside > limit).collect();
        halves.sort_by_key(|rated| (rated.outside, rated.price, rated.choice));
        let halves: Vec<Choice> = halves.into_iter().take(FOLLOWED).map(|rated| rated.choice).collect();
        for choice in halves {
            if !self.behind.contains_key(&choice) {
                let Some(striped) = rewrite(graph, &self.program, &self.rows, &choice) else { continue };
                let next = self.next(graph, striped);
                self.behind.insert(choice, next);
            }
            let Some(node) = self.behind.get_mut(&choice) else { continue };
            if let Some(found) = node.reach(graph, limit, progress)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The node of a program with one segment more.
    fn next(&self, graph: &Graph, striped: Striped) -> Node {
        let name = |node: Option<&usize>| {
            node.and_then(|&node| graph.nodes.get(node)).map_or_else(String::new, |node| node.name.clone())
        };
        let segment = SegmentCost {
            first_node: name(striped.nodes.first()),
            last_node: name(striped.nodes.last()),
            operators: striped.nodes.len(),
            stripes: striped.turns,
        };
        let segments = self.segments.iter().cloned().chain([segment]).collect();
        let moved = [self.moved[0] + striped.copied_bytes, self.moved[1] + striped.reread_bytes];
        Node::new(graph, striped.program, segments, moved)
    }

    /// All choices of a segment that contains the operator that needs the most, each with what it comes to.
    fn rate(&self, graph: &Graph, progress: Progress<'_>) -> Vec<Rated> {
        let most = self.usage.iter().max().copied().unwrap_or(0);
        let Some(hottest) = self.usage.iter().position(|&bytes| bytes == most) else { return Vec::new() };
        let is_free = |index: usize| self.rows.get(index).is_some_and(Option::is_some);
        let from = (0..=hottest).rev().take_while(|&index| is_free(index)).last();
        let to = (hottest..self.rows.len()).take_while(|&index| is_free(index)).last();
        let (Some(from), Some(to)) = (from, to) else { return Vec::new() };
        let ranges: Vec<(usize, usize)> = (from..=hottest)
            .flat_map(|from| (hottest..=to).map(move |to| (from, to)))
            .filter(|(from, to)| to - from < MAX_OPERATORS)
            .collect();
        let mut rated = Vec::new();
        for (done, &range) in ranges.iter().enumerate() {
            progress(done, ranges.len());
            for pull in [false, true] {
                self.rate_range(graph, range, pull, most, &mut rated);
            }
        }
        progress(ranges.len(), ranges.len());
        rated
    }

    fn rate_range(&self, graph: &Graph, range: (usize, usize), pull: bool, most: usize, rated: &mut Vec<Rated>) {
        let Some(segment) = Segment::new(graph, &self.program, &self.rows, range, pull) else { return };
        let last = segment.steps.last().copied().unwrap_or(0);
        if pull && last == range.1 {
            return;
        }
        let height = self.rows[last].map_or(0, |rows| rows.output_rows);
        let powers = (0..16).map(|power| 1 << power).take_while(|&rows| rows < height);
        for rows in powers.filter(|&rows| height.div_ceil(rows) <= MAX_TURNS) {
            for laps in [Laps::One, Laps::Room(1), Laps::Room(2)] {
                let choice = Choice { range, pull, rows, laps };
                let Some(striped) = rewrite(graph, &self.program, &self.rows, &choice) else { return };
                let stripes = striped.program.steps.len() + segment.steps.len() - self.program.steps.len();
                let usage = usage(graph, &striped.program);
                let is_inside = |index: usize| (range.0..range.0 + stripes).contains(&index);
                let most_of = |inside: bool| {
                    let own = usage.iter().enumerate().filter(|&(index, _)| is_inside(index) == inside);
                    own.map(|(_, &bytes)| bytes).max().unwrap_or(0)
                };
                let (inside, outside) = (most_of(true), most_of(false));
                // A segment that helps makes the greediest operator need less.
                if inside < most && is_loadable(&striped.program) {
                    rated.push(Rated { choice, inside, outside, price: price(&self.program, &striped) });
                }
            }
        }
    }
}
