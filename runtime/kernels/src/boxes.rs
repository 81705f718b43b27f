//! Boxes of detectors that do not overlap, the best first.
//!
//! - Boxes are compared by the area that two share over the area that they cover together. Of two that are more alike than a
//!   threshold, that of the lesser score goes; of equal scores, the later box. Boxes without an area are like no other.
//! - NaN is no score: such a box is never taken.
//! - Nothing is kept between: the best box is looked for among all that come after the one before, so that a class takes as
//!   many walks over its scores as boxes are looked at. The result shares no memory with an operand.
//!
//! Suppress, as ONNX's NonMaxSuppression:
//!
//! - `boxes: [batches, count, 4]`, `scores: [batches, classes, count]`, `output: [batches * classes * limit, 3]`, int32.
//! - For each batch and each class, at most `limit` boxes whose score is greater than `score_min` (all, when that is −∞):
//!   batch, class and number of the box. Behind the last one all rows are −1.
//!
//! Detect, as TFLite_Detection_PostProcess:
//!
//! - `encodings: [count, 4]` are y, x, height and width of a box relative to those of its anchor, `anchors: [count, 4]`:
//!   `y = e.y / scale.y * a.h + a.y`, `h = exp(e.h / scale.h) * a.h`, likewise x and width.
//! - `scores: [count, columns]`, of which the last `classes` count, and those that are at least `score_min`.
//! - The output is `[limit * per_box, 4]` corners `y - h / 2, x - w / 2, y + h / 2, x + w / 2`, then as many classes, then as
//!   many scores, then how many there are, all as floats; what is behind the last one is 0.
//! - Either each class has its boxes, at most `per_class`, and the best `limit` of all are taken; or boxes are chosen by
//!   their best class, and each has its best `per_box` classes.

use crate::float_math::exp;
use crate::io::{range, volume};

/// The sides of a box.
#[derive(Clone, Copy)]
struct Sides {
    low: [f32; 2],
    high: [f32; 2],
}

impl Sides {
    /// Between two corners, in any order.
    fn of_corners([y0, x0, y1, x1]: [f32; 4]) -> Self {
        let least = |a: f32, b: f32| if b < a { b } else { a };
        let most = |a: f32, b: f32| if b > a { b } else { a };
        Sides { low: [least(y0, y1), least(x0, x1)], high: [most(y0, y1), most(x0, x1)] }
    }

    fn area(self) -> f32 {
        let [[y0, x0], [y1, x1]] = [self.low, self.high];
        (y1 - y0) * (x1 - x0)
    }

    /// Whether both share more than `part` of what they cover together.
    fn is_like(self, other: Sides, part: f32) -> bool {
        let [[ay0, ax0], [ay1, ax1]] = [self.low, self.high];
        let [[by0, bx0], [by1, bx1]] = [other.low, other.high];
        let between = |low: [f32; 2], high: [f32; 2]| {
            let [low_a, low_b] = low;
            let [high_a, high_b] = high;
            let low = if low_b > low_a { low_b } else { low_a };
            let high = if high_b < high_a { high_b } else { high_a };
            high - low
        };
        let (height, width) = (between([ay0, by0], [ay1, by1]), between([ax0, bx0], [ax1, bx1]));
        let (a, b) = (self.area(), other.area());
        if !(height > 0.0 && width > 0.0 && a > 0.0 && b > 0.0) {
            return false;
        }
        let shared = height * width;
        shared / (a + b - shared) > part
    }
}

/// A box's score and its number.
type Scored = (f32, usize);

/// True when `a` comes before `b`.
fn is_before(a: Scored, b: Scored) -> bool {
    a.0 > b.0 || (a.0 == b.0 && a.1 < b.1)
}

/// The best of those behind `previous`.
fn next(scores: impl Iterator<Item = f32>, previous: Option<Scored>) -> Option<Scored> {
    let scored = scores.enumerate().map(|(number, score)| (score, number)).filter(|(score, _)| !score.is_nan());
    scored
        .filter(|&scored| previous.is_none_or(|previous| is_before(previous, scored)))
        .reduce(|best, scored| if is_before(scored, best) { scored } else { best })
}

/// The four numbers of a box.
fn numbers(boxes: &[f32], number: usize) -> [f32; 4] {
    boxes.get(number.wrapping_mul(4)..).and_then(|rest| rest.first_chunk()).copied().unwrap_or_default()
}

/// See the module's head.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Suppress {
    /// Images.
    pub batches: usize,
    /// Classes.
    pub classes: usize,
    /// Boxes of an image.
    pub count: usize,
    /// Most boxes of a class that are taken.
    pub limit: usize,
    /// Boxes are alike that share more than this part.
    pub likeness_max: f32,
    /// Scores have to be greater.
    pub score_min: f32,
    /// Whether a box is x and y of its center, width and height; else two corners, y first.
    pub is_centered: bool,
}

impl Suppress {
    /// Boxes, scores and rows of the result; `None` when a number does not hold them.
    pub fn lens(&self) -> Option<[usize; 3]> {
        let boxes = self.batches.checked_mul(self.count)?.checked_mul(4)?;
        let lines = self.batches.checked_mul(self.classes)?;
        let result = lines.checked_mul(self.limit)?.checked_mul(3)?;
        Some([boxes, lines.checked_mul(self.count)?, result])
    }

