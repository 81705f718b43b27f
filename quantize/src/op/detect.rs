//! Detections: boxes relative to anchors, with scores of classes, of which the best that do not overlap are taken.

use core::fmt;

use kinglet_blob::{OpCode, records};

use super::common::boxes::{Corners, best_first};
use super::common::real::{Real, Reals};
use super::common::{operands, types};
use super::lowering::{Emission, Reason, Site, narrow};
use super::operator::Operator;
use super::rule::layout::LayoutRule;
use super::rule::quantization::{Codes, End, Scaling};
use crate::record::{Access, Head, Overlap, Parameters, Shapes};
use crate::value::{DType, Shape, ShapeError, Value, checked_len, fail};

/// Encodings `[count, 4]`, scores `[count, columns]` and anchors `[count, 4]` -> as many corners as there is room for, `[room, 4]`,
/// then as many classes, then as many scores, then how many there are, all in one line.
#[derive(Clone, Debug, PartialEq)]
pub struct Detect {
    /// How many of a box's scores, the last ones, are those of classes.
    pub classes: usize,
    /// Most boxes that are taken.
    pub limit: usize,
    /// Classes of a box, where boxes are chosen by their best one.
    pub per_box: usize,
    /// Most boxes of a class, where each class has its own.
    pub per_class: usize,
    /// Scores are at least that.
    pub score_min: f32,
    /// Boxes are alike that share more than this part of what they cover together.
    pub likeness_max: f32,
    /// Scales of y, x, height and width.
    pub scales: [f32; 4],
    /// Whether each class has its own boxes.
    pub is_by_class: bool,
}

impl Detect {
    /// How many boxes there is room for.
    pub(crate) fn room(&self) -> usize {
        self.limit.saturating_mul(self.per_box)
    }
}

