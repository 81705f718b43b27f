//! Making deltas, on the host.
//!
//! First, which old byte each new one stands for: the new blob is a sequence of runs, each with one distance to the old
//! one. A run goes on over bytes that differ until another distance matches clearly more. Then the cheapest steps for each
//! run, found exactly: a shortest path over bytes and ways to say them.

#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "runs on the host, on blobs that were verified, and what comes out is applied before anybody gets it"
)]

use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use super::DeltaHeader;

/// Bytes that have to be equal before another distance is thought of.
const KEY_BYTES: usize = 12;
/// How many more bytes another distance has to match.
const GAIN_MIN: usize = 8;
/// Old places of one key that are looked at.
const PLACES_MAX: usize = 64;
/// Ways to say a byte: copy, replace, add in 1 to 7 bits.
const WAYS: usize = 9;
const COPY: usize = 0;
const REPLACE: usize = 1;
/// Bits of a step beside what it says, on average.
const STEP_BITS: [u32; WAYS] = [12, 12, 20, 20, 20, 20, 20, 20, 20];
/// Not at all.
const NEVER: u32 = u32::MAX / 2;
/// The largest `n` of a step.
const STEP_MAX: usize = (1 << 30) - 1;

/// The delta that makes `new` of `old`, which go by these names. The blobs are shorter than 2³² bytes, as all are.
pub fn encode(old: &[u8], new: &[u8], names: [[u8; 8]; 2]) -> Vec<u8> {
    let [old_name, new_name] = names;
    let len = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let header = DeltaHeader { old_bytes: len(old), new_bytes: len(new), old: old_name, new: new_name };
    let mut delta = header.bytes().to_vec();
    let mut cursor = 0i64;
    for run in align(old, new) {
        let ways = cheapest(old, new, &run);
        let mut at = run.new.start;
        while at < run.new.end {
            let way = ways.get(at - run.new.start).copied().unwrap_or(REPLACE);
            let len = ways.iter().skip(at - run.new.start).take(STEP_MAX).take_while(|&&other| other == way).count();
            let place = at as i64 + run.distance;
            if way != REPLACE && cursor != place {
                let steps = place - cursor;
                let folded = if steps < 0 { (!steps << 1) | 1 } else { steps << 1 };
                tag(&mut delta, 2, u32::try_from(folded).unwrap_or(u32::MAX >> 2));
                cursor = place;
            }
            step(&mut delta, way, at..at + len, run.distance, old, new);
            cursor += len as i64;
            at += len;
        }
    }
    delta
}

/// New bytes, each of which stands for the old one this far on.
struct Run {
    new: Range<usize>,
    distance: i64,
}

/// The old byte that a new one stands for.
fn old_at(old: &[u8], at: usize, distance: i64) -> Option<u8> {
    usize::try_from(at as i64 + distance).ok().and_then(|place| old.get(place)).copied()
}

fn align(old: &[u8], new: &[u8]) -> Vec<Run> {
    let places = Places::new(old);
    let (mut runs, mut start, mut distance, mut at) = (Vec::new(), 0, 0i64, 0);
    while at < new.len() {
        let is_same = old_at(old, at, distance) == new.get(at).copied();
        let found = if is_same { None } else { places.longest(old, new, at, distance) };
        let Some((other, len)) = found else {
            at += 1;
            continue;
        };
        let equal = (at..at + len).filter(|&at| old_at(old, at, distance) == new.get(at).copied()).count();
        if len < equal + GAIN_MIN {
            at += 1;
            continue;
        }
        // Bytes before it that only the other distance explains are its own.
        let mut from = at;
        while from > start {
            let byte = new.get(from - 1).copied();
            if old_at(old, from - 1, other) != byte || old_at(old, from - 1, distance) == byte {
                break;
            }
            from -= 1;
        }
        if from > start {
            runs.push(Run { new: start..from, distance });
        }
        (start, distance, at) = (from, other, at + len);
    }
    if start < new.len() {
        runs.push(Run { new: start..new.len(), distance });
    }
    runs
}

/// Where keys are in the old blob: chains of places by hash.
struct Places {
    heads: Vec<u32>,
    next: Vec<u32>,
}

/// The end of a chain.
const NOWHERE: u32 = u32::MAX;

impl Places {
    fn new(old: &[u8]) -> Self {
        let mut places = Places { heads: vec![NOWHERE; 1 << 16], next: vec![NOWHERE; old.len()] };
        for (at, key) in old.windows(KEY_BYTES).enumerate().rev() {
            let (Some(head), Some(next)) = (places.heads.get_mut(hash(key)), places.next.get_mut(at)) else { continue };
            *next = *head;
            *head = u32::try_from(at).unwrap_or(NOWHERE);
        }
        places
    }

