//! What is probably not meant in calibration data. Ranges follow from it all the same: somebody must be told.

use core::fmt;

use super::observation::{Extremes, Movement};
use super::range::Range;
use super::rare::{RareSample, whole};
use crate::ir::{DType, Graph, Port};

/// Fewer typical inputs than any network's ranges follow from.
const SAMPLES_MIN: usize = 32;

/// Outputs of a network differ from sample to sample by most of their power: by 70 % to all of it in the networks that
/// were measured, by less than 1 % when their inputs are 1/255 of what they were trained on.
const MOVEMENT_MIN: f64 = 0.01;

/// Something that makes a quantized model worse than it need be.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Finding {
    /// Ranges follow from few samples.
    FewSamples(usize),
    /// Every element of every sample of an input is the same.
    ConstantInput {
        /// The input.
        name: String,
        /// The element.
        element: f32,
    },
    /// All elements of an output are the same in all samples.
    DeadOutput {
        /// The output.
        name: String,
        /// The element.
        element: f32,
    },
    /// An output is nearly the same for all samples.
    StillOutput {
        /// The output.
        name: String,
        /// The part of its power that differs from sample to sample.
        share: f64,
        /// What the first input's samples are between.
        input: Range,
    },
    /// A sample alone decides ranges, and was set aside.
    Rare(RareSample),
}

impl Finding {
    /// Whether the data is so wrong that what is measured on it says nothing of the model.
    pub fn spoils_figures(&self) -> bool {
        matches!(self, Finding::ConstantInput { .. } | Finding::DeadOutput { .. } | Finding::StillOutput { .. })
    }
}

/// Looks for all of it.
pub(super) fn of(
    graph: &Graph,
    samples: usize,
    extremes: &Extremes,
    movements: &[Movement],
    rare: Vec<RareSample>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    if samples < SAMPLES_MIN {
        findings.push(Finding::FewSamples(samples));
    }
    let mut constant_inputs = 0;
    for port in &graph.inputs {
        if let Some(element) = constant(graph, extremes, port) {
            constant_inputs += 1;
            findings.push(Finding::ConstantInput { name: port.name.clone(), element });
        }
    }
    // Where nothing comes in nothing comes out: that has been said.
    if constant_inputs < graph.inputs.len().max(1) {
        findings.extend(still(graph, samples, extremes, movements));
    }
    findings.extend(rare.into_iter().map(Finding::Rare));
    findings
}

/// The element that a tensor has everywhere, in all samples. A single number may well be a setting.
fn constant(graph: &Graph, extremes: &Extremes, port: &Port) -> Option<f32> {
    let Range { lo, hi } = whole(extremes.of(port.value)).range;
    (lo == hi && graph.value(port.value).len() > 1).then_some(lo)
}

/// Outputs that do not move.
fn still(graph: &Graph, samples: usize, extremes: &Extremes, movements: &[Movement]) -> Vec<Finding> {
    let input = graph.inputs.first().map_or(Range::EMPTY, |port| whole(extremes.of(port.value)).range);
    let is_real = |port: &Port| graph.value(port.value).dtype == DType::F32;
    let of = |(port, movement): (&Port, &Movement)| {
        let name = port.name.clone();
        if let Some(element) = constant(graph, extremes, port) {
            return Some(Finding::DeadOutput { name, element });
        }
        let share = movement.share().filter(|share| samples > 1 && *share < MOVEMENT_MIN)?;
        Some(Finding::StillOutput { name, share, input })
    };
    graph.outputs.iter().zip(movements).filter(|(port, _)| is_real(port)).filter_map(of).collect()
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Finding::FewSamples(count) => {
                let (plural, they) = if *count == 1 { ("", "it") } else { ("s", "them") };
                write!(f, "the calibration data has {count} sample{plural}, and all ranges follow from {they}: ")?;
                f.write_str("give a few hundred typical inputs")
            }
            Finding::ConstantInput { name, element } => write!(
                f,
                "the calibration data of input `{name}` is {element} everywhere, so ranges follow from no data at all: \
                 give typical inputs, scaled as in training"
            ),
            Finding::DeadOutput { name, element } => write!(
                f,
                "output `{name}` is {element} everywhere, for every calibration sample: its data is not what the model \
                 was trained on, or the model is broken; look at it with `kinglet compare`"
            ),
            Finding::StillOutput { name, share, input } => write!(
                f,
                "output `{name}` hardly depends on the calibration data ({:.2} % of it differs from sample to sample): \
                 the data is between {} and {}; is it scaled as in training (for example 0 to 255, or 0 to 1)?",
                share * 100.0,
                input.lo,
                input.hi
            ),
            Finding::Rare(RareSample { sample, values, first, range, others }) => {
                let of = if *values == 1 { "range".into() } else { format!("ranges of {values} values") };
                write!(
                    f,
                    "calibration sample {sample} alone would decide the {of}: `{first}` is between {} and ",
                    range.lo
                )?;
                write!(
                    f,
                    "{} in it, between {} and {} in all others. It was set aside there ",
                    range.hi, others.lo, others.hi
                )?;
                f.write_str("(--keep-outliers takes it in): look at it, numbered from 0")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_sentences_with_a_remedy() {
        let one = Finding::FewSamples(1).to_string();
        assert!(one.contains("has 1 sample, and all ranges follow from it"), "{one}");
        let others = Range { lo: -1.0, hi: 1.0 };
        let range = Range { lo: -1.0, hi: 1000.0 };
        let rare = RareSample { sample: 17, values: 3, first: "input".into(), range, others };
        let rare = Finding::Rare(rare).to_string();
        assert!(rare.contains("sample 17") && rare.contains("3 values") && rare.contains("and 1000 in it"), "{rare}");
    }
}
