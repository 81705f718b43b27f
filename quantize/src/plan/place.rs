//! Offsets: a search for the smallest arena.
//!
//! An item is a rigid group of rectangles in the plane of time (steps) and address; what is sought is its
//! start address. Everything that two items must keep is one set of forbidden *distances* between their
//! starts: rectangles that live at the same time must not intersect, except for a dying operand and the
//! result written over it, where only the distances within `(-lead, operand's length)` are forbidden.
//!
//! Placing items one after the other, each at the lowest address allowed, gives a plan for every order of the
//! items. The search looks for a good order: a few obvious ones, then small changes to the best one, then,
//! while the budget lasts, all orders by ascending address (branch and bound), of which one is optimal.
//! Everything is deterministic.

use crate::sample::Lcg;

/// A range of an item that is needed from step `first` to step `last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rect {
    pub(super) first: usize,
    pub(super) last: usize,
    pub(super) offset: usize,
    pub(super) bytes: usize,
}

/// Something that gets an address.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) bytes: usize,
    pub(super) align: usize,
    pub(super) rects: Vec<Rect>,
}

/// A rectangle (item, index) that ends in the step in which another begins and may be written over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) dying: (usize, usize),
    pub(super) born: (usize, usize),
    /// The result starts at least this many bytes before the operand. A part of a result may start behind a part
    /// of the operand that it is written over: then this is negative.
    pub(super) lead: isize,
    /// The result starts where the operand does, or does not touch it.
    pub(super) exact: bool,
}

/// Distances `start of the other - start of this` strictly between `low` and `high` are forbidden.
#[derive(Clone, Copy, Debug)]
struct Forbidden {
    other: usize,
    low: isize,
    high: isize,
}

/// Items and what they must keep.
#[derive(Debug)]
pub(super) struct Problem {
    items: Vec<Item>,
    pairs: Vec<Pair>,
    steps: usize,
    /// By item.
    forbidden: Vec<Vec<Forbidden>>,
}

/// Start addresses of all items, and the largest end address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Solution {
    pub(super) starts: Vec<usize>,
    pub(super) peak: usize,
}

/// Pairs of rectangles that each of the two searches may look at; together about a second.
pub(super) const BUDGET: usize = 20_000_000;

impl Problem {
    pub(super) fn new(items: Vec<Item>, pairs: Vec<Pair>, steps: usize) -> Self {
        let mut forbidden: Vec<Vec<Forbidden>> = vec![Vec::new(); items.len()];
        for this in 0..items.len() {
            for other in this + 1..items.len() {
                let mut intervals = Vec::new();
                for (i, a) in items[this].rects.iter().enumerate() {
                    for (j, b) in items[other].rects.iter().enumerate() {
                        if a.first <= b.last && b.first <= a.last {
                            intervals.extend(distances((a, b), lead(&pairs, (this, i), (other, j))));
                        }
                    }
                }
                for (low, high) in merged(intervals) {
                    forbidden[this].push(Forbidden { other, low, high });
                    forbidden[other].push(Forbidden { other: this, low: -high, high: -low });
                }
            }
        }
        Problem { items, pairs, steps, forbidden }
    }

    /// A problem of which only the lower bounds are asked.
    pub(super) fn without_distances(items: Vec<Item>, pairs: Vec<Pair>, steps: usize) -> Self {
        Problem { items, pairs, steps, forbidden: Vec::new() }
    }

    /// The largest sum of bytes that any one step needs, and that step. No plan needs less.
    pub(super) fn lower_bound(&self) -> (usize, usize) {
        let bounds = (0..self.steps).map(|step| (self.bytes_in_use(step), step));
        bounds.max_by_key(|&(bytes, step)| (bytes, core::cmp::Reverse(step))).unwrap_or((0, 0))
    }

    /// Bytes that step `step` needs at least, with its result laid over its operand as far as possible.
    fn bytes_in_use(&self, step: usize) -> usize {
        let live = |item: &Item| union(item.rects.iter().filter(|rect| rect.first <= step && step <= rect.last));
        let total: usize = self.items.iter().map(live).sum();
        let sharing: Vec<&Pair> = self.pairs.iter().filter(|pair| self.rect(pair.born).first == step).collect();
        let shared = match sharing.as_slice() {
            [pair] => {
                let (x, y) = (self.rect(pair.dying), self.rect(pair.born));
                // Items with more live rectangles than this one could share more; what is certain is not more than
                // the shorter of the two.
                let alone = live(&self.items[pair.dying.0]) == x.bytes && live(&self.items[pair.born.0]) == y.bytes;
                let led = x.bytes.saturating_add_signed(pair.lead);
                let hull = if alone { led.max(x.bytes).max(y.bytes) } else { x.bytes.max(y.bytes) };
                (x.bytes + y.bytes).saturating_sub(hull)
            }
            pairs => self.bytes_of(pairs, |pair| pair.dying).min(self.bytes_of(pairs, |pair| pair.born)),
        };
        total - shared
    }

