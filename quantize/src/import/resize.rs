//! Where the indices of a resized axis lie in the original one, and what they are made of.
//!
//! Coordinates are computed in `f32`, as onnxruntime and TensorFlow Lite do: a half that is rounded to another side would
//! take another pixel.

/// How an index of the result becomes a coordinate of the operand, in ONNX's words.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Coordinates {
    HalfPixel,
    HalfPixelSymmetric,
    PytorchHalfPixel,
    AlignCorners,
    Asymmetric,
    /// Without the half that is subtracted: only for the nearest.
    TfHalfPixelForNearest,
    /// The part of the axis from one end to the other, in units of the axis.
    CropAndResize([f32; 2]),
}

/// An axis that is resized.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    pub(super) input: usize,
    pub(super) output: usize,
    /// Result over operand.
    pub(super) scale: f32,
    /// The result's extent before it was rounded down.
    pub(super) length: f32,
    pub(super) coordinates: Coordinates,
}

/// Which of two neighbors is the nearest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nearest {
    RoundPreferFloor,
    RoundPreferCeil,
    Floor,
    Ceil,
}

/// What an index is made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Filter {
    Linear,
    /// With its coefficient.
    Cubic(f32),
}

/// How a filter is applied.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sampling {
    pub(super) filter: Filter,
    /// Wider where the axis shrinks.
    pub(super) antialias: bool,
    /// Indices outside weigh nothing instead of repeating the edge.
    pub(super) exclude_outside: bool,
}

/// Weighted indices of an axis for each index of the result.
pub(super) type Taps = Vec<Vec<(usize, f32)>>;

impl Axis {
    /// The coordinate of index `at` of the result.
    pub(super) fn coordinate(&self, at: usize) -> f32 {
        let Axis { input, output, scale, length, coordinates } = *self;
        let (x, last) = (at as f32, input.saturating_sub(1) as f32);
        let output_last = length - 1.0;
        let half_pixel = (x + 0.5) / scale - 0.5;
        match coordinates {
            Coordinates::HalfPixel => half_pixel,
            Coordinates::HalfPixelSymmetric => {
                let adjustment = output as f32 / length;
                let center = input as f32 / 2.0;
                center * (1.0 - adjustment) + half_pixel
            }
            // Here the extent counts, a whole number; ONNX's cases have the others divide by the length.
            Coordinates::PytorchHalfPixel => {
                if output > 1 {
                    half_pixel
                } else {
                    0.0
                }
            }
            Coordinates::AlignCorners => {
                if length != 1.0 {
                    x * last / output_last
                } else {
                    0.0
                }
            }
            Coordinates::Asymmetric => x / scale,
            Coordinates::TfHalfPixelForNearest => (x + 0.5) / scale,
            Coordinates::CropAndResize([start, end]) if length != 1.0 => {
                start * last + x * (end - start) * last / output_last
            }
            Coordinates::CropAndResize([start, end]) => 0.5 * (start + end) * last,
        }
    }

    /// True for a coordinate that a crop takes from outside of the operand.
    pub(super) fn is_outside(&self, at: usize) -> bool {
        let x = self.coordinate(at);
        matches!(self.coordinates, Coordinates::CropAndResize(_))
            && (x < 0.0 || x > self.input.saturating_sub(1) as f32)
    }

    /// The nearest index of each index of the result.
    pub(super) fn nearest(&self, rule: Nearest) -> Vec<usize> {
        let nearest = |at: usize| {
            let x = self.coordinate(at);
            let rounded = match rule {
                Nearest::RoundPreferFloor => (x - 0.5).ceil(),
                Nearest::RoundPreferCeil => (x + 0.5).floor(),
                Nearest::Floor => x.floor(),
                Nearest::Ceil => x.ceil(),
            };
            (rounded.max(0.0) as usize).min(self.input.saturating_sub(1))
        };
        (0..self.output).map(nearest).collect()
    }

    /// The weighted indices of each index of the result; as many for each.
    pub(super) fn taps(&self, sampling: &Sampling) -> Taps {
        // Only what shrinks is filtered more widely.
        let scale = if sampling.antialias { self.scale.min(1.0) } else { 1.0 };
        let support = match sampling.filter {
            Filter::Linear => 1.0,
            Filter::Cubic(_) => 2.0,
        };
        let reach = (support / scale).ceil() as i64;
        (0..self.output).map(|at| self.taps_of(at, sampling, scale, reach)).collect()
    }