    fn sides(&self, boxes: &[f32], number: usize) -> Sides {
        let [a, b, c, d] = numbers(boxes, number);
        if !self.is_centered {
            return Sides::of_corners([a, b, c, d]);
        }
        let (half_width, half_height) = (c / 2.0, d / 2.0);
        Sides { low: [b - half_height, a - half_width], high: [b + half_height, a + half_width] }
    }

    /// Writes the boxes of a class to rows from `first` on, and tells the row behind them.
    fn class(
        &self,
        [batch, class]: [usize; 2],
        boxes: &[f32],
        scores: &[f32],
        rows: &mut [i32],
        first: usize,
    ) -> usize {
        let mut end = first;
        let mut previous = None;
        while end.wrapping_sub(first) < self.limit {
            previous = next(scores.iter().copied(), previous)
                .filter(|&(score, _)| score > self.score_min || self.score_min == f32::NEG_INFINITY);
            let Some((_, number)) = previous else { break };
            let sides = self.sides(boxes, number);
            let taken = range(rows, first.wrapping_mul(3), end.wrapping_sub(first).wrapping_mul(3)).as_chunks::<3>().0;
            let is_like = |[_, _, other]: &[i32; 3]| {
                usize::try_from(*other).is_ok_and(|other| sides.is_like(self.sides(boxes, other), self.likeness_max))
            };
            if taken.iter().any(is_like) {
                continue;
            }
            if let Some(row) = rows.get_mut(end.wrapping_mul(3)..).and_then(|rest| rest.first_chunk_mut()) {
                // Numbers of a record have 32 bits, and no memory holds as many boxes.
                *row = [batch as i32, class as i32, number as i32];
            }
            end = end.wrapping_add(1);
        }
        end
    }
}

/// Computes the rows. False, and nothing is written, when a slice is too short. No scratch.
pub fn suppress(layer: &Suppress, boxes: &[f32], scores: &[f32], y: &mut [i32]) -> bool {
    let is_long = |[a, b, c]: [usize; 3]| boxes.len() >= a && scores.len() >= b && y.len() >= c;
    if !layer.lens().is_some_and(|lens| is_long(lens) && !lens.contains(&0)) {
        return false;
    }
    y.fill(-1);
    let mut row = 0;
    for batch in 0..layer.batches {
        let boxes = range(boxes, volume([batch, layer.count, 4]), layer.count.wrapping_mul(4));
        for class in 0..layer.classes {
            let line = batch.wrapping_mul(layer.classes).wrapping_add(class);
            let scores = range(scores, line.wrapping_mul(layer.count), layer.count);
            row = layer.class([batch, class], boxes, scores, y, row);
        }
    }
    true
}

/// See the module's head.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Detect {
    /// Boxes.
    pub count: usize,
    /// Scores of a box.
    pub columns: usize,
    /// How many of them, the last ones, are those of classes.
    pub classes: usize,
    /// Most boxes that are taken.
    pub limit: usize,
    /// Classes of a box, where boxes are chosen by their best one.
    pub per_box: usize,
    /// Most boxes of a class, where each class has its own.
    pub per_class: usize,
    /// Scores are at least that.
    pub score_min: f32,
    /// Boxes are alike that share more than this part.
    pub likeness_max: f32,
    /// Scales of y, x, height and width.
    pub scales: [f32; 4],
    /// Whether each class has its own boxes.
    pub is_by_class: bool,
}

/// The parts of a result.
struct Found<'a> {
    boxes: &'a mut [[f32; 4]],
    classes: &'a mut [f32],
    scores: &'a mut [f32],
    len: usize,
}

impl Detect {
    /// How many boxes the result has room for.
    fn room(&self) -> Option<usize> {
        self.limit.checked_mul(self.per_box)
    }

    /// Encodings, scores and elements of the result; `None` when a number does not hold them.
    pub fn lens(&self) -> Option<[usize; 3]> {
        let result = self.room()?.checked_mul(6)?.checked_add(1)?;
        Some([self.count.checked_mul(4)?, self.count.checked_mul(self.columns)?, result])
    }

    /// The corners of box `number`.
    fn corners(&self, encodings: &[f32], anchors: &[f32], number: usize) -> [f32; 4] {
        let ([y, x, h, w], [ay, ax, ah, aw]) = (numbers(encodings, number), numbers(anchors, number));
        let [y_scale, x_scale, h_scale, w_scale] = self.scales;
        let (y, x) = (y / y_scale * ah + ay, x / x_scale * aw + ax);
        let (half_h, half_w) = (0.5 * exp(h / h_scale) * ah, 0.5 * exp(w / w_scale) * aw);
        [y - half_h, x - half_w, y + half_h, x + half_w]
    }

