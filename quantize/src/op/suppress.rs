//! Boxes that do not overlap, the best of each class first.

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

/// Boxes `[N, count, 4]` and scores `[N, classes, count]` -> `[N * classes * limit, 3]`, int32: batch, class and number of each
/// box that is like no better one of its class; rows of −1 behind the last one.
#[derive(Clone, Debug, PartialEq)]
pub struct Suppress {
    /// Most boxes of a class.
    pub limit: usize,
    /// Boxes are alike that share more than this part of what they cover together.
    pub likeness_max: f32,
    /// Scores have to be greater; −∞ for all.
    pub score_min: f32,
    /// Whether a box is x and y of its center, width and height; else two corners, y first.
    pub is_centered: bool,
}

impl Operator for Suppress {
    fn name(&self) -> &'static str {
        "Suppress"
    }

    fn write_attributes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Suppress { limit, likeness_max, score_min, is_centered } = self;
        write!(f, " limit {limit} likeness {likeness_max} score {score_min}")?;
        if *is_centered { write!(f, " centered") } else { Ok(()) }
    }

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<Shape>, ShapeError> {
        let [boxes, scores] = operands::two(inputs)?;
        let (&[batches, count, 4], &[score_batches, classes, score_count]) = (boxes, scores) else {
            return fail(format!("takes boxes {boxes:?} and scores {scores:?}; [N, boxes, 4] and [N, classes, boxes] are needed"));
        };
        if (batches, count) != (score_batches, score_count) || self.limit == 0 {
            return fail(format!("takes {} of boxes {boxes:?} with scores {scores:?}", self.limit));
        }
        if self.likeness_max.is_nan() || self.score_min.is_nan() {
            return fail("has a threshold that is no number".into());
        }
        let rows = batches.checked_mul(classes).and_then(|lines| lines.checked_mul(self.limit));
        let shape = vec![rows.unwrap_or(usize::MAX), 3];
        checked_len(&shape)?;
        Ok(vec![shape])
    }

    fn check_types(&self, inputs: &[&Value], outputs: &[&Value]) -> Result<(), String> {
        inputs.iter().try_for_each(|input| types::expect(input, &[DType::F32]))?;
        types::expect(outputs[0], &[DType::I32])
    }

    fn evaluate(&self, inputs: &[Real<'_>], shapes: &[&[usize]]) -> Reals {
        let &[boxes, scores] = inputs else { return None };
        let &[_, classes, count] = scores.shape else { return None };
        let mut rows = Vec::new();
        for (line, scores) in scores.data.chunks(count).enumerate() {
            let (batch, class) = (line / classes, line % classes);
            let corners = |number: usize| {
                let own: [f32; 4] = core::array::from_fn(|at| boxes.data[(batch * count + number) * 4 + at]);
                if self.is_centered { Corners::around(own) } else { Corners::of(own) }
            };
            let is_wanted = |score: f32| score > self.score_min || self.score_min == f32::NEG_INFINITY;
            for number in best_first(scores, is_wanted, &corners, (self.limit, self.likeness_max)) {
                rows.extend([batch as f32, class as f32, number as f32]);
            }
        }
        rows.resize(shapes[0].iter().product(), -1.0);
        Some(vec![rows])
    }

    fn fills_rows(&self) -> bool {
        true
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
        let [batches, classes, count] = site.axes::<3>(1)?;
        let record = records::Suppress {
            batches: narrow(batches, "the number of images")?,
            classes: narrow(classes, "the number of classes")?,
            count: narrow(count, "the number of boxes")?,
            limit: narrow(self.limit, "the number of boxes")?,
            likeness_max: self.likeness_max,
            score_min: self.score_min,
            is_centered: self.is_centered.into(),
            reserved: [0; 3],
        };
        let reads = site.reads()?;
        site.emit(Emission { reads, ..Emission::new(OpCode::Suppress, record, Overlap::Never) });
        Ok(())
    }
}

impl Parameters for records::Suppress {
    fn shapes(&self) -> Shapes {
        let rows = self.batches.saturating_mul(self.classes).saturating_mul(self.limit);
        Shapes::of(&[self.batches, self.count, 4], &[rows, 3])
    }

    fn access(&self, _head: Head) -> Access<'_> {
        Access::Apart
    }

    fn operand_lens(&self) -> Vec<usize> {
        let scores = [self.batches, self.classes, self.count].map(|extent| extent as usize);
        vec![self.shapes().input.iter().product(), scores.iter().product()]
    }
}