    /// Bytes of the different rectangles on one side of `pairs`.
    fn bytes_of(&self, pairs: &[&Pair], side: impl Fn(&Pair) -> (usize, usize)) -> usize {
        let mut rects: Vec<(usize, usize)> = pairs.iter().map(|pair| side(pair)).collect();
        rects.sort_unstable();
        rects.dedup();
        rects.into_iter().map(|rect| self.rect(rect).bytes).sum()
    }

    /// Bytes that each step needs at least.
    pub(super) fn usage(&self) -> Vec<usize> {
        (0..self.steps).map(|step| self.bytes_in_use(step)).collect()
    }

    /// Pairs of rectangles that placing every item once looks at.
    fn visits(&self) -> usize {
        self.forbidden.iter().map(|list| list.len() + 1).sum::<usize>().max(1)
    }

    fn rect(&self, (item, rect): (usize, usize)) -> Rect {
        self.items[item].rects[rect]
    }

    /// The lowest address for `item` beside those that have one.
    fn lowest(&self, item: usize, starts: &[Option<usize>], intervals: &mut Vec<(isize, isize)>) -> usize {
        intervals.clear();
        for forbidden in &self.forbidden[item] {
            if let Some(start) = starts[forbidden.other] {
                // `low < other - this < high`, solved for the address of this one.
                intervals.push((start as isize - forbidden.high, start as isize - forbidden.low));
            }
        }
        intervals.sort_unstable();
        let align = self.items[item].align as isize;
        let mut start = 0;
        for &(low, high) in intervals.iter() {
            if low >= start {
                break;
            }
            if start < high {
                start = (high + align - 1) / align * align;
            }
        }
        start as usize
    }

    /// Places all items in `order`; gives up as soon as the arena would reach `limit`.
    fn place(&self, order: &[usize], limit: usize) -> Option<Solution> {
        let mut starts = vec![None; self.items.len()];
        let mut intervals = Vec::new();
        let mut peak = 0;
        for &item in order {
            let start = self.lowest(item, &starts, &mut intervals);
            peak = peak.max(start + self.items[item].bytes);
            if peak >= limit {
                return None;
            }
            starts[item] = Some(start);
        }
        Some(Solution { starts: starts.into_iter().map(|start| start.unwrap_or(0)).collect(), peak })
    }
}

/// The pair when one of two rectangles may be written over the other, and whether it is the second over the
/// first or the other way round.
fn lead(pairs: &[Pair], a: (usize, usize), b: (usize, usize)) -> Option<(&Pair, bool)> {
    let found = pairs.iter().find(|pair| (pair.dying, pair.born) == (a, b) || (pair.dying, pair.born) == (b, a));
    found.map(|pair| (pair, pair.dying == a))
}

/// The forbidden distances from `a`'s item to `b`'s.
fn distances((a, b): (&Rect, &Rect), lead: Option<(&Pair, bool)>) -> Vec<(isize, isize)> {
    let shift = a.offset as isize - b.offset as isize;
    let (low, high) = (-(b.bytes as isize), a.bytes as isize);
    let open = match lead {
        None => vec![(low, high)],
        Some((Pair { exact: true, .. }, _)) => vec![(low, 0), (0, high)],
        Some((pair, true)) => vec![(-pair.lead.min(b.bytes as isize), high)],
        Some((pair, false)) => vec![(low, pair.lead.min(a.bytes as isize))],
    };
    open.into_iter().filter(|(low, high)| low < high).map(|(low, high)| (low + shift, high + shift)).collect()
}

/// The same distances in as few open intervals as possible.
fn merged(mut intervals: Vec<(isize, isize)>) -> Vec<(isize, isize)> {
    intervals.sort_unstable();
    let mut merged: Vec<(isize, isize)> = Vec::new();
    for (low, high) in intervals {
        match merged.last_mut() {
            Some(last) if low < last.1 => last.1 = last.1.max(high),
            _ => merged.push((low, high)),
        }
    }
    merged
}

/// Bytes that at least one of the ranges covers.
fn union<'a>(rects: impl Iterator<Item = &'a Rect>) -> usize {
    let mut ranges: Vec<(usize, usize)> = rects.map(|rect| (rect.offset, rect.offset + rect.bytes)).collect();
    ranges.sort_unstable();
    let (mut covered, mut end) = (0, 0);
    for (from, to) in ranges {
        covered += to.saturating_sub(from.max(end));
        end = end.max(to);
    }
    covered
}

