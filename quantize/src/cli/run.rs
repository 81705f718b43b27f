//! `kinglet run`
//!
//! Data is given and returned in the source model's layout. A first axis of `N` times the model's batch means
//! `N` inferences; of a model that keeps tensors from run to run they are the steps of one sequence.

use std::path::{Path, PathBuf};

use clap::Args;
use kinglet::{DType, Model, Session};
use serde::Serialize;

use super::data::BlobDataArguments;
use super::{Failure, Outcome, dump, of_inputs, print, print_json, warn};
use crate::blob_file;
use crate::emit::Manifest;
use crate::file;
use crate::host::{self, AlignedBlob};
use crate::input_files::{Format, Inferences, InputFiles};
use crate::npy_file::npy_bytes;
use crate::tensor::{self, InputUse, PortSpec};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The blob
    blob: PathBuf,
    /// Data for the inputs, one file for each in the model's order (or one .npz with all of them by name).
    /// .npy and .npz hold reals of any numeric type, .bin holds the tensor in the blob's own type; a model with one input
    /// also takes a .csv, or a .png, a .jpg or a .wav or a folder of them
    #[arg(long, value_name = "IN")]
    input: Vec<PathBuf>,
    /// Where the outputs go, one file for each in the model's order [default: print them]
    #[arg(long, value_name = "OUT.npy|OUT.bin")]
    output: Vec<PathBuf>,
    /// Forget what the model keeps from run to run before each inference
    #[arg(long)]
    independent: bool,
    /// Write what every operator computes to DIR/INFERENCE/INDEX-OPERATOR.npy, in the blob's layout and type
    #[arg(long, value_name = "DIR")]
    dump: Option<PathBuf>,
    /// .npy files hold the blob's own type, in and out
    #[arg(long)]
    raw: bool,
    /// Print shapes, and without --output the values, as one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: BlobDataArguments,
}

/// An output of all inferences, for JSON.
#[derive(Debug, Serialize)]
struct OutputLine {
    name: String,
    shape: Vec<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<Vec<Number>>,
}

/// An element of an output.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Number {
    Integer(i64),
    Real(f32),
}

impl core::fmt::Display for Number {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Number::Integer(code) => code.fmt(f),
            Number::Real(real) => real.fmt(f),
        }
    }
}

/// What was run.
#[derive(Debug, Serialize)]
struct Ran {
    inferences: usize,
    /// How the inputs' data fits their codes.
    inputs: Vec<InputUse>,
    outputs: Vec<OutputLine>,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let blob = blob_file::read(&arguments.blob)?;
    let (inputs, outputs) = tensor::ports(&Model::from_bytes(&blob)?);
    if !arguments.output.is_empty() && arguments.output.len() != outputs.len() {
        let (given, needed) = (arguments.output.len(), outputs.len());
        return Err(Failure::Usage(format!("{given} --output given, the model has {needed} outputs")));
    }
    for path in &arguments.output {
        Format::of(path).map_err(of_inputs)?;
    }
    let preparation = match arguments.data.preparation()? {
        Some(preparation) => preparation,
        None => Manifest::of(&Model::from_bytes(&blob)?).map(|manifest| manifest.preparation).unwrap_or_default(),
    };
    let files = InputFiles {
        files: &arguments.input,
        is_raw: arguments.raw,
        preparation: &preparation,
        option: "--input",
        raw_option: "--raw",
    };
    let batches = files.read(&inputs).map_err(of_inputs)?;
    let mut results = infer_all(&blob, &batches, arguments)?;
    warn(batches.uses.iter().filter_map(|input| input.problem(batches.count)));
    let outputs = if batches.count == 1 { of_one_run(&outputs, &mut results) } else { outputs };
    for (path, (port, bytes)) in arguments.output.iter().zip(outputs.iter().zip(&results)) {
        write_output(path, port, bytes, batches.count, arguments.raw)?;
    }
    if arguments.json {
        let with_values = arguments.output.is_empty();
        let outputs = lines(&outputs, &results, batches.count, with_values);
        return print_json(&Ran { inferences: batches.count, inputs: batches.uses, outputs });
    }
    if arguments.output.is_empty() {
        return print_values(&outputs, &results, arguments.raw);
    }
    let inferences = if batches.count == 1 { "1 inference".into() } else { format!("{} inferences", batches.count) };
    let files: Vec<String> = arguments.output.iter().map(|path| path.display().to_string()).collect();
    let clipped = |of: &InputUse| format!("\n  {:.2} % of `{}` clipped", of.clipped * 100.0, of.name);
    let clipped: String = batches.uses.iter().map(clipped).collect();
    print(&format!("{inferences}, written to {}{clipped}", files.join(", ")))
}