    /// The scores of a box's classes.
    fn scores<'s>(&self, scores: &'s [f32], number: usize) -> &'s [f32] {
        let first = self.columns.saturating_sub(self.classes);
        range(scores, number.wrapping_mul(self.columns).wrapping_add(first), self.classes)
    }

    /// Chooses boxes class by class.
    fn by_class(&self, scores: &[f32], corners: &impl Fn(usize) -> [f32; 4], found: &mut Found<'_>) {
        for class in 0..self.classes {
            let of_class = |number: usize| self.scores(scores, number).get(class).copied().unwrap_or(f32::NAN);
            let mut previous = None;
            let mut taken: usize = 0;
            while taken < self.per_class {
                previous = next((0..self.count).map(of_class), previous).filter(|&(score, _)| score >= self.score_min);
                let Some((score, number)) = previous else { break };
                let sides = Sides::of_corners(corners(number));
                let len = found.len;
                let mut others = found.boxes.iter().zip(&*found.classes).take(len);
                if others.any(|(other, of)| {
                    *of == class as f32 && sides.is_like(Sides::of_corners(*other), self.likeness_max)
                }) {
                    continue;
                }
                // What comes later in a class has less, so that no room for this one is none for the rest.
                if !found.insert(self.limit, score, class, corners(number)) {
                    break;
                }
                taken = taken.wrapping_add(1);
            }
        }
    }

    /// Chooses boxes by their best class.
    fn by_box(&self, scores: &[f32], corners: &impl Fn(usize) -> [f32; 4], found: &mut Found<'_>) {
        let best = |number: usize| {
            let of_box = self.scores(scores, number).iter().copied();
            of_box.reduce(|best, score| if score > best || best.is_nan() { score } else { best }).unwrap_or(f32::NAN)
        };
        let mut previous = None;
        while found.len < self.limit {
            previous = next((0..self.count).map(best), previous).filter(|&(score, _)| score >= self.score_min);
            let Some((_, number)) = previous else { break };
            let own = corners(number);
            let others = found.boxes.iter().step_by(self.per_box.max(1)).take(found.len);
            let is_like =
                |other: &[f32; 4]| Sides::of_corners(own).is_like(Sides::of_corners(*other), self.likeness_max);
            if others.into_iter().any(is_like) {
                continue;
            }
            let first = found.len.wrapping_mul(self.per_box);
            let mut class = None;
            for column in 0..self.per_box.min(self.classes) {
                class = next(self.scores(scores, number).iter().copied(), class);
                let (score, class) = class.unwrap_or((0.0, 0));
                found.set(first.wrapping_add(column), (score, class as f32, own));
            }
            found.len = found.len.wrapping_add(1);
        }
    }
}

impl Found<'_> {
    fn set(&mut self, at: usize, (score, class, corners): (f32, f32, [f32; 4])) {
        let places = (self.scores.get_mut(at), self.classes.get_mut(at), self.boxes.get_mut(at));
        if let (Some(to_score), Some(to_class), Some(to_box)) = places {
            (*to_score, *to_class, *to_box) = (score, class, corners);
        }
    }

    fn get(&self, at: usize) -> (f32, f32, [f32; 4]) {
        let number = |list: &[f32]| list.get(at).copied().unwrap_or_default();
        (number(self.scores), number(self.classes), self.boxes.get(at).copied().unwrap_or_default())
    }

    /// Adds a box behind those that are not less, of which at most `limit` stay; false when it does not.
    fn insert(&mut self, limit: usize, score: f32, class: usize, corners: [f32; 4]) -> bool {
        let before = self.scores.iter().take(self.len).take_while(|other| **other >= score).count();
        if before >= limit {
            return false;
        }
        self.len = self.len.wrapping_add(1).min(limit);
        for at in (before.wrapping_add(1)..self.len).rev() {
            self.set(at, self.get(at.wrapping_sub(1)));
        }
        self.set(before, (score, class as f32, corners));
        true
    }
}

/// Computes the detections. False, and nothing is written, when a slice is too short. No scratch.
pub fn detect(layer: &Detect, encodings: &[f32], scores: &[f32], anchors: &[f32], y: &mut [f32]) -> bool {
    let is_long =
        |[a, b, c]: [usize; 3]| encodings.len() >= a && anchors.len() >= a && scores.len() >= b && y.len() >= c;
    let fits = layer.lens().is_some_and(|lens| is_long(lens) && !lens.contains(&0));
    let (Some(room), true) = (layer.room(), fits && layer.classes <= layer.columns) else { return false };
    y.fill(0.0);
    let Some((boxes, rest)) = y.split_at_mut_checked(room.wrapping_mul(4)) else { return false };
    let Some((classes, rest)) = rest.split_at_mut_checked(room) else { return false };
    let Some((found_scores, count)) = rest.split_at_mut_checked(room) else { return false };
    let mut found = Found { boxes: boxes.as_chunks_mut().0, classes, scores: found_scores, len: 0 };
    let corners = |number: usize| layer.corners(encodings, anchors, number);
    if layer.is_by_class {
        layer.by_class(scores, &corners, &mut found);
    } else {
        layer.by_box(scores, &corners, &mut found);
    }
    if let Some(count) = count.first_mut() {
        *count = found.len as f32;
    }
    true
}
