//! Made calibration data, for a float model that comes without: sizes and times of int8 do not depend on the samples.

use std::path::PathBuf;

use kinglet::Model;

use crate::compile::{Compiled, Options};
use crate::data::npy::{Array, ElementType};
use crate::inspect::{Inspection, PortLine, inspect};
use crate::sample::Lcg;
use crate::tune::Equalize;

/// Enough for a range of each tensor.
const SAMPLES: usize = 4;

/// What errors call the data.
const NAME: &str = "made samples";

/// The same options with made samples, if the model that was compiled with them computes on floats.
pub(super) fn with_samples(options: &Options, compiled: &Compiled) -> Option<Options> {
    if compiled.report.arithmetic != "float32" {
        return None;
    }
    let model = Model::from_bytes(&compiled.blob).ok()?;
    let calibration_arrays = Some(samples(&inspect(&model)));
    // Neither changes sizes or times.
    let (equalize, nearest) = (Equalize::Off, true);
    let calibration = Some(PathBuf::from(NAME));
    Some(Options { calibration, calibration_arrays, equalize, nearest, ..options.clone() })
}

/// Reals between -1 and 1 for inputs of floats, zeros for others, which may be indices.
fn samples(inspection: &Inspection) -> Vec<Array> {
    let mut random = Lcg::new(1);
    let array = |port: &PortLine| {
        let len: usize = SAMPLES * port.source_shape.iter().product::<usize>();
        let mut real = || random.next_u32() as f32 / u32::MAX as f32 * 2.0 - 1.0;
        let elements = (0..len).map(|_| if port.dtype == "f32" { real() } else { 0.0 });
        let shape = match port.source_shape.split_first() {
            Some((1, rest)) => [&[SAMPLES], rest].concat(),
            _ => [&[SAMPLES], &port.source_shape[..]].concat(),
        };
        Array {
            name: port.name.clone(),
            shape,
            element_type: ElementType::F32,
            bytes: elements.flat_map(f32::to_le_bytes).collect(),
        }
    };
    inspection.inputs.iter().map(array).collect()
}
