//! Boxes that share less than a part of what they cover together, by the definition.

/// The sides of a box.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Corners {
    low: [f32; 2],
    high: [f32; 2],
}

impl Corners {
    /// Between two corners, y first, in any order.
    pub(crate) fn of([y0, x0, y1, x1]: [f32; 4]) -> Self {
        Corners { low: [y0.min(y1), x0.min(x1)], high: [y0.max(y1), x0.max(x1)] }
    }

    /// Around a center, x first, with a width and a height.
    pub(crate) fn around([x, y, width, height]: [f32; 4]) -> Self {
        Corners { low: [y - height / 2.0, x - width / 2.0], high: [y + height / 2.0, x + width / 2.0] }
    }

    fn area(self) -> f32 {
        (self.high[0] - self.low[0]) * (self.high[1] - self.low[1])
    }

    fn is_like(self, other: Corners, part: f32) -> bool {
        let side = |axis: usize| self.high[axis].min(other.high[axis]) - self.low[axis].max(other.low[axis]);
        let (height, width) = (side(0), side(1));
        if !(height > 0.0 && width > 0.0 && self.area() > 0.0 && other.area() > 0.0) {
            return false;
        }
        let shared = height * width;
        shared / (self.area() + other.area() - shared) > part
    }
}

/// The numbers of at most `limit` boxes with a wanted score, the best first, none of which is like a better one.
pub(crate) fn best_first(
    scores: &[f32],
    is_wanted: impl Fn(f32) -> bool,
    corners: &impl Fn(usize) -> Corners,
    (limit, part): (usize, f32),
) -> Vec<usize> {
    let mut order: Vec<usize> =
        (0..scores.len()).filter(|&number| !scores[number].is_nan() && is_wanted(scores[number])).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let mut taken: Vec<usize> = Vec::new();
    for number in order {
        if taken.len() < limit && !taken.iter().any(|&other| corners(number).is_like(corners(other), part)) {
            taken.push(number);
        }
    }
    taken
}
