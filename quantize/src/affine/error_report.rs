//! How far each layer of the int8 graph is from the float graph, on real samples.

use std::collections::HashMap;

use super::fixed::quantize_real;
use crate::calibrate::{CalibrationError, Runner, Samples};
use crate::ir::{DType, Graph, Node, Port, Quantization, ValueId};

/// The error of one node's result.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerError {
    /// The node's name.
    pub node: String,
    /// Its operator.
    pub op: &'static str,
    /// `10 log10(sum y^2 / sum (y - y_int8)^2)` of the sample in the middle, when samples are ordered by it: one loud or
    /// strange sample says nothing of the others. Infinite when both are the same.
    pub sqnr_db: f64,
}

/// The errors of all nodes.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerErrors {
    /// In execution order.
    pub layers: Vec<LayerError>,
    /// Number of samples they were measured on.
    pub samples: usize,
}

impl LayerErrors {
    /// The `count` layers with the largest error, the worst first.
    pub fn worst(&self, count: usize) -> Vec<&LayerError> {
        let mut layers: Vec<&LayerError> = self.layers.iter().collect();
        layers.sort_by(|a, b| a.sqnr_db.total_cmp(&b.sqnr_db));
        layers.truncate(count);
        layers
    }
}

/// Signal and noise of one value.
#[derive(Clone, Copy, Default)]
struct Power {
    signal: f64,
    noise: f64,
}

impl Power {
    /// That of two values together.
    fn plus(self, other: Power) -> Power {
        Power { signal: self.signal + other.signal, noise: self.noise + other.noise }
    }

    fn sqnr_db(self) -> f64 {
        if self.noise == 0.0 {
            return f64::INFINITY;
        }
        10.0 * (self.signal / self.noise).log10()
    }
}

/// Runs both graphs over the first `limit` samples and compares every value that both compute.
///
/// Errors accumulate: a layer's error includes what its operands carried in.
pub fn layer_errors(
    (float, float_runner): (&Graph, &mut dyn Runner<f32>),
    (int8, int8_runner): (&Graph, &mut dyn Runner<i8>),
    samples: &Samples,
    limit: usize,
) -> Result<LayerErrors, CalibrationError> {
    // Of each value its samples.
    let mut powers: HashMap<ValueId, Vec<Power>> = HashMap::new();
    // Integers and truth values at the inputs are handed over as they are; what is computed of them has no codes.
    let has_codes = int8.inputs.iter().all(|port| int8.value(port.value).dtype == DType::I8);
    let count = if has_codes { samples.len().min(limit) } else { 0 };
    for sample in 0..count {
        let inputs = samples.get(sample);
        let mut reals: HashMap<ValueId, Vec<f32>> = HashMap::new();
        let run = float_runner.run(&inputs, &mut |id, elements| {
            reals.insert(id, elements.to_vec());
        });
        run.map_err(|source| CalibrationError::Run { sample, source })?;
        let codes = quantize_inputs(int8, &inputs);
        let codes: Vec<&[i8]> = codes.iter().map(Vec::as_slice).collect();
        let run = int8_runner.run(&codes, &mut |id, codes| {
            if let (Some(reals), Some(quantization)) = (reals.get(&id), &int8.value(id).quantization) {
                let of_value = powers.entry(id).or_default();
                of_value.resize(sample + 1, Power::default());
                if let Some(power) = of_value.last_mut() {
                    add(power, reals, codes, quantization);
                }
            }
        });
        run.map_err(|source| CalibrationError::Run { sample, source })?;
    }
    let of_node = |node: &Node| {
        let outputs: Vec<&Vec<Power>> = node.outputs.iter().filter_map(|id| powers.get(id)).collect();
        let of_sample = |sample: usize| outputs.iter().filter_map(|of| of.get(sample)).copied().reduce(Power::plus);
        let mut of_samples: Vec<f64> = (0..count).filter_map(of_sample).map(Power::sqnr_db).collect();
        of_samples.sort_by(f64::total_cmp);
        let sqnr_db = *of_samples.get(of_samples.len() / 2)?;
        Some(LayerError { node: node.name.clone(), op: node.op.name(), sqnr_db })
    };
    Ok(LayerErrors { layers: float.nodes.iter().filter_map(of_node).collect(), samples: count })
}

/// The int8 inputs for real ones.
pub(super) fn quantize_inputs(int8: &Graph, inputs: &[&[f32]]) -> Vec<Vec<i8>> {
    let of = |(port, input): (&Port, &&[f32])| match &int8.value(port.value).quantization {
        Some(quantization) => input.iter().map(|&real| quantize_real(real, quantization)).collect(),
        None => Vec::new(),
    };
    int8.inputs.iter().zip(inputs).map(of).collect()
}

fn add(power: &mut Power, reals: &[f32], codes: &[i8], quantization: &Quantization) {
    let (scale, zero_point) = (f64::from(quantization.scale(0)), quantization.zero_point());
    for (&real, &code) in reals.iter().zip(codes) {
        let real = f64::from(real);
        power.signal += real * real;
        power.noise += (real - scale * f64::from(i32::from(code) - zero_point)).powi(2);
    }
}
