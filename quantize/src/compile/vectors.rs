//! Inputs of the test vectors that travel in a blob.

use super::{CompileError, GoldenData, Options};
use crate::calibrate::Samples;
use crate::emit::BuildError;
use crate::host::{self, AlignedBlob};
use crate::input_files::InputFiles;
use crate::ir::{DType, Graph};
use crate::{affine, sample, tensor};

/// Inputs of the first `count` test vectors of the data, as bytes, for a blob that has none yet.
pub(super) fn vectors_of(
    data: &GoldenData,
    blob: &AlignedBlob,
    options: &Options,
) -> Result<Vec<Vec<Vec<u8>>>, CompileError> {
    let ports = host::with_session(blob, |session| Ok(tensor::ports(session.model()).0)).map_err(BuildError::Run)?;
    let (option, raw_option) = ("--golden-data", "--golden-raw");
    let preparation = &options.preparation;
    let files = InputFiles { files: &data.files, is_raw: data.is_raw, preparation, option, raw_option };
    let inferences = files.read(&ports)?;
    Ok((0..inferences.count.min(options.golden)).map(|index| inferences.get(index)).collect())
}

/// Inputs of the test vectors, as bytes: calibration samples where there are any, otherwise the ramp and the
/// pseudo-random sequences that the golden files use.
pub(super) fn vectors(graph: &Graph, samples: Option<&Samples>, count: usize) -> Vec<Vec<Vec<u8>>> {
    (0..count)
        .map(|vector| {
            let sample =
                samples.map(|samples| samples.get(vector)).filter(|inputs| !inputs.iter().any(|x| x.is_empty()));
            let input = |(index, port): (usize, &crate::ir::Port)| {
                let value = graph.value(port.value);
                let reals = sample.as_ref().and_then(|inputs| inputs.get(index));
                let columns = graph.feature_codes(port.value);
                match (&value.quantization, reals) {
                    (Some(_), Some(reals)) if !columns.is_empty() => {
                        let codes = reals.iter().zip(columns.iter().cycle()).map(|(&real, column)| column.code(real));
                        codes.flat_map(i16::to_le_bytes).collect()
                    }
                    (Some(q), _) if value.dtype == DType::I16 => {
                        let code = |real: &f32| (real / q.scale(0)).round() as i16;
                        let codes: Vec<i16> = match reals {
                            Some(reals) => reals.iter().map(code).collect(),
                            // All of the range, from one end to the other.
                            None => synthetic(vector, value.len()).into_iter().map(|x| i16::from(x) * 257).collect(),
                        };
                        codes.into_iter().flat_map(i16::to_le_bytes).collect()
                    }
                    (Some(q), Some(reals)) => {
                        reals.iter().map(|&real| affine::fixed::quantize_real(real, q) as u8).collect()
                    }
                    (Some(_), None) => synthetic(vector, value.len()).into_iter().map(|code| code as u8).collect(),
                    (None, _) => {
                        let reals = synthetic(vector, value.len()).into_iter().map(|code| f32::from(code) / 128.0);
                        reals.flat_map(f32::to_le_bytes).collect()
                    }
                }
            };
            graph.inputs.iter().enumerate().map(input).collect()
        })
        .collect()
}

/// `ramp`, `lcg1`, `lcg2`, and so on.
fn synthetic(vector: usize, len: usize) -> Vec<i8> {
    if vector == 0 { sample::ramp(len) } else { sample::lcg(vector as u32, len) }
}
