//! How far two outputs are apart.

/// Between int8 outputs, in quanta: steps of the output's scale.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QuantaDifference {
    /// Elements that differ at all.
    pub differing: usize,
    /// Elements.
    pub len: usize,
    /// The largest difference.
    pub largest: u32,
}

impl QuantaDifference {
    /// Of outputs of the same length; `None` when they are not.
    pub fn between(ours: &[i8], theirs: &[i8]) -> Option<Self> {
        let steps = || ours.iter().zip(theirs).map(|(our, their)| i32::from(*our).abs_diff(i32::from(*their)));
        (ours.len() == theirs.len()).then(|| QuantaDifference {
            differing: steps().filter(|step| *step > 0).count(),
            len: ours.len(),
            largest: steps().max().unwrap_or(0),
        })
    }
}

/// Between float outputs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FloatDifference {
    /// Elements.
    pub len: usize,
    /// The largest difference, divided by the largest magnitude of the whole output.
    pub of_output: f32,
    /// The largest difference of an element divided by its own magnitude: small probabilities count as much as large
    /// ones.
    pub of_element: f32,
}

impl FloatDifference {
    /// Of outputs of the same length; `None` when they are not. What is not finite on one side only, or differs in
    /// sign there, is infinitely far apart.
    pub fn between(ours: &[f32], theirs: &[f32]) -> Option<Self> {
        let magnitude = theirs.iter().fold(0f32, |largest, their| largest.max(their.abs()));
        let largest = |of: &dyn Fn(f32) -> f32| {
            let ratios = ours.iter().zip(theirs).map(|(our, their)| {
                let apart = (our - their).abs();
                let same = our == their || our.is_nan() && their.is_nan();
                let ratio = apart / of(*their);
                if same {
                    0.0
                } else if ratio.is_nan() {
                    f32::INFINITY
                } else {
                    ratio
                }
            });
            ratios.fold(0f32, f32::max)
        };
        (ours.len() == theirs.len()).then(|| FloatDifference {
            len: ours.len(),
            of_output: largest(&|_| magnitude),
            of_element: largest(&f32::abs),
        })
    }
}

/// The index of the largest element, and its lead over the next one; `None` below two elements.
pub fn top<T: PartialOrd + Copy + core::ops::Sub<Output = T>>(output: &[T]) -> Option<(usize, T)> {
    let first = (0..output.len()).reduce(|best, index| if output[index] > output[best] { index } else { best })?;
    let others = output.iter().enumerate().filter(|(index, _)| *index != first).map(|(_, value)| *value);
    let second = others.reduce(|best, value| if value > best { value } else { best })?;
    Some((first, output[first] - second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quanta_are_counted_across_the_whole_range() {
        let difference = QuantaDifference::between(&[-128, 0, 5], &[127, 0, 4]).unwrap();
        assert_eq!(difference, QuantaDifference { differing: 2, len: 3, largest: 255 });
        assert_eq!(QuantaDifference::between(&[0], &[0, 0]), None);
    }

    #[test]
    fn floats_are_compared_with_the_output_and_with_themselves() {
        let difference = FloatDifference::between(&[4.0, 0.5], &[4.0, 0.25]).unwrap();
        assert_eq!((difference.of_output, difference.of_element), (0.0625, 1.0));
        let zero = FloatDifference::between(&[0.0], &[0.0]).unwrap();
        assert_eq!((zero.of_output, zero.of_element), (0.0, 0.0));
    }

    #[test]
    fn what_is_not_finite_does_not_pass_for_equal() {
        for (ours, theirs) in [(f32::NAN, 1.0), (1.0, f32::NAN), (f32::INFINITY, f32::NEG_INFINITY), (1.0, 0.0)] {
            let difference = FloatDifference::between(&[ours], &[theirs]).unwrap();
            assert_eq!(difference.of_output, f32::INFINITY, "{ours} {theirs}");
        }
        let same = FloatDifference::between(&[f32::NAN, f32::INFINITY], &[f32::NAN, f32::INFINITY]).unwrap();
        assert_eq!((same.of_output, same.of_element), (0.0, 0.0));
    }

    #[test]
    fn the_top_element_is_found_with_its_lead() {
        assert_eq!(top(&[1i32, 5, 3]), Some((1, 2)));
        assert_eq!(top(&[5i32, 5]), Some((0, 0)));
        assert_eq!(top(&[5i32]), None);
    }
}
