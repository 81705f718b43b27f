//! Suppress, Detect: boxes that do not overlap.

use kinglet_blob::records::{Detect, Suppress};
use kinglet_blob::{DType, OpCode, Operand, Operands};
use kinglet_kernels::float_math::exp;

use super::{read_f32, write_f32};
use crate::Program;
use crate::program::Apply;

/// Low and high y and x of a box.
type Sides = [[f32; 2]; 2];

/// Whether both share more than `part`, by the definition.
fn is_like([a_low, a_high]: Sides, [b_low, b_high]: Sides, part: f32) -> bool {
    let area = |low: [f32; 2], high: [f32; 2]| (high[0] - low[0]) * (high[1] - low[1]);
    let side = |axis: usize| a_high[axis].min(b_high[axis]) - a_low[axis].max(b_low[axis]);
    let (height, width, a, b) = (side(0), side(1), area(a_low, a_high), area(b_low, b_high));
    if height <= 0.0 || width <= 0.0 || a <= 0.0 || b <= 0.0 {
        return false;
    }
    let shared = height * width;
    shared / (a + b - shared) > part
}

/// The numbers of the boxes that are taken, the best first.
fn taken(scores: &[f32], is_wanted: impl Fn(f32) -> bool, sides: &[Sides], (limit, part): (usize, f32)) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).filter(|&number| is_wanted(scores[number])).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let mut taken: Vec<usize> = Vec::new();
    for number in order {
        if taken.len() < limit && !taken.iter().any(|&other| is_like(sides[number], sides[other], part)) {
            taken.push(number);
        }
    }
    taken
}

fn between(y0: f32, x0: f32, y1: f32, x1: f32) -> Sides {
    [[y0.min(y1), x0.min(x1)], [y0.max(y1), x0.max(x1)]]
}

impl Program {
    /// Boxes of each class.
    pub(crate) fn suppress(&mut self, [boxes, scores]: [u32; 2], output: u32, record: Suppress) {
        let place = |offset: u32, dtype: DType| Operand { offset, ..Operand::unplaced(dtype) };
        let operands = Operands {
            inputs: vec![place(boxes, DType::F32), place(scores, DType::F32)],
            outputs: vec![place(output, DType::I32)],
            ..Operands::default()
        };
        let [batches, classes, count, limit] =
            [record.batches, record.classes, record.count, record.limit].map(|number| number as usize);
        let reference: Apply = Box::new(move |arena| {
            let all = read_f32(arena, boxes, batches * count * 4);
            let scores = read_f32(arena, scores, batches * classes * count);
            let mut rows: Vec<i32> = Vec::new();
            for (line, scores) in scores.chunks(count).enumerate() {
                let (batch, class) = (line / classes, line % classes);
                let sides: Vec<Sides> = (0..count)
                    .map(|number| {
                        let [a, b, c, d] = *all[(batch * count + number) * 4..].first_chunk().expect("four numbers");
                        if record.is_centered == 0 {
                            return between(a, b, c, d);
                        }
                        [[b - d / 2.0, a - c / 2.0], [b + d / 2.0, a + c / 2.0]]
                    })
                    .collect();
                let is_wanted = |score: f32| score > record.score_min;
                let found = taken(scores, is_wanted, &sides, (limit, record.likeness_max));
                rows.extend(found.into_iter().flat_map(|number| [batch, class, number].map(|each| each as i32)));
            }
            rows.resize(batches * classes * limit * 3, -1);
            let bytes = rows.iter().flat_map(|row| row.to_le_bytes());
            arena[output as usize..].iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
        });
        self.push(OpCode::Suppress, &operands, &record, reference);
    }

    /// Detections, with random anchors.
    pub(crate) fn detect(&mut self, [encodings, scores]: [u32; 2], output: u32, record: Detect) {
        let count = record.count as usize;
        let anchor = |_| [0, 0, 1, 1].map(|least| self.random.range(least * 10, 100) as f32 / 100.0);
        let anchors: Vec<f32> = (0..count).flat_map(anchor).collect();
        let bytes: Vec<u8> = anchors.iter().flat_map(|number| number.to_le_bytes()).collect();
        let place = |offset: u32| Operand { offset, ..Operand::unplaced(DType::F32) };
        let constant = Operand::constant(DType::F32, self.constants(&bytes));
        let operands = Operands {
            inputs: vec![place(encodings), place(scores), constant],
            outputs: vec![place(output)],
            ..Operands::default()
        };
        let reference: Apply = Box::new(move |arena| {
            let encodings = read_f32(arena, encodings, 4 * count);
            let scores = read_f32(arena, scores, count * record.columns as usize);
            write_f32(arena, output, &detections(&record, &encodings, &scores, &anchors));
        });
        self.push(OpCode::Detect, &operands, &record, reference);
    }
}

/// Corners, classes and scores, and how many there are.
fn detections(record: &Detect, encodings: &[f32], scores: &[f32], anchors: &[f32]) -> Vec<f32> {
    let [count, columns, classes] = [record.count, record.columns, record.classes].map(|number| number as usize);
    let [limit, per_box, per_class] = [record.limit, record.per_box, record.per_class].map(|number| number as usize);
    let score = |number: usize, class: usize| scores[number * columns + columns - classes + class];
    let corners = |number: usize| -> [f32; 4] {
        let (e, a, scales) = (&encodings[4 * number..][..4], &anchors[4 * number..][..4], record.scales);
        let (y, x) = (e[0] / scales[0] * a[2] + a[0], e[1] / scales[1] * a[3] + a[1]);
        let (h, w) = (0.5 * exp(e[2] / scales[2]) * a[2], 0.5 * exp(e[3] / scales[3]) * a[3]);
        [y - h, x - w, y + h, x + w]
    };
    let sides: Vec<Sides> = (0..count).map(corners).map(|[y0, x0, y1, x1]| between(y0, x0, y1, x1)).collect();
    let best = |scores: &[f32], limit: usize| {
        taken(scores, |score| score >= record.score_min, &sides, (limit, record.likeness_max))
    };
    let room = limit * per_box;
    let mut all = vec![0.0; 6 * room + 1];
    let mut set = |at: usize, score: f32, class: usize, number: usize| {
        all[4 * at..][..4].copy_from_slice(&corners(number));
        all[4 * room + at] = class as f32;
        all[5 * room + at] = score;
    };
    let found = if record.is_by_class != 0 {
        let mut found: Vec<(f32, usize, usize)> = Vec::new();
        for class in 0..classes {
            let scores: Vec<f32> = (0..count).map(|number| score(number, class)).collect();
            found.extend(best(&scores, per_class).into_iter().map(|number| (scores[number], class, number)));
        }
        found.sort_by(|a, b| b.0.total_cmp(&a.0));
        found.truncate(limit);
        found.iter().enumerate().for_each(|(at, &(score, class, number))| set(at, score, class, number));
        found.len()
    } else {
        let scores: Vec<f32> =
            (0..count).map(|number| (0..classes).map(|class| score(number, class)).fold(f32::MIN, f32::max)).collect();
        let found = best(&scores, limit);
        for (row, &number) in found.iter().enumerate() {
            let mut order: Vec<usize> = (0..classes).collect();
            order.sort_by(|&a, &b| score(number, b).total_cmp(&score(number, a)));
            for (column, &class) in order.iter().take(per_box).enumerate() {
                set(row * per_box + column, score(number, class), class, number);
            }
        }
        found.len()
    };
    all[6 * room] = found as f32;
    all
}