/// The outputs of one inference as the source has them: tensors whose rows may end early end there. Those of several are
/// written whole, as they would not make one array.
fn of_one_run(outputs: &[PortSpec], results: &mut [Vec<u8>]) -> Vec<PortSpec> {
    let after = |(port, bytes): (&PortSpec, &mut Vec<u8>)| {
        let port = port.after_run(bytes);
        bytes.truncate(port.bytes());
        port
    };
    outputs.iter().zip(results).map(after).collect()
}

/// The bytes of each output, all inferences one after the other, in the blob's layout.
fn infer_all(blob: &AlignedBlob, batches: &Inferences, arguments: &Arguments) -> Result<Vec<Vec<u8>>, Failure> {
    host::with_session(blob, |session| Ok(infer_each(session, batches, arguments)))?
}

fn infer_each(
    session: &mut Session<'_, '_>,
    batches: &Inferences,
    arguments: &Arguments,
) -> Result<Vec<Vec<u8>>, Failure> {
    let mut results = vec![Vec::new(); session.model().output_count()];
    let dump = arguments.dump.as_deref().map(|folder| (folder, dump::Operators::of(session)));
    for index in 0..batches.count {
        if arguments.independent {
            session.reset();
        }
        let inputs = batches.get(index);
        let outputs = match &dump {
            Some((folder, operators)) => dump::infer(session, &inputs, (folder, index, operators))?,
            None => host::infer(session, &inputs)?,
        };
        for (result, bytes) in results.iter_mut().zip(outputs) {
            result.extend(bytes);
        }
    }
    Ok(results)
}

fn write_output(path: &Path, port: &PortSpec, bytes: &[u8], count: usize, raw: bool) -> Outcome {
    let contents = match Format::of(path).map_err(of_inputs)? {
        Format::Bin => port.array(bytes, count, true).bytes,
        Format::Npz => return Err(Failure::Usage("outputs are written as .npy or .bin".into())),
        Format::Npy => {
            let array = port.array(bytes, count, raw);
            npy_bytes(array.element_type, &array.shape, &array.bytes)
        }
    };
    file::write(path, &contents).map_err(|error| Failure::Other(format!("cannot write {}: {error}", path.display())))
}

fn lines(ports: &[PortSpec], results: &[Vec<u8>], count: usize, with_values: bool) -> Vec<OutputLine> {
    let line = |(port, bytes): (&PortSpec, &Vec<u8>)| OutputLine {
        name: port.name.clone(),
        shape: port.batch_shape(count),
        values: with_values
            .then(|| bytes.chunks_exact(port.bytes().max(1)).flat_map(|one| numbers(port, one, false)).collect()),
    };
    ports.iter().zip(results).map(line).collect()
}

/// A line for each inference and output.
fn print_values(ports: &[PortSpec], results: &[Vec<u8>], raw: bool) -> Outcome {
    for (port, bytes) in ports.iter().zip(results) {
        for (index, chunk) in bytes.chunks_exact(port.bytes().max(1)).enumerate() {
            let values: Vec<String> = numbers(port, chunk, raw).iter().map(Number::to_string).collect();
            print(&format!("{}[{index}]: {}", port.name, values.join(" ")))?;
        }
    }
    Ok(())
}

/// The elements of an output of one inference, in the source's layout: codes as they are when asked for, or where they
/// stand for themselves.
fn numbers(port: &PortSpec, bytes: &[u8], raw: bool) -> Vec<Number> {
    if port.is_plain_integer() || (raw && port.dtype != DType::F32) {
        return port.codes(&port.bytes_to_source(bytes)).into_iter().map(Number::Integer).collect();
    }
    port.to_source(&port.decode(bytes)).into_iter().map(Number::Real).collect()
}