    fn taps_of(&self, at: usize, sampling: &Sampling, scale: f32, reach: i64) -> Vec<(usize, f32)> {
        let x = f64::from(self.coordinate(at));
        let (floor, last) = (x.floor(), self.input.saturating_sub(1) as i64);
        let ratio = x - floor;
        let offsets = (1 - reach)..=reach;
        let weight = |offset: i64| sampling.filter.weight((offset as f64 - ratio) * f64::from(scale));
        let mut taps: Vec<(i64, f64)> = offsets.map(|offset| (floor as i64 + offset, weight(offset))).collect();
        if sampling.exclude_outside {
            taps.iter_mut().filter(|(index, _)| !(0..=last).contains(index)).for_each(|tap| tap.1 = 0.0);
        }
        let sum: f64 = taps.iter().map(|(_, weight)| weight).sum();
        let divisor = if sum == 0.0 { 1.0 } else { sum };
        let scaled = |(index, weight): (i64, f64)| {
            let weight = if self.is_outside(at) { 0.0 } else { weight / divisor };
            (index.clamp(0, last) as usize, weight as f32)
        };
        taps.into_iter().map(scaled).collect()
    }
}

impl Filter {
    fn weight(self, distance: f64) -> f64 {
        let x = distance.abs();
        match self {
            Filter::Linear => (1.0 - x).max(0.0),
            Filter::Cubic(a) => {
                let a = f64::from(a);
                if x <= 1.0 {
                    ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
                } else if x < 2.0 {
                    ((x - 5.0) * x + 8.0) * x * a - 4.0 * a
                } else {
                    0.0
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(input: usize, output: usize, coordinates: Coordinates) -> Axis {
        Axis { input, output, scale: output as f32 / input as f32, length: output as f32, coordinates }
    }

    #[test]
    fn nearest_indices() {
        assert_eq!(axis(2, 4, Coordinates::HalfPixel).nearest(Nearest::RoundPreferFloor), [0, 0, 1, 1]);
        assert_eq!(axis(2, 6, Coordinates::Asymmetric).nearest(Nearest::Floor), [0, 0, 0, 1, 1, 1]);
        assert_eq!(axis(4, 2, Coordinates::AlignCorners).nearest(Nearest::Ceil), [0, 3]);
        assert_eq!(axis(3, 1, Coordinates::AlignCorners).nearest(Nearest::Ceil), [0]);
    }

    #[test]
    fn a_single_index_is_the_first_whatever_was_rounded_away() {
        let halved = Axis { scale: 0.5, length: 1.5, ..axis(3, 1, Coordinates::PytorchHalfPixel) };
        assert_eq!(halved.coordinate(0), 0.0);
    }

    #[test]
    fn linear_weights_lie_between_two_indices() {
        let plain = Sampling { filter: Filter::Linear, antialias: false, exclude_outside: false };
        let taps = axis(2, 4, Coordinates::HalfPixel).taps(&plain);
        assert_eq!(taps[0], [(0, 0.25), (0, 0.75)], "before the first one, which repeats");
        assert_eq!(taps[1], [(0, 0.75), (1, 0.25)]);
        assert_eq!(taps[3], [(1, 0.75), (1, 0.25)]);
        // Half as many: with antialiasing each looks at four.
        let wide = Sampling { antialias: true, ..plain };
        let taps = axis(4, 2, Coordinates::HalfPixel).taps(&wide);
        assert_eq!(taps[0].len(), 4);
        assert!((taps[0].iter().map(|tap| tap.1).sum::<f32>() - 1.0).abs() < 1e-6);
    }

    #[test]
    fn cubic_weights_interpolate() {
        let cubic = Sampling { filter: Filter::Cubic(-0.75), antialias: false, exclude_outside: false };
        // Where an index of the operand is met, it is taken.
        let taps = axis(4, 4, Coordinates::AlignCorners).taps(&cubic);
        for (at, taps) in taps.iter().enumerate() {
            let there: f32 = taps.iter().filter(|tap| tap.0 == at).map(|tap| tap.1).sum();
            assert!((there - 1.0).abs() < 1e-6, "{taps:?}");
        }
    }
}