/// The best plan that two searches of `budget` each find, see [`BUDGET`].
pub(super) fn solve(problem: &Problem, budget: usize) -> Solution {
    let bound = problem.lower_bound().0;
    let mut best = Solution { starts: vec![0; problem.items.len()], peak: usize::MAX };
    let mut best_order: Vec<usize> = (0..problem.items.len()).collect();
    for order in orders(problem) {
        if let Some(solution) = problem.place(&order, best.peak) {
            (best, best_order) = (solution, order);
        }
    }
    improve(problem, &mut best, &mut best_order, bound, budget);
    let budget = (budget / problem.visits()).max(100);
    let mut search = Exact { problem, best: &mut best, bound, budget, intervals: Vec::new() };
    search.descend(&mut vec![None; problem.items.len()], 0, problem.items.len());
    best
}

/// Orders worth trying first: by size, by lifetime, and forwards and backwards in time.
fn orders(problem: &Problem) -> Vec<Vec<usize>> {
    let items = &problem.items;
    let first = |item: usize| items[item].rects.iter().map(|rect| rect.first).min().unwrap_or(0);
    let last = |item: usize| items[item].rects.iter().map(|rect| rect.last).max().unwrap_or(0);
    let size = |item: usize| items[item].bytes;
    let peak = problem.lower_bound().1;
    let at_peak = |item: usize| items[item].rects.iter().any(|rect| rect.first <= peak && peak <= rect.last);
    let backwards = |key: usize| usize::MAX - key;
    type Key<'a> = Box<dyn Fn(usize) -> (usize, usize) + 'a>;
    let keys: Vec<Key> = vec![
        Box::new(|item| (backwards(size(item)), first(item))),
        Box::new(|item| (backwards(size(item)), backwards(first(item)))),
        Box::new(|item| (first(item), backwards(size(item)))),
        Box::new(|item| (backwards(last(item)), backwards(size(item)))),
        Box::new(|item| (backwards((last(item) - first(item) + 1) * size(item)), first(item))),
        Box::new(|item| (backwards(last(item) - first(item)), backwards(size(item)))),
        Box::new(|item| (usize::from(!at_peak(item)), backwards(first(item)))),
        Box::new(|item| (usize::from(!at_peak(item)), backwards(size(item)))),
    ];
    let sorted = |key: &Key| {
        let mut order: Vec<usize> = (0..items.len()).collect();
        order.sort_by_key(|&item| key(item));
        order
    };
    keys.iter().map(sorted).collect()
}

/// Moves one item of the order elsewhere, or exchanges two, and keeps what is not worse.
fn improve(problem: &Problem, best: &mut Solution, best_order: &mut [usize], bound: usize, budget: usize) {
    let count = problem.items.len();
    if count < 2 {
        return;
    }
    let mut random = Lcg::new(count as u32);
    let mut order = best_order.to_vec();
    for _ in 0..(budget / problem.visits()).clamp(100, 50_000) {
        if best.peak <= bound {
            return;
        }
        let (from, to) = (random.below(count), random.below(count));
        if random.below(2) == 0 {
            order.swap(from, to);
        } else if from < to {
            order[from..=to].rotate_left(1);
        } else {
            order[to..=from].rotate_right(1);
        }
        match problem.place(&order, best.peak.saturating_add(1)) {
            Some(solution) => {
                *best = solution;
                best_order.copy_from_slice(&order);
            }
            None => order.copy_from_slice(best_order),
        }
    }
}

/// Branch and bound over all orders of ascending addresses.
struct Exact<'a> {
    problem: &'a Problem,
    best: &'a mut Solution,
    bound: usize,
    budget: usize,
    intervals: Vec<(isize, isize)>,
}

impl Exact<'_> {
    /// Extends a partial plan, whose highest start is `from`, by each of the `left` other items in turn.
    fn descend(&mut self, starts: &mut [Option<usize>], from: usize, left: usize) {
        if self.best.peak <= self.bound || self.budget == 0 {
            return;
        }
        self.budget -= 1;
        let ends = |starts: &[Option<usize>]| {
            let end = |(start, item): (&Option<usize>, &Item)| start.map_or(0, |start| start + item.bytes);
            starts.iter().zip(&self.problem.items).map(end).max().unwrap_or(0)
        };
        if left == 0 {
            let peak = ends(starts);
            if peak < self.best.peak {
                *self.best = Solution { starts: starts.iter().map(|start| start.unwrap_or(0)).collect(), peak };
            }
            return;
        }
        let mut next = Vec::with_capacity(left);
        for item in 0..starts.len() {
            if starts[item].is_none() {
                let start = self.problem.lowest(item, starts, &mut self.intervals);
                // Every order that goes on from here puts the item there or higher.
                if start + self.problem.items[item].bytes >= self.best.peak {
                    return;
                }
                next.push((start, core::cmp::Reverse(self.problem.items[item].bytes), item));
            }
        }
        next.sort_unstable();
        for (start, _, item) in next {
            if start >= from {
                starts[item] = Some(start);
                self.descend(starts, start, left - 1);
                starts[item] = None;
            }
        }
    }
}