impl Operator for Detect {
    fn name(&self) -> &'static str {
        "Detect"
    }

    fn write_attributes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Detect { classes, limit, per_box, per_class, score_min, likeness_max, scales, is_by_class } = self;
        write!(f, " classes {classes} limit {limit} score {score_min} likeness {likeness_max} scales {scales:?}")?;
        if *is_by_class { write!(f, " per class {per_class}") } else { write!(f, " per box {per_box}") }
    }

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<Shape>, ShapeError> {
        let [encodings, scores, anchors] = operands::three(inputs)?;
        let (&[count, 4], &[score_count, columns], &[anchor_count, 4]) = (encodings, scores, anchors) else {
            return fail(format!("takes boxes {encodings:?}, scores {scores:?} and anchors {anchors:?}"));
        };
        if [score_count, anchor_count] != [count; 2] || !(1..=columns).contains(&self.classes) || self.per_class == 0 {
            return fail(format!("takes boxes {encodings:?} of {} classes, scores {scores:?} and anchors {anchors:?}", self.classes));
        }
        let is_scale = |scale: &f32| scale.is_finite() && *scale != 0.0;
        if !self.scales.iter().all(is_scale) || self.score_min.is_nan() || self.likeness_max.is_nan() {
            return fail(format!("has scales {:?} or a threshold that is no number", self.scales));
        }
        let shape = vec![self.room().saturating_mul(6).saturating_add(1)];
        if self.room() == 0 {
            return fail("has no room for a box".into());
        }
        checked_len(&shape)?;
        Ok(vec![shape])
    }

    fn check_types(&self, inputs: &[&Value], outputs: &[&Value]) -> Result<(), String> {
        inputs.iter().chain(outputs).try_for_each(|value| types::expect(value, &[DType::F32]))
    }

    fn evaluate(&self, inputs: &[Real<'_>], _shapes: &[&[usize]]) -> Reals {
        let &[encodings, scores, anchors] = inputs else { return None };
        let (count, columns) = (scores.shape[0], scores.shape[1]);
        let score = |number: usize, class: usize| scores.data[number * columns + columns - self.classes + class];
        let corners = |number: usize| -> [f32; 4] {
            let at = |data: &[f32], side: usize| f64::from(data[4 * number + side]);
            let side = |axis: usize, sign: f64| {
                let [center, size] = [axis, axis + 2].map(|side| at(encodings.data, side) / f64::from(self.scales[side]));
                let (place, extent) = (at(anchors.data, axis), at(anchors.data, axis + 2));
                (center * extent + place + sign * 0.5 * size.exp() * extent) as f32
            };
            [side(0, -1.0), side(1, -1.0), side(0, 1.0), side(1, 1.0)]
        };
        let is_wanted = |score: f32| score >= self.score_min;
        let best = |scores: &[f32], limit: usize| {
            best_first(scores, is_wanted, &|number| Corners::of(corners(number)), (limit, self.likeness_max))
        };
        let mut found: Vec<Option<(f32, usize, usize)>> = Vec::new();
        if self.is_by_class {
            for class in 0..self.classes {
                let scores: Vec<f32> = (0..count).map(|number| score(number, class)).collect();
                let own = best(&scores, self.per_class).into_iter().map(|number| Some((scores[number], class, number)));
                found.extend(own);
            }
            found.sort_by(|a, b| b.map_or(0.0, |b| b.0).total_cmp(&a.map_or(0.0, |a| a.0)));
            found.truncate(self.limit);
        } else {
            let line = |number: usize| (0..self.classes).map(move |class| score(number, class));
            let scores: Vec<f32> = (0..count).map(|number| line(number).fold(f32::NAN, f32::max)).collect();
            for number in best(&scores, self.limit) {
                let mut classes: Vec<usize> = (0..self.classes).collect();
                classes.sort_by(|&a, &b| score(number, b).total_cmp(&score(number, a)));
                let own = (0..self.per_box).map(|at| classes.get(at).map(|&class| (score(number, class), class, number)));
                found.extend(own);
            }
        }
        let filled = |mut list: Vec<f32>, width: usize| {
            list.resize(width * self.room(), 0.0);
            list
        };
        let corners_of = |found: &Option<(f32, usize, usize)>| found.map_or([0.0; 4], |(_, _, number)| corners(number));
        let boxes = filled(found.iter().flat_map(corners_of).collect(), 4);
        let classes = filled(found.iter().map(|found| found.map_or(0.0, |(_, class, _)| class as f32)).collect(), 1);
        let scores = filled(found.iter().map(|found| found.map_or(0.0, |(score, ..)| score)).collect(), 1);
        let count = if self.is_by_class { found.len() } else { found.len() / self.per_box };
        Some(vec![[boxes, classes, scores, vec![count as f32]].concat()])
    }

    fn layout(&mut self) -> LayoutRule<'_> {
        LayoutRule::Fixed
    }

    fn stays_on_floats(&self) -> bool {
        true
    }

    fn codes(&self) -> Codes {
        Codes::Rescaled
    }

    fn scale_floors(&self, _scaling: &dyn Scaling) -> Vec<(End, f32)> {
        Vec::new()
    }

    fn lower(&self, site: &mut Site<'_>) -> Result<(), Reason> {
        let [count, columns] = site.axes::<2>(1)?;
        let record = records::Detect {
            count: narrow(count, "the number of boxes")?,
            columns: narrow(columns, "the number of scores")?,
            classes: narrow(self.classes, "the number of classes")?,
            limit: narrow(self.limit, "the number of boxes")?,
            per_box: narrow(self.per_box, "the number of classes")?,
            per_class: narrow(self.per_class, "the number of boxes")?,
            score_min: self.score_min,
            likeness_max: self.likeness_max,
            scales: self.scales,
            is_by_class: self.is_by_class.into(),
            reserved: [0; 3],
        };
        let reads = site.reads()?;
        site.emit(Emission { reads, ..Emission::new(OpCode::Detect, record, Overlap::Never) });
        Ok(())
    }
}

impl Parameters for records::Detect {
    fn shapes(&self) -> Shapes {
        let len = self.limit.saturating_mul(self.per_box).saturating_mul(6).saturating_add(1);
        Shapes::of(&[self.count, 4], &[len])
    }

    fn access(&self, _head: Head) -> Access<'_> {
        Access::Apart
    }

    fn operand_lens(&self) -> Vec<usize> {
        let (count, columns) = (self.count as usize, self.columns as usize);
        vec![4 * count, columns * count, 4 * count]
    }
}
