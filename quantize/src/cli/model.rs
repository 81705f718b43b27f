//! What commands that read a model file take about it.

use std::path::Path;

use clap::Args;

use super::Failure;
use crate::calibrate::npy::read_arrays;
use crate::import::{Changes, ImportError, InputValue};

/// Changes to a model beyond its file.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "The model")]
pub(super) struct ModelArguments {
    /// The shape of an input: fixes open axes, of other inputs too where they have the same name, or replaces fixed
    /// ones. May be given for each input (ONNX)
    #[arg(long, value_name = "NAME=1,3,224,224")]
    input_shape: Vec<String>,
    /// Makes an input a constant of its type: a number, numbers with commas between them, or a file. What depends on
    /// constants only is computed now (ONNX)
    #[arg(long, value_name = "NAME=NUMBER|FILE.npy")]
    input_value: Vec<String>,
    /// The values that are the blob's outputs, in this order: outputs of the file, or (ONNX) what any node computes
    #[arg(long, value_name = "NAME,NAME", value_delimiter = ',')]
    outputs: Vec<String>,
    /// Leaves an output out. May be given more than once
    #[arg(long, value_name = "NAME")]
    drop_output: Vec<String>,
    /// The signature of a .tflite file that has several
    #[arg(long, value_name = "NAME")]
    signature: Option<String>,
    /// Name every node that stands in the way, instead of the first of each cause
    #[arg(long)]
    verbose: bool,
}

impl ModelArguments {
    /// An import's error, as long as it is wanted.
    pub(super) fn refused(&self, error: &ImportError) -> Failure {
        Failure::Other(if self.verbose { error.with_every_node() } else { error.to_string() })
    }

    /// What they ask for.
    pub(super) fn changes(&self) -> Result<Changes, Failure> {
        Ok(Changes {
            shapes: self.input_shape.iter().map(|text| shape(text)).collect::<Result<_, _>>()?,
            values: self.input_value.iter().map(|text| value(text)).collect::<Result<_, _>>()?,
            outputs: self.outputs.clone(),
            dropped: self.drop_output.clone(),
            signature: self.signature.clone(),
        })
    }
}

/// `NAME=VALUE`, of an option; names may have an equals sign, values have none.
fn parts<'t>(option: &str, text: &'t str) -> Result<(&'t str, &'t str), Failure> {
    match text.rsplit_once('=') {
        Some((name, value)) if !name.is_empty() && !value.is_empty() => Ok((name, value)),
        _ => Err(Failure::Usage(format!("{option} `{text}` is not NAME=VALUE"))),
    }
}

fn shape(text: &str) -> Result<(String, Vec<usize>), Failure> {
    let (name, extents) = parts("--input-shape", text)?;
    let extents: Option<Vec<usize>> =
        extents.split(',').map(|extent| extent.trim().parse().ok().filter(|&extent| extent > 0)).collect();
    match extents {
        Some(extents) => Ok((name.into(), extents)),
        None => {
            Err(Failure::Usage(format!("--input-shape `{text}`: extents above zero are needed, such as 1,3,224,224")))
        }
    }
}

fn value(text: &str) -> Result<InputValue, Failure> {
    let (name, value) = parts("--input-value", text)?;
    let numbers: Option<Vec<f64>> = value.split(',').map(|number| number.trim().parse().ok()).collect();
    if let Some(elements) = numbers {
        let shape = if elements.len() == 1 { Vec::new() } else { vec![elements.len()] };
        return Ok(InputValue { name: name.into(), shape, elements });
    }
    if !value.ends_with(".npy") {
        return Err(Failure::Usage(format!("--input-value `{text}`: a number or a .npy file is needed")));
    }
    match read_arrays(Path::new(value))?.pop() {
        Some(array) => {
            Ok(InputValue { name: name.into(), shape: array.shape.clone(), elements: array.elements().collect() })
        }
        None => Err(Failure::Other(format!("{value} holds no array"))),
    }
}