    /// The distance that explains most bytes from `at` on, and how many; of equal ones the nearest to `distance`.
    fn longest(&self, old: &[u8], new: &[u8], at: usize, distance: i64) -> Option<(i64, usize)> {
        let rest = new.get(at..)?;
        let mut place = *self.heads.get(hash(rest.get(..KEY_BYTES)?))?;
        let mut best: Option<(i64, usize)> = None;
        for _ in 0..PLACES_MAX {
            let Some(old_rest) = old.get(place as usize..) else { break };
            let len = old_rest.iter().zip(rest).take_while(|(a, b)| a == b).count();
            let other = i64::from(place) - at as i64;
            let is_better = best.is_none_or(|(known, most)| {
                len > most || (len == most && (other - distance).abs() < (known - distance).abs())
            });
            if len >= KEY_BYTES && is_better {
                best = Some((other, len));
            }
            place = *self.next.get(place as usize)?;
        }
        best
    }
}

fn hash(key: &[u8]) -> usize {
    let mixed = key.iter().fold(0x811C_9DC5u32, |hash, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    ((mixed >> 16) ^ (mixed & 0xffff)) as usize
}

/// Bits that a byte takes in each way, beside its step's.
fn bits(old: Option<u8>, new: u8) -> [u32; WAYS] {
    let mut bits = [NEVER; WAYS];
    bits[REPLACE] = 8;
    if let Some(old) = old {
        let difference = new.wrapping_sub(old).cast_signed();
        for (width, bits) in bits.iter_mut().skip(REPLACE).enumerate().skip(1) {
            let most = 1i16 << (width - 1);
            if (-most..most).contains(&i16::from(difference)) {
                *bits = width as u32;
            }
        }
        bits[COPY] = if difference == 0 { 0 } else { NEVER };
    }
    bits
}

/// The way of each byte of a run that makes its steps shortest.
fn cheapest(old: &[u8], new: &[u8], run: &Run) -> Vec<usize> {
    let mut costs = STEP_BITS;
    // From which way each byte came to each.
    let mut from: Vec<[u8; WAYS]> = Vec::with_capacity(run.new.len());
    for at in run.new.clone() {
        let byte = new.get(at).copied().unwrap_or(0);
        let own = bits(old_at(old, at, run.distance), byte);
        let (best, least) = costs.iter().copied().enumerate().min_by_key(|(_, cost)| *cost).unwrap_or((REPLACE, 0));
        let mut came = [0u8; WAYS];
        let mut next = [NEVER; WAYS];
        for way in 0..WAYS {
            let changed = least + STEP_BITS[way];
            let (cost, before) = if costs[way] <= changed { (costs[way], way) } else { (changed, best) };
            next[way] = cost.saturating_add(own[way]).min(NEVER);
            came[way] = before as u8;
        }
        // Only differences count, so that the numbers stay small.
        let least = next.iter().copied().min().unwrap_or(0);
        next.iter_mut().filter(|cost| **cost < NEVER).for_each(|cost| *cost -= least);
        costs = next;
        from.push(came);
    }
    let mut way = costs.iter().enumerate().min_by_key(|(_, cost)| **cost).map_or(REPLACE, |(way, _)| way);
    let mut ways = vec![REPLACE; from.len()];
    for (slot, came) in ways.iter_mut().zip(&from).rev() {
        *slot = way;
        way = came[way].into();
    }
    ways
}

fn step(delta: &mut Vec<u8>, way: usize, at: Range<usize>, distance: i64, old: &[u8], new: &[u8]) {
    let n = at.len() as u32;
    match way {
        COPY => tag(delta, 0, n),
        REPLACE => {
            tag(delta, 1, n);
            delta.extend_from_slice(new.get(at).unwrap_or_default());
        }
        _ => {
            let width = way - REPLACE;
            tag(delta, 3, n);
            delta.push(width as u8);
            let (mut held, mut count) = (0u32, 0);
            for at in at {
                let byte = new.get(at).copied().unwrap_or(0);
                let difference = byte.wrapping_sub(old_at(old, at, distance).unwrap_or(0));
                held |= u32::from(difference & ((1 << width) - 1)) << count;
                count += width;
                while count >= 8 {
                    delta.push(held as u8);
                    held >>= 8;
                    count -= 8;
                }
            }
            if count > 0 {
                delta.push(held as u8);
            }
        }
    }
}

fn tag(delta: &mut Vec<u8>, what: u32, n: u32) {
    let mut left = (n << 2) | what;
    while left > 0x7f {
        delta.push((left & 0x7f) as u8 | 0x80);
        left >>= 7;
    }
    delta.push(left as u8);
}
