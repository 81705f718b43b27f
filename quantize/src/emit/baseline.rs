//! BASELINE: what the emitted blob itself sees and says on the calibration data.

use kinglet::DType;
use kinglet_blob::Field;
use kinglet_monitor::{BINS, Baseline, Shares, bin_of_code, bin_of_score};

use super::BuildError;
use crate::host::{self, AlignedBlob};

/// Counts while samples are run.
#[derive(Default)]
struct Counts {
    input: [u64; BINS],
    output: [u64; BINS],
    confidence: [u64; BINS],
    scores: Vec<f64>,
    codes: u64,
    at_ends: u64,
}

/// The section for `samples`, each the bytes of every input: runs `blob`, which needs no such section yet.
pub(super) fn section(blob: &AlignedBlob, samples: &[Vec<Vec<u8>>]) -> Result<Vec<u8>, BuildError> {
    let mut counts = Counts::default();
    let counted = host::with_session(blob, |session| {
        let model = session.model();
        let (input, output) = (model.input(0), model.output(0));
        let [Some(_), Some(output)] = [input, output].map(|port| port.filter(|port| port.dtype == DType::I8)) else {
            return Ok(None);
        };
        for inputs in samples {
            let outputs = host::infer(session, inputs)?;
            let codes = |tensor: Option<&Vec<u8>>| -> Vec<i8> {
                tensor.into_iter().flatten().map(|&byte| byte as i8).collect()
            };
            let (inputs, outputs) = (codes(inputs.first()), codes(outputs.first()));
            counts.codes += inputs.len() as u64;
            counts.at_ends += inputs.iter().filter(|&&code| code == i8::MIN || code == i8::MAX).count() as u64;
            inputs.iter().for_each(|&code| counts.input[bin_of_code(code)] += 1);
            outputs.iter().for_each(|&code| counts.output[bin_of_code(code)] += 1);
            let real = |code: i8| output.scale * (i32::from(code) - output.zero_point) as f32;
            let top = outputs.iter().map(|&code| real(code)).fold(f32::NEG_INFINITY, f32::max);
            counts.confidence[bin_of_score(top)] += 1;
            counts.scores.push(top.into());
        }
        Ok(Some(output.scale))
    });
    let step = counted.map_err(BuildError::Run)?.ok_or(BuildError::Baseline)?;
    let mut section = Vec::new();
    baseline(&counts, step).record().put(&mut section);
    Ok(section)
}

/// The figures; a deviation is at least a step of the output's codes, however alike the samples are.
fn baseline(counts: &Counts, step: f32) -> Baseline {
    let len = counts.scores.len().max(1) as f64;
    let mean = counts.scores.iter().sum::<f64>() / len;
    let variance = counts.scores.iter().map(|score| (score - mean) * (score - mean)).sum::<f64>() / len;
    Baseline {
        samples: u32::try_from(counts.scores.len()).unwrap_or(u32::MAX),
        input: Shares::new(&counts.input),
        output: Shares::new(&counts.output),
        confidence: Shares::new(&counts.confidence),
        confidence_mean: mean as f32,
        confidence_deviation: (variance.sqrt() as f32).max(step),
        out_of_range: counts.at_ends as f32 / counts.codes.max(1) as f32,
    }
}
